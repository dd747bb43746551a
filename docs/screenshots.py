"""Take the pictures of the dock widgets for the docs.

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/screenshots.py [WIDGET]

WIDGET is segment, annotate or train. The Annotate and the Train widget train for a
minute. Look at each picture before it is committed: nothing cut off, nothing that must
be scrolled to.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import napari
import numpy as np
from PIL import Image as Picture
from qtpy.QtWidgets import QApplication, QWidget

from napari_mitoseg._napari.annotate import AnnotateWidget
from napari_mitoseg._napari.annotation_tasks import TrainingChoices
from napari_mitoseg._napari.layers import show_scale_bar
from napari_mitoseg._napari.segment import RUN, SegmentWidget
from napari_mitoseg._napari.train import TrainWidget
from napari_mitoseg.samples import synthetic_em

WINDOW = (1280, 800)
LONG = "2021-03-14_Hippocampus_CA1_stratum-radiatum_animal-07_FIB-SEM_aligned_crop-03"
HERE = Path(__file__).parent / "images"
NAMES = {
    SegmentWidget: "Segment mitochondria",
    AnnotateWidget: "Annotate and train",
    TrainWidget: "Train on labels",
}
TRAIN_MINUTES = 1.0


def wait(until: Callable[[], bool], seconds: float = 300) -> None:
    """Let the window work until something is true."""
    end = monotonic() + seconds
    while not until():
        QApplication.processEvents()
        sleep(0.002)
        if monotonic() > end:
            msg = "The window did not come so far in time."
            raise TimeoutError(msg)


def settle(seconds: float = 0.5) -> None:
    """Let the window draw."""
    end = monotonic() + seconds
    wait(lambda: monotonic() > end)


def shoot(viewer: napari.Viewer, name: str, folder: Path) -> None:
    """Save the whole window with few colours."""
    settle()
    pixels = viewer.screenshot(canvas_only=False, flash=False)
    picture = Picture.fromarray(np.ascontiguousarray(pixels[..., :3]))
    picture.quantize(256, dither=Picture.Dither.NONE).save(
        folder / f"{name}.png", optimize=True
    )


def open_widget(
    kind: type[QWidget], name: str, shape: tuple[int, ...]
) -> tuple[napari.Viewer, Any, Any]:
    """Open napari with a sample stack and a widget; return the truth, too."""
    viewer = napari.Viewer(show=True)
    viewer.window._qt_window.resize(*WINDOW)
    volume, truth = synthetic_em(shape)
    viewer.add_image(
        volume.data,
        name=name,
        scale=volume.spacing,
        units=("nm",) * 3,
        axis_labels=("z", "y", "x"),
    )
    show_scale_bar(viewer)
    widget = kind(viewer)
    viewer.window.add_dock_widget(widget, name=NAMES[kind], area="right")
    viewer.dims.set_current_step(0, shape[0] // 2)
    settle()
    viewer.reset_view()
    return viewer, widget, truth


def shoot_segment(folder: Path, shape: tuple[int, ...]) -> None:
    """Take the pictures of the Segment widget."""
    viewer, widget, _ = open_widget(SegmentWidget, "synthetic EM", shape)
    wait(lambda: "about" in widget.estimate.text())
    shoot(viewer, "segment-before", folder)
    widget.start_run()
    middle = shape[0] // 2
    wait(lambda: widget.progress.bar.value() > 520 or not widget.is_busy)
    viewer.dims.set_current_step(0, middle // 2)
    settle(0.2)
    shoot(viewer, "segment-during", folder)
    wait(lambda: not widget.is_busy and RUN in widget.shown)
    shoot(viewer, "segment-after", folder)
    unfold(widget)
    shoot(viewer, "segment-postprocessing", folder)
    viewer.close()
    viewer, widget, _ = open_widget(SegmentWidget, LONG, (4, 256, 256))
    widget.region.mode.setCurrentText("Rectangle…")
    shoot(viewer, "segment-long-names", folder)
    viewer.close()


def unfold(widget: SegmentWidget) -> None:
    """Unfold the post-processing and its first step."""
    widget.sections["Post-processing"].button.set_expanded(True)
    widget.postprocessing.rows[0].title.set_expanded(True)


def shoot_annotate(folder: Path, shape: tuple[int, ...]) -> None:
    """Take the pictures of the Annotate widget: paint, train, look."""
    viewer, widget, truth = open_widget(AnnotateWidget, "synthetic EM", shape)
    shoot(viewer, "annotate-before", folder)
    widget.begin()
    wait(lambda: widget.annotation is not None and not widget.is_busy)
    annotation = widget.annotation
    for z in widget.proposals.proposed[:3]:
        widget.go_to(z)
        annotation.start_from(z, truth[z] > 0)
        annotation.mark_complete(z)
    shoot(viewer, "annotate-complete", folder)
    widget.go_to_next()
    z, half = annotation.current, shape[2] // 2
    annotation.start_from(z, (truth[z] > 0) & (np.arange(shape[2]) < half))
    shoot(viewer, "annotate-painting", folder)
    choices = TrainingChoices(time="limited", minutes=TRAIN_MINUTES)
    widget.training.set_choices(choices)
    viewer.dims.set_current_step(0, z + 2)
    widget.start_training()
    wait(lambda: widget.progress.bar.value() > 550 or not widget.is_busy)
    shoot(viewer, "annotate-training", folder)
    wait(lambda: not widget.is_busy)
    shoot(viewer, "annotate-after", folder)
    viewer.close()
    viewer, widget, _ = open_widget(AnnotateWidget, LONG, (4, 256, 256))
    widget.begin()
    wait(lambda: widget.annotation is not None and not widget.is_busy)
    shoot(viewer, "annotate-long-names", folder)
    viewer.close()


def shoot_train(folder: Path, shape: tuple[int, ...]) -> None:
    """Take the pictures of the Train widget: choose, train, look."""
    viewer, widget, truth = open_widget(TrainWidget, "synthetic EM", shape)
    image = widget.image.usable
    viewer.add_labels(truth, name="truth", scale=image.scale, units=image.units)
    wait(lambda: not widget.lister.is_busy)
    minutes = {"minutes": TRAIN_MINUTES}
    settings = widget.training.settings.model_copy(update=minutes)
    widget.training.set_settings(settings)
    shoot(viewer, "train-before", folder)
    widget.start_training()
    wait(lambda: widget.progress.bar.value() > 700 or not widget.is_busy)
    shoot(viewer, "train-during", folder)
    wait(lambda: not widget.is_busy)
    shoot(viewer, "train-after", folder)
    viewer.close()
    viewer, widget, truth = open_widget(TrainWidget, LONG, (4, 256, 256))
    image = widget.image.usable
    viewer.add_labels(truth, name=LONG, scale=image.scale, units=image.units)
    widget.pairs.add()
    shoot(viewer, "train-long-names", folder)
    viewer.close()


PICTURES = {
    "segment": shoot_segment,
    "annotate": shoot_annotate,
    "train": shoot_train,
}


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("widget", nargs="*", choices=[[], *PICTURES], default=[])
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--shape", type=int, nargs=3, default=(24, 512, 512))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MITOSEG_ANNOTATIONS"] = f"{folder}/annotations"
        os.environ["MITOSEG_MODELS"] = f"{folder}/models"
        for name in given.widget or PICTURES:
            PICTURES[name](given.out, tuple(given.shape))


if __name__ == "__main__":
    main()
