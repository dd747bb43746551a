"""Objects that may be two."""

from typing import ClassVar

import numpy as np

from napari_mitoseg.params import param
from napari_mitoseg.proofreading.basins import Basins, Neck, find_basins
from napari_mitoseg.proofreading.sight import Sight
from napari_mitoseg.proofreading.suspicions.suspicion import (
    Finding,
    Suspicion,
    ramp,
    suspicions,
)


@suspicions.register("thin-neck")
class ThinNeck(Suspicion):
    """Two thick parts hang together by a thin neck: perhaps two objects.

    Notes
    -----
    Compares the radius of the neck with that of the thinner part; see `find_basins`.
    Each side must hold the share of the object that is asked for.
    """

    name: ClassVar[str] = "thin-neck"
    title: ClassVar[str] = "Thin neck"

    smallest_side: float = param(
        0.1, gt=0, lt=0.5, description="Share of the object that each side must hold."
    )

    def look(self, sight: Sight) -> Finding | None:
        """Look for the neck that is thinnest beside its parts."""
        if sight.spacing is None:
            return None
        thinnest = self._thinnest(find_basins(sight.distance))
        if thinnest is None:
            return Finding(0, "")
        ratio = thinnest.radius / thinnest.thinner
        return Finding(
            ramp(ratio, 0.7, 0.3),
            f"a neck of {2 * thinnest.radius:.0f} nm between parts of "
            f"{2 * thinnest.thinner:.0f} nm and more",
        )

    def _thinnest(self, basins: Basins) -> Neck | None:
        # Only the deepest few: shallow ones are bumps.
        sizes = np.bincount(basins.labels.ravel(), minlength=basins.n + 1)
        sizes[0] = 0
        fitting = [
            neck
            for neck in basins.necks[:5]
            if basins.smaller_side(neck, sizes) >= self.smallest_side * sizes.sum()
        ]
        return min(fitting, key=lambda n: n.radius / n.thinner, default=None)
