"""Average along z, of slices that have been moved onto each other."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, pairwise, starmap
from typing import Any, ClassVar

import numpy as np

from napari_mitoseg.jobs import Job, Progress, drain
from napari_mitoseg.maps import FULL
from napari_mitoseg.params import param
from napari_mitoseg.postprocessing.optical_flow import Plane, coarse, flow, sampled
from napari_mitoseg.postprocessing.state import Kind, State
from napari_mitoseg.postprocessing.step import Reach, Step, steps

SURE = 0.85
"""Probability above which, or as far below a half, what a slice says stands."""


@steps.register("average-z")
class AverageZ(Step):
    """Let slices decide with their neighbours what they are unsure of.

    Notes
    -----
    What a network takes for a mitochondrion in one slice only, mostly is none. Voxels
    of the semantic map between 0.15 and 0.85 become the weighted mean of themselves and
    what lies there in the two neighbouring slices, moved along the optical flow of the
    image first: neither shifted sections nor slanting outlines are blurred. At the ends
    of a stack, a slice stands in for the neighbour that it lacks. The boundary map
    stays as it is.
    """

    name: ClassVar[str] = "average-z"
    title: ClassVar[str] = "Average along z"
    accepts: ClassVar[frozenset[Kind]] = frozenset({Kind.PROBABILITY})
    needs_image: ClassVar[bool] = True

    weight: float = param(
        0.2, gt=0, le=0.33, description="Share of each of the two neighbours."
    )

    @property
    def neighbourhood(self) -> Reach:
        """The slice of a voxel and those beside it."""
        return Reach(1, None)

    def apply(self, state: State) -> State:
        """Average the semantic map."""
        return drain(self.applying(state))

    def applying(self, state: State) -> Job[State]:
        """Average the semantic map slice by slice; reports each."""
        maps = state.maps
        given, semantic = maps.semantic, maps.semantic.copy()
        weight = np.float32(self.weight)
        flows = pairwise(chain([None], _flows(state), [None]))
        for z, (before, along) in enumerate(flows):
            plane = given[z]
            where = np.nonzero((plane > (1 - SURE) * FULL) & (plane < SURE * FULL))
            own = plane[where].astype(np.float32)
            # Between neighbours tissue hardly shifts, so the way back is as long.
            below = own if before is None else sampled(given[z - 1], -before, where)
            above = own if along is None else sampled(given[z + 1], along, where)
            semantic[z][where] = np.rint(own + weight * (below + above - 2 * own))
            yield Progress(z + 1, len(given), self.title)
        return replace(state, maps=replace(maps, semantic=semantic))

    def reads(self, state: State) -> tuple[Any, ...]:
        """Return the maps and the image."""
        return state.maps, state.image


def _flows(state: State) -> Iterator[Plane]:
    """Iterate over the flow from each slice to the next."""
    image = state.pictured()
    slices = map(image.read_slice, range(image.shape[0]))
    return starmap(flow, pairwise(coarse(one, state.spacing) for one in slices))
