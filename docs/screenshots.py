"""Take the pictures of the Segment widget for the docs.

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/screenshots.py

Look at each before it is committed: nothing cut off, nothing that must be scrolled to.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import napari
import numpy as np
from PIL import Image as Picture
from qtpy.QtWidgets import QApplication

from napari_mitoseg._napari.layers import show_scale_bar
from napari_mitoseg._napari.segment import RUN, SegmentWidget
from napari_mitoseg.samples import synthetic_em

WINDOW = (1280, 800)
LONG = "2021-03-14_Hippocampus_CA1_stratum-radiatum_animal-07_FIB-SEM_aligned_crop-03"
HERE = Path(__file__).parent / "images"


def wait(until: Callable[[], bool], seconds: float = 120) -> None:
    """Let the window work until something is true."""
    end = monotonic() + seconds
    while not until():
        QApplication.processEvents()
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


def open_widget(name: str, shape: tuple[int, int, int]) -> tuple:
    """Open napari with a sample stack and the widget."""
    viewer = napari.Viewer(show=True)
    viewer.window._qt_window.resize(*WINDOW)
    volume, _ = synthetic_em(shape)
    viewer.add_image(
        volume.data,
        name=name,
        scale=volume.spacing,
        units=("nm",) * 3,
        axis_labels=("z", "y", "x"),
    )
    show_scale_bar(viewer)
    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment mitochondria", area="right")
    viewer.dims.set_current_step(0, shape[0] // 2)
    wait(lambda: "about" in widget.estimate.text())
    viewer.reset_view()
    return viewer, widget


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--shape", type=int, nargs=3, default=(24, 512, 512))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    viewer, widget = open_widget("synthetic EM", tuple(given.shape))
    shoot(viewer, "segment-before", given.out)
    widget.start_run()
    middle = given.shape[0] // 2
    wait(lambda: widget.progress.bar.value() > 520 or not widget.is_busy)
    viewer.dims.set_current_step(0, middle // 2)
    settle(0.2)
    shoot(viewer, "segment-during", given.out)
    wait(lambda: not widget.is_busy and RUN in widget.shown)
    shoot(viewer, "segment-after", given.out)
    unfold(widget)
    shoot(viewer, "segment-postprocessing", given.out)
    viewer.close()
    viewer, widget = open_widget(LONG, (4, 256, 256))
    widget.region.mode.setCurrentText("Rectangle…")
    shoot(viewer, "segment-long-names", given.out)
    viewer.close()


def unfold(widget: SegmentWidget) -> None:
    """Unfold the post-processing and its first step."""
    widget.sections["Post-processing"].button.set_expanded(True)
    widget.postprocessing.rows[0].title.set_expanded(True)


if __name__ == "__main__":
    main()
