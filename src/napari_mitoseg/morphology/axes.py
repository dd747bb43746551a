"""Principal axes of an object."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class PrincipalAxes:
    """Directions along which an object is longest and shortest.

    Attributes
    ----------
    variances : ndarray of float64, shape (d,)
        Variance of the voxel centres along each axis in nm², falling.
    directions : ndarray of float64, shape (d, d)
        Unit vectors, one a column, in the order of the array's axes.
    """

    variances: NDArray[np.float64]
    directions: NDArray[np.float64]


def principal_axes(
    mask: NDArray[np.bool_], spacing: tuple[float, ...]
) -> PrincipalAxes:
    """Find the principal axes of an object.

    Parameters
    ----------
    mask : ndarray of bool
        The object; not empty.
    spacing : tuple of float
        Distance between voxel centres in nm, one number an axis.

    Returns
    -------
    PrincipalAxes
        Those of its voxel centres.

    Examples
    --------
    >>> principal_axes(np.ones((1, 2), bool), (1.0, 10.0)).variances.tolist()
    [25.0, 0.0]
    """
    points = np.argwhere(mask) * np.array(spacing)
    points -= points.mean(axis=0)
    variances, directions = np.linalg.eigh(points.T @ points / len(points))
    return PrincipalAxes(np.maximum(variances[::-1], 0.0), directions[:, ::-1])
