"""The Annotate widget, every interaction, with a training that only pretends."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils.shortcuts import default_shortcuts

from napari_mitoseg._napari import annotation_tasks
from napari_mitoseg._napari.annotate import AnnotateWidget
from napari_mitoseg._napari.annotation_layer import AnnotationLayer
from napari_mitoseg._napari.paint_box import (
    BETWEEN,
    BRUSHES,
    COMPLETE_KEY,
    DONE,
    MODEL,
    NEIGHBOUR,
    NEXT_KEY,
    REOPEN,
)
from napari_mitoseg._napari.proposal_box import DOUBTFUL, LISTED
from napari_mitoseg._napari.reader import image_data
from napari_mitoseg._napari.segment import SegmentWidget
from napari_mitoseg._napari.training_layers import COARSE, FILTERED, FINAL, PREVIEW
from napari_mitoseg._napari.training_panel import STOP, TRAIN
from napari_mitoseg.annotation import journal as journals
from napari_mitoseg.annotation.journal import find_journals, fingerprint, read_journal
from napari_mitoseg.errors import AnnotationError, DeviceMemoryError
from napari_mitoseg.io import read_labels
from napari_mitoseg.volume import Volume

from .conftest import SHAPE, SPACING, FakeTraining, add_stack

Finish = Callable[..., None]
REAL_TRAIN = annotation_tasks.train


@pytest.fixture
def begun(
    annotator: AnnotateWidget, viewer: ViewerModel, image: Image, finish: Finish
) -> AnnotationLayer:
    """An annotation of the stack, at slice 0."""
    return begin(annotator, finish)


def begin(annotator: AnnotateWidget, finish: Finish) -> AnnotationLayer:
    annotator.files.new.click()
    finish(annotator)
    assert annotator.annotation is not None
    return annotator.annotation


def stroke(layer: Labels, y: int, x: int, value: int | None = None) -> None:
    """Paint as the mouse does: several dabs, one stroke."""
    z = layer._slice_input.world_slice.point[0] / SPACING[0]
    with layer.block_history():
        for step in range(3):
            wanted = layer.selected_label if value is None else value
            layer.paint((z, y, x + step), wanted)


def press(layer: Labels, key: str) -> None:
    """Call what a key is bound to on the layer that is painted in."""
    (found,) = (f for k, f in layer.keymap.items() if str(k) == key)
    found(layer)


def complete(annotator: AnnotateWidget, *slices: int) -> None:
    """Label slices as the truth is."""
    annotation = annotator.annotation
    assert annotation is not None
    bright = np.asarray(annotation.image.data) > 127
    for z in slices:
        annotator.go_to(z)
        annotation.start_from(z, bright[z])
        annotator.paint.complete.click()
    annotation.settle()


def journalled(annotation: AnnotationLayer) -> np.ndarray:
    return read_journal(annotation.recorder.journal.path).labels()


# ------------------------------------------------------------ beginning


def test_without_image_nothing_can_be_begun(annotator: AnnotateWidget) -> None:
    assert "Open a stack" in annotator.training_problem
    assert not annotator.files.new.isEnabled()
    assert not annotator.train_button.isEnabled()
    annotator.begin()
    annotator.toggle_complete()
    annotator.go_to_next()
    annotator.start_slice(MODEL)
    annotator.start_training()
    assert not annotator.is_busy


def test_single_slice_cannot_be_annotated(
    annotator: AnnotateWidget, viewer: ViewerModel
) -> None:
    viewer.add_layer(
        Image(np.zeros((40, 50), np.uint8), scale=(8, 8), units=["nm"] * 2)
    )
    assert "single slice" in annotator.training_problem
    assert not annotator.files.new.isEnabled()


def test_image_without_spacing_asks_for_it_first(
    annotator: AnnotateWidget, viewer: ViewerModel
) -> None:
    viewer.add_layer(Image(np.zeros(SHAPE, np.uint8)))
    assert "no spacing" in annotator.training_problem
    assert not annotator.files.new.isEnabled()


def test_new_annotation_lies_on_the_image(
    annotator: AnnotateWidget, viewer: ViewerModel, begun: AnnotationLayer
) -> None:
    layer = begun.layer
    assert layer.name == "stack annotation"
    assert viewer.layers.selection.active is layer
    assert layer.data.shape == SHAPE
    assert layer.data.dtype == np.uint8
    assert layer.scale.tolist() == [*SPACING]
    assert (layer.mode, layer.selected_label) == ("paint", 2)
    colours = [layer.get_color(value) for value in (1, 2)]
    assert colours[0][2] > colours[0][0]  # background is blue
    assert colours[1][0] > colours[1][2]  # mitochondria are orange
    assert layer.get_color(0) is None or layer.get_color(0)[3] == 0
    assert annotator.proposals.proposed == (0, 5)
    assert begun.current == 0
    assert not annotator.files.new.isEnabled()
    assert annotator.image.choice.count() == 1  # it is not offered as an image


def test_what_to_do_next_is_always_said(
    annotator: AnnotateWidget, viewer: ViewerModel, image: Image, finish: Finish
) -> None:
    assert "Press New" in annotator.training_problem
    annotation = begin(annotator, finish)
    assert "Paint all mitochondria" in annotator.training_problem
    stroke(annotation.layer, 10, 10)
    assert "complete" in annotator.training_problem
    annotator.paint.complete.click()
    assert annotator.training_problem == ""
    assert annotator.train_button.isEnabled()
    complete(annotator, *range(1, 6))
    assert "nothing left to predict" in annotator.training_problem


def test_annotation_follows_the_spacing(
    annotator: AnnotateWidget, begun: AnnotationLayer
) -> None:
    annotator.image.spacing_box.boxes[0].setValue(50)
    assert begun.layer.scale.tolist() == [50, 8, 8]
    annotator.go_to(3)
    assert begun.current == 3


# ------------------------------------------------------------ painting


def test_keys_are_free_in_napari(begun: AnnotationLayer) -> None:
    keys = {key for _, _, key, *_ in BRUSHES} | {NEXT_KEY, COMPLETE_KEY}
    assert {str(key) for key in begun.layer.keymap} == keys
    taken = {
        str(combination)
        for action, combinations in default_shortcuts.items()
        if not any(word in action for word in ("point", "shape", "vector", "image"))
        for combination in combinations
    }
    in_labels = {str(key) for key in Labels.class_keymap}
    in_viewer = {str(key) for key in ViewerModel.class_keymap}
    assert not keys & (in_labels | in_viewer)
    assert len(taken) > 20


def test_brush_is_a_key_or_a_click_away(
    annotator: AnnotateWidget, begun: AnnotationLayer
) -> None:
    layer, buttons = begun.layer, annotator.paint.brushes
    for key, value, mode in (("S", 1, "paint"), ("A", 2, "paint"), ("D", 0, "erase")):
        press(layer, key)
        assert layer.mode == mode
        assert [v for v, button in buttons.items() if button.isChecked()] == [value]
    buttons[1].click()
    assert (layer.mode, layer.selected_label) == ("paint", 1)
    layer.mode = "pan_zoom"
    assert not any(button.isChecked() for button in buttons.values())
    layer.selected_label = 3
    assert layer.selected_label == 2


def test_every_stroke_is_journalled_at_once(begun: AnnotationLayer) -> None:
    for y in (5, 15, 25):
        stroke(begun.layer, y, 20)
        np.testing.assert_array_equal(journalled(begun), begun.labels)
    assert begun.labels.any()


def test_undo_and_fill_are_journalled(
    viewer: ViewerModel, begun: AnnotationLayer, qtbot: Any
) -> None:
    stroke(begun.layer, 10, 20)
    begun.layer.fill((0, 30, 30), 1)
    qtbot.waitUntil(lambda: begun.complete == {0}, timeout=200)
    np.testing.assert_array_equal(journalled(begun), begun.labels)
    viewer.dims.set_current_step(0, 3)
    begun.layer.undo()  # of a slice that is not on screen
    qtbot.waitUntil(lambda: begun.complete == set())
    np.testing.assert_array_equal(journalled(begun), begun.labels)
    assert begun.labels[0].any()


def test_painting_through_slices_is_journalled(
    begun: AnnotationLayer, qtbot: Any
) -> None:
    begun.layer.n_edit_dimensions = 3
    begun.layer.brush_size = 20
    begun.layer.paint((2, 20, 20), 2)
    qtbot.waitUntil(lambda: np.array_equal(journalled(begun), begun.labels))
    assert len(begun.labelled) > 2


def test_slice_is_completed_and_reopened_and_it_can_be_undone(
    annotator: AnnotateWidget, begun: AnnotationLayer
) -> None:
    stroke(begun.layer, 10, 20)
    painted = begun.labels[0].copy()
    press(begun.layer, COMPLETE_KEY)
    assert begun.complete == {0}
    assert annotator.paint.complete.text() == REOPEN
    np.testing.assert_array_equal(begun.labels[0], np.where(painted, 2, 1))
    begun.layer.undo()
    begun.settle()
    np.testing.assert_array_equal(begun.labels[0], painted)
    assert annotator.paint.complete.text() == DONE
    begun.layer.redo()
    annotator.paint.complete.click()
    np.testing.assert_array_equal(begun.labels[0], painted)
    assert begun.complete == set()


def test_strip_shows_every_slice(
    annotator: AnnotateWidget, viewer: ViewerModel, begun: AnnotationLayer, qtbot: Any
) -> None:
    complete(annotator, 5)
    viewer.dims.set_current_step(0, 2)
    stroke(begun.layer, 10, 20)
    state = annotator.strip.state
    assert (state.n_slices, state.current) == (6, 2)
    assert (set(state.proposed), state.painted, state.complete) == ({0, 5}, {2, 5}, {5})
    assert state.describe(0) == "Slice 0: proposed"
    assert state.describe(2) == "Slice 2: painted in part"
    assert state.describe(5) == "Slice 5: complete"
    assert state.describe(1) == "Slice 1: not labelled"
    annotator.strip.resize(600, 40)
    assert [annotator.strip.slice_at(x) for x in (0, 99, 101, 599, 700, -5)] == [
        0, 0, 1, 5, 5, 0,
    ]  # fmt: skip
    annotator.strip.chosen.emit(4)
    assert begun.current == 4


def test_next_slice_skips_complete_ones(
    annotator: AnnotateWidget, begun: AnnotationLayer
) -> None:
    annotator.proposals.mode.setCurrentText(LISTED)
    annotator.proposals.listed.setText("1, 3-4")
    annotator.proposals.listed.editingFinished.emit()
    assert annotator.proposals.proposed == (1, 3, 4)
    seen = []
    for _ in range(4):
        press(begun.layer, NEXT_KEY)
        seen.append(begun.current)
    assert seen == [1, 3, 4, 1]
    complete(annotator, 3)
    annotator.go_to(1)
    annotator.paint.next.click()
    assert begun.current == 4
    complete(annotator, 1, 4)
    annotator.go_to_next()
    assert "All proposed slices are complete" in annotator.status.text()


def test_list_of_slices_that_makes_no_sense_is_explained(
    annotator: AnnotateWidget, begun: AnnotationLayer
) -> None:
    annotator.proposals.mode.setCurrentText(LISTED)
    annotator.proposals.listed.setText("2, 99")
    annotator.proposals.listed.editingFinished.emit()
    assert "slices 0 to 5" in annotator.proposals._problem.text()
    annotator.proposals.listed.setText("2")
    annotator.proposals.listed.editingFinished.emit()
    assert annotator.proposals._problem.isHidden()
    assert annotator.proposals.proposed == (2,)


# ------------------------------------------------------------ help


def test_slice_is_started_from_its_neighbour(
    annotator: AnnotateWidget, begun: AnnotationLayer
) -> None:
    complete(annotator, 1)
    annotator.go_to(2)
    stroke(begun.layer, 30, 40, value=1)
    annotator.start_slice(NEIGHBOUR)
    assert (begun.labels[2][begun.labels[1] == 2] == 2).all()
    assert (begun.labels[2, 30, 40:42] == 1).all()  # what was painted stays
    assert begun.complete == {1}
    begun.layer.undo()
    assert not (begun.labels[2] == 2).any()


def test_slice_is_started_from_shapes_in_between(
    annotator: AnnotateWidget, begun: AnnotationLayer
) -> None:
    complete(annotator, 1, 3)
    annotator.go_to(2)
    annotator.start_slice(BETWEEN)
    np.testing.assert_array_equal(begun.labels[2] == 2, begun.labels[1] == 2)


@pytest.mark.parametrize(
    ("kind", "word"), [(NEIGHBOUR, "No other slice"), (BETWEEN, "No slice below")]
)
def test_help_that_is_not_possible_is_explained(
    annotator: AnnotateWidget,
    begun: AnnotationLayer,
    errors: list[str],
    kind: str,
    word: str,
) -> None:
    annotator.start_slice(kind)
    assert word in errors[0]
    assert not begun.labels.any()


def test_slice_is_started_from_a_model(
    annotator: AnnotateWidget,
    begun: AnnotationLayer,
    finish: Finish,
    monkeypatch: pytest.MonkeyPatch,
    errors: list[str],
) -> None:
    asked: list[Any] = []

    def predict(volume: Volume, z: int, name: str, *_: Any) -> Any:
        asked.append((z, name))
        yield from ()
        return volume.read_slice(z) > 127

    monkeypatch.setattr(annotation_tasks, "predict_slice", predict)
    annotator.go_to(2)
    annotator.start_slice(MODEL)
    finish(annotator)
    assert asked == [(2, "fast")]
    np.testing.assert_array_equal(begun.labels[2] == 2, begun.image.data[2] > 127)
    annotator.training.start.set_name("scratch")
    annotator.start_slice(MODEL)
    assert "no model yet" in errors[0]


def test_real_model_predicts_a_slice(tiny_em: Any, model_folder: Path) -> None:
    from napari_mitoseg._napari.tasks import ModelCache
    from napari_mitoseg.jobs import drain

    volume, _ = tiny_em
    job = annotation_tasks.predict_slice(
        volume, 3, str(model_folder), "cpu", ModelCache()
    )
    found = drain(job)
    assert found.shape == volume.shape[1:]
    assert found.dtype == bool


# ------------------------------------------------------------ files and journals


def test_annotation_goes_round_through_a_file(
    annotator: AnnotateWidget,
    viewer: ViewerModel,
    begun: AnnotationLayer,
    finish: Finish,
    tmp_path: Path,
) -> None:
    complete(annotator, 1, 4)
    before = begun.labels.copy()
    annotator.save(tmp_path / "a.tif")
    finish(annotator)
    assert read_labels(tmp_path / "a.tif").spacing == pytest.approx(SPACING)
    viewer.layers.remove(begun.layer)
    assert annotator.annotation is None
    annotator.load(tmp_path / "a.tif")
    finish(annotator)
    assert annotator.annotation is not None
    np.testing.assert_array_equal(annotator.annotation.labels, before)
    np.testing.assert_array_equal(journalled(annotator.annotation), before)
    assert annotator.annotation.complete == {1, 4}


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (np.zeros((5, 40, 50), np.uint8), "has shape"),
        (np.full(SHAPE, 7, np.uint8), "values 7"),
    ],
)
def test_file_of_something_else_is_refused(
    annotator: AnnotateWidget,
    image: Image,
    finish: Finish,
    tmp_path: Path,
    errors: list[str],
    data: np.ndarray,
    word: str,
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", data)
    annotator.load(tmp_path / "a.tif")
    finish(annotator)
    assert word in errors[0]
    assert annotator.annotation is None
    assert annotator.files.load.isEnabled()
    begin(annotator, finish)


def test_removed_annotation_can_be_resumed(
    annotator: AnnotateWidget,
    viewer: ViewerModel,
    begun: AnnotationLayer,
    finish: Finish,
    qtbot: Any,
) -> None:
    annotator.proposals.every.setValue(2)
    complete(annotator, 2)
    before = begun.labels.copy()
    viewer.layers.remove(begun.layer)
    qtbot.waitUntil(annotator.files.resume.isEnabled)
    action = annotator.files.resume.menu().actions()[0]
    assert "stack: " in action.text()
    assert "1 slice painted (2)" in action.text()
    assert "Resume" in annotator.training_problem
    action.trigger()
    finish(annotator)
    assert annotator.annotation is not None
    np.testing.assert_array_equal(annotator.annotation.labels, before)
    assert annotator.annotation.complete == {2}
    assert annotator.proposals.proposed == (0, 2, 4)
    assert not annotator.files.resume.isEnabled()


def test_earlier_annotation_can_be_moved_to_the_bin(
    annotator: AnnotateWidget,
    viewer: ViewerModel,
    begun: AnnotationLayer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    qtbot: Any,
) -> None:
    """What is in the bin is no longer offered, and can be taken out of it again."""
    complete(annotator, 2)
    before, path = begun.labels.copy(), begun.recorder.journal.path
    viewer.layers.remove(begun.layer)
    qtbot.waitUntil(annotator.files.resume.isEnabled)
    binned = tmp_path / "bin" / path.name
    binned.parent.mkdir()

    def to_bin(given: str) -> bool:
        Path(given).rename(binned)
        return True

    monkeypatch.setattr("napari_mitoseg._napari.annotate.QFile.moveToTrash", to_bin)
    bin_menu = annotator.files.resume.menu().actions()[-1].menu()
    bin_menu.actions()[0].trigger()
    qtbot.waitUntil(lambda: not annotator.files.resume.isEnabled())
    assert not path.exists()
    np.testing.assert_array_equal(read_journal(binned).labels(), before)


def test_annotation_of_another_image_is_not_offered(
    annotator: AnnotateWidget,
    viewer: ViewerModel,
    begun: AnnotationLayer,
    finish: Finish,
    errors: list[str],
    qtbot: Any,
) -> None:
    complete(annotator, 2)
    other = add_stack(viewer)
    other.data = 255 - np.asarray(other.data)
    annotator.image.choose(other)
    assert annotator.annotation is None
    qtbot.waitUntil(lambda: not annotator.finder.is_busy)
    assert not annotator.files.resume.isEnabled()
    annotator.resume(begun.recorder.journal.path)
    finish(annotator)
    assert "in use" in errors[0]
    annotator.image.choose(begun.image)
    assert annotator.annotation is begun
    assert annotator.strip.state.complete == {2}


def test_full_disk_is_told_once_and_nothing_is_lost(
    annotator: AnnotateWidget,
    begun: AnnotationLayer,
    monkeypatch: pytest.MonkeyPatch,
    errors: list[str],
) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(journals.os, "write", full)
        for y in (5, 15, 25):
            stroke(begun.layer, y, 20)
    assert len(errors) == 1
    assert "No space left" in errors[0]
    assert not begun.is_safe
    stroke(begun.layer, 35, 20)
    assert begun.is_safe
    np.testing.assert_array_equal(journalled(begun), begun.labels)


def test_widget_deleted_lets_go_of_the_journal(
    viewer: ViewerModel,
    training: FakeTraining,
    image: Image,
    finish: Finish,
    qtbot: Any,
) -> None:
    widget = AnnotateWidget(viewer)
    annotation = begin(widget, finish)
    stroke(annotation.layer, 10, 20)
    known = fingerprint(Volume(np.asarray(image.data)))
    assert find_journals(known) == ()
    widget.deleteLater()
    qtbot.waitUntil(lambda: len(find_journals(known)) == 1)
    stroke(annotation.layer, 20, 20)
    assert not annotation.layer.keymap


PAINTER = """
import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtWidgets import QApplication
from napari_mitoseg._napari.annotate import AnnotateWidget

app = QApplication([])
viewer = ViewerModel()
viewer.add_layer(Image(np.arange(4 * 64 * 64).reshape(4, 64, 64) % 251, name="a",
    scale=(40, 8, 8), units=("nm",) * 3))
widget = AnnotateWidget(viewer)
widget.begin()
while widget.annotation is None:
    app.processEvents()
layer = widget.annotation.layer
rng = np.random.default_rng(0)
while True:
    z, y, x = (int(rng.integers(n)) for n in layer.data.shape)
    viewer.dims.set_current_step(0, z)
    with layer.block_history():
        for step in range(5):
            layer.paint((z, y, (x + 2 * step) % 64), int(rng.integers(3)))
            if step == 2:
                print("painting", flush=True)
    print("painted", flush=True)
    app.processEvents()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_killed_napari_loses_at_most_the_last_stroke(tmp_path: Path) -> None:
    folder, n_seen = tmp_path / "annotations", 30
    environment = {
        **os.environ,
        "MITOSEG_ANNOTATIONS": str(folder),
        "MITOSEG_MODELS": str(tmp_path),
        "QT_QPA_PLATFORM": "offscreen",
    }
    with subprocess.Popen(
        [sys.executable, "-c", PAINTER], stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        while n_seen:
            line = process.stdout.readline()
            assert line
            n_seen -= line == b"painted\n"
        while process.stdout.readline() != b"painting\n":
            pass
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines()
    layer = Labels(np.zeros((4, 64, 64), np.uint8))
    layer.brush_size = 4
    states = [layer.data.copy()]
    rng = np.random.default_rng(0)
    for _ in range(32 + rest.count(b"painted")):
        z, y, x = (int(rng.integers(n)) for n in layer.data.shape)
        for step in range(5):
            layer.paint((z, y, (x + 2 * step) % 64), int(rng.integers(3)))
        states.append(layer.data.copy())
    (path,) = folder.glob("*.journal")
    found = read_journal(path).labels()
    matches = [n for n, state in enumerate(states) if np.array_equal(found, state)]
    assert matches
    assert matches[-1] >= 30 + rest.count(b"painted")


# ------------------------------------------------------------ training


@pytest.fixture
def ready(annotator: AnnotateWidget, begun: AnnotationLayer) -> AnnotateWidget:
    """The widget with two complete slices."""
    complete(annotator, 0, 3)
    return annotator


def test_training_gives_layers_and_a_model(
    ready: AnnotateWidget,
    viewer: ViewerModel,
    training: FakeTraining,
    finish: Finish,
    tmp_path: Path,
) -> None:
    ready.train_button.click()
    assert ready.is_busy
    finish(ready)
    (order,) = training.orders
    assert order.folder == tmp_path / "models" / "stack"
    assert order.start == "fast"
    assert order.volume.spacing == SPACING
    for kind, visible in ((COARSE, False), (FILTERED, False), (FINAL, True)):
        layer = viewer.layers[f"stack {kind}"]
        assert layer.visible is visible
        assert layer.scale.tolist() == [*SPACING]
    assert f"stack {PREVIEW}" not in viewer.layers
    annotation = ready.annotation
    assert annotation is not None
    assert viewer.layers[-1] is annotation.layer
    assert viewer.layers.selection.active is annotation.layer
    assert "Held-out IoU 0.80" in ready.status.text()
    assert ready.train_button.text() == "Train (replaces 'stack')"
    assert ready.train_button.isEnabled()
    ready.training.name.setText("another")
    assert ready.train_button.text() == TRAIN
    ready.training.name.setText("stack")
    ready.training.start.add_folder(order.folder)
    assert "Give the new one its own" in ready.training_problem


def test_doubtful_slices_are_proposed_next(
    ready: AnnotateWidget, finish: Finish
) -> None:
    ready.start_training()
    finish(ready)
    assert ready.proposals.mode.currentText() == DOUBTFUL
    assert ready.proposals.proposed == (5,)  # 4 and 2 are next to complete slices
    assert "Worth labelling next: 5" in ready.status.text()
    assert max(ready.strip.state.doubt) == pytest.approx(0.5)
    assert "disagreement 0.50" in ready.strip.state.describe(5)
    ready.go_to_next()
    annotation = ready.annotation
    assert annotation is not None
    assert annotation.current == 5
    ready.start_slice(MODEL)  # from the training, at once
    np.testing.assert_array_equal(
        annotation.labels[5] == 2, annotation.image.data[5] > 127
    )
    annotation.recorder.journal.close()
    notes = read_journal(annotation.recorder.journal.path).notes
    assert notes["proposals"]["mode"] == DOUBTFUL


def test_new_model_is_in_the_lists(
    ready: AnnotateWidget,
    viewer: ViewerModel,
    finish: Finish,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from napari_mitoseg.models import zoo

    segment = SegmentWidget(viewer)
    qtbot.addWidget(segment)
    assert segment.model.choice.findText("stack") == -1
    ready.start_training()
    finish(ready)
    monkeypatch.setattr("napari_mitoseg._napari.model_box.list_models", zoo.list_models)
    segment.model.choice.showPopup()
    segment.model.choice.hidePopup()
    assert segment.model.set_name("stack")
    assert segment.recipe.model == "stack"
    finish(segment)


def test_painting_goes_on_during_training_and_does_not_reach_it(
    ready: AnnotateWidget,
    viewer: ViewerModel,
    training: FakeTraining,
    finish: Finish,
    qtbot: Any,
) -> None:
    training.gate.clear()
    ready.start_training()
    qtbot.waitUntil(lambda: len(training.seen) > 6)
    annotation = ready.annotation
    assert annotation is not None
    assert ready.paint.isEnabled()
    assert not ready.training.isEnabled()
    assert not ready.image.isEnabled()
    viewer.dims.set_current_step(0, 1)
    stroke(annotation.layer, 30, 30)
    assert annotation.labels[1].any()
    assert not training.orders[0].labels[1].any()
    training.gate.set()
    finish(ready)


def test_slice_on_screen_is_predicted_during_training(
    ready: AnnotateWidget,
    viewer: ViewerModel,
    training: FakeTraining,
    finish: Finish,
    qtbot: Any,
) -> None:
    training.gate.clear()
    ready.start_training()
    viewer.dims.set_current_step(0, 2)
    qtbot.waitUntil(lambda: 2 in training.seen)
    name = f"stack {PREVIEW}"
    qtbot.waitUntil(lambda: name in viewer.layers and viewer.layers[name].data[2].any())
    assert viewer.layers[-1].name == "stack annotation"
    training.gate.set()
    finish(ready)


def test_curves_follow_the_training(
    ready: AnnotateWidget, finish: Finish, qtbot: Any
) -> None:
    assert not ready.curves.isVisibleTo(ready)
    ready.start_training()
    finish(ready)
    assert ready.curves.isVisibleTo(ready)
    assert [loss for _, loss in ready.curves.loss] == pytest.approx(
        [1 / n for n in range(1, 11)]
    )
    assert [iou for _, iou in ready.curves.iou] == pytest.approx(
        [0, 0.2, 0.4, 0.6, 0.8]
    )
    ready.curves.resize(300, 90)
    assert not ready.curves.grab().toImage().isNull()


def test_curves_of_different_networks_are_apart() -> None:
    from napari_mitoseg._napari.curves import TrainingCurves

    curves = TrainingCurves()
    for second, phase in enumerate(["N_se", "N_se", "N_sp", "N_sp", "N_sp"]):
        curves.add(second, second / 10, None, phase)
    assert curves._losses() == [
        [(0, 0.0), (1, 0.1)],
        [(2, 0.2), (3, 0.3), (4, 0.4)],
    ]


def test_stop_keeps_the_best(
    ready: AnnotateWidget,
    viewer: ViewerModel,
    training: FakeTraining,
    finish: Finish,
    qtbot: Any,
) -> None:
    training.gate.clear()
    ready.train_button.click()
    qtbot.waitUntil(lambda: len(training.seen) > 6)
    assert ready.train_button.text() == STOP
    assert "70 s left" in ready.progress.bar.format()
    ready.train_button.click()
    assert not ready.train_button.isEnabled()
    finish(ready)
    assert f"stack {FINAL}" in viewer.layers
    assert ready.train_button.text().startswith(TRAIN)


def test_cancel_changes_nothing(
    ready: AnnotateWidget,
    viewer: ViewerModel,
    training: FakeTraining,
    finish: Finish,
    qtbot: Any,
) -> None:
    ready.start_training()
    finish(ready)
    before = viewer.layers[f"stack {FINAL}"].data
    training.gate.clear()
    ready.start_training()
    qtbot.waitUntil(lambda: f"stack {PREVIEW}" in viewer.layers)
    ready.progress.cancel.click()
    finish(ready)
    assert training.closed == 2
    assert f"stack {PREVIEW}" not in viewer.layers
    assert viewer.layers[f"stack {FINAL}"].data is before
    assert "cancelled" in ready.status.text()
    assert ready.train_button.isEnabled()


@pytest.mark.parametrize(
    "error",
    [
        AnnotationError("Only mitochondrion (2) is painted."),
        DeviceMemoryError("The device has too little memory."),
        RuntimeError("CUDA went away"),
    ],
)
def test_error_is_told_and_the_widget_lives(
    ready: AnnotateWidget,
    viewer: ViewerModel,
    training: FakeTraining,
    finish: Finish,
    errors: list[str],
    error: Exception,
) -> None:
    training.error = error
    ready.start_training()
    finish(ready)
    assert len(errors) == 1
    assert str(error) in errors[0]
    assert f"stack {PREVIEW}" not in viewer.layers
    training.error = None
    ready.start_training()
    finish(ready)
    assert f"stack {FINAL}" in viewer.layers


def test_second_training_updates_the_layers(
    ready: AnnotateWidget, viewer: ViewerModel, finish: Finish
) -> None:
    ready.start_training()
    finish(ready)
    before = {*viewer.layers}
    ready.start_training()
    finish(ready)
    assert {*viewer.layers} == before


def test_interrupted_training_can_be_continued(
    ready: AnnotateWidget, training: FakeTraining, finish: Finish, tmp_path: Path
) -> None:
    from napari_mitoseg.training.work_folder import WorkFolder

    assert not ready.continue_check.isVisibleTo(ready)
    work = WorkFolder(tmp_path / "models" / "stack")
    work.open({}, resume=False)
    ready.training.changed.emit()
    assert ready.continue_check.isVisibleTo(ready)
    ready.continue_check.setChecked(True)
    ready.start_training()
    finish(ready)
    assert training.orders[0].resume


def test_fine_tuning_needs_a_model_and_no_complete_slice(
    annotator: AnnotateWidget,
    begun: AnnotationLayer,
    training: FakeTraining,
    finish: Finish,
) -> None:
    stroke(begun.layer, 10, 20)
    assert not annotator.train_button.isEnabled()
    method: Any = annotator.training.form.editor("method")
    method.setCurrentText("fine-tune")
    assert annotator.train_button.isEnabled()
    annotator.training.start.set_name("scratch")
    assert "choose one to start from" in annotator.training_problem
    annotator.training.start.set_name("fast")
    annotator.training.name.setText("fast")
    assert "comes with the package" in annotator.training_problem
    annotator.training.name.setText("")
    assert "a name" in annotator.training_problem
    annotator.training.name.setText("../mine")
    annotator.start_training()
    finish(annotator)
    assert training.orders[0].folder.parent.name == "models"
    assert training.orders[0].choices.method == "fine-tune"


def test_minutes_are_asked_for_when_they_count(annotator: AnnotateWidget) -> None:
    form = annotator.training.form
    time: Any = form.editor("time")
    assert form.editor("minutes").isHidden()
    time.setCurrentText("limited")
    assert not form.editor("minutes").isHidden()


def test_widget_deleted_mid_training_ends_it(
    viewer: ViewerModel,
    training: FakeTraining,
    image: Image,
    finish: Finish,
    qtbot: Any,
) -> None:
    widget = AnnotateWidget(viewer)
    begin(widget, finish)
    complete(widget, 1)
    training.gate.clear()
    widget.start_training()
    qtbot.waitUntil(lambda: len(training.seen) > 6)
    widget.deleteLater()
    qtbot.waitUntil(lambda: training.closed == 1)


def test_annotation_removed_mid_training(
    ready: AnnotateWidget,
    viewer: ViewerModel,
    training: FakeTraining,
    finish: Finish,
    qtbot: Any,
) -> None:
    training.gate.clear()
    ready.start_training()
    qtbot.waitUntil(lambda: len(training.seen) > 6)
    viewer.layers.clear()
    training.gate.set()
    finish(ready)
    assert ready.annotation is None
    assert ready.train_button.text().startswith(TRAIN)


# ------------------------------------------------------------ the real one


@pytest.mark.parametrize("method", ["whole stack", "fine-tune"])
def test_real_training_ends_in_a_model_that_segments(
    annotator: AnnotateWidget,
    viewer: ViewerModel,
    tiny_em: Any,
    model_folder: Path,
    finish: Finish,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    method: str,
) -> None:
    from napari_mitoseg.models.zoo import load_model

    monkeypatch.setattr(annotation_tasks, "train", REAL_TRAIN)
    volume, truth = tiny_em
    data, keywords, _ = image_data(volume)
    viewer.add_layer(Image(data, **{**keywords, "name": "tissue"}))
    annotation = begin(annotator, finish)
    for z in (0, 3, 6):
        annotation.start_from(z, truth[z] > 0)
        annotation.mark_complete(z)
    assert annotator.training.start.add_folder(model_folder)
    annotator.training.set_choices(
        annotation_tasks.TrainingChoices(
            method=method, time="limited", minutes=0.05, device="cpu"
        )
    )
    viewer.dims.set_current_step(0, 4)
    annotator.start_training()
    assert annotator.is_busy, annotator.training_problem
    finish(annotator, timeout=100_000)
    assert "Trained 'tissue'" in annotator.status.text()
    final = viewer.layers[f"tissue {FINAL}"].data
    assert final.shape == truth.shape
    assert annotator.curves.loss
    assert len(annotator.strip.state.doubt) == len(truth)
    model = load_model("tissue")
    assert model.card.parent
    assert model.card.data
