"""Objects that may be halves of one."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.params import param
from napari_mitoseg.proofreading.distances import distance_inside
from napari_mitoseg.proofreading.sight import Sight
from napari_mitoseg.proofreading.suspicions.suspicion import (
    Finding,
    Suspicion,
    ramp,
    suspicions,
)

Points = NDArray[np.float64]

REACH = 6
"""Radii of an object within which its direction is measured."""


@suspicions.register("gap")
class Gap(Suspicion):
    """The object ends where another one begins, in the same direction.

    Notes
    -----
    Looks for the nearest object within the gap.  From the two voxels that face each
    other, the mean direction of the voxels of either object is taken, within six radii
    of this one: it is short where an object goes on to both sides, and long at its end.
    Their product is near 1 for tubes end to end, below 0.3 for a tube that passes.  The
    score falls with the distance, and for round objects.
    """

    name: ClassVar[str] = "gap"
    title: ClassVar[str] = "Gap to a neighbour"

    gap_nm: float = param(
        100.0, gt=0, le=2000, unit="nm", description="Largest gap that is looked at."
    )

    def look(self, sight: Sight) -> Finding | None:
        """Look for the nearest object that goes on where this one ends."""
        if sight.workspace.given_spacing is None:
            return None
        facing = self._facing(sight)
        if facing is None:
            return Finding(0, "")
        score = (
            ramp(facing.aligned, 0.3, 0.8)
            * ramp(facing.length, 1, 2)
            * (1 - 0.5 * facing.distance / self.gap_nm)
        )
        return Finding(
            score,
            f"ends {facing.distance:.0f} nm from object {facing.other}, in the same "
            "direction",
        )

    def _facing(self, sight: Sight) -> "_Facing | None":
        """Find the nearest object and see how the two lie to each other."""
        radius = sight.radius
        labels, steps = sight.around(self.gap_nm + REACH * radius)
        z, y, x = (n * s for n, s in zip(steps, sight.workspace.spacing, strict=True))
        mask = labels == sight.label
        far = distance_inside(~mask, (z, y, x))
        far[mask | (labels == 0)] = np.inf
        if not mask.any() or far.min() > self.gap_nm:
            return None
        there = np.array(np.unravel_index(far.argmin(), far.shape))
        other = labels[tuple(there)]
        size = np.array((z, y, x))
        end = there * size
        own, its = (np.argwhere(labels == n) * size for n in (sight.label, other))
        here = own[np.linalg.norm(own - end, axis=1).argmin()]
        ways = (
            _direction(own, here, REACH * radius),
            _direction(its, end, REACH * radius),
        )
        return _Facing(
            other=int(other),
            distance=float(far.min()),
            aligned=-float(ways[0] @ ways[1]),
            length=float(np.linalg.norm(own - here, axis=1).max()) / (2 * radius),
        )


@dataclass(frozen=True)
class _Facing:
    """How an object lies to the nearest other one.

    Attributes
    ----------
    other : int
        Its label.
    distance : float
        Between the voxels that face each other, nm.
    aligned : float
        1 where each lies behind its end, seen from the other.
    length : float
        Length of the object, from its end, in its diameters.
    """

    other: int
    distance: float
    aligned: float
    length: float


def _direction(voxels: Points, end: Points, reach: float) -> Points:
    """Return the direction, of length up to 1, in which an object lies from its end.

    Where an object goes on in opposite directions these cancel: that is no end.
    """
    ways = voxels - end
    far = np.linalg.norm(ways, axis=1)
    near = (far > 0) & (far <= reach)
    if not near.any():
        return np.zeros(3)
    direction: Points = ways[near].mean(axis=0) / far[near].mean()
    return direction
