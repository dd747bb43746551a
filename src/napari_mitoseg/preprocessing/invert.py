"""Inversion of the grey values."""

from typing import ClassVar

import numpy as np

from napari_mitoseg.preprocessing.step import Step, steps
from napari_mitoseg.volume import Array, Volume


@steps.register("invert")
class Invert(Step):
    """Swap dark and bright, for stacks in which membranes are bright.

    Notes
    -----
    Integers are mirrored in the range of their type, so that 0 becomes 255 in 8 bit;
    floats change sign. Each slice is treated alike, so slices stay comparable.
    """

    name: ClassVar[str] = "invert"
    title: ClassVar[str] = "Invert"

    def __call__(self, volume: Volume) -> Volume:
        """Mirror the grey values of each slice."""
        return volume.map_slices(invert)


def invert(plane: Array) -> Array:
    """Mirror the grey values of a slice, shape (Y, X); float32 comes out."""
    values = plane.astype(np.float32)
    if not np.issubdtype(plane.dtype, np.integer):
        return -values
    info = np.iinfo(plane.dtype)
    return np.float32(info.max + info.min) - values
