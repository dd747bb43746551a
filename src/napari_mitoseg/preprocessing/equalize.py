"""Histogram equalisation."""

from typing import ClassVar

import numpy as np

from napari_mitoseg.preprocessing.step import Step, steps
from napari_mitoseg.volume import Array, Volume


@steps.register("equalize")
class Equalize(Step):
    """Spread the grey values of each slice evenly.

    Notes
    -----
    Every grey value becomes the share of the slice that is at most as bright, so that
    values come out above 0 and up to 1. There are no bins: values that differ stay
    different, at any bit depth. A slice of one grey value becomes 0.
    """

    name: ClassVar[str] = "equalize"
    title: ClassVar[str] = "Equalise histogram"

    def __call__(self, volume: Volume) -> Volume:
        """Equalise each slice."""
        return volume.map_slices(equalize)


def equalize(plane: Array) -> Array:
    """Equalise the histogram of one slice.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        Grey values.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        Share of pixels that are at most as bright.

    Examples
    --------
    >>> equalize(np.array([[3, 3, 3, 9]])).tolist()
    [[0.75, 0.75, 0.75, 1.0]]
    """
    if plane.min() == plane.max():
        return np.zeros(plane.shape, np.float32)
    if plane.dtype.kind == "u" and plane.dtype.itemsize <= 2:
        # Few enough values to count each; sorting takes ten times as long.
        place, count = plane, np.bincount(plane.ravel())
    else:
        values, count = np.unique(plane, return_counts=True)
        place = np.searchsorted(values, plane)
    share = (np.cumsum(count) / plane.size).astype(np.float32)
    return np.asarray(share[place])
