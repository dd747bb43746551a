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
    before, after : ndarray, shape of the region
        The values in the box.
    """

    region: Region
    before: Array
    after: Array

    def is_in(self, data: Any) -> bool:
        """Say whether labels, with the axes of the layer, hold what it has left."""
        part = np.asarray(data[self.region.slices[-data.ndim :]])
        return np.array_equal(part, self.after.reshape(part.shape))


def read_stroke(data: Any, atoms: Sequence[Any]) -> Stroke:
    """Return what a step of napari's history did.

    Parameters
    ----------
    data : array, shape (Z, Y, X) or (Y, X)
        The labels as they are now, whether or not the step has been written: napari
        tells of a fill before it fills.
    atoms : sequence
        The step, in the order in which it was painted.

    Returns
    -------
    Stroke
        Values copied, nothing is changed.
    """
    box = _union([_box_of(atom) for atom in atoms])
    before = np.array(data[box])
    for atom in reversed(atoms):
        _put(before, box, atom, undoing=True)
    after = before.copy()
    for atom in atoms:
        _put(after, box, atom, undoing=False)
    region = _region_of(box)
    return Stroke(region, before.reshape(region.shape), after.reshape(region.shape))


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
    """Write what an atom says into the values of a box that holds it."""
    if _is_box(atom):
        _put_box(values, box, atom, undoing=undoing)
        return
    place = tuple(i - b.start for i, b in zip(_indices_of(atom), box, strict=True))
    wanted = atom[1] if undoing else atom[2]
    values[place] = np.broadcast_to(wanted, place[0].shape)


def _put_box(values: Array, box: Box, atom: Any, *, undoing: bool) -> None:
    here = tuple(
        slice(k.start - b.start, k.stop - b.start)
        for k, b in zip(atom.slice_key, box, strict=True)
    )
    part = values[here]
    mask = np.ones(part.shape, bool) if atom.mask is None else atom.mask
    part[mask] = np.ravel(atom.old_values) if undoing else atom.new_value
