"""Distances inside and around objects, in nm."""

import edt
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from napari_mitoseg.proofreading.workspace import Mask
from napari_mitoseg.volume import Spacing

SMALL = 1 << 15
"""Voxels up to which scipy is quicker, by up to eight times; it begins sooner."""


def distance_inside(mask: Mask, spacing: Spacing) -> NDArray[np.float32]:
    """Return how far each voxel of a mask is from the nearest outside of it.

    Parameters
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        An object; where it reaches the side of the array it is taken to go on.
    spacing : tuple of float
        Distance between voxel centres in nm, ZYX.

    Returns
    -------
    ndarray of float32, shape (Z, Y, X)
        Distance in nm to the centre of the nearest voxel outside, 0 outside.

    Notes
    -----
    A mask without outside is as far from it as the array is long.

    Examples
    --------
    >>> mask = np.array([[[0, 1, 1, 1, 0]]], bool)
    >>> distance_inside(mask, (40.0, 5.0, 5.0)).tolist()
    [[[0.0, 5.0, 10.0, 5.0, 0.0]]]
    """
    longest = np.float32(np.linalg.norm(np.multiply(mask.shape, spacing)))
    if mask.all():
        return np.full(mask.shape, longest)
    if mask.size <= SMALL:
        small: NDArray[np.float32] = distance_transform_edt(mask, spacing).astype("f4")
        return small
    found = edt.edt(np.ascontiguousarray(mask), anisotropy=spacing, black_border=False)
    limited: NDArray[np.float32] = np.minimum(found, longest)
    return limited
