"""Objects that may be halves of one."""

from dataclasses import dataclass
from math import ceil
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.params import param
from napari_mitoseg.proofreading.distances import distance_inside
from napari_mitoseg.proofreading.regions import as_region
from napari_mitoseg.proofreading.sight import Sight, Surroundings, surroundings
from napari_mitoseg.proofreading.suspicions.suspicion import (
    Finding,
    Suspicion,
    ramp,
    suspicions,
)
from napari_mitoseg.volume import Array

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
        near = sight.around(self.gap_nm)
        met = _nearest(near, sight.label)
        if met is None or met[1] > self.gap_nm:
            return None
        place, distance = met
        other = int(near.labels[tuple(place)])
        end = place * near.spacing + near.origin
        reach = REACH * sight.radius
        own, its = near.places(sight.label), _beyond(sight, end, reach).places(other)
        here = own[np.linalg.norm(own - end, axis=1).argmin()]
        ways = _direction(own, here, reach), _direction(its, end, reach)
        return _Facing(
            other=other,
            distance=distance,
            aligned=-float(ways[0] @ ways[1]),
            length=float(np.linalg.norm(own - here, axis=1).max()) / (2 * sight.radius),
        )


def _nearest(near: Surroundings, label: int) -> tuple[Array, float] | None:
    """Return the voxel of another object that is nearest to one, and how far it is."""
    mask = near.labels == label
    others = (near.labels > 0) & ~mask
    if not mask.any() or not others.any():
        return None
    z, y, x = near.spacing.tolist()
    far = np.where(others, distance_inside(~mask, (z, y, x)), np.inf)
    place = np.array(np.unravel_index(far.argmin(), far.shape))
    return place, float(far.min())


def _beyond(sight: Sight, end: Points, reach: float) -> Surroundings:
    """Read the labels around a place as far as directions are measured."""
    spacing = sight.workspace.spacing
    voxel = [round(p / step) for p, step in zip(end, spacing, strict=True)]
    size = [ceil(reach / step) for step in spacing]
    region = as_region(voxel, [p + 1 for p in voxel])
    return surroundings(sight.workspace, region, size)


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
