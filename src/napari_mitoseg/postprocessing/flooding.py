"""Flooding: labels grow into the voxels around them, lowest voxels first."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import generate_binary_structure

from napari_mitoseg.labelling import (
    Connectivity,
    Labels,
    Mask,
    in_threads,
    iter_slabs,
)
from napari_mitoseg.maps import FULL

At = NDArray[np.int64]
"""Voxels by their number in the volume, counted in C order."""

_NONE: At = np.zeros(0, np.int64)

_AT_ONCE = 1 << 12
"""Voxels whose neighbours are looked at together: as many as fit a cache."""


def _steps(rank: int) -> NDArray[np.int64]:
    steps = np.argwhere(generate_binary_structure(3, rank)) - 1
    return steps[np.argsort((steps**2).sum(axis=1), kind="stable")]


_STEPS = {n: _steps(rank) for n, rank in ((6, 1), (18, 2), (26, 3))}
"""Steps to the neighbours, ZYX, faces first; the voxel itself does no harm."""


def flood(
    labels: Labels,
    is_free: Mask,
    height_at: Callable[[At], NDArray[np.uint8]],
    connectivity: Connectivity,
) -> None:
    """Let labels grow into free voxels, lowest first, as water would rise.

    Parameters
    ----------
    labels : ndarray of uint32, shape (Z, Y, X)
        Contiguous; changed in place. Each free voxel that a label can reach takes one;
        the others keep their value.
    is_free : ndarray of bool, shape (n,)
        Says for each value in `labels` whether voxels that hold it are free. Voxels
        that are not free and not 0 are sources.
    height_at : callable
        Takes voxel numbers and returns their heights, uint8.
    connectivity : {6, 18, 26}
        Neighbours that a label grows into.

    Notes
    -----
    Meyer's flooding [1]_: the water rises level by level. At each level the labels grow
    in waves, one step each, from the voxels that are no higher; higher ones take the
    label that reaches them, and spread it when the water has risen to them. In a wave
    the voxels come first that have had their label for longer. The work depends on the
    number of free voxels, not on the boxes around objects.

    References
    ----------
    .. [1] F. Meyer, "Topographic distance and watershed lines", Signal Processing
       38(1), 113-125 (1994).
    """
    by_height: list[list[At]] = [[] for _ in range(FULL + 1)]
    _put(_shores(labels, is_free, connectivity), height_at, by_height)
    for level, waiting in enumerate(by_height):
        wave, high = np.concatenate([_NONE, *waiting]), [_NONE]
        waiting.clear()
        while wave.size:
            reached = _spread(labels, wave, is_free, connectivity)
            is_high = height_at(reached) > level
            high.append(reached[is_high])
            wave = reached[~is_high]
        _put(np.concatenate(high), height_at, by_height)


def _put(
    at: At, height_at: Callable[[At], NDArray[np.uint8]], by_height: list[list[At]]
) -> None:
    """Append voxels to those that wait at their height, in order."""
    height = height_at(at)
    sorted_at = at[np.argsort(height, kind="stable")]
    stops = np.cumsum(np.bincount(height, minlength=FULL + 1))
    start = 0
    for level in np.unique(height):
        by_height[level].append(sorted_at[start : stops[level]])
        start = stops[level]


def _shores(labels: Labels, is_free: Mask, connectivity: Connectivity) -> At:
    """Return the labelled voxels that touch free ones."""
    is_shore = np.zeros(labels.size, np.bool_)
    is_label = ~is_free
    is_label[0] = False

    def mark(free: At) -> None:
        at, _ = _neighbours(free, labels, is_label, connectivity)
        is_shore[at] = True

    in_threads(mark, _blocks(_free(labels, is_free)))
    return np.flatnonzero(is_shore)


def _free(labels: Labels, is_free: Mask) -> At:
    found = [_NONE]
    for slab in iter_slabs(labels.shape):
        place = is_free[labels[slab]].nonzero()
        moved = [at + cut.start for at, cut in zip(place, slab, strict=True)]
        found.append(np.ravel_multi_index(moved, labels.shape))
    return np.concatenate(found)


def _spread(labels: Labels, wave: At, is_free: Mask, connectivity: Connectivity) -> At:
    """Give the label of each voxel of a wave to its free neighbours; return these."""
    values = labels.reshape(-1)
    reached = [_NONE]
    for part in _blocks(wave):
        neighbours, source = _neighbours(part, labels, is_free, connectivity)
        # Where several reach the same voxel, the first of the wave writes last.
        turn = np.arange(neighbours.size, dtype=np.uint32)
        values[neighbours[::-1]] = turn[::-1]
        is_first = values[neighbours] == turn
        neighbours = neighbours[is_first]
        values[neighbours] = values[part[source[is_first]]]
        reached.append(neighbours)
    return np.concatenate(reached)


def _blocks(at: At) -> Iterator[At]:
    for start in range(0, at.size, _AT_ONCE):
        yield at[start : start + _AT_ONCE]


def _neighbours(
    at: At, labels: Labels, wanted: Mask, connectivity: Connectivity
) -> tuple[At, NDArray[np.intp]]:
    """Return the neighbours with wanted values, and which voxel each belongs to."""
    steps = _STEPS[connectivity]
    there = at[:, None] + steps @ np.array(labels.strides) // labels.itemsize
    found = wanted[labels.reshape(-1).take(there, mode="clip")]
    place = np.stack(np.unravel_index(at, labels.shape))
    last = np.array(labels.shape)[:, None] - 1
    at_edge = np.flatnonzero(((place == 0) | (place == last)).any(axis=0))
    moved = place[:, at_edge, None] + steps.T[:, None, :]
    found[at_edge] &= ((moved >= 0) & (moved <= last[:, :, None])).all(axis=0)
    return there[found], np.nonzero(found)[0]
