"""Thresholds that turn probability maps into masks."""

import math
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from napari_mitoseg.labelling import Mask
from napari_mitoseg.maps import cutoff
from napari_mitoseg.params import param
from napari_mitoseg.postprocessing.state import ANY, Kind, State
from napari_mitoseg.postprocessing.step import Reach, Step, steps
from napari_mitoseg.volume import Array


def above(probability: Array, threshold: float) -> Mask:
    """Return where an 8-bit probability map is above a threshold (0 to 1)."""
    # As an integer, which numpy compares without making a volume of floats.
    mask: Mask = probability > np.uint8(math.floor(cutoff(threshold)))
    return mask


def below(probability: Array, threshold: float) -> Mask:
    """Return where an 8-bit probability map is below a threshold (0 to 1)."""
    mask: Mask = probability < np.uint8(math.ceil(cutoff(threshold)))
    return mask


@steps.register("threshold")
class Threshold(Step):
    """Call mitochondrion what is more probable than a threshold.

    Notes
    -----
    A voxel exactly at the threshold is background.
    """

    name: ClassVar[str] = "threshold"
    title: ClassVar[str] = "Threshold"
    accepts: ClassVar[frozenset[Kind]] = frozenset({Kind.PROBABILITY})
    gives: ClassVar[Kind | None] = Kind.MASK

    value: float = param(
        0.5,
        ge=0,
        le=1,
        description="Voxels with a higher probability are mitochondrion.",
    )

    @property
    def neighbourhood(self) -> Reach:
        """Nothing around a voxel."""
        return Reach()

    def apply(self, state: State) -> State:
        """Set the semantic mask."""
        mask = above(state.maps.semantic, self.value)
        return replace(state, semantic=mask, kind=Kind.MASK)


@steps.register("boundary-threshold")
class BoundaryThreshold(Step):
    """Call boundary what the network thinks an instance boundary.

    Notes
    -----
    Makes the boundary layer, and nothing else depends on it; so it may stand anywhere
    in the chain. Networks without a boundary map give an empty layer.
    """

    name: ClassVar[str] = "boundary-threshold"
    title: ClassVar[str] = "Boundary threshold"
    accepts: ClassVar[frozenset[Kind]] = ANY
    is_single: ClassVar[bool] = True

    value: float = param(
        0.5,
        ge=0,
        le=1,
        description="Voxels with a higher boundary probability are boundary.",
    )

    @property
    def neighbourhood(self) -> Reach:
        """Nothing around a voxel."""
        return Reach()

    def apply(self, state: State) -> State:
        """Set the boundary mask."""
        if state.maps.boundary is None:
            return state
        return replace(state, boundary=above(state.maps.boundary, self.value))

    def reads(self, state: State) -> tuple[Any, ...]:
        """Return the maps."""
        return (state.maps,)
