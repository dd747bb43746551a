"""How the tissue of one slice is shifted against that of another."""

import numpy as np
from numpy.typing import NDArray
from skimage.registration import optical_flow_ilk
from skimage.transform import resize_local_mean

from napari_mitoseg.volume import Array, Spacing

Plane = NDArray[np.float32]
Places = tuple[NDArray[np.intp], ...]

PIXEL = 50.0
"""nm, about: finer detail does not count."""

RADIUS = 4
"""Of the window that moves as one, in those pixels."""

WARPS = 2
"""Refinements at each level of the pyramid."""

LEAST_SIDE = 16
"""Of those pixels: less tissue tells too little."""


def coarse(image: Array, spacing: Spacing) -> Plane:
    """Prepare a slice for `flow`.

    Parameters
    ----------
    image : ndarray, shape (Y, X)
        Grey values.
    spacing : tuple of float
        nm, ZYX.

    Returns
    -------
    ndarray of float32, shape (Y', X')
        Mean 0 and deviation 1, its pixels about 50 nm wide, or the slice's own where
        they are wider.
    """
    sides = zip(image.shape, spacing[1:], strict=True)
    shape = tuple(max(1, round(n * min(1.0, step / PIXEL))) for n, step in sides)
    grey = image.astype(np.float32)
    # scikit-image has no annotations.
    small: Plane = resize_local_mean(grey, shape)  # type: ignore[no-untyped-call]
    small -= small.mean()
    return small / max(small.std(), np.finfo(np.float32).tiny)


def flow(here: Plane, there: Plane) -> Plane:
    """Estimate where in one slice the tissue of another has got to.

    Parameters
    ----------
    here, there : ndarray of float32, shape (Y', X')
        The two, as `coarse` returns them.

    Returns
    -------
    ndarray of float32, shape (2, Y', X')
        How many pixels along y and x the tissue at a pixel of `here` lies further in
        `there`; 0 where the slices are too small to tell.

    Notes
    -----
    Iterative Lucas-Kanade on a pyramid of images [1]_.

    References
    ----------
    .. [1] Le Besnerais, Champagnat (2005), Dense optical flow by iterative local
       window registration, doi:10.1109/ICIP.2005.1529706.
    """
    if min(here.shape) < LEAST_SIDE:
        return np.zeros((2, *here.shape), np.float32)
    found = optical_flow_ilk(here, there, radius=RADIUS, num_warp=WARPS)  # type: ignore[no-untyped-call]
    return np.asarray(found, dtype=np.float32)


def sampled(there: Array, along: Plane, where: Places) -> Plane:
    """Return what places of one slice have become in another.

    Parameters
    ----------
    there : ndarray, shape (Y, X)
        Values in the other slice, such as probabilities; at any pixels.
    along : ndarray of float32, shape (2, Y', X')
        The flow from the one to the other.
    where : tuple of ndarray of int, shape (n,)
        Places in the one slice, y and x.

    Returns
    -------
    ndarray of float32, shape (n,)
        The nearest values; from beyond its edge comes what is at the edge.
    """
    shape = np.array(there.shape)[:, None]
    known = np.array(along.shape[1:])[:, None]
    places = np.stack(where)
    # The pixel of the flow that a place lies in, and its shift in pixels of the slice.
    y, x = places * known // shape
    shifts = np.rint(along[:, y, x] * (shape / known)).astype(np.intp)
    found = there[tuple(np.clip(places + shifts, 0, shape - 1))]
    return found.astype(np.float32)
