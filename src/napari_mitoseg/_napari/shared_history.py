"""One history for napari's strokes and for operations: taken over, and handed back.

All that depends on how napari 0.9 keeps what can be undone stands here and in
`strokes`.
"""

from typing import Any

import numpy as np
from napari.layers import Labels

from napari_mitoseg._napari.strokes import Stroke, read_stroke
from napari_mitoseg.proofreading import Change, History, LabelEditor

LARGEST = 64 << 20
"""Bytes of history that napari is handed back; it keeps indices, which take more."""

PAINT = "Paint"


def take_over(layer: Labels, editor: LabelEditor) -> None:
    """Move what was painted before into the history of an editor.

    Parameters
    ----------
    layer : napari.layers.Labels
        Has been painted in, perhaps.  Its labels end up as they are now.
    editor : LabelEditor
        Of the layer's data, with an index that is true and nothing in its history.

    Notes
    -----
    The strokes are taken back, the newest first, and painted again: at each point
    the index is true to what can be undone.  Strokes under something that was written
    past napari's history cannot be told any more and are left out.
    """
    done: list[list[Any]] = [*_deque(layer, "_undo_history")]
    undone: list[list[Any]] = [*_deque(layer, "_redo_history")]
    forget(layer)
    strokes: list[Stroke] = []
    for atoms in reversed(done):
        stroke = read_stroke(layer.data, atoms)
        if not stroke.is_in(layer.data):
            break
        editor.paint(stroke.region, stroke.before, PAINT)
        strokes.append(stroke)
    editor.history = History(editor.history.limit_bytes)
    for stroke in reversed(strokes):
        editor.paint(stroke.region, stroke.after, PAINT)
    for atoms in reversed(undone):
        stroke = read_stroke(layer.data, [*reversed(atoms)])
        editor.paint(stroke.region, stroke.after, PAINT)
    for _ in undone:
        editor.undo()


def hand_back(layer: Labels, history: History) -> None:
    """Let napari undo and redo what was done last.

    Parameters
    ----------
    layer : napari.layers.Labels
        Whose own history is replaced.
    history : History
        Of the layer's labels.  As much as napari keeps is handed back, the newest.
    """
    forget(layer)
    pairs = (("_undo_history", history.done), ("_redo_history", history.undone))
    for name, changes in pairs:
        known, left = _deque(layer, name), LARGEST
        for change in reversed(changes[-(known.maxlen or len(changes)) :]):
            left -= _bytes_as_indices(change)
            if left < 0:
                break
            known.appendleft(_as_item(change, layer.ndim))


def forget(layer: Labels) -> None:
    """Empty napari's history of a layer."""
    for name in ("_undo_history", "_redo_history"):
        _deque(layer, name).clear()


def is_painting(layer: Labels) -> bool:
    """Say whether a stroke is being painted that has not come to its end."""
    return bool(getattr(layer, "_staged_history", ()))


def _deque(layer: Labels, name: str) -> Any:
    return getattr(layer, name)


def _bytes_as_indices(change: Change) -> int:
    return change.n_voxels * 3 * np.dtype(np.int64).itemsize


def _as_item(change: Change, ndim: int) -> list[Any]:
    return [
        (tuple(voxels.indices[-ndim:]), voxels.before, voxels.after)
        for voxels in change.iter_voxels()
    ]
