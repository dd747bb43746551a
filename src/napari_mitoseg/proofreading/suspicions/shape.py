"""Objects of another shape than the others."""

from math import pi, prod
from typing import ClassVar

import numpy as np

from napari_mitoseg.proofreading.sight import Sight
from napari_mitoseg.proofreading.suspicions.suspicion import (
    Finding,
    Unlike,
    suspicions,
)


@suspicions.register("odd-shape")
class OddShape(Unlike):
    """The object has much more surface for its volume than the others, or much less.

    Notes
    -----
    Compares logarithms of S³ / (36 π V²), which is least for a ball and rises with
    length, branches and raggedness; S is the area of the voxel faces, in nm², which is
    more than that of a smooth surface.  The score is that of an odd size.
    """

    name: ClassVar[str] = "odd-shape"
    title: ClassVar[str] = "Odd shape"
    low: ClassVar[str] = "much more compact than the others"
    high: ClassVar[str] = "much more ragged, branched or drawn out than the others"

    def look(self, sight: Sight) -> Finding | None:
        """Return the logarithm of the ratio of surface and volume."""
        if sight.spacing is None:
            return None
        mask, spacing = np.pad(sight.mask, 1), sight.spacing
        cell = prod(spacing)
        surface = sum(
            np.count_nonzero(np.diff(mask, axis=axis)) * cell / spacing[axis]
            for axis in range(3)
        )
        volume = np.count_nonzero(mask) * cell
        if not volume:
            return None
        return Finding(float(np.log(surface**3 / (36 * pi * volume**2))), "")
