"""Contrast-limited adaptive histogram equalisation (CLAHE)."""

from typing import ClassVar

import numpy as np
from skimage.exposure import equalize_adapthist

from napari_mitoseg.params import param
from napari_mitoseg.preprocessing.step import Step, steps
from napari_mitoseg.volume import Array, Volume


@steps.register("clahe")
class Clahe(Step):
    """Even out the contrast of each slice region by region.

    Notes
    -----
    Contrast-limited adaptive histogram equalisation [1]_: the histogram of each tile is
    equalised, no grey value more than the limit allows, and tiles blend into one
    another. Values come out from 0 to 1; a slice of one grey value becomes 0.

    References
    ----------
    .. [1] Pizer et al. (1987), Adaptive histogram equalization and its variations,
       doi:10.1016/S0734-189X(87)80186-X.
    """

    name: ClassVar[str] = "clahe"
    title: ClassVar[str] = "Local contrast (CLAHE)"

    clip_limit: float = param(
        0.01,
        gt=0,
        le=1,
        description="How far contrast may be raised: higher is stronger.",
    )
    tile: int = param(
        128,
        ge=8,
        unit="px",
        description="Side of the tiles whose contrast is evened out.",
    )

    def __call__(self, volume: Volume) -> Volume:
        """Even out the contrast of each slice."""
        return volume.map_slices(self._equalize)

    def _equalize(self, plane: Array) -> Array:
        values = plane.astype(np.float32)
        low, high = values.min(), values.max()
        if low == high:
            return np.zeros_like(values)
        scaled = (values - low) / (high - low)
        tile = [min(self.tile, size) for size in plane.shape]
        even: Array = equalize_adapthist(
            scaled, kernel_size=tile, clip_limit=self.clip_limit
        )
        return even.astype(np.float32)
