"""An object as a smooth field, from which its surface and centreline are drawn.

The surface of voxels is a staircase: its area is up to 50 % too large, and the more so
the longer the voxels are.  Smoothed by about the longest side of a voxel, and cut at
the level that keeps the volume, it is an area within a few per cent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_mitoseg.volume import Spacing

FIELD_VOXELS = 1 << 21
"""Largest field; an object in a larger box is looked at more coarsely."""

TRUNCATE = 3.0
"""Standard deviations of the smoothing that are looked at."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SmoothField:
    """Share of each place that belongs to the object, smoothed.

    Attributes
    ----------
    values : ndarray of float32, shape (Z, Y, X)
        Shares; 0 around the object.
    spacing : tuple of float
        Distance between them in nm, ZYX.
    origin : ndarray of float64, shape (3,)
        Where the first one lies in nm, ZYX; 0 is the centre of the first voxel of the
        object's box.
    volume_nm3 : float
        Volume of the object.
    bins : tuple of int
        Voxels that one value stands for, along z, y, x.
    """

    values: Floats
    spacing: Spacing
    origin: NDArray[np.float64]
    volume_nm3: float
    bins: tuple[int, ...]

    def sample(self, points: NDArray[np.float64]) -> Floats:
        """Interpolate at points, shape (n, 3) in nm; 0 outside."""
        places = (points - self.origin) / self.spacing
        found: Floats = ndimage.map_coordinates(self.values, places.T, order=1)
        return found


def smooth_field(
    mask: NDArray[np.bool_], spacing: Spacing, strength: float = 1.0
) -> SmoothField:
    """Turn an object into a smooth field.

    Parameters
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        The object in its box.
    spacing : tuple of float
        Distance between voxel centres in nm, ZYX.
    strength : float
        Factor of the smoothing; 1 is right for areas.

    Returns
    -------
    SmoothField
        The field.

    Notes
    -----
    Voxels are put together to bins of no more than half the longest spacing, which
    costs no accuracy beside it: shares are kept, not majorities. The Gaussian has the
    standard deviation √((a/2)² + (0.6 b)²), a the longest and b the shortest spacing,
    in every direction alike; what binning has smoothed already is taken off. Measured
    on balls, ellipsoids, discs, tubes and tori of any direction, this is where the
    staircase no longer shows, and before edges get too round.
    """
    bins = _bins(mask.shape, spacing)
    binned = _binned(mask, bins)
    steps = np.multiply(spacing, bins)
    # The steps of the staircase: those of the voxels, or of the bins if these are
    # larger than any voxel.
    finest = min(spacing) * max(1.0, float(steps.max()) / max(spacing))
    sigma = strength * smoothing_width((float(steps.max()), finest))
    done = (np.square(bins) - 1) / 12 * np.square(spacing)
    widths = np.sqrt(np.maximum(sigma**2 - done, 0.0)) / steps
    margin = np.ceil(TRUNCATE * widths).astype(int) + 1
    padded = np.pad(binned, [(m, m) for m in margin])
    values = ndimage.gaussian_filter(padded, widths, truncate=TRUNCATE)
    z, y, x = (float(step) for step in steps)
    # The centre of the first bin lies half a bin less half a voxel from the first.
    origin = (np.array(bins) - 1) / 2 * spacing - margin * steps
    volume = float(np.count_nonzero(mask) * np.prod(spacing))
    return SmoothField(values, (z, y, x), origin, volume, bins)


def smoothing_width(spacing: Sequence[float]) -> float:
    """Return the standard deviation in nm that takes the staircase off an object."""
    return float(np.hypot(0.5 * max(spacing), 0.6 * min(spacing)))


def _bins(shape: tuple[int, ...], spacing: Spacing) -> tuple[int, ...]:
    """Return how many voxels make a bin along each axis."""
    target = max(spacing) / 2
    bins = tuple(max(1, int(target / step)) for step in spacing)
    while (
        np.prod([-(-n // b) for n, b in zip(shape, bins, strict=True)]) > FIELD_VOXELS
    ):
        target *= 1.25
        bins = tuple(max(1, round(target / step)) for step in spacing)
    return bins


def _binned(mask: NDArray[np.bool_], bins: tuple[int, ...]) -> Floats:
    """Return the share of each bin that is inside."""
    if max(bins) == 1:
        return mask.astype(np.float32)
    padded = np.pad(mask, [(0, -n % b) for n, b in zip(mask.shape, bins, strict=True)])
    # The smallest type that holds a full bin: bytes are far faster than floats.
    kind = np.min_scalar_type(int(np.prod(bins)))
    for axis, size in enumerate(bins):
        split = (*padded.shape[:axis], -1, size, *padded.shape[axis + 1 :])
        padded = padded.reshape(split).sum(axis=axis + 1, dtype=kind)
    return padded.astype(np.float32) / np.float32(np.prod(bins))


def resampled(field: SmoothField, step: float) -> SmoothField:
    """Interpolate a field so that it has the same spacing along every axis.

    Parameters
    ----------
    field : SmoothField
        Any.
    step : float
        Spacing in nm.

    Returns
    -------
    SmoothField
        The same, isotropic; itself where it is that already.
    """
    values = field.values
    for axis, old in enumerate(field.spacing):
        if abs(old - step) > 1e-6 * step:
            values = _resampled_along(values, axis, step / old)
    return replace(field, values=values, spacing=(step, step, step))


def trimmed(field: SmoothField, level: float) -> SmoothField:
    """Leave out what lies farther from the object than two values.

    Parameters
    ----------
    field : SmoothField
        Any.
    level : float
        Above it lies the object.

    Returns
    -------
    SmoothField
        A part of the field, or all of it where nothing lies above the level.
    """
    inside = field.values > level
    if not inside.any():
        return field
    first, cut = [], []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        found = np.flatnonzero(inside.any(axis=others))
        first.append(max(0, int(found[0]) - 2))
        cut.append(slice(first[-1], int(found[-1]) + 3))
    origin = field.origin + np.multiply(first, field.spacing)
    return replace(field, values=field.values[tuple(cut)], origin=origin)


def _resampled_along(values: Floats, axis: int, stride: float) -> Floats:
    """Interpolate along one axis at multiples of a stride."""
    n = values.shape[axis]
    places = np.arange(0, n - 1 + 1e-9, stride)
    low = np.minimum(places.astype(int), n - 2)
    shape = [1, 1, 1]
    shape[axis] = -1
    weight = (places - low).astype(np.float32).reshape(shape)
    below, above = np.take(values, low, axis), np.take(values, low + 1, axis)
    return below + weight * (above - below)
