"""Boxes of any size looked at with a bounded number of voxels."""

from collections.abc import Callable
from math import prod

import numpy as np

from napari_mitoseg.proofreading.regions import cut, inside
from napari_mitoseg.volume import Array, LazyArray, Region, Shape

SEEN_VOXELS = 1 << 18
"""Voxels of a box that are looked at; of larger ones every second, third ... one."""

READ_VOXELS = 1 << 24
"""Voxels read at once."""

Read = Callable[[Region], Array]


def reader(array: LazyArray) -> Read:
    """Return what reads boxes, with three axes, of an array with two or three."""

    def read(region: Region) -> Array:
        if len(array.shape) == 2:
            return np.asarray(array[region.slices[1:]])[np.newaxis]
        return np.asarray(array[region.slices])

    return read


def steps_for(region: Region) -> Shape:
    """Choose every how many voxels of a box to look at one.

    Parameters
    ----------
    region : Region
        The box.

    Returns
    -------
    tuple of int
        Along z, y, x; of a thin stack no slice is left out.
    """
    step = 1
    while True:
        steps = (step if region.shape[0] >= 16 * step else 1, step, step)
        if prod(-(-n // s) for n, s in zip(region.shape, steps, strict=True)) <= (
            SEEN_VOXELS
        ):
            return steps
        step += 1


def sampled(read: Read, region: Region, steps: Shape) -> Array:
    """Read every so many voxels of a box, in blocks of bounded size.

    Parameters
    ----------
    read : callable
        Reads a box.
    region : Region
        The box.
    steps : tuple of int
        Every how many voxels to take one along z, y, x.

    Returns
    -------
    ndarray, shape (Z, Y, X)
        The voxels, from the first one of the box on.
    """
    if steps == (1, 1, 1) and prod(region.shape) <= READ_VOXELS:
        return read(region)
    rows = []
    # One row of blocks after the other, each reduced before the next is read.
    for block in cut(region, (steps[0], *region.shape[1:]), READ_VOXELS):
        z, _, _ = inside(block, region)
        part = read(block)[-z.start % steps[0] :: steps[0], :: steps[1], :: steps[2]]
        rows.append(part)
    return np.concatenate(rows)
