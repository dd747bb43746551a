"""What every operation must hold to, whichever is registered."""

import json
from typing import Any

import numpy as np
import pytest

from napari_mitoseg.errors import InvalidParameterError, MitoSegError
from napari_mitoseg.jobs import drain
from napari_mitoseg.params import unit_of
from napari_mitoseg.proofreading import LabelEditor, Operation, index_labels, operations

SPACING = (40.0, 10.0, 10.0)
KINDS = ["blobs", "one slice", "image", "one object", "one voxel", "int64"]


def example(name: str, editor: LabelEditor) -> Operation:
    """Return an operation on objects that are there, points and all."""
    first, *others = editor.index
    region = editor.index[first].region
    inside = np.argwhere(editor.read(region) == first) + region.start
    low, high = inside[0].tolist(), inside[-1].tolist()
    middle = inside[len(inside) // 2].tolist()
    z, y, x = middle
    picked: dict[str, Any] = {
        "label": first,
        "labels": (first, *others[:1]),
        "point": middle,
        "points": (low, high),
        "line": ((z, y, 0), (z, y, editor.shape[2] - 1)),
        "outline": ((z, 0, 0), (z, 0, x + 2), (z, y + 2, 0)),
        "normal": (1.0, 0.5, 0.0),
    }
    operation = operations[name]
    return operation(
        **{field: picked[field] for field in operation.picks if field in picked}
    )


@pytest.fixture(params=KINDS)
def labels(request: pytest.FixtureRequest, blobs: Any) -> np.ndarray:
    """Labels of every kind."""
    made: dict[str, np.ndarray] = {
        "blobs": blobs(),
        "one slice": blobs((1, 30, 34)),
        "image": blobs((1, 30, 34))[0],
        "one object": np.ones((3, 4, 5), np.uint8),
        "one voxel": np.ones((1, 1, 1), np.uint8),
        "int64": blobs().astype(np.int64),
    }
    return made[request.param]


@pytest.mark.parametrize("name", operations)
def test_done_or_refused_and_taken_back(name, labels):
    was = labels.copy()
    editor = LabelEditor(labels, SPACING)
    fresh = drain(index_labels(was.copy()))
    try:
        change = editor.apply(example(name, editor))
    except InvalidParameterError:
        np.testing.assert_array_equal(labels, was)
        assert not editor.n_undo
        assert editor.index == fresh
        return
    assert bool(change) == (labels != was).any() == bool(editor.n_undo)
    assert change.n_voxels == np.count_nonzero(labels != was)
    assert editor.index == drain(index_labels(labels))
    edited = labels.copy()
    editor.undo()
    np.testing.assert_array_equal(labels, was)
    assert editor.index == fresh
    editor.redo()
    np.testing.assert_array_equal(labels, edited if change else was)
    assert editor.index == drain(index_labels(labels))


@pytest.mark.parametrize("name", operations)
def test_every_operation_does_something_somewhere(name):
    """On a dumbbell with a hole, a gap, a spike and a neighbour."""
    labels = np.zeros((9, 30, 60), np.uint8)
    labels[1:8, 4:24, 4:24] = labels[1:8, 4:24, 34:54] = 1
    labels[3:6, 10:18, 24:34] = 1
    labels[4, 10, 10] = 0
    labels[2, 4:24, 4:54] = 0
    labels[4, 13, 54:59] = 1
    labels[4, 28, 5:9] = labels[4, 28, 20:24] = 2
    if name == "erase-branch":
        labels[...] = 0
        labels[3:6, 10:20, 5:55] = 1
        labels[3:6, 20:29, 28:32] = 1
    editor = LabelEditor(labels, SPACING)
    given: dict[str, Any] = {
        "separate-pieces": {"label": 2},
        "split-by-seeds": {"label": 1, "points": ((4, 14, 8), (4, 14, 50))},
        "split-by-line": {"label": 1, "line": ((4, 0, 29), (4, 29, 29))},
        "erase-branch": {"label": 1, "point": (4, 27, 30)},
        "relabel-in-slices": {"label": 1, "first": 3, "last": 4},
        "new-object": {"outline": ((0, 1, 1), (0, 1, 9), (0, 9, 1))},
        "cut-at-plane": {"label": 1, "point": (4, 14, 29), "normal": (0, 0, 1)},
        "merge": {"labels": (1, 2)},
        "delete": {"labels": (2,)},
        "interpolate": {"label": 1, "between": (1, 7)},
    }
    assert editor.apply(operations[name](**given.get(name, {"label": 1})))


@pytest.mark.parametrize("name", operations)
def test_a_preview_changes_nothing_and_says_what_will(name, labels):
    was = labels.copy()
    editor = LabelEditor(labels, SPACING)
    operation = example(name, editor)
    try:
        preview = editor.preview(operation)
    except InvalidParameterError:
        return
    np.testing.assert_array_equal(labels, was)
    assert not editor.n_undo
    change = editor.apply(operation)
    assert (preview.region, preview.n_voxels) == (change.region, change.n_voxels)


@pytest.mark.parametrize("name", operations)
def test_nothing_picked_is_said(name, blobs):
    editor = LabelEditor(blobs(), SPACING)
    with pytest.raises(MitoSegError):
        editor.apply(operations[name]())
    assert not editor.n_undo


@pytest.mark.parametrize("name", operations)
def test_unknown_objects_are_refused(name, blobs):
    editor = LabelEditor(blobs(), SPACING)
    operation = example(name, editor)
    strange = {"label": 99} if "label" in operation.picks else {"labels": (1, 99)}
    with pytest.raises(InvalidParameterError, match="no object 99"):
        editor.apply(operation.model_copy(update=strange))


@pytest.mark.parametrize("name", operations)
def test_nanometres_are_asked_for_or_not_needed(name, blobs):
    editor = LabelEditor(blobs(), None)
    operation = example(name, editor)
    units = {unit_of(field) for field in type(operation).model_fields.values()}
    try:
        editor.apply(operation)
    except InvalidParameterError as error:
        if "spacing" in str(error):
            return
    assert "nm" not in units


@pytest.mark.parametrize("name", operations)
def test_json_round_trip(name, blobs):
    operation = example(name, LabelEditor(blobs(), SPACING))
    written = json.loads(operation.model_dump_json())
    assert written["step"] == name == operation.name
    assert type(operation).parse(written) == operation
    assert operation.title


@pytest.mark.parametrize("name", operations)
def test_fields_explain_themselves(name):
    fields = operations[name].model_fields
    assert set(operations[name].picks) <= set(fields)
    for field in fields.values():
        assert field.description
        assert not field.is_required()


@pytest.mark.parametrize("name", operations)
def test_other_objects_stay(name, blobs):
    """Only what is picked, and the background, may change."""
    labels = blobs()
    was = labels.copy()
    editor = LabelEditor(labels, SPACING)
    operation = example(name, editor)
    try:
        editor.apply(operation)
    except InvalidParameterError:
        return
    picked = getattr(operation, "labels", ()) or (getattr(operation, "label", 0),)
    assert set(np.unique(was[labels != was])) <= {0, *picked}
