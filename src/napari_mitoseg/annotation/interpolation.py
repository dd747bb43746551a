"""What a slice between two labelled ones should look like."""

import cc3d
import edt
import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError, ShapeError

Mask = NDArray[np.bool_]


def interpolate_masks(below: Mask, above: Mask, fraction: float) -> Mask:
    """Interpolate shapes between two slices by their signed distances.

    Parameters
    ----------
    below, above : ndarray of bool, shape (Y, X)
        What is mitochondrion in the two slices.
    fraction : float
        Where between them, 0 (below) to 1 (above).

    Returns
    -------
    ndarray of bool, shape (Y, X)
        True where the interpolated distance to the outline is positive.

    Raises
    ------
    ShapeError
        If the slices differ in size.
    InvalidParameterError
        If the fraction is not between 0 and 1.

    Notes
    -----
    Shape-based interpolation [1]_: the distance of each pixel to the outline, positive
    inside and negative outside, is interpolated linearly.  An object that overlaps none
    in the other slice is taken over from the nearer slice, the one below at half way,
    where interpolation alone would let it vanish: on real sections that agrees better
    with what is there.

    References
    ----------
    .. [1] Raya and Udupa (1990), Shape-based interpolation of multidimensional objects,
       doi:10.1109/42.52980.

    Examples
    --------
    >>> below = np.array([[True, True, True, True, False, False]])
    >>> above = np.array([[True, True, False, False, False, False]])
    >>> interpolate_masks(below, above, 0.5).astype(int)
    array([[1, 1, 1, 0, 0, 0]])
    """
    if below.shape != above.shape:
        msg = f"The slices differ in size: {below.shape} and {above.shape}."
        raise ShapeError(msg)
    if not 0 <= fraction <= 1:
        msg = f"The fraction between the slices is {fraction:g}; it must be 0 to 1."
        raise InvalidParameterError(msg)
    shared = _shared(below, above)
    nearer = below if fraction <= 0.5 else above
    first, second = (_signed_distance(mask & shared) for mask in (below, above))
    between: Mask = (1 - fraction) * first + fraction * second > 0
    return between | (nearer & ~shared)


def _shared(below: Mask, above: Mask) -> Mask:
    """Return where objects are that overlap one in the other slice."""
    objects = cc3d.connected_components(below | above, connectivity=8)
    in_both = np.intersect1d(objects[below], objects[above])
    return np.isin(objects, in_both) & (objects > 0)


def _signed_distance(mask: Mask) -> NDArray[np.float32]:
    return _distance(mask) - _distance(~mask)


def _distance(mask: Mask) -> NDArray[np.float32]:
    """Return how far each pixel of a mask is from the nearest outside of it.

    Half a pixel less than to the centre of that pixel, so that the outline lies between
    the two; a mask without outside is cut off at its size.
    """
    filled = np.ascontiguousarray(mask, dtype=np.uint8)
    found: NDArray[np.float32] = edt.edt(filled, black_border=False)
    far = np.float32(max(mask.shape))
    return np.where(mask, np.minimum(found, far) - np.float32(0.5), np.float32(0))
