"""Boxes of voxels: joined, grown, and cut along the chunks of an array."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from math import prod

from napari_mitoseg.volume import Region, Shape


def as_region(start: Sequence[int], stop: Sequence[int]) -> Region:
    """Return the region between two corners of any sequence type."""
    a, b, c = (int(v) for v in start)
    d, e, f = (int(v) for v in stop)
    return Region((a, b, c), (d, e, f))


def union(regions: Iterable[Region]) -> Region:
    """Return the smallest region that holds all of some regions.

    Parameters
    ----------
    regions : iterable of Region
        At least one.

    Returns
    -------
    Region
        Their common box.
    """
    all_of_them = list(regions)
    starts = zip(*(r.start for r in all_of_them), strict=True)
    stops = zip(*(r.stop for r in all_of_them), strict=True)
    return as_region([min(s) for s in starts], [max(s) for s in stops])


def grown(region: Region, margin: Sequence[int], shape: Sequence[int]) -> Region:
    """Return a region with a margin around it, as far as the volume reaches.

    Parameters
    ----------
    region : Region
        What to grow.
    margin : sequence of int
        Voxels added on both sides along z, y, x.
    shape : sequence of int
        Size of the volume.

    Returns
    -------
    Region
        The larger box.
    """
    start = [a - m for a, m in zip(region.start, margin, strict=True)]
    stop = [b + m for b, m in zip(region.stop, margin, strict=True)]
    return as_region(start, stop).within(shape)


def inside(region: Region, around: Region) -> tuple[slice, slice, slice]:
    """Return the index of a region within the values of one that holds it."""
    start = [a - o for a, o in zip(region.start, around.start, strict=True)]
    stop = [b - o for b, o in zip(region.stop, around.start, strict=True)]
    return as_region(start, stop).slices


def cut(region: Region, chunk: Shape, voxels: int) -> Iterator[Region]:
    """Cut a region into blocks along the chunks of an array.

    Parameters
    ----------
    region : Region
        What to cut.
    chunk : tuple of int
        Size of a chunk along z, y, x; cuts are made between chunks only.
    voxels : int
        Voxels in a block; blocks are larger only where a single chunk is.

    Yields
    ------
    Region
        Blocks that cover the region and do not overlap.

    Examples
    --------
    >>> region = Region((0, 0, 3), (1, 2, 9))
    >>> [(b.start[2], b.stop[2]) for b in cut(region, (1, 2, 4), 8)]
    [(3, 4), (4, 8), (8, 9)]
    """
    first = [a // c * c for a, c in zip(region.start, chunk, strict=True)]
    step = _step(first, region.stop, chunk, voxels)
    corners = (range(*axis) for axis in zip(first, region.stop, step, strict=True))
    for corner in product(*corners):
        stop = [a + s for a, s in zip(corner, step, strict=True)]
        yield _common(as_region(corner, stop), region)


def _step(
    start: Sequence[int], stop: Sequence[int], chunk: Shape, voxels: int
) -> list[int]:
    """Put chunks together along x, then y, then z, for as long as they fit."""
    step = list(chunk)
    for axis in (2, 1, 0):
        wanted = -(-(stop[axis] - start[axis]) // chunk[axis])
        fitting = max(1, voxels // prod(step))
        step[axis] *= min(wanted, fitting)
        if fitting < wanted:
            break
    return step


def _common(first: Region, second: Region) -> Region:
    start = map(max, first.start, second.start)
    stop = map(min, first.stop, second.stop)
    return as_region(list(start), list(stop))
