"""The watershed, with the neighbourhood that objects are made of."""

import numpy as np
from numpy.typing import NDArray
from skimage import segmentation

from napari_mitoseg.proofreading.workspace import Mask
from napari_mitoseg.volume import Array

CORNERS = 3
"""Steps along up to three axes at once: objects hang together through corners too."""


def flooded(heights: Array, markers: Array | None, mask: Mask) -> NDArray[np.int32]:
    """Flood a mask from markers, the lowest voxels first.

    Parameters
    ----------
    heights : ndarray of float, shape (Z, Y, X)
        What is flooded.
    markers : ndarray of int, shape (Z, Y, X), or None
        Where from, numbers above 0; None for all minima of the heights.
    mask : ndarray of bool, shape (Z, Y, X)
        What may be flooded.

    Returns
    -------
    ndarray of int32, shape (Z, Y, X)
        The marker that has reached each voxel; 0 where none has.
    """
    found: NDArray[np.int32] = segmentation.watershed(  # type: ignore[no-untyped-call]
        heights, markers, CORNERS, mask=mask
    )
    return found
