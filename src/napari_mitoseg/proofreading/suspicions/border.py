"""Objects that the volume cuts off."""

from typing import ClassVar

from napari_mitoseg.params import param
from napari_mitoseg.proofreading.sight import Sight
from napari_mitoseg.proofreading.suspicions.suspicion import (
    Finding,
    Suspicion,
    suspicions,
)


@suspicions.register("touches-border")
class TouchesBorder(Suspicion):
    """The object reaches a side of the volume.

    Notes
    -----
    Its size and shape then say little.  No mistake as such, so it counts for little by
    default.  Sides across an axis of one voxel do not count.
    """

    name: ClassVar[str] = "touches-border"
    title: ClassVar[str] = "Touches the border"

    weight: float = param(
        0.2, ge=0, le=1, advanced=True, description="What a full score counts."
    )

    def look(self, sight: Sight) -> Finding:
        """Compare the box with the volume."""
        region, shape = sight.entry.region, sight.workspace.shape
        sides = [
            letter
            for letter, a, b, n in zip(
                "zyx", region.start, region.stop, shape, strict=True
            )
            if n > 1 and (a == 0 or b == n)
        ]
        reason = f"touches the border of the volume in {', '.join(sides)}"
        return Finding(float(bool(sides)), reason if sides else "")
