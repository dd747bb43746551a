"""How a slice is brought to the grey scale that networks are trained on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

PADDING_SHARE = 0.02
PERCENTILES = (0.5, 99.5)
LIMIT = 4.0


def normalize_slice(plane: NDArray[Any]) -> NDArray[np.float32]:
    """Bring a slice to mean 0 and standard deviation 1, robustly.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        Grey values of any real type.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        Values within ±4; 0 wherever the slice is padding, and everywhere if it is
        constant.

    Notes
    -----
    Mean and deviation are taken after clipping to the 0.5th and 99.5th percentile.
    Padding takes no part: that is a patch of one value that contains a corner of the
    slice and covers more than 2 % of it.  Contrast is not inverted: mitochondria are
    expected dark.  Each slice stands alone, so stitching, charging and staining that
    change along z cancel.

    Examples
    --------
    >>> normalize_slice(np.array([[0, 2], [2, 0]])).tolist()
    [[-1.0, 1.0], [1.0, -1.0]]
    """
    content = ~find_padding(plane)
    values = plane[content].astype(np.float32)
    if values.size == 0:
        return np.zeros(plane.shape, np.float32)
    low, high = np.percentile(values, PERCENTILES)
    clipped = np.clip(values, low, high)
    scale = float(clipped.std(dtype=np.float64))
    if scale == 0:
        return np.zeros(plane.shape, np.float32)
    centred = (plane.astype(np.float32) - float(clipped.mean(dtype=np.float64))) / scale
    return np.where(content, np.clip(centred, -LIMIT, LIMIT), np.float32(0))


def find_padding(plane: NDArray[Any]) -> NDArray[np.bool_]:
    """Find the constant areas that stitching or alignment left around a slice.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        Grey values.

    Returns
    -------
    ndarray of bool, shape (Y, X)
        True in each patch of one value that contains a corner and covers more than
        2 % of the slice.

    Examples
    --------
    >>> find_padding(np.array([[0, 0, 0], [5, 7, 6]])).tolist()
    [[True, True, True], [False, False, False]]
    """
    padding = np.zeros(plane.shape, bool)
    if plane.size < 4:
        return padding
    for y, x in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        if not padding[y, x]:
            padding |= _corner_patch(plane, y, x)
    return padding


def _corner_patch(plane: NDArray[Any], y: int, x: int) -> NDArray[np.bool_]:
    """Return the patch of equal values around a corner if it is large enough."""
    same = plane == plane[y, x]
    enough = PADDING_SHARE * plane.size
    if np.count_nonzero(same) > enough:
        patches, _ = ndimage.label(same)
        patch: NDArray[np.bool_] = patches == patches[y, x]
        if max(2, enough) < np.count_nonzero(patch):
            return patch
    return np.zeros(plane.shape, bool)
