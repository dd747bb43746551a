"""The Evaluate widget: scores, the coloured layer, and the table to jump through."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import QModelIndex, Qt

from napari_mitoseg._napari import tasks
from napari_mitoseg._napari.comparison import overlapping
from napari_mitoseg._napari.error_table import COLUMNS, ERRORS, EVERYTHING, ErrorModel
from napari_mitoseg._napari.evaluate import EvaluateWidget, error_colours
from napari_mitoseg._napari.image_box import MADE_BY_US
from napari_mitoseg._napari.layer_choice import LONGEST
from napari_mitoseg._napari.layers import look_at
from napari_mitoseg.errors import ShapeError
from napari_mitoseg.evaluation import ErrorClass
from napari_mitoseg.io import read_labels
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.volume import Region

from .conftest import needs_screen

Finish = Callable[..., None]
SPACING = (40.0, 8.0, 8.0)
SHAPE = (4, 30, 40)


def made_up() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return a prediction and a truth: one each matched, missed, spurious and split."""
    truth, found = np.zeros((2, *SHAPE), np.uint32)
    truth[0:2, 2:8, 2:8] = found[0:2, 2:8, 2:8] = 1
    truth[2:4, 20:25, 30:38] = 2
    found[1, 15:18, 2:5] = 70_000
    truth[3, 2:12, 20:36] = 4
    found[3, 2:6, 20:36], found[3, 8:12, 20:36] = 5, 6
    return found, truth


def add(viewer: ViewerModel, name: str, data: Any, **keywords: Any) -> Labels:
    options = {"scale": SPACING, "units": ("nm",) * 3, "name": name} | keywords
    return viewer.add_layer(Labels(data, **options))


@pytest.fixture
def pair(viewer: ViewerModel) -> tuple[Labels, Labels]:
    """Prediction and truth as layers; the truth lies on top."""
    found, truth = made_up()
    layer = add(viewer, "stack instances", found)
    return layer, add(viewer, "stack truth", truth)


@pytest.fixture
def widget(viewer: ViewerModel, qtbot: Any) -> EvaluateWidget:
    """The Evaluate widget without a window."""
    made = EvaluateWidget(viewer)
    qtbot.addWidget(made)
    return made


def run(widget: EvaluateWidget, finish: Finish) -> None:
    widget.run_button.click()
    assert widget.is_busy
    finish(widget)


def test_without_labels_there_is_nothing_to_evaluate(
    widget: EvaluateWidget, viewer: ViewerModel
) -> None:
    assert "Open or make labels" in widget.problem
    assert not widget.run_button.isEnabled()
    layer = add(viewer, "a", np.zeros(SHAPE, np.uint8))
    assert "two different layers" in widget.problem
    viewer.layers.remove(layer)
    assert widget.prediction.layer is None


def test_what_is_called_truth_is_suggested(
    pair: tuple[Labels, Labels], widget: EvaluateWidget
) -> None:
    prediction, truth = pair
    widget.prediction.choose(prediction)
    assert widget.truth.layer is truth
    assert widget.problem == ""
    assert widget.run_button.isEnabled()
    assert not widget.save_button.isEnabled()
    truth.name = "another"
    assert "another" in widget.truth.currentText()
    truth.name = "2021-03-14_Hippocampus_CA1_" * 3 + " another truth"
    assert widget.truth.currentText().endswith(" another truth")
    assert len(widget.truth.currentText()) == LONGEST
    assert truth.name in widget.truth.toolTip()


def test_four_axes_are_refused_in_words(
    pair: tuple[Labels, Labels], widget: EvaluateWidget, viewer: ViewerModel
) -> None:
    layer = viewer.add_layer(Labels(np.zeros((2, *SHAPE), np.uint8), name="film"))
    widget.prediction.choose(layer)
    assert "film has 4 axes" in widget.problem


def test_scores_layer_and_table(
    pair: tuple[Labels, Labels],
    widget: EvaluateWidget,
    viewer: ViewerModel,
    finish: Finish,
) -> None:
    widget.prediction.choose(pair[0])
    widget.truth.choose(pair[1])
    run(widget, finish)
    lines = widget.headline.text().splitlines()
    assert lines[2:] == [
        "3 true · 4 predicted · 1 matched",
        "1 missed · 1 spurious · 1 splits · 0 merges",
    ]
    named = {
        widget.scores.item(row, 0).text(): widget.scores.item(row, 1).text()
        for row in range(widget.scores.rowCount())
    }
    assert (named["n_missed"], named["ap75_large"]) == ("1", "none")
    layer = viewer.layers["stack instances errors"]
    found, truth = made_up()
    expected = np.zeros(SHAPE, np.uint8)
    expected[found == 1] = ErrorClass.MATCHED
    expected[truth == 2] = ErrorClass.MISSED
    expected[found == 70_000] = ErrorClass.SPURIOUS
    expected[truth == 4] = ErrorClass.SPLIT
    np.testing.assert_array_equal(layer.data, expected)
    assert layer.scale.tolist() == [*SPACING]
    assert [one.visible for one in (*pair, layer)] == [False, False, True]
    assert layer.features["error"].tolist() == [kind.word for kind in ErrorClass]
    assert layer not in widget.prediction.layers()
    kinds = [widget.errors.kind.itemText(n) for n in range(widget.errors.kind.count())]
    assert kinds == [
        "Errors: 5",
        "Missed: 1",
        "Spurious: 1",
        "Split: 3",
        "Merged: 0",
        "Everything: 7",
    ]


def test_another_run_takes_the_place_of_the_first(
    pair: tuple[Labels, Labels],
    widget: EvaluateWidget,
    viewer: ViewerModel,
    finish: Finish,
) -> None:
    widget.prediction.choose(pair[0])
    run(widget, finish)
    layer = viewer.layers["stack instances errors"]
    pair[0].data = pair[1].data
    run(widget, finish)
    assert viewer.layers["stack instances errors"] is layer
    assert set(np.unique(layer.data)) == {0, ErrorClass.MATCHED}
    widget.instances.setChecked(False)
    run(widget, finish)
    assert [one.name for one in viewer.layers] == ["stack instances", "stack truth"]
    assert widget.headline.text().startswith("IoU 1.000")
    assert widget.error_part.isHidden()
    assert not widget.save_button.isEnabled()


def test_a_row_leads_to_its_object(
    pair: tuple[Labels, Labels],
    widget: EvaluateWidget,
    viewer: ViewerModel,
    finish: Finish,
) -> None:
    widget.prediction.choose(pair[0])
    run(widget, finish)
    model = widget.errors.model
    words = [model.value(row, "class") for row in range(model.rowCount())]
    row = words.index("spurious")
    widget.errors.view.setCurrentIndex(model.index(row, 0))
    assert viewer.dims.point[0] == 1 * 40
    assert viewer.scene.camera.center[1:] == (16 * 8, 3 * 8)
    viewer.dims.set_point(0, 0)
    # The same row again, once the user has looked elsewhere.
    widget.errors.view.clicked.emit(model.index(row, 0))
    assert viewer.dims.point[0] == 1 * 40
    widget.errors.view.setCurrentIndex(model.index(words.index("missed"), 0))
    assert viewer.dims.point[0] in {2 * 40, 3 * 40}
    assert viewer.scene.camera.center[1:] == (22 * 8, 33.5 * 8)


def test_the_parts_of_a_mask_are_its_objects(
    pair: tuple[Labels, Labels],
    widget: EvaluateWidget,
    viewer: ViewerModel,
    finish: Finish,
) -> None:
    pair[1].data = (pair[1].data > 0).astype(np.uint8)
    widget.prediction.choose(pair[0])
    run(widget, finish)
    assert widget.headline.text().splitlines()[2].startswith("3 true · 4 predicted")
    assert "stack truth is a mask" in widget.status.text()
    # The last part, whose number the mask does not have.
    widget.jump("truth", 3)
    assert viewer.dims.point[0] == 3 * 40
    assert viewer.scene.camera.center[1:] == (6.5 * 8, 27.5 * 8)
    pair[1].data[...] = 0
    widget.jump("truth", 3)
    assert "no longer there" in widget.status.text()


def test_an_object_that_is_gone_is_said_to_be(
    pair: tuple[Labels, Labels],
    widget: EvaluateWidget,
    viewer: ViewerModel,
    finish: Finish,
) -> None:
    widget.prediction.choose(pair[0])
    run(widget, finish)
    pair[1].data[...] = 0
    widget.jump("truth", 2)
    assert "no longer there" in widget.status.text()
    viewer.layers.remove(pair[0])
    widget.jump("prediction", 5)
    assert "Label 5 is no longer there" in widget.status.text()


def test_the_table_can_be_filtered_and_sorted(
    pair: tuple[Labels, Labels], widget: EvaluateWidget, finish: Finish
) -> None:
    widget.prediction.choose(pair[0])
    run(widget, finish)
    model, kinds = widget.errors.model, widget.errors.kind
    kinds.setCurrentIndex(kinds.findData(EVERYTHING))
    assert model.rowCount() == 7
    sizes = [model.value(row, "n_voxels") for row in range(7)]
    assert sizes == sorted(sizes, reverse=True)
    model.sort(COLUMNS.index("index"), Qt.SortOrder.AscendingOrder)
    labels = [model.value(row, "index") for row in range(7)]
    assert labels == sorted(labels)
    kinds.setCurrentIndex(kinds.findData("Split"))
    assert {model.value(row, "class") for row in range(model.rowCount())} == {"split"}
    texts = [model.data(model.index(0, n)) for n in range(model.columnCount())]
    assert texts[:5] == ["split", "truth", "4", "5 6", "0.40"]


def test_an_empty_table_has_no_rows() -> None:
    model = ErrorModel()
    assert model.rowCount(QModelIndex()) == model.count(ERRORS) == 0


def test_the_result_of_a_region_is_compared_where_it_lies(
    widget: EvaluateWidget, viewer: ViewerModel, finish: Finish
) -> None:
    found, truth = made_up()
    place = np.array((1, 10, 0)) * SPACING
    prediction = add(viewer, "part", found[1:, 10:], translate=place)
    add(viewer, "all truth", truth)
    widget.prediction.choose(prediction)
    run(widget, finish)
    layer = viewer.layers["part errors"]
    assert layer.translate.tolist() == place.tolist()
    expected = np.zeros((3, 20, 40), np.uint8)
    expected[truth[1:, 10:] == 2] = ErrorClass.MISSED
    expected[found[1:, 10:] == 70_000] = ErrorClass.SPURIOUS
    expected[truth[1:, 10:] == 4] = ErrorClass.MATCHED
    np.testing.assert_array_equal(layer.data > 0, expected > 0)
    widget.jump("truth", 2)
    assert viewer.scene.camera.center[1:] == (22 * 8, 33.5 * 8)
    widget.jump("prediction", 70_000)
    assert viewer.dims.point[0] == 1 * 40
    assert viewer.scene.camera.center[1:] == (16 * 8, 3 * 8)


def test_labels_that_do_not_meet_are_refused(
    widget: EvaluateWidget,
    viewer: ViewerModel,
    errors: list[str],
) -> None:
    found, truth = made_up()
    far = add(viewer, "far", found[1:], translate=(4000, 0, 0))
    add(viewer, "truth", truth)
    widget.prediction.choose(far)
    widget.run_button.click()
    assert not widget.is_busy
    assert "(3, 30, 40)" in widget.status.text()
    assert errors


def test_the_larger_may_be_the_prediction() -> None:
    found, truth = made_up()
    options = {"scale": SPACING, "units": ("nm",) * 3}
    prediction = Labels(found, **options)
    part = Labels(truth[2:, :10], translate=(80, 0, 0), **options)
    own, other = overlapping(prediction, part)
    assert own.region == Region((2, 0, 0), (4, 10, 40))
    assert other.region == Region((0, 0, 0), (2, 10, 40))
    with pytest.raises(ShapeError):
        overlapping(prediction, Labels(truth[1:], scale=(1, 1, 1)))


def test_confidence_orders_the_objects(
    pair: tuple[Labels, Labels],
    widget: EvaluateWidget,
    viewer: ViewerModel,
    finish: Finish,
) -> None:
    widget.prediction.choose(pair[0])
    run(widget, finish)
    by_size = widget.compared.evaluation.scores.average_precision.ap75
    # Now the only match comes last.
    sure = np.where(pair[0].data == 1, 10, 255).astype(np.uint8)
    layer = Image(sure, name="probability", scale=SPACING, units=("nm",) * 3)
    viewer.add_layer(layer)
    widget.confidence.choose(layer)
    run(widget, finish)
    assert widget.compared.evaluation.scores.average_precision.ap75 < by_size
    layer.data = sure[:2]
    widget.run_button.click()
    assert "The confidence has shape (2, 30, 40)" in widget.status.text()


def test_errors_are_saved(
    pair: tuple[Labels, Labels],
    widget: EvaluateWidget,
    finish: Finish,
    tmp_path: Path,
) -> None:
    widget.prediction.choose(pair[0])
    run(widget, finish)
    widget.save(tmp_path / "out")
    finish(widget)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "errors.tif",
        "errors.csv",
        "scores.json",
    }
    saved = read_labels(tmp_path / "out" / "errors.tif")
    assert saved.spacing == pytest.approx(SPACING)


def test_a_cancelled_run_changes_nothing(
    pair: tuple[Labels, Labels],
    widget: EvaluateWidget,
    viewer: ViewerModel,
    finish: Finish,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def endless(*_: Any, **__: Any) -> Job[None]:
        while True:
            yield Progress(0, 1)

    monkeypatch.setattr(tasks, "evaluate", endless)
    widget.prediction.choose(pair[0])
    widget.run_button.click()
    assert not widget.body.isEnabled()
    widget.cancel()
    finish(widget)
    assert widget.compared is None
    assert len(viewer.layers) == 2
    assert widget.run_button.isEnabled()


def test_single_slices_and_lazy_labels(
    widget: EvaluateWidget, viewer: ViewerModel, finish: Finish
) -> None:
    found, truth = made_up()
    options = {"scale": SPACING[1:], "units": ("nm",) * 2}
    add(viewer, "truth", truth[3], **options)
    prediction = add(viewer, "plane", da.from_array(found[3], chunks=10), **options)
    widget.prediction.choose(prediction)
    run(widget, finish)
    assert viewer.layers["plane errors"].ndim == 2
    widget.jump("truth", 4)
    assert viewer.scene.camera.center[1:] == (6.5 * 8, 27.5 * 8)


def test_look_at_in_three_dimensions(
    viewer: ViewerModel, pair: tuple[Labels, Labels]
) -> None:
    viewer.dims.ndisplay = 3
    look_at(viewer, pair[0], (1, 2, 3))
    assert viewer.scene.camera.center == (40, 16, 24)


def test_every_class_has_a_colour_of_its_own() -> None:
    colours = error_colours().color_dict
    shown = {tuple(np.round(colours[kind.value], 2)) for kind in ErrorClass}
    assert len(shown) == len(ErrorClass)
    assert colours[0][3] == 0


@needs_screen
def test_in_a_window(
    make_napari_viewer: Any, qtbot: Any, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_STRICT_QT", "1")
    window = make_napari_viewer()
    found, truth = made_up()
    long = "2021-03-14_Hippocampus_CA1_" * 5
    add(window, long, found)
    add(window, f"{long} truth", truth)
    _, widget = window.window.add_plugin_dock_widget(
        "napari-mitoseg", "Evaluate a segmentation"
    )
    window.window.resize(1280, 800)
    widget.prediction.choose(window.layers[long])
    run(widget, finish)
    assert MADE_BY_US in window.layers[f"{long} errors"].metadata
    assert widget.body.minimumSizeHint().width() <= widget.minimumWidth() - 20
