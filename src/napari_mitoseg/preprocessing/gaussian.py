"""Gaussian smoothing within slices."""

from typing import ClassVar

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.params import param
from napari_mitoseg.preprocessing.step import Step, steps
from napari_mitoseg.volume import Array, Volume


@steps.register("gaussian")
class Gaussian(Step):
    """Smooth each slice, against noise.

    Notes
    -----
    The width is physical, so the same recipe smooths alike at every spacing. Slices
    are not mixed; at the edges they are mirrored.
    """

    name: ClassVar[str] = "gaussian"
    title: ClassVar[str] = "Gaussian smoothing"

    sigma: float = param(
        8.0, gt=0, unit="nm", description="Standard deviation of the Gaussian."
    )

    def __call__(self, volume: Volume) -> Volume:
        """Smooth each slice.

        Raises
        ------
        InvalidParameterError
            If the volume has no spacing.
        """
        if volume.spacing is None:
            msg = (
                f"{volume.name} has no spacing, and the step {self.name} smooths by "
                f"{self.sigma:g} nm. Give the spacing in nm, or remove the step."
            )
            raise InvalidParameterError(msg)
        width = [self.sigma / step for step in volume.spacing[1:]]

        def smooth(plane: Array) -> Array:
            return gaussian_filter(plane.astype(np.float32), width, mode="reflect")

        return volume.map_slices(smooth)
