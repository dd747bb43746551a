"""One object with what several descriptors need of it, made once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.morphology.mesh import Mesh, mesh_object
from napari_mitoseg.morphology.skeleton import Skeleton, skeletonize_object
from napari_mitoseg.volume import Spacing, cubic_micrometres


@dataclass(eq=False)
class SolidObject:
    """An object of a volume.

    Attributes
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        The object in its box.
    spacing : tuple of float
        Distance between voxel centres in nm, ZYX.
    """

    mask: NDArray[np.bool_]
    spacing: Spacing

    @cached_property
    def volume_um3(self) -> float:
        """Volume of its voxels."""
        return cubic_micrometres(int(np.count_nonzero(self.mask)), self.spacing)

    @cached_property
    def moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Variances along the principal axes, falling, in nm²; the axes as columns."""
        return principal_axes(self.mask, self.spacing)

    @cached_property
    def mesh(self) -> Mesh:
        """Its surface."""
        return mesh_object(self.mask, self.spacing)

    @cached_property
    def skeleton(self) -> Skeleton:
        """Its centreline."""
        return skeletonize_object(self.mask, self.spacing)


@dataclass(eq=False)
class FlatObject:
    """An object of a single image.

    Attributes
    ----------
    mask : ndarray of bool, shape (Y, X)
        The object in its box.
    spacing : tuple of float
        Distance between pixel centres in nm, YX.
    """

    mask: NDArray[np.bool_]
    spacing: tuple[float, float]

    @cached_property
    def area_um2(self) -> float:
        """Area of its pixels."""
        return float(np.count_nonzero(self.mask) * np.prod(self.spacing) / 1e6)

    @cached_property
    def moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Variances along the principal axes, falling, in nm²; the axes as columns."""
        return principal_axes(self.mask, self.spacing)


def principal_axes(
    mask: NDArray[np.bool_], spacing: tuple[float, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find the axes along which an object is longest and shortest.

    Parameters
    ----------
    mask : ndarray of bool
        The object.
    spacing : tuple of float
        Distance between voxel centres in nm.

    Returns
    -------
    variances : ndarray of float64, shape (d,)
        Variance of the voxel centres along each axis in nm², falling.
    axes : ndarray of float64, shape (d, d)
        Unit vectors, one a column, in the order of the array's axes.
    """
    points = np.argwhere(mask) * np.array(spacing)
    covariance = np.cov(points, rowvar=False, bias=True)
    variances, axes = np.linalg.eigh(np.atleast_2d(covariance))
    return np.maximum(variances[::-1], 0.0), axes[:, ::-1]
