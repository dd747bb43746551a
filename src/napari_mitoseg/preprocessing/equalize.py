"""Histogram equalisation."""

from typing import ClassVar

import numpy as np

from napari_mitoseg.params import param
from napari_mitoseg.preprocessing.step import Step, steps
from napari_mitoseg.volume import Array, Volume


@steps.register("equalize")
class Equalize(Step):
    """Spread the grey values of each slice evenly.

    Notes
    -----
    Every grey value becomes the share of the slice that is at most as bright, 0 to 1,
    linear between the centres of the bins. A slice of one grey value becomes 0.
    """

    name: ClassVar[str] = "equalize"
    title: ClassVar[str] = "Equalise histogram"

    n_bins: int = param(
        256,
        ge=2,
        le=65536,
        advanced=True,
        description="Bins of the histogram; 256 tells apart all values of 8 bit.",
    )

    def __call__(self, volume: Volume) -> Volume:
        """Equalise each slice."""
        return volume.map_slices(self._equalize)

    def _equalize(self, plane: Array) -> Array:
        return equalize(plane, self.n_bins)


def equalize(plane: Array, n_bins: int) -> Array:
    """Equalise the histogram of one slice.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        Grey values.
    n_bins : int
        Bins between the smallest and the largest value.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        Share of pixels that are at most as bright, 0 to 1.

    Examples
    --------
    >>> equalize(np.array([[0, 0, 0, 9]]), 2).tolist()
    [[0.75, 0.75, 0.75, 1.0]]
    """
    values = plane.astype(np.float32)
    low, high = values.min(), values.max()
    if low == high:
        return np.zeros_like(values)
    count, edges = np.histogram(values, bins=n_bins, range=(low, high))
    share = np.cumsum(count) / values.size
    centres = (edges[:-1] + edges[1:]) / 2
    return np.interp(values, centres, share).astype(np.float32)
