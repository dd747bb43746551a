"""Fill holes, such as pale cristae that the network has left out."""

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.labelling import (
    Connectivity,
    Index,
    Labels,
    Mask,
    label_components,
    look_up,
    unique_pairs,
)
from napari_mitoseg.params import param
from napari_mitoseg.postprocessing.state import Kind, State
from napari_mitoseg.postprocessing.step import WHOLE_SLICE, Reach, Step, steps
from napari_mitoseg.volume import Array


class HoleShape(StrEnum):
    """What counts as enclosed."""

    SLICE = "in each slice"
    VOLUME = "in 3D"


@steps.register("fill-holes")
class FillHoles(Step):
    """Fill background that is enclosed by one object.

    Notes
    -----
    Background is connected through faces; what reaches the edge of the slice, or of
    the volume, is no hole. Among labels a hole is filled when one label alone touches
    it; a gap between two objects stays. Filled voxels enter the semantic mask too.
    """

    name: ClassVar[str] = "fill-holes"
    title: ClassVar[str] = "Fill holes"
    accepts: ClassVar[frozenset[Kind]] = frozenset({Kind.MASK, Kind.LABELS})

    enclosed: HoleShape = param(
        HoleShape.SLICE,
        description="Whether a hole is enclosed within its slice or on all sides.",
    )

    @property
    def neighbourhood(self) -> Reach | None:
        """The slice of a voxel, or the volume for holes in 3D."""
        return WHOLE_SLICE if self.enclosed is HoleShape.SLICE else None

    def apply(self, state: State) -> State:
        """Fill the holes."""
        if state.kind is Kind.LABELS:
            labels = self._fill(state.labelled())
            return replace(state, labels=labels, semantic=_covering(state, labels))
        mask = self._fill(state.mask)
        if state.seeds is None:
            return state.with_mask(mask)
        return replace(state, seeds=mask, semantic=_covering(state, mask))

    def _fill(self, objects: Array) -> Array:
        filled = objects.copy()
        in_slice = self.enclosed is HoleShape.SLICE
        for part in self._parts(objects):
            fill_holes(filled[part], in_slice=in_slice)
        return filled

    def _parts(self, objects: Array) -> Iterator[Index]:
        whole = slice(None)
        if self.enclosed is HoleShape.VOLUME:
            yield whole, whole, whole
            return
        for z in range(len(objects)):
            yield slice(z, z + 1), whole, whole


def fill_holes(objects: Array, *, in_slice: bool) -> None:
    """Fill holes in place.

    Parameters
    ----------
    objects : ndarray of bool or uint32, shape (Z, Y, X)
        Mask or labels; overwritten.
    in_slice : bool
        Whether this is one slice, open to no side along z.
    """
    gaps, n = label_components(objects == 0, _FACES)
    is_hole = _are_holes(gaps, n, first_axis=1 if in_slice else 0)
    if not is_hole.any():
        return
    if objects.dtype == np.bool_:
        objects |= is_hole[gaps]
        return
    pairs = np.concatenate([touching(gaps, objects, is_hole, a) for a in range(3)], 1)
    fillings = np.where(is_hole, only_neighbours(pairs, is_hole.size), 0)
    look_up(fillings, gaps, out=gaps)
    np.maximum(objects, gaps, out=objects)


_FACES: Connectivity = 6


def _covering(state: State, objects: Array) -> Mask:
    """Return the semantic mask with the objects inside it."""
    mask: Mask = state.foreground() | (objects > 0)
    return mask


def _are_holes(gaps: Labels, n: int, first_axis: int) -> Mask:
    """Say of each gap whether it stays clear of the volume's edge."""
    is_hole = np.ones(n + 1, bool)
    is_hole[0] = False
    for axis in range(first_axis, 3):
        for end in (0, -1):
            is_hole[gaps.take(end, axis=axis)] = False
    return is_hole


def only_neighbours(pairs: Array, n: int) -> NDArray[np.int64]:
    """Find the gaps that one label alone touches.

    Parameters
    ----------
    pairs : ndarray of int, shape (2, m)
        Gaps and labels that touch, perhaps several times.
    n : int
        Number of gaps, with the background.

    Returns
    -------
    ndarray of int64, shape (n,)
        That label for each gap; 0 where there are several or none.
    """
    gap, label = unique_pairs(*pairs)
    only = np.zeros(n, np.int64)
    only[gap] = label
    only[np.bincount(gap, minlength=n) != 1] = 0
    return only


def touching(gaps: Labels, objects: Array, is_hole: Mask, axis: int) -> Array:
    """Pair holes with the labels of face neighbours along an axis.

    Parameters
    ----------
    gaps : ndarray of uint32, shape (Z, Y, X)
        Background, labelled.
    objects : ndarray of uint32, shape (Z, Y, X)
        Labels.
    is_hole : ndarray of bool, shape (n,)
        Which gaps count.
    axis : int
        0 for z.

    Returns
    -------
    ndarray of int64, shape (2, m)
        Gaps and labels.
    """
    gap, label = np.moveaxis(gaps, axis, 0), np.moveaxis(objects, axis, 0)
    found = []
    for here, there in ((gap[1:], label[:-1]), (gap[:-1], label[1:])):
        meet = (there > 0) & is_hole[here]
        found.append(unique_pairs(here[meet], there[meet]))
    return np.concatenate(found, axis=1)
