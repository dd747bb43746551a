"""Label volumes slab by slab.

The libraries that label and measure objects keep the interpreter lock for as long as
they run, which freezes a window that shows the progress.  Given a slab of a few
million voxels at a time they let go often enough, and need little memory beside the
result.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeVar

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.volume import Array

Connectivity = Literal[6, 18, 26]
Index = tuple[slice, slice, slice]
Labels = NDArray[np.uint32]
Mask = NDArray[np.bool_]
Item = TypeVar("Item")

LARGEST = int(np.iinfo(np.int64).max)
"""The largest number that an object may have."""

SLAB_VOXELS = 1 << 22
"""Voxels handed to a library call at once: about 30 ms of labelling."""


@dataclass(frozen=True, eq=False)
class Extents:
    """Size, position and box of every label; row 0 is the background.

    Attributes
    ----------
    n_voxels : ndarray of int64, shape (n + 1,)
        Number of voxels; 0 where the label does not occur.
    start, stop : ndarray of int64, shape (n + 1, 3)
        Box of voxels, half-open, ZYX.
    centroid : ndarray of float64, shape (n + 1, 3)
        Mean position in voxels, ZYX; NaN where the label does not occur.
    """

    n_voxels: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    centroid: NDArray[np.float64]


def iter_slabs(
    shape: Sequence[int], *, overlap: int = 0, voxels: int | None = None
) -> Iterator[Index]:
    """Cut a volume into slabs of a few million voxels.

    Parameters
    ----------
    shape : sequence of int
        Size along z, y, x.
    overlap : int
        Planes that neighbouring slabs share.
    voxels : int, optional
        Voxels in a slab; `SLAB_VOXELS` when absent.

    Yields
    ------
    tuple of slice
        Index of each slab: whole slices, or blocks of rows through all slices where
        a single slice is larger than a slab.

    Examples
    --------
    >>> [slab[0] for slab in iter_slabs((4, 2, 2), voxels=8)]
    [slice(0, 2, None), slice(2, 4, None)]
    """
    limit = SLAB_VOXELS if voxels is None else voxels
    whole = [slice(0, size) for size in shape]
    axis = 0 if shape[1] * shape[2] <= limit else 1
    size = shape[axis]
    step = max(1, limit * size // int(np.prod(shape)))
    for start in range(0, max(1, size - overlap), step):
        whole[axis] = slice(start, min(start + step + overlap, size))
        z, y, x = whole
        yield z, y, x


def check_numbers(block: Array) -> int:
    """Refuse numbers that no object can have.

    Parameters
    ----------
    block : ndarray of int
        Some of the labels.

    Returns
    -------
    int
        The largest number there is; 0 where there is no object.

    Raises
    ------
    InvalidParameterError
        If a number is below 0 or above 2⁶³ − 1.
    """
    lowest, highest = int(block.min(initial=0)), int(block.max(initial=0))
    if lowest < 0:
        msg = (
            f"The labels hold {lowest}, below 0. Give whole numbers: 0 for background, "
            "one number for each object."
        )
        raise InvalidParameterError(msg)
    if highest > LARGEST:
        msg = (
            f"The labels hold {highest}. Renumber them: 2⁶³ − 1 is the largest number."
        )
        raise InvalidParameterError(msg)
    return highest


def in_threads(work: Callable[[Item], None], items: Iterable[Item]) -> None:
    """Do work that lets go of the interpreter lock on all items, two at a time.

    Parameters
    ----------
    work : callable
        Takes one item; must not depend on the order.
    items : iterable
        What to work on.
    """
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, items))


def look_up(table: Array, labels: Labels, out: Labels | None = None) -> Labels:
    """Replace each label by its entry in a table.

    Parameters
    ----------
    table : ndarray of int, shape (n + 1,)
        New value of each label.
    labels : ndarray of uint32, shape (Z, Y, X)
        Labels up to n.
    out : ndarray of uint32, shape (Z, Y, X), optional
        Where to write; may be `labels` itself. A new array when absent.

    Returns
    -------
    ndarray of uint32, shape (Z, Y, X)
        The new labels.
    """
    values = table.astype(np.uint32, copy=False)
    result = np.empty_like(labels) if out is None else out

    def fill(slab: Index) -> None:
        _take(values, labels[slab], result[slab])

    in_threads(fill, iter_slabs(labels.shape))
    return result


def consecutive(labels: Labels) -> Labels:
    """Close gaps in the numbers of labels, keeping their order.

    Parameters
    ----------
    labels : ndarray of uint32, shape (Z, Y, X)
        Labels.

    Returns
    -------
    ndarray of uint32, shape (Z, Y, X)
        Numbers from 1 without gaps; `labels` itself where there are none.

    Examples
    --------
    >>> consecutive(np.array([[[0, 7, 7, 2]]], np.uint32)).tolist()
    [[[0, 2, 2, 1]]]
    """
    occurs = _occurring(labels)
    table = np.cumsum(occurs) - 1
    return labels if occurs.all() else look_up(table, labels)


def count_voxels(labels: Labels, n: int) -> NDArray[np.int64]:
    """Count the voxels of every label.

    Parameters
    ----------
    labels : ndarray of uint32, shape (Z, Y, X)
        Labels up to `n`.
    n : int
        Largest label.

    Returns
    -------
    ndarray of int64, shape (n + 1,)
        Number of voxels; entry 0, the background, stays 0.
    """
    count = np.zeros(n + 1, np.int64)
    for slab in iter_slabs(labels.shape):
        part = labels[slab]
        count += np.bincount(part[part > 0], minlength=n + 1)
    return count


def label_components(mask: Mask, connectivity: Connectivity) -> tuple[Labels, int]:
    """Find the connected components of a mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        Foreground.
    connectivity : {6, 18, 26}
        Neighbours that connect: faces, also edges, also corners.

    Returns
    -------
    labels : ndarray of uint32, shape (Z, Y, X)
        Components from 1, in the order of their first voxels, row by row.
    n : int
        Number of components.

    Notes
    -----
    Slabs that share one plane are labelled on their own, and the numbers that meet in
    shared planes are joined. That gives the components of the whole volume.
    """
    slabs = list(iter_slabs(mask.shape, overlap=1))
    if len(slabs) == 1:
        labels = _components(mask, connectivity)
        return labels, int(labels.max(initial=0))
    labels = np.empty(mask.shape, np.uint32)
    first, pairs = [0], [np.zeros((2, 0), np.int64)]
    places = [np.zeros(1, np.int64)]
    for slab in slabs:
        part = _components(mask[slab], connectivity)
        if slab != slabs[0]:
            offsets = np.array([[first[-2]], [first[-1]]])
            pairs.append(_shared(labels, part, slab) + offsets)
        labels[slab] = part
        first.append(first[-1] + int(part.max(initial=0)))
        places.append(_places(part, first[-1] - first[-2], slab, mask.shape))
    joined = np.concatenate(pairs, axis=1)
    table, n = join_numbers(first[-1], joined, np.concatenate(places))

    def renumber(k: int) -> None:
        own = _before(slabs[k], (*slabs, slabs[k])[k + 1])
        values = np.append(0, table[first[k] + 1 : first[k + 1] + 1])
        _take(values.astype(np.uint32), labels[own], labels[own])

    in_threads(renumber, range(len(slabs)))
    return labels, n


def measure_extents(labels: Labels, n: int) -> Extents:
    """Measure size, centre and box of every label in one pass.

    Parameters
    ----------
    labels : ndarray of uint32, shape (Z, Y, X)
        Labels from 1 to at most `n`; 0 is background.
    n : int
        Largest label.

    Returns
    -------
    Extents
        One row a label, row 0 for the background.
    """
    count = np.zeros(n + 1, np.int64)
    start = np.full((n + 1, 3), np.iinfo(np.int64).max)
    stop = np.zeros((n + 1, 3), np.int64)
    total = np.zeros((n + 1, 3))
    for slab in iter_slabs(labels.shape):
        ids, found = _slab_statistics(labels[slab], n)
        offset = np.array([cut.start for cut in slab])
        boxes = found["bounding_boxes"].astype(np.int64).reshape(-1, 3, 2)
        size = found["voxel_counts"].astype(np.int64)
        count[ids] += size
        start[ids] = np.minimum(start[ids], boxes[..., 0] + offset)
        stop[ids] = np.maximum(stop[ids], boxes[..., 1] + 1 + offset)
        total[ids] += (found["centroids"] + offset) * size[:, None]
    start[count == 0] = 0
    with np.errstate(invalid="ignore"):
        return Extents(count, start, stop, total / count[:, None])


@dataclass(frozen=True, eq=False)
class Joined:
    """Boxes and sizes of objects that several blocks of a volume show.

    Attributes
    ----------
    label : ndarray of int64, shape (n,)
        Numbers of the objects, rising.
    start, stop : ndarray of int64, shape (n, 3)
        Box of voxels around all parts, half-open, ZYX.
    n_voxels : ndarray of int64, shape (n,)
        Voxels of all parts.
    row : ndarray of int, shape (m,)
        Which object each part belongs to.
    """

    label: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    n_voxels: NDArray[np.int64]
    row: NDArray[np.intp]


def join_parts(
    label: NDArray[np.int64],
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    n_voxels: NDArray[np.int64],
) -> Joined:
    """Put together what several blocks show of the same objects.

    Parameters
    ----------
    label : ndarray of int64, shape (m,)
        Object of each part.
    start, stop : ndarray of int64, shape (m, 3)
        Box of each part in the volume, half-open, ZYX.
    n_voxels : ndarray of int64, shape (m,)
        Voxels of each part.

    Returns
    -------
    Joined
        One row an object.
    """
    numbers, row = np.unique(label, return_inverse=True)
    first = np.full((len(numbers), 3), np.iinfo(np.int64).max)
    last = np.zeros((len(numbers), 3), np.int64)
    size = np.zeros(len(numbers), np.int64)
    np.minimum.at(first, row, start)
    np.maximum.at(last, row, stop)
    np.add.at(size, row, n_voxels)
    return Joined(numbers, first, last, size, row)


def first_voxels(
    labels: Labels, n: int, start: Sequence[int], shape: Sequence[int]
) -> NDArray[np.int64]:
    """Find the first voxel of every label, row by row.

    Parameters
    ----------
    labels : ndarray of uint32, shape (Z, Y, X)
        Part of a volume.
    n : int
        Largest label.
    start : sequence of int
        Where the part begins in the volume, ZYX.
    shape : sequence of int
        Size of the volume.

    Returns
    -------
    ndarray of int64, shape (n + 1,)
        Number of the voxel in the volume, counted in C order; `LARGEST` for labels
        that the part does not show, and -1 for the background.

    Examples
    --------
    >>> labels = np.array([[[0, 2], [1, 2]]], np.uint32)
    >>> first_voxels(labels, 2, (1, 0, 0), (2, 2, 2)).tolist()
    [-1, 6, 5]
    """
    values = labels.reshape(-1)
    at = np.flatnonzero(values)[::-1]
    first = np.full(n + 1, LARGEST)
    # Of equal labels the last one written stays: the first voxel.
    first[values[at]] = at
    there = np.flatnonzero(first < LARGEST)
    place = np.unravel_index(first[there], labels.shape)
    moved = [a + b for a, b in zip(place, start, strict=True)]
    first[there] = np.ravel_multi_index(moved, shape)
    first[0] = -1
    return first


def join_numbers(
    n: int, pairs: NDArray[np.int64], first: NDArray[np.int64]
) -> tuple[NDArray[np.int64], int]:
    """Give numbers that are joined by pairs the same new number.

    Parameters
    ----------
    n : int
        Largest number; 0 is the background, which no pair has.
    pairs : ndarray of int64, shape (2, m)
        Numbers that belong to the same object.
    first : ndarray of int64, shape (n + 1,)
        Where each number begins; objects are counted in this order.

    Returns
    -------
    table : ndarray of int64, shape (n + 1,)
        New number of each.
    n_objects : int
        Largest new number.

    Examples
    --------
    >>> table, n = join_numbers(3, np.array([[1], [3]]), np.array([-1, 9, 4, 5]))
    >>> table.tolist(), n
    ([0, 2, 1, 2], 2)
    """
    ones = np.ones(pairs.shape[1], bool)
    graph = coo_array((ones, (pairs[0], pairs[1])), shape=(n + 1, n + 1))
    n_groups, group = connected_components(graph, directed=False)
    begins = np.full(n_groups, LARGEST)
    np.minimum.at(begins, group, first)
    begins[group[0]] = -1
    rank = np.empty(n_groups, np.int64)
    rank[np.argsort(begins, kind="stable")] = np.arange(n_groups)
    return rank[group], int(n_groups) - 1


def unique_pairs(first: Array, second: Array) -> NDArray[np.int64]:
    """List the pairs of values that two arrays have at the same place.

    Parameters
    ----------
    first, second : ndarray of int, shape (n,)
        Values from 0 to 2³² − 1.

    Returns
    -------
    ndarray of int64, shape (2, m)
        Distinct pairs, sorted.

    Examples
    --------
    >>> unique_pairs(np.array([1, 1, 2]), np.array([5, 5, 5])).tolist()
    [[1, 2], [5, 5]]
    """
    key = (first.astype(np.uint64) << np.uint64(32)) | second.astype(np.uint64)
    starts_run = np.ones(key.size, bool)
    starts_run[1:] = key[1:] != key[:-1]
    key = np.unique(key[starts_run])
    low = np.uint64(0xFFFFFFFF)
    return np.stack([key >> np.uint64(32), key & low]).astype(np.int64)


def _occurring(labels: Labels) -> Mask:
    """Say of each number above 0 whether it occurs; 0 counts as occurring."""
    occurs = np.zeros(int(labels.max(initial=0)) + 1, bool)
    for slab in iter_slabs(labels.shape):
        part = labels[slab]
        occurs[part[part > 0]] = True
    occurs[0] = True
    return occurs


def _components(mask: Mask, connectivity: Connectivity) -> Labels:
    # As numbers, not as a binary image: for that, cc3d 4.1.1 sets aside too little
    # memory where axes are thin and odd, (1, 1, 3) with both ends set, and gives up.
    found: Array = cc3d.connected_components(
        # A copy, since the library takes no array that is read-only.
        mask.astype(np.uint8, order="C"),
        connectivity=connectivity,
        out_dtype=np.uint32,
    )
    return found.astype(np.uint32, copy=False)


def _take(values: Labels, labels: Labels, out: Labels) -> None:
    # Labels never lie outside; clipping only spares a copy.
    np.take(values, labels, out=out, mode="clip")


def _before(slab: Index, following: Index) -> Index:
    """Return what a slab does not share with the one after it."""
    z, y, x = (
        slice(a.start, b.start if b.start > a.start else a.stop)
        for a, b in zip(slab, following, strict=True)
    )
    return z, y, x


def _shared(labels: Labels, part: Labels, slab: Index) -> NDArray[np.int64]:
    """Pair the numbers of the plane that a slab shares with the one before."""
    axis = 0 if slab[0].start else 1
    old = np.moveaxis(labels, axis, 0)[slab[axis].start]
    new = np.moveaxis(part, axis, 0)[0]
    inside = new > 0
    return unique_pairs(old[inside], new[inside])


def _places(
    part: Labels, n: int, slab: Index, shape: Sequence[int]
) -> NDArray[np.int64]:
    """Say where the numbers of a slab begin; anything that rises where slices do."""
    if not slab[1].start and slab[1].stop == shape[1]:
        # Whole slices: their components are numbered in order already.
        return slab[0].start * shape[1] * shape[2] + np.arange(n)
    return first_voxels(part, n, [cut.start for cut in slab], shape)[1:]


def _slab_statistics(
    slab: Labels, n: int
) -> tuple[NDArray[np.int64], dict[str, Array]]:
    """Measure the labels that occur in a slab; return their numbers too."""
    numbers = np.arange(n + 1)
    if n >= slab.size:
        # The library takes no label as large as the number of voxels.
        numbers, compact = np.unique(slab, return_inverse=True)
        slab = compact.astype(np.uint32)
    # A copy, since the library takes no array that is read-only.
    found = cc3d.statistics(slab.copy(order="C"), no_slice_conversion=True)
    occurs = np.flatnonzero(found["voxel_counts"])
    rows = {name: np.asarray(values)[occurs] for name, values in found.items()}
    return numbers[occurs].astype(np.int64), rows
