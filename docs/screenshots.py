"""Take the pictures of the dock widgets for the docs.

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/screenshots.py [WIDGET]

WIDGET is segment, background, annotate, train, evaluate, restore, measure, export or
proofread. Those that train do so for a minute; the last three need the real masks
($MITOSEG_DATA, or ../shared/data). Look at each picture before it is committed: nothing
cut off, nothing that must be scrolled to.
"""

import argparse
import os
import tempfile
from pathlib import Path
from time import monotonic
from typing import Any

import napari
import numpy as np
from PIL import Image as Picture
from qtpy.QtWidgets import QWidget

from napari_mitoseg._napari.annotate import AnnotateWidget
from napari_mitoseg._napari.annotation_tasks import TrainingChoices
from napari_mitoseg._napari.evaluate import EvaluateWidget
from napari_mitoseg._napari.export import ExportWidget
from napari_mitoseg._napari.layers import show_scale_bar
from napari_mitoseg._napari.measure import MeasureWidget
from napari_mitoseg._napari.object_filter import ObjectFilter, Range
from napari_mitoseg._napari.plot_box import SCATTER
from napari_mitoseg._napari.proofread import ProofreadWidget
from napari_mitoseg._napari.restore import RestoreWidget
from napari_mitoseg._napari.review_box import SLICE
from napari_mitoseg._napari.segment import RUN, SegmentWidget
from napari_mitoseg._napari.train import TrainWidget
from napari_mitoseg._napari.waiting import wait_until as wait
from napari_mitoseg.io import read_labels, read_volume
from napari_mitoseg.io.tiff import write_image_tiff
from napari_mitoseg.jobs import drain
from napari_mitoseg.labelling import label_components
from napari_mitoseg.morphology import ALL_FAMILIES, measure_labels
from napari_mitoseg.report import ReportContent
from napari_mitoseg.report.view import draw_view
from napari_mitoseg.samples import synthetic_em
from napari_mitoseg.training.interpolation_settings import InterpolationSettings

WINDOW = (1280, 800)
LONG = "2021-03-14_Hippocampus_CA1_stratum-radiatum_animal-07_FIB-SEM_aligned_crop-03"
HERE = Path(__file__).parent / "images"
NAMES = {
    SegmentWidget: "Segment mitochondria",
    AnnotateWidget: "Annotate and train",
    EvaluateWidget: "Evaluate a segmentation",
    TrainWidget: "Train on labels",
    RestoreWidget: "Restore noisy slices",
    MeasureWidget: "Measure mitochondria",
    ProofreadWidget: "Proofread labels",
    ExportWidget: "Export labels",
}
TRAIN_MINUTES = 1.0


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
    shoot_scales(widget, folder)
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


def shoot_scales(widget: SegmentWidget, folder: Path) -> None:
    """Take the picture of the choice of a scale."""
    widget.start_trials()
    wait(lambda: not widget.is_busy)
    settle()
    widget.zooms.grab().save(str(folder / "segment-scales.png"))
    widget.zooms.close()


def shoot_background(folder: Path, shape: tuple[int, ...]) -> None:
    """Take the picture of a run in the background, over a part of the image."""
    viewer = new_window()
    widget = add_widget(viewer, SegmentWidget)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "synthetic EM.tif")
        write_image_tiff(path, synthetic_em(shape)[0])
        widget.open_stack(path)
        wait(lambda: not widget.is_busy and not widget.problem)
        settle()
        viewer.reset_view()
        draw_region(widget)
        widget.sections["Large volumes"].button.set_expanded(True)
        widget.background.start(Path(place, "results"))
        wait(lambda: widget.background.progress.bar.value() > 500)
        viewer.dims.set_current_step(0, 5)
        wait(lambda: "probability" in viewer.layers[-1].name)
        shoot(viewer, "segment-background", folder)
        wait(lambda: not widget.background.is_running)
    viewer.close()


def draw_region(widget: SegmentWidget) -> None:
    """Choose the middle of the image, without its first slices, as the region."""
    widget.region.mode.setCurrentText("Rectangle…")
    widget.region.first.setValue(4)
    widget.region.draw.click()
    shapes = widget.viewer.layers.selection.active
    _, height, width = widget.image.volume().shape
    (y0, y1), (x0, x1) = ((n * 0.15, n * 0.85) for n in (height, width))
    corners = [[5, y0, x0], [5, y0, x1], [5, y1, x1], [5, y1, x0]]
    shapes.add_rectangles([corners])
    shapes.mode = "pan_zoom"
    shapes.selected_data = set()
    settle()


def unfold(widget: SegmentWidget) -> None:
    """Unfold the post-processing and its threshold."""
    widget.sections["Post-processing"].button.set_expanded(True)
    for row in widget.postprocessing.rows:
        row.title.set_expanded(row.step.name == "threshold")


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


def shoot_evaluate(folder: Path, shape: tuple[int, ...]) -> None:
    """Take the pictures of the Evaluate widget: scores, errors, one of them."""
    for name, picture in (("synthetic EM", "evaluate"), (LONG, "evaluate-long-names")):
        viewer, widget, truth = open_widget(EvaluateWidget, name, shape)
        options = {"scale": viewer.layers[0].scale, "units": ("nm",) * 3}
        prediction = viewer.add_labels(
            with_errors(truth), name=f"{name} instances", visible=False, **options
        )
        viewer.add_labels(truth, name=f"{name} truth", visible=False, **options)
        widget.prediction.choose(prediction)
        shoot(viewer, f"{picture}-before", folder)
        widget.start_run()
        wait(lambda w=widget: not w.is_busy and w.compared is not None)
        viewer.layers[0].name = name
        widget.errors.view.selectRow(11)
        shoot(viewer, f"{picture}-after", folder)
        viewer.close()


def with_errors(truth: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a prediction with some objects missed, split, merged and made up."""
    found = truth.copy()
    labels = np.unique(truth[truth > 0])
    found[np.isin(found, labels[::9])] = 0
    for label in labels[1::9]:
        z, y, x = np.nonzero(found == label)
        half = x > np.median(x)
        found[z[half], y[half], x[half]] = label + 10_000
    for one, other in zip(labels[2::9], labels[3::9], strict=False):
        found[found == other] = one
    free = (found == 0) & (truth == 0)
    found[4:9, 20:60, 20:50][free[4:9, 20:60, 20:50]] = 99_999
    return found


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


def shoot_restore(folder: Path, shape: tuple[int, ...]) -> None:
    """Take the pictures of the Restore widget: spoil a stack and mend it."""
    viewer, widget, _ = open_widget(RestoreWidget, "synthetic EM", shape)
    image, middle = widget.image.usable, shape[0] // 2
    spoilt = np.array(image.data)
    spoilt[middle, 100:220, 180:330] //= 5
    spoilt[middle + 3] = np.roll(spoilt[middle + 3], (9, -12), (0, 1))
    spoilt[middle + 6] = 0
    image.data = spoilt
    shoot(viewer, "restore-before", folder)
    settings = InterpolationSettings(minutes=TRAIN_MINUTES)
    widget.training.set_value(settings)
    widget.start_training()
    wait(lambda: widget.progress.bar.value() > 700 or not widget.is_busy)
    shoot(viewer, "restore-training", folder)
    wait(lambda: not widget.is_busy)
    widget.find_noisy()
    wait(lambda: not widget.is_busy)
    widget.mark_found.click()
    widget.go_to(next(one for one in widget.table.found if one.z == middle))
    shoot(viewer, "restore-marked", folder)
    widget.restore()
    wait(lambda: not widget.is_busy)
    shoot(viewer, "restore-after", folder)
    viewer.close()
    viewer, widget, _ = open_widget(RestoreWidget, LONG, (6, 256, 256))
    widget.mark_slice.click()
    shoot(viewer, "restore-long-names", folder)
    viewer.close()


def shoot_measure(folder: Path, shape: tuple[int, ...]) -> None:  # noqa: ARG001 - of the real data
    """Take the pictures of the Measure widget: table, colours, plots, groups."""
    viewer, widget = open_measure("brain")
    widget.context.image.choose(viewer.layers[0])
    widget.families.set_families(ALL_FAMILIES)
    shoot(viewer, "measure-before", folder)
    measure(widget)
    select_largest(widget)
    shoot(viewer, "measure-table", folder)
    widget.sections["Colour"].button.set_expanded(True)
    widget.sections["Filter"].button.set_expanded(True)
    widget.colour.choose("volume_um3")
    widget.filter.set_filter(
        ObjectFilter((Range("n_slices", 3), Range("volume_um3", high=0.2)))
    )
    widget.selection.clear()
    shoot(viewer, "measure-colour", folder)
    viewer.close()
    viewer, widget = open_measure(LONG)
    measure(widget)
    shoot(viewer, "measure-long-names", folder)
    viewer.close()
    shoot_shapes(folder)
    save_figure(folder)


def shoot_shapes(folder: Path) -> None:
    """Take the pictures of three volumes of whole mitochondria in 3D."""
    viewer = new_window()
    spacing = (15.0, 16.0, 16.0)
    for path in sorted((data_folder() / "urocell_masks").glob("*.tif")):
        labels = read_labels(path).read()
        options: Any = {"scale": spacing, "units": ("nm",) * 3, "visible": False}
        viewer.add_labels(labels, name=path.stem, **options)
    widget = add_widget(viewer, MeasureWidget)
    for layer in [*viewer.layers]:
        widget.labels.choose(layer)
        measure(widget)
    layer.visible = True
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    widget.colour.choose("volume_um3")
    widget.tabs.setCurrentWidget(widget.plot)
    widget.plot.kind.setCurrentText(SCATTER)
    for log in (widget.plot.log_along, widget.plot.log_up):
        log.setChecked(True)
    shoot(viewer, "measure-scatter", folder)
    select_largest(widget)
    shoot(viewer, "measure-selected", folder)
    widget.plot.kind.setCurrentIndex(0)
    shoot(viewer, "measure-histogram", folder)
    widget.selection.clear()
    viewer.reset_view()
    widget.tabs.setCurrentWidget(widget.groups)
    widget.groups.log.setChecked(True)
    shoot(viewer, "measure-groups", folder)
    viewer.close()


def save_figure(folder: Path) -> None:
    """Do what docs/tutorials/from-labels-to-a-figure.md says, and save its figure."""
    viewer, segment, truth = open_widget(SegmentWidget, "synthetic EM", (24, 512, 512))
    options = {"scale": viewer.layers[0].scale, "units": ("nm",) * 3}
    viewer.add_labels(truth, name="synthetic EM truth", visible=False, **options)
    segment.start_run()
    wait(lambda: not segment.is_busy and RUN in segment.shown)
    widget = add_widget(viewer, MeasureWidget)
    for kind in ("instances", "truth"):
        widget.labels.choose(viewer.layers[f"synthetic EM {kind}"])
        measure(widget)
        widget.filter.set_filter(ObjectFilter((Range("n_slices", 3),)))
    widget.tabs.setCurrentWidget(widget.groups)
    widget.groups.log.setChecked(True)
    settle()
    widget.save_figure(widget.groups.canvas, folder / "measure-figure.png")
    viewer.close()


def open_measure(name: str) -> tuple[napari.Viewer, MeasureWidget]:
    """Open a real stack with its mitochondria, and the Measure widget."""
    return open_brain(name, MeasureWidget)


def open_brain(name: str, kind: type[QWidget]) -> tuple[napari.Viewer, Any]:
    """Open a real stack with its mitochondria, and a widget."""
    source = data_folder() / "sbem_brain"
    spacing = (40.0, 5.9, 5.9)
    options: Any = {"scale": spacing, "units": ("nm",) * 3}
    viewer = new_window()
    volume = read_volume(source / "image.tif", spacing=spacing)
    viewer.add_image(volume.read(), name=name, **options)
    mask = read_labels(source / "mitochondria.tif").read() > 0
    labels, _ = label_components(mask, 26)
    viewer.add_labels(labels, name=f"{name} instances", **options)
    show_scale_bar(viewer)
    widget = add_widget(viewer, kind)
    viewer.dims.set_current_step(0, 10)
    settle()
    viewer.reset_view()
    return viewer, widget


def shoot_proofread(folder: Path, shape: tuple[int, ...]) -> None:  # noqa: ARG001 - of the real data
    """Take the pictures of the Proofread widget: rank, select, split, decide."""
    viewer, widget = open_brain("brain", ProofreadWidget)
    shoot(viewer, "proofread-before", folder)
    begin_proofreading(widget)
    widget.review.rank()
    wait(lambda: not widget.is_busy)
    viewer.scene.camera.zoom *= 2
    widget.review.go(1)
    for state in ("correct", "fixed", "correct"):
        widget.review.mark(state)
    items = widget.review.queue.items
    necks = [one for one in items if "neck" in "".join(one.reasons[:1])]
    middle = min(necks, key=lambda one: np.hypot(*np.subtract(one.point[1:], 512)))
    widget.review.look_at(middle.label)
    shoot(viewer, "proofread-review", folder)
    widget.control.choose("split-by-distance")
    wait(lambda: not widget.is_busy)
    viewer.dims.set_current_step(0, widget.control.previews[0].region.stop[0] - 2)
    shoot(viewer, "proofread-split", folder)
    widget.control.cancel()
    widget.annotate(SLICE)
    wait(lambda: not widget.is_busy)
    viewer.layers[1].visible = True
    shoot(viewer, "proofread-annotation", folder)
    viewer.close()
    viewer, widget = open_brain(LONG, ProofreadWidget)
    begin_proofreading(widget)
    shoot(viewer, "proofread-long-names", folder)
    viewer.close()
    shoot_proofread_shapes(folder)


def shoot_proofread_shapes(folder: Path) -> None:
    """Take the picture of a split that is previewed in 3D."""
    viewer = new_window()
    path = data_folder() / "urocell_masks" / "fib1-3-2-1.tif"
    options: Any = {"scale": (15.0, 16.0, 16.0), "units": ("nm",) * 3}
    viewer.add_labels(read_labels(path).read(), name=path.stem, **options)
    widget = add_widget(viewer, ProofreadWidget)
    settle()
    begin_proofreading(widget)
    widget.review.rank()
    wait(lambda: not widget.is_busy)
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    widget.review.look_at(8)
    widget.control.choose("split-by-distance")
    wait(lambda: not widget.is_busy)
    shoot(viewer, "proofread-3d", folder)
    viewer.close()


def begin_proofreading(widget: ProofreadWidget) -> None:
    """Press *Start* and wait."""
    widget.start()
    wait(lambda: not widget.is_busy and widget.session is not None)
    settle()


def new_window() -> napari.Viewer:
    """Open napari at the size of the pictures."""
    viewer = napari.Viewer(show=True)
    viewer.window._qt_window.resize(*WINDOW)
    return viewer


def add_widget(viewer: napari.Viewer, kind: type[QWidget]) -> Any:
    """Dock a widget on the right."""
    widget = kind(viewer)
    viewer.window.add_dock_widget(widget, name=NAMES[kind], area="right")
    return widget


def measure(widget: MeasureWidget) -> None:
    """Measure everything there is."""
    widget.families.set_families(ALL_FAMILIES)
    widget.start_run()
    wait(lambda: not widget.is_busy and widget.current is not None)


def select_largest(widget: MeasureWidget) -> None:
    """Select the largest object that is shown, and go to it."""
    columns = widget.current.columns
    row = int(np.argmax(columns["n_voxels"] * widget.current.shown))
    widget.selection.select([row])
    widget.jump(row)


def data_folder() -> Path:
    """Return where the real data are."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    return Path(os.environ.get("MITOSEG_DATA", beside))


def shoot_export(folder: Path, shape: tuple[int, ...]) -> None:  # noqa: ARG001 - of the real data
    """Take the pictures of the Export widget, and of a report."""
    spacing = (15.0, 16.0, 16.0)
    path = min((data_folder() / "urocell_masks").glob("*.tif"))
    labels = read_labels(path, spacing=spacing)
    options: Any = {"scale": spacing, "units": ("nm",) * 3}
    viewer = new_window()
    layer = viewer.add_labels(labels.read(), name=path.stem, **options)
    show_scale_bar(viewer)
    widget = add_widget(viewer, ExportWidget)
    viewer.dims.ndisplay = 3
    settle()
    viewer.reset_view()
    shoot(viewer, "export-volume", folder)
    widget.kind.setCurrentIndex(1)
    layer.selected_label = 7
    widget.picked.click()
    with tempfile.TemporaryDirectory() as temporary:
        widget.export(Path(temporary) / "mitochondria.obj")
        wait(lambda: not widget.is_busy)
    widget.say("Exported mitochondria.obj.")
    shoot(viewer, "export-surfaces", folder)
    unknown = viewer.add_labels(layer.data, name=LONG, visible=False)
    widget.labels.choose(unknown)
    widget.kind.setCurrentIndex(3)
    shoot(viewer, "export-long-names", folder)
    viewer.close()
    table = drain(measure_labels(labels.data, spacing))
    view = drain(draw_view(ReportContent(labels, table)))
    view.figure.savefig(folder / "report-view.png", bbox_inches="tight", dpi=100)


PICTURES = {
    "segment": shoot_segment,
    "background": shoot_background,
    "annotate": shoot_annotate,
    "evaluate": shoot_evaluate,
    "train": shoot_train,
    "restore": shoot_restore,
    "measure": shoot_measure,
    "proofread": shoot_proofread,
    "export": shoot_export,
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
        os.environ["MITOSEG_RUNS"] = f"{folder}/runs"
        for name in given.widget or PICTURES:
            PICTURES[name](given.out, tuple(given.shape))


if __name__ == "__main__":
    main()
