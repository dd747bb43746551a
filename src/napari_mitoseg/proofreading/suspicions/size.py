"""Objects much smaller or larger than the others."""

from typing import ClassVar

import numpy as np

from napari_mitoseg.proofreading.sight import Sight
from napari_mitoseg.proofreading.suspicions.suspicion import (
    Finding,
    Unlike,
    suspicions,
)


@suspicions.register("odd-size")
class OddSize(Unlike):
    """The object is much smaller or larger than the others.

    Notes
    -----
    Compares logarithms of the number of voxels.  The score rises from 0 at two to 1 at
    six deviations from the median, where a deviation is the median one, scaled to be
    the standard deviation of normally distributed numbers.
    """

    name: ClassVar[str] = "odd-size"
    title: ClassVar[str] = "Odd size"
    low: ClassVar[str] = "much smaller than the others"
    high: ClassVar[str] = "much larger than the others"

    def look(self, sight: Sight) -> Finding:
        """Return the logarithm of the size."""
        return Finding(float(np.log(sight.entry.n_voxels)), "")
