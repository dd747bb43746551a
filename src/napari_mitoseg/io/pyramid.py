"""Coarser copies of a volume, for viewers that load what fits the screen."""

import math
from collections.abc import Sequence

import numpy as np

from napari_mitoseg.volume import Array, Shape, Spacing

SMALLEST = 512
"""Pixels; a plane that fits a screen needs no coarser copy."""


def pyramid_factors(shape: Shape, spacing: Spacing | None) -> tuple[Shape, ...]:
    """Choose how much coarser each level is.

    Parameters
    ----------
    shape : tuple of int
        Size of the volume, ZYX.
    spacing : tuple of float or None
        Distance between voxel centres, ZYX; None counts as equal.

    Returns
    -------
    tuple of tuple of int
        Factors along z, y, x, (1, 1, 1) first.

    Notes
    -----
    Each level halves y and x, and z as soon as its voxels are not the longest side by
    far, so that voxels become cubes; sections 40 nm apart are kept until pixels of
    5 nm have become as large.

    Examples
    --------
    >>> pyramid_factors((20, 2048, 2048), (40.0, 5.0, 5.0))
    ((1, 1, 1), (1, 2, 2), (1, 4, 4))
    >>> pyramid_factors((64, 1024, 1024), None)
    ((1, 1, 1), (2, 2, 2))
    """
    z_spacing, y_spacing, x_spacing = spacing or (1.0, 1.0, 1.0)
    finest = min(y_spacing, x_spacing)
    factors = [(1, 1, 1)]
    while max(_coarse(n, factors[-1][1]) for n in shape[1:]) > SMALLEST:
        z, y, x = factors[-1]
        halve_z = z_spacing * z < 1.5 * finest * y and _coarse(shape[0], z) > 1
        factors.append((2 * z if halve_z else z, 2 * y, 2 * x))
    return tuple(factors)


def nearest(slab: Array, factor: Sequence[int]) -> Array:
    """Take every n-th voxel: labels are never averaged.

    Parameters
    ----------
    slab : ndarray, shape (Z, Y, X)
        Labels, starting at a voxel that is kept.
    factor : sequence of int
        Step along z, y, x.

    Returns
    -------
    ndarray
        A view of the voxels kept.
    """
    z, y, x = factor
    return slab[::z, ::y, ::x]


def mean(slab: Array, factor: Sequence[int]) -> Array:
    """Average blocks of voxels; blocks cut off by the border average what is there.

    Parameters
    ----------
    slab : ndarray, shape (Z, Y, X)
        Image.
    factor : sequence of int
        Size of a block along z, y, x.

    Returns
    -------
    ndarray, same dtype
        One value a block, rounded for integers.

    Examples
    --------
    >>> mean(np.array([[[1, 3, 7]]], np.uint8), (1, 1, 2))
    array([[[2, 7]]], dtype=uint8)
    """
    sums = slab.astype(np.float32)
    for axis, step in enumerate(factor):
        sums = _mean_along(sums, axis, step)
    rounded = np.rint(sums) if slab.dtype.kind in "iu" else sums
    return rounded.astype(slab.dtype)


def coarse_shape(shape: Shape, factor: Shape) -> Shape:
    """Return the size of a level, ZYX."""
    z, y, x = (_coarse(n, f) for n, f in zip(shape, factor, strict=True))
    return z, y, x


def _coarse(size: int, factor: int) -> int:
    return math.ceil(size / factor)


def _mean_along(values: Array, axis: int, step: int) -> Array:
    if step == 1:
        return values
    starts = np.arange(0, values.shape[axis], step)
    sums = np.add.reduceat(values, starts, axis=axis)
    counts = np.diff(np.append(starts, values.shape[axis])).astype(np.float32)
    return sums / np.expand_dims(counts, [a for a in range(3) if a != axis])
