"""What was painted with napari's own brushes, as boxes before and after.

napari keeps a stroke as a list of atoms: either a box, a mask in it, the old values and
the new one; or indices, old values and new ones.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_mitoseg.volume import Array, Region

Box = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class Stroke:
    """One step of napari's history.

    Attributes
    ----------
    region : Region
        The box of all that it touched; a 2D layer is its only slice.
    before, after : ndarray, with the axes of the layer
        The values in the box.
    """

    region: Region
    before: Array
    after: Array


def read_stroke(data: Any, atoms: Sequence[Any], later: Sequence[Any] = ()) -> Stroke:
    """Return what a step of napari's history did.

    Parameters
    ----------
    data : array, shape (Z, Y, X) or (Y, X)
        The labels as they are now, whether or not the step has been written: napari
        tells of a fill before it fills.
    atoms : sequence
        The step, in the order in which it was painted.
    later : sequence
        Atoms of all steps after it, in order.

    Returns
    -------
    Stroke
        Values copied, nothing is changed.
    """
    box = _union([_box_of(atom) for atom in atoms])
    before = np.array(data[box])
    for atom in (*reversed(later), *reversed(atoms)):
        _put(before, box, atom, undoing=True)
    after = before.copy()
    for atom in atoms:
        _put(after, box, atom, undoing=False)
    return Stroke(_region_of(box), before, after)


def _is_box(atom: Any) -> bool:
    return hasattr(atom, "slice_key")


def _box_of(atom: Any) -> Box:
    if _is_box(atom):
        key: Box = atom.slice_key
        return key
    return tuple(slice(int(i.min()), int(i.max()) + 1) for i in _indices_of(atom))


def _indices_of(atom: Any) -> list[Array]:
    return [np.asarray(one, np.int64).ravel() for one in atom[0]]


def _union(boxes: Iterable[Box]) -> Box:
    return tuple(
        slice(min(one.start for one in axis), max(one.stop for one in axis))
        for axis in zip(*boxes, strict=True)
    )


def _region_of(box: Box) -> Region:
    whole = (slice(0, 1),) * (3 - len(box)) + box
    z, y, x = whole
    return Region((z.start, y.start, x.start), (z.stop, y.stop, x.stop))


def _put(values: Array, box: Box, atom: Any, *, undoing: bool) -> None:
    """Write what an atom says into the values of a box, as far as it lies there."""
    if _is_box(atom):
        _put_box(values, box, atom, undoing=undoing)
        return
    indices = _indices_of(atom)
    inside = np.logical_and.reduce(
        [(i >= b.start) & (i < b.stop) for i, b in zip(indices, box, strict=True)]
    )
    wanted = np.broadcast_to(atom[1] if undoing else atom[2], inside.shape)
    place = tuple(i[inside] - b.start for i, b in zip(indices, box, strict=True))
    values[place] = wanted[inside]


def _put_box(values: Array, box: Box, atom: Any, *, undoing: bool) -> None:
    key: Box = atom.slice_key
    shape = tuple(one.stop - one.start for one in key)
    mask = np.ones(shape, bool) if atom.mask is None else atom.mask
    wanted = np.full(shape, atom.new_value, values.dtype)
    if undoing:
        wanted[mask] = np.asarray(atom.old_values).reshape(-1)
    common = _common(key, box)
    if common is None:
        return
    there = tuple(
        slice(c.start - k.start, c.stop - k.start)
        for c, k in zip(common, key, strict=True)
    )
    here = tuple(
        slice(c.start - b.start, c.stop - b.start)
        for c, b in zip(common, box, strict=True)
    )
    values[here] = np.where(mask[there], wanted[there], values[here])


def _common(one: Box, other: Box) -> Box | None:
    both = tuple(
        slice(max(a.start, b.start), min(a.stop, b.stop))
        for a, b in zip(one, other, strict=True)
    )
    return both if all(part.start < part.stop for part in both) else None
