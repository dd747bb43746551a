"""Objects that end between two slices."""

from typing import ClassVar

import numpy as np

from napari_mitoseg.proofreading.sight import Sight
from napari_mitoseg.proofreading.suspicions.suspicion import (
    Finding,
    Suspicion,
    ramp,
    suspicions,
)


@suspicions.register("abrupt-end")
class AbruptEnd(Suspicion):
    """The object ends in z with a large cross-section, inside the volume.

    Notes
    -----
    Compares the area in its first and last slice with its largest.  A ball ends with
    36 % at most where slices are a fifth of its radius apart.
    """

    name: ClassVar[str] = "abrupt-end"
    title: ClassVar[str] = "Ends abruptly"

    def look(self, sight: Sight) -> Finding | None:
        """Compare the areas of the first and the last slice with the largest."""
        region, n_slices = sight.entry.region, sight.workspace.shape[0]
        if n_slices == 1 or region.shape[0] == 1:
            return None
        areas = np.count_nonzero(sight.mask, axis=(1, 2))
        shown = np.flatnonzero(areas)
        if not shown.size:
            return None
        ends = []
        if region.start[0] > 0:
            ends.append((int(areas[shown[0]]), region.start[0]))
        if region.stop[0] < n_slices:
            ends.append((int(areas[shown[-1]]), region.stop[0] - 1))
        if not ends:
            return Finding(0, "")
        area, z = max(ends)
        share = area / int(areas.max())
        return Finding(
            ramp(share, 0.55, 0.9),
            f"ends in slice {z} with {100 * share:.0f} % of its largest area",
        )
