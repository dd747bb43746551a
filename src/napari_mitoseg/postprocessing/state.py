"""What a chain of post-processing steps hands from one step to the next."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.labelling import Labels, Mask
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.volume import Spacing, Volume


class Kind(Enum):
    """What a step takes and gives."""

    PROBABILITY = "probability maps"
    MASK = "a mask"
    LABELS = "labels"


ANY = frozenset(Kind)
Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class State:
    """Everything known between two steps; arrays are never changed in place.

    Attributes
    ----------
    maps : ProbabilityMaps
        Probability maps, kept all along.
    kind : Kind
        What the next step works on.
    semantic : ndarray of bool, shape (Z, Y, X), or None
        Mask of mitochondria, once there is a threshold.
    seeds : ndarray of bool, shape (Z, Y, X), or None
        Seed map, once there is one.
    boundary : ndarray of bool, shape (Z, Y, X), or None
        Mask of instance boundaries, once there is a boundary threshold.
    labels : ndarray of uint32, shape (Z, Y, X), or None
        Instances, once there are components.
    is_grown : bool
        Whether labels cover whole objects; False while they are seeds.
    image : Volume or None
        The image that the maps were predicted from, for steps that look at it.
    """

    maps: ProbabilityMaps
    kind: Kind = Kind.PROBABILITY
    semantic: Mask | None = None
    seeds: Mask | None = None
    boundary: Mask | None = None
    labels: Labels | None = None
    is_grown: bool = False
    image: Volume | None = None

    @property
    def spacing(self) -> Spacing:
        """Distance between voxel centres in nm, ZYX."""
        return self.maps.spacing

    @property
    def mask(self) -> Mask:
        """The mask that mask steps act on: the seeds once there are any."""
        return _there(self.semantic if self.seeds is None else self.seeds)

    def with_mask(self, mask: Mask) -> "State":
        """Return the state with the seeds, or else the semantic mask, replaced."""
        if self.seeds is None:
            return replace(self, semantic=mask, kind=Kind.MASK)
        return replace(self, seeds=mask, kind=Kind.MASK)

    def labelled(self) -> Labels:
        """Return the labels of a state that has them."""
        return _there(self.labels)

    def foreground(self) -> Mask:
        """Return the semantic mask of a state that has one."""
        return _there(self.semantic)

    def pictured(self) -> Volume:
        """Return the image of a state that has it."""
        return _there(self.image)

    def arrays(self) -> Iterator[NDArray[np.generic]]:
        """Iterate over the arrays that steps have made."""
        for array in (self.semantic, self.seeds, self.boundary, self.labels):
            if array is not None:
                yield array


def _there(value: Made | None) -> Made:
    """Return what the order of steps guarantees to be there."""
    if value is None:
        msg = "A step ran before what it needs; Chain checks the order."
        raise RuntimeError(msg)
    return value
