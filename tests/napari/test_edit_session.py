"""Operations and strokes on one layer: one history, in any order."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import QObject

from napari_mitoseg._napari.edit_session import EditSession
from napari_mitoseg.proofreading import (
    Delete,
    FillHoles,
    LabelEditor,
    Merge,
)

SHAPE = (6, 30, 40)
SPACING = (40.0, 8.0, 8.0)
Make = Callable[..., EditSession]


def made_up(shape: tuple[int, ...] = SHAPE) -> np.ndarray[Any, Any]:
    """Return five boxes, one of them with a hole."""
    labels = np.zeros(shape, np.uint32)
    labels[..., 2:10, 2:10] = 1
    labels[..., 2:10, 12:20] = 2
    labels[..., 15:25, 2:12] = 3
    labels[..., 18:21, 5:8] = 0
    labels[..., 15:25, 14:24] = 70_000
    labels[..., 26:29, 30:38] = 5
    return labels


@pytest.fixture
def owner(qtbot: Any) -> QObject:
    """What a session belongs to."""
    return QObject()


@pytest.fixture
def start(viewer: ViewerModel, owner: QObject) -> Make:
    """Begin a session on labels."""

    def begin(data: Any, layer: Labels | None = None) -> EditSession:
        if layer is None:
            layer = viewer.add_labels(
                data, scale=SPACING[-data.ndim :], units=("nm",) * data.ndim
            )
        editor = LabelEditor(layer.data, SPACING)
        return EditSession(viewer, layer, editor, owner)

    return begin


def as_zarr(data: np.ndarray[Any, Any], folder: Path) -> Any:
    chunks = tuple(max(2, n // 3) for n in data.shape)
    stored = zarr.create_array(
        str(folder / "labels.zarr"), shape=data.shape, dtype=data.dtype, chunks=chunks
    )
    stored[...] = data
    return stored


@pytest.fixture(params=["memory", "zarr", "plane"])
def session(request: pytest.FixtureRequest, start: Make, tmp_path: Path) -> EditSession:
    """One on labels in memory, on disk, and on a single slice."""
    data = made_up(SHAPE[1:] if request.param == "plane" else SHAPE)
    found = start(as_zarr(data, tmp_path) if request.param == "zarr" else data)
    found.layer.brush_size = 5
    return found


def now(session: EditSession) -> np.ndarray[Any, Any]:
    return np.array(session.layer.data)


def at(session: EditSession, y: int, x: int) -> tuple[int, ...]:
    return (2, y, x)[-session.layer.ndim :]


def stroke(session: EditSession, label: int, places: list[tuple[int, int]]) -> None:
    """Paint as the mouse does: several dabs, one step of the history."""
    with session.layer.block_history():
        for y, x in places:
            session.layer.paint(at(session, y, x), label, refresh=False)
    session.layer._partial_labels_refresh()


def is_drawn(session: EditSession) -> bool:
    """Say whether what napari shows is what the data hold."""
    layer, shown = session.layer, session.layer._slice.image
    plane = np.asarray(layer.data)
    if layer.ndim == 3:
        plane = plane[layer._get_pt_not_disp()[0]]
    texture = layer.colormap._data_to_texture(plane)
    return bool((shown.raw == plane).all() and (shown.view == texture).all())


def test_strokes_and_operations_are_undone_in_their_order(
    session: EditSession,
) -> None:
    states = [now(session)]

    def step(action: Callable[[], Any]) -> None:
        action()
        states.append(now(session))

    step(lambda: stroke(session, 9, [(5, 5), (5, 8)]))
    step(lambda: session.apply(Merge(labels=(1, 2))))
    step(lambda: stroke(session, 2, [(12, 30)]))
    step(lambda: session.layer.fill(at(session, 20, 3), 8))
    step(lambda: session.apply(Delete(labels=(70_000, 5))))
    for state in reversed(states[:-1]):
        session.layer.undo()
        np.testing.assert_array_equal(now(session), state)
        assert is_drawn(session)
    session.layer.undo()
    np.testing.assert_array_equal(now(session), states[0])
    for state in states[1:]:
        session.layer.redo()
        np.testing.assert_array_equal(now(session), state)
        assert is_drawn(session)
    assert session.editor.index == LabelEditor(now(session), None).index


def test_a_stroke_ends_what_could_be_redone(session: EditSession) -> None:
    session.apply(Delete(labels=(1,)))
    session.layer.undo()
    stroke(session, 4, [(25, 35)])
    session.layer.redo()
    assert 1 in np.unique(now(session))
    assert session.editor.n_redo == 0


def random_step(session: EditSession, rng: np.random.Generator) -> None:
    kind = rng.integers(6)
    labels = list(session.editor.index)
    if kind == 0 and len(labels) > 1:
        chosen = rng.choice(labels, 2, replace=False)
        session.apply(Merge(labels=tuple(chosen.tolist())))
    elif kind == 1 and labels:
        session.apply(Delete(labels=(int(rng.choice(labels)),)))
    elif kind == 2 and labels:
        session.apply(FillHoles(label=int(rng.choice(labels)), in_slices=True))
    elif kind == 3:
        y, x = (int(v) for v in rng.integers((0, 0), SHAPE[1:]))
        session.layer.fill(at(session, y, x), int(rng.integers(0, 12)))
    else:
        places = rng.integers((0, 0), SHAPE[1:], (3, 2)).tolist()
        stroke(session, int(rng.integers(0, 12)), places)


@pytest.mark.parametrize("seed", range(2))
def test_any_interleaving_goes_back_and_forth(session: EditSession, seed: int) -> None:
    rng = np.random.default_rng(seed)
    states, layer = [now(session)], session.layer
    for _ in range(30):
        if rng.random() < 0.35:
            back = rng.random() < 0.6
            action, step = (layer.undo, -1) if back else (layer.redo, 1)
            place = session.editor.n_undo
            action()
            wanted = min(max(place + step, 0), len(states) - 1)
            np.testing.assert_array_equal(now(session), states[wanted])
        else:
            place = session.editor.n_undo
            random_step(session, rng)
            session.settle()
            if session.editor.n_undo > place:
                states = [*states[: place + 1], now(session)]
            np.testing.assert_array_equal(now(session), states[session.editor.n_undo])
        assert is_drawn(session)
    final = now(session)
    n_done = session.editor.n_undo
    for _ in range(n_done):
        session.layer.undo()
    np.testing.assert_array_equal(now(session), made_up(now(session).shape))
    for _ in range(n_done):
        session.layer.redo()
    np.testing.assert_array_equal(now(session), final)
    assert session.editor.index == LabelEditor(final, None).index


def test_what_was_painted_before_can_be_undone(
    viewer: ViewerModel, start: Make
) -> None:
    layer = viewer.add_labels(made_up())
    layer.brush_size = 5
    states = [layer.data.copy()]
    for place in ((2, 5, 5), (2, 5, 7), (3, 20, 20)):
        layer.paint(place, 4)
        states.append(layer.data.copy())
    layer.undo()
    session = start(layer.data, layer)
    np.testing.assert_array_equal(layer.data, states[2])
    session.apply(Delete(labels=(3,)))
    layer.undo()
    layer.redo()
    assert 3 not in layer.data
    for state in (states[2], states[1], states[0]):
        layer.undo()
        np.testing.assert_array_equal(layer.data, state)
    assert session.editor.index == LabelEditor(layer.data, None).index
    for state in states[1:3]:
        layer.redo()
        np.testing.assert_array_equal(layer.data, state)


def test_what_was_undone_before_can_be_redone(viewer: ViewerModel, start: Make) -> None:
    layer = viewer.add_labels(made_up())
    layer.paint((2, 5, 5), 4)
    layer.paint((2, 6, 5), 6)
    after = layer.data.copy()
    layer.undo()
    layer.undo()
    start(layer.data, layer)
    layer.redo()
    layer.redo()
    np.testing.assert_array_equal(layer.data, after)


def test_napari_gets_its_own_back(session: EditSession) -> None:
    layer, before = session.layer, now(session)
    session.bind("G", lambda: None)
    n_callbacks = len(layer.mouse_drag_callbacks)
    session.apply(Delete(labels=(1,)))
    stroke(session, 4, [(5, 5)])
    session.apply(Delete(labels=(2,)))
    after = now(session)
    session.layer.undo()
    session.close()
    assert "undo" not in vars(layer)
    assert "redo" not in vars(layer)
    assert len(layer.mouse_drag_callbacks) == n_callbacks - 1
    assert not layer.keymap
    assert len(layer._undo_history) == 2
    layer.redo()
    np.testing.assert_array_equal(now(session), after)
    for _ in range(3):
        layer.undo()
    np.testing.assert_array_equal(now(session), before)
    layer.paint(at(session, 5, 5), 4)
    assert len(layer._undo_history) == 1


def test_the_widget_is_deleted_before_the_layer(
    session: EditSession, qtbot: Any
) -> None:
    layer = session.layer
    session.apply(Delete(labels=(1,)))
    with qtbot.waitSignal(session.destroyed):
        session.deleteLater()
    layer.undo()
    assert 1 in np.unique(layer.data)
    layer.paint((2, 5, 5)[-layer.ndim :], 4)


def test_nothing_is_done_in_the_middle_of_a_stroke(session: EditSession) -> None:
    with session.layer.block_history():
        session.layer.paint(at(session, 5, 5), 4)
        with pytest.raises(ValueError, match="Finish it first"):
            session.apply(Delete(labels=(1,)))
        before = now(session)
        session.layer.undo()
        np.testing.assert_array_equal(now(session), before)
    assert session.editor.n_undo == 1


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_layer_that_is_gone_ends_the_session(
    session: EditSession, viewer: ViewerModel, how: str
) -> None:
    told: list[str] = []
    session.ended.connect(told.append)
    session.apply(Delete(labels=(1,)))
    if how == "removed":
        viewer.layers.remove(session.layer)
    else:
        session.layer.data = np.array(session.layer.data)
    assert not session.is_open
    assert how in told[0]
    before = now(session)
    session.layer.undo()
    np.testing.assert_array_equal(now(session), before)


def test_selection(session: EditSession) -> None:
    session.select((1, 99, 2))
    assert session.selection == (1, 2)
    assert session.layer.selected_label == 2
    session.toggle(1)
    session.toggle(3)
    assert session.selection == (2, 3)
    session.apply(Delete(labels=(3,)))
    assert session.selection == (2,)


def test_an_edit_on_disk_is_on_disk(start: Make, tmp_path: Path) -> None:
    session = start(as_zarr(made_up(), tmp_path))
    session.apply(Merge(labels=(1, 2)))
    stored = zarr.open_array(str(tmp_path / "labels.zarr"), mode="r")
    assert 2 not in np.unique(stored[...])
