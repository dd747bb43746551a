"""One object of a single image with what several descriptors need of it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull
from skimage.measure import find_contours

from napari_mitoseg.morphology.axes import PrincipalAxes, principal_axes
from napari_mitoseg.morphology.field import TRUNCATE, smoothing_width


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
    def axes(self) -> PrincipalAxes:
        """Its principal axes."""
        return principal_axes(self.mask, self.spacing)

    @cached_property
    def contours(self) -> list[NDArray[np.float64]]:
        """Closed lines around it and its holes, in nm, from the smoothed object."""
        width = smoothing_width(self.spacing) / np.array(self.spacing)
        margin = np.ceil(TRUNCATE * width).astype(int) + 1
        padded = np.pad(self.mask.astype(np.float32), [(m, m) for m in margin])
        values = ndimage.gaussian_filter(padded, width, truncate=TRUNCATE)
        place = values.size - np.count_nonzero(self.mask) - 1
        around = np.partition(values.ravel(), [place, place + 1])[place : place + 2]
        level = float(around.mean())
        lines = find_contours(values, level)  # type: ignore[no-untyped-call]
        return [line * self.spacing for line in lines]

    @cached_property
    def perimeter_um(self) -> float:
        """Length of its contours."""
        return sum(_length(line) for line in self.contours) / 1e3

    @cached_property
    def convex_area_um2(self) -> float:
        """Area of the convex hull of its contours."""
        return float(ConvexHull(np.concatenate(self.contours)).volume / 1e6)


def _length(line: NDArray[np.float64]) -> float:
    steps = np.diff(line, axis=0)
    return float(np.sqrt(np.square(steps).sum(axis=1)).sum())
