"""Physical coordinates of a stack, and smooth random fields on it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.volume import Shape, Spacing

Floats = NDArray[np.float32]
Points = NDArray[np.float64]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the voxels of a stack lie in the tissue.

    Attributes
    ----------
    shape : tuple of int
        Size along z, y, x.
    spacing : tuple of float
        Distance between voxel centres in nm, ZYX.
    offsets : ndarray, shape (Z, 2)
        Misalignment of each section in nm, y and x.
    """

    shape: Shape
    spacing: Spacing
    offsets: Points

    @property
    def extent(self) -> Points:
        """Size of the stack in nm, ZYX."""
        return np.multiply(self.shape, self.spacing).astype(np.float64)

    @property
    def pixel(self) -> float:
        """Mean in-plane spacing in nm."""
        return float(np.sqrt(self.spacing[1] * self.spacing[2]))

    def axes(self, box: Box) -> tuple[Floats, Floats, Floats]:
        """Return the coordinates of a box in nm, ready to broadcast to (Z, Y, X)."""
        numbers = [np.arange(s.start, s.stop) for s in box]
        z, y, x = (n * d for n, d in zip(numbers, self.spacing, strict=True))
        shift = self.offsets[numbers[0]][:, :, None, None]
        return (
            z[:, None, None].astype(np.float32),
            (y[None, :, None] + shift[:, 0]).astype(np.float32),
            (x[None, None, :] + shift[:, 1]).astype(np.float32),
        )

    def box(self, low: Points, high: Points) -> Box | None:
        """Return the voxels between two points (nm); None where there are none."""
        step = np.array(self.spacing)
        slack = np.array([0.0, *np.abs(self.offsets).max(axis=0)])
        first = np.maximum(np.ceil((low - slack) / step), 0).astype(int)
        last = np.floor((high + slack) / step).astype(int) + 1
        last = np.minimum(last, self.shape)
        if np.any(last <= first):
            return None
        z, y, x = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
        return z, y, x

    @property
    def everything(self) -> Box:
        """The box that covers the stack."""
        z, y, x = (slice(0, n) for n in self.shape)
        return z, y, x

    def voxel_at(self, points: Points) -> tuple[NDArray[np.intp], ...]:
        """Return the index of the voxel nearest to each point (nm), clipped."""
        top = np.array(self.shape) - 1
        index = np.clip(np.rint(points / np.array(self.spacing)), 0, top)
        return tuple(index.astype(np.intp).T)


def smooth_field(grid: Grid, length: float, rng: np.random.Generator) -> Floats:
    """Draw a smooth random field.

    Parameters
    ----------
    grid : Grid
        Where to evaluate it.
    length : float
        Distance in nm between independent values.
    rng : numpy.random.Generator
        Source of the randomness.

    Returns
    -------
    ndarray of float32, shape (Z, Y, X)
        Mean 0, standard deviation about 1.

    Notes
    -----
    Cubic B-spline on a random lattice, evaluated as three matrix products.
    """
    bases = [
        _spline_basis(n, step / length)
        for n, step in zip(grid.shape, grid.spacing, strict=True)
    ]
    lattice = rng.standard_normal([b.shape[1] for b in bases]).astype(np.float32)
    z, y, x = bases
    rows = np.tensordot(z, lattice, axes=(1, 0))
    rows = np.einsum("yj,zjk->zyk", y, rows, optimize=True)
    field: Floats = rows @ x.T
    field *= np.float32(SPLINE_GAIN)
    return field


# A cubic B-spline keeps 0.479 of the variance of its lattice along each axis.
SPLINE_GAIN = 0.479 ** (-3 / 2)


def _spline_basis(size: int, step: float) -> Floats:
    """Matrix (size, knots) of cubic B-spline weights at positions 0, step, ..."""
    position = np.arange(size) * step + 1.5
    knots = np.arange(int(position[-1]) + 3)
    distance = np.abs(position[:, None] - knots[None])
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.asarray(np.where(distance < 1, near, far), dtype=np.float32)
