"""The review in the Proofread widget: ranked, decided, kept, made into annotation."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.layers._source import layer_source

from napari_mitoseg._napari.annotate import AnnotateWidget
from napari_mitoseg._napari.proofread import ProofreadWidget
from napari_mitoseg._napari.review_box import OBJECTS, SLICE
from napari_mitoseg._napari.review_control import review_path
from napari_mitoseg._napari.review_table import WHY
from napari_mitoseg.proofreading import ReviewItem, ReviewQueue, suspicions

from .conftest import FakeTraining

Finish = Callable[..., None]
SPACING = (40.0, 8.0, 8.0)
SHAPE = (8, 40, 50)


def made_up() -> np.ndarray[Any, Any]:
    """Return a dumb-bell (1), a box (2), a large one (3) and two small ones."""
    labels = np.zeros(SHAPE, np.uint16)
    labels[2:6, 3:13, 3:13] = 1
    labels[2:6, 3:13, 17:27] = 1
    labels[3:5, 7:9, 13:17] = 1
    labels[2:6, 20:30, 3:13] = 2
    labels[0:8, 18:38, 20:45] = 3
    labels[2:6, 33:36, 3:8] = 4
    labels[1:3, 2:5, 40:44] = 5
    return labels


def queue_of(*labels: int) -> ReviewQueue:
    """Return a review of some objects, in this order."""
    points = {
        1: (3, 7, 14),
        2: (3, 24, 7),
        3: (3, 27, 32),
        4: (3, 34, 5),
        5: (1, 3, 41),
    }
    return ReviewQueue(
        [
            ReviewItem(label=n, score=1 - k / 10, reasons=("odd",), point=points[n])
            for k, n in enumerate(labels)
        ]
    )


@pytest.fixture
def layer(viewer: ViewerModel, tmp_path: Path) -> Labels:
    """Labels on disk, in a viewer."""
    stored = zarr.create_array(
        str(tmp_path / "cells.zarr"), shape=SHAPE, dtype="uint16", chunks=(4, 20, 25)
    )
    stored[...] = made_up()
    return viewer.add_layer(
        Labels(stored, name="cells", scale=SPACING, units=("nm",) * 3)
    )


@pytest.fixture
def widget(
    viewer: ViewerModel, layer: Labels, qtbot: Any, finish: Finish
) -> ProofreadWidget:
    """The widget after *Start*."""
    made = ProofreadWidget(viewer)
    qtbot.addWidget(made)
    made.start()
    finish(made)
    assert made.session.layer is layer
    return made


@pytest.fixture
def reviewing(widget: ProofreadWidget) -> ProofreadWidget:
    """The widget with a review of four objects in the order 3, 1, 2, 4."""
    widget.review.take(queue_of(3, 1, 2, 4, 5), "Ranked")
    return widget


def press(layer: Labels, key: str) -> None:
    found = {str(one): action for one, action in layer.keymap.items()}
    found[key](layer)


def settled(widget: ProofreadWidget, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not widget.review._follow.isActive())


def shown(widget: ProofreadWidget) -> list[int]:
    return [row.label for row in widget.reviewing.table.rows.rows]


def test_no_objects_are_reviewed(widget: ProofreadWidget) -> None:
    widget.review.take(ReviewQueue([]), "Ranked")
    widget.review.go(1)
    assert widget.status.text() == "There are no objects."


def test_objects_are_ranked(widget: ProofreadWidget, finish: Finish) -> None:
    assert widget.reviewing.table.isHidden()
    widget.reviewing.rank.click()
    assert widget.is_busy
    finish(widget)
    assert sorted(shown(widget)) == [1, 2, 3, 4, 5]
    model = widget.reviewing.table.rows
    scores = [row.score for row in model.rows]
    assert scores == sorted(scores, reverse=True)
    assert not widget.reviewing.table.isHidden()
    assert widget.reviewing.progress.text() == "0 of 5 reviewed"
    first = widget.review.current
    assert first == shown(widget)[0]
    assert widget.session.selection == (first,)
    words = {row.label: "; ".join(row.reasons) for row in model.rows}
    assert "border" in words[3]
    assert model.data(model.index(0, WHY)) == "; ".join(model.rows[0].reasons)


def test_only_what_is_ticked_is_looked_for(
    widget: ProofreadWidget, finish: Finish
) -> None:
    boxes = widget.reviewing.reasons
    assert {*boxes} == {*suspicions}
    for name, box in boxes.items():
        box.setChecked(name == "touches-border")
    widget.reviewing.rank.click()
    finish(widget)
    rows = widget.reviewing.table.rows.rows
    assert [row.label for row in rows if row.reasons] == [3]


def test_evidence_must_fit(
    widget: ProofreadWidget, viewer: ViewerModel, finish: Finish, errors: list[str]
) -> None:
    image = viewer.add_layer(Image(np.zeros((3, 3, 3), np.uint8), name="other"))
    widget.reviewing.probability.choose(image)
    widget.reviewing.rank.click()
    finish(widget)
    assert "(3, 3, 3)" in widget.status.text()
    assert errors


def test_a_probability_counts(
    widget: ProofreadWidget, viewer: ViewerModel, finish: Finish
) -> None:
    data = np.full(SHAPE, 250, np.uint8)
    data[:, 20:30, 3:13] = 100
    image = viewer.add_layer(Image(data, name="cells probability"))
    widget.reviewing.probability.choose(image)
    widget.reviewing.rank.click()
    finish(widget)
    words = {
        row.label: "; ".join(row.reasons) for row in widget.reviewing.table.rows.rows
    }
    assert "probability" in words[2]
    assert "probability" not in words[4]


def test_next_shows_the_object(
    reviewing: ProofreadWidget, layer: Labels, viewer: ViewerModel
) -> None:
    press(layer, "N")
    assert reviewing.review.current == 1
    z = round(viewer.dims.point[0] / SPACING[0])
    assert 1 in np.asarray(layer.data[z])
    y, x = viewer.scene.camera.center[-2:]
    assert (24, 24) <= (y, x) <= (104, 216)
    assert reviewing.session.selection == (1,)
    assert "odd" in reviewing.status.text()
    assert reviewing.reviewing.table.currentIndex().row() == 1
    press(layer, "Shift+B")
    assert reviewing.review.current == 3


def test_decisions_by_key_and_button(reviewing: ProofreadWidget, layer: Labels) -> None:
    press(layer, "C")
    assert reviewing.review.current == 1
    press(layer, "R")
    assert reviewing.review.current == 2
    states = {row.label: row.state for row in reviewing.reviewing.table.rows.rows}
    assert states == {3: "correct", 1: "fixed", 2: "open", 4: "open", 5: "open"}
    assert reviewing.reviewing.progress.value() == 2
    reviewing.reviewing.marks["correct"].click()
    assert reviewing.review.current == 4
    press(layer, "C")
    press(layer, "C")
    assert "All objects are reviewed" in reviewing.status.text()
    reviewing.reviewing.table.chosen.emit(2)
    assert reviewing.session.selection == (2,)


@pytest.mark.parametrize("how", ["button", "key"])
def test_delete_and_undo(
    reviewing: ProofreadWidget, layer: Labels, how: str, qtbot: Any
) -> None:
    if how == "button":
        reviewing.reviewing.marks["delete"].click()
    else:
        press(layer, "D")
    settled(reviewing, qtbot)
    assert 3 not in np.asarray(layer.data[...])
    assert shown(reviewing) == [1, 2, 4, 5]
    assert reviewing.review.current == 1
    layer.undo()
    settled(reviewing, qtbot)
    assert shown(reviewing) == [3, 1, 2, 4, 5]
    assert reviewing.review.queue[3].state == "open"


def test_deleting_another_object_does_not_go_on(
    reviewing: ProofreadWidget, layer: Labels, qtbot: Any
) -> None:
    reviewing.session.select([4])
    press(layer, "D")
    settled(reviewing, qtbot)
    assert reviewing.review.current == 3


def test_parts_of_a_split_are_reviewed_too(
    reviewing: ProofreadWidget, layer: Labels, qtbot: Any
) -> None:
    reviewing.review.look_at(1)
    press(layer, "T")
    press(layer, "A")
    settled(reviewing, qtbot)
    assert set(shown(reviewing)) == {1, 2, 3, 4, 5, 6}


def saved(path: Path) -> dict[int, str]:
    items = json.loads(path.read_text())["items"]
    return {one["label"]: one["state"] for one in items}


def test_decisions_are_kept_beside_the_labels(
    reviewing: ProofreadWidget,
    layer: Labels,
    viewer: ViewerModel,
    qtbot: Any,
    finish: Finish,
    tmp_path: Path,
) -> None:
    path = tmp_path / "cells.review.json"
    press(layer, "C")
    qtbot.waitUntil(path.exists)
    assert saved(path)[3] == "correct"
    press(layer, "R")
    reviewing.start_button.click()
    assert saved(path)[1] == "fixed"
    reviewing.start_button.click()
    finish(reviewing)
    assert "Resumed cells.review.json: 2 of 5 reviewed" in reviewing.status.text()
    press(layer, "N")
    assert reviewing.review.current == 2
    assert shown(reviewing) == [3, 1, 2, 4, 5]
    assert layer in viewer.layers


def test_the_last_decision_is_kept_when_the_window_is_closed(
    viewer: ViewerModel, layer: Labels, qtbot: Any, finish: Finish, tmp_path: Path
) -> None:
    widget = ProofreadWidget(viewer)
    widget.start()
    finish(widget)
    widget.review.take(queue_of(3, 1), "Ranked")
    press(layer, "C")
    with qtbot.waitSignal(widget.destroyed):
        widget.deleteLater()
    assert saved(tmp_path / "cells.review.json") == {3: "correct", 1: "open"}


def test_a_review_of_other_labels_is_left_alone(
    widget: ProofreadWidget, finish: Finish, tmp_path: Path, errors: list[str]
) -> None:
    path = tmp_path / "cells.review.json"
    items = [
        ReviewItem(label=n, score=0.5, reasons=("odd",), point=(7, 0, 0))
        for n in (1, 2, 3)
    ]
    ReviewQueue(items).save(path)
    before = path.read_text()
    widget.finish()
    widget.start()
    finish(widget)
    assert widget.review.queue is None
    assert widget.review.path is None
    assert "other labels" in errors[0]
    widget.review.take(queue_of(1, 2), "Ranked")
    widget.review.mark("correct")
    widget.finish()
    assert path.read_text() == before


def test_a_broken_file_is_said(
    widget: ProofreadWidget, finish: Finish, tmp_path: Path, errors: list[str]
) -> None:
    (tmp_path / "cells.review.json").write_text("{")
    widget.finish()
    widget.start()
    finish(widget)
    assert "Cannot read" in errors[0]
    assert widget.session is not None


def test_each_labels_have_a_review_of_their_own(tmp_path: Path) -> None:
    group = zarr.open_group(str(tmp_path / "cells.ome.zarr"), mode="w")
    array = group.create_array("labels/instances", shape=SHAPE, dtype="uint8")
    found = review_path(Labels(array))
    assert found == tmp_path / "cells-labels-instances.review.json"
    names = ("cells.v1.tif", "cells.v2.ome.tif", "cells.v3.nii.gz")
    paths = []
    for name in names:
        with layer_source(path=str(tmp_path / name)):
            paths.append(review_path(Labels(made_up())))
    stems = ("cells.v1", "cells.v2", "cells.v3")
    assert paths == [tmp_path / f"{stem}.review.json" for stem in stems]


def test_labels_in_memory_are_kept_where_the_user_says(
    viewer: ViewerModel, qtbot: Any, finish: Finish, tmp_path: Path
) -> None:
    layer = viewer.add_layer(Labels(made_up(), scale=SPACING, units=("nm",) * 3))
    assert review_path(layer) is None
    widget = ProofreadWidget(viewer)
    qtbot.addWidget(widget)
    widget.start()
    finish(widget)
    widget.review.take(queue_of(1, 2), "Ranked")
    path = tmp_path / "mine.json"
    widget.reviewing.saving.emit(path)
    press(layer, "C")
    widget.finish()
    assert saved(path) == {1: "correct", 2: "open"}
    widget.start()
    finish(widget)
    widget.reviewing.opening.emit(path)
    assert widget.review.queue.n_done == 1


def test_a_folder_that_refuses_is_said_once(
    reviewing: ProofreadWidget, layer: Labels, errors: list[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    reviewing.review.save(tmp_path / "file" / "a.json")
    assert len(errors) == 1
    press(layer, "C")
    reviewing.review.close()
    assert len(errors) == 1


def test_reviewed_objects_become_annotation(
    reviewing: ProofreadWidget, viewer: ViewerModel, layer: Labels, finish: Finish
) -> None:
    press(layer, "C")
    press(layer, "R")
    reviewing.reviewing.annotating.emit(OBJECTS)
    finish(reviewing)
    made = viewer.layers["cells annotation"]
    labels = made_up()
    is_reviewed = np.isin(labels, [1, 3])
    assert (made.data[is_reviewed] == 2).all()
    assert not made.data[np.isin(labels, [2, 4, 5])].any()
    assert (made.data == 1).any()
    assert made.scale.tolist() == [*SPACING]
    assert viewer.layers.selection.active is layer
    viewer.dims.set_current_step(0, 2)
    reviewing.reviewing.annotating.emit(SLICE)
    finish(reviewing)
    assert (made.data[2] == np.where(labels[2] > 0, 2, 1)).all()
    assert (made.data[is_reviewed] == 2).all()
    assert "Slice 2" in reviewing.status.text()


def test_nothing_reviewed_is_said(
    reviewing: ProofreadWidget, viewer: ViewerModel, finish: Finish
) -> None:
    reviewing.annotate(OBJECTS)
    finish(reviewing)
    assert "Nothing was reviewed yet" in reviewing.status.text()
    assert "cells annotation" not in viewer.layers


def test_the_annotate_widget_takes_it(
    reviewing: ProofreadWidget,
    viewer: ViewerModel,
    layer: Labels,
    finish: Finish,
    training: FakeTraining,
    qtbot: Any,
) -> None:
    image = Image(np.zeros(SHAPE, np.uint8), scale=SPACING, units=("nm",) * 3)
    viewer.add_layer(image)
    press(layer, "C")
    viewer.dims.set_current_step(0, 2)
    for kind in (OBJECTS, SLICE):
        reviewing.annotate(kind)
        finish(reviewing)
    made = viewer.layers["cells annotation"]
    annotator = AnnotateWidget(viewer)
    qtbot.addWidget(annotator)
    assert [one.text() for one in annotator.files.layer_actions()] == [made.name]
    annotator.files.layer_actions()[0].trigger()
    finish(annotator)
    assert annotator.annotation is not None
    np.testing.assert_array_equal(annotator.annotation.labels, made.data)
    assert annotator.annotation.complete == {2}
    assert not made.visible
    assert annotator.training_problem == ""
    assert training.orders == []


def test_other_labels_are_not_taken_for_annotation(
    viewer: ViewerModel,
    finish: Finish,
    training: FakeTraining,
    qtbot: Any,
    errors: list[str],
) -> None:
    viewer.add_layer(Image(np.zeros(SHAPE, np.uint8), scale=SPACING, units=("nm",) * 3))
    labels = viewer.add_layer(Labels(made_up(), name="objects"))
    annotator = AnnotateWidget(viewer)
    qtbot.addWidget(annotator)
    annotator.adopt(labels)
    finish(annotator)
    assert annotator.annotation is None
    assert "Only 0 unlabelled" in errors[0]
    assert training.orders == []
