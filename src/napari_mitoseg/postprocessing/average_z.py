"""Average along z, of slices that have been moved onto each other."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from napari_mitoseg.jobs import Job, Progress, drain
from napari_mitoseg.params import param
from napari_mitoseg.postprocessing.optical_flow import Plane, coarse, flow, moved
from napari_mitoseg.postprocessing.state import Kind, State
from napari_mitoseg.postprocessing.step import Reach, Step, steps


@steps.register("average-z")
class AverageZ(Step):
    """Average the semantic map over neighbouring slices, moved to where they belong.

    Notes
    -----
    What a network takes for a mitochondrion in one slice only, mostly is none. Each
    slice becomes the weighted mean of itself and its two neighbours, which are moved
    along the optical flow of the image first: neither shifted sections nor slanting
    outlines are blurred. With the weight that is preset, what a slice is sure of stays
    (probabilities above 0.84), and nothing comes to where it sees nothing (below 0.16).
    At the ends of a stack, a slice stands in for the neighbour that it lacks. The
    boundary map stays as it is.
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
        semantic = np.empty_like(maps.semantic)
        for z, plane in enumerate(self._averaged(state)):
            semantic[z] = np.rint(plane)
            yield Progress(z + 1, len(semantic), self.title)
        return replace(state, maps=replace(maps, semantic=semantic))

    def reads(self, state: State) -> tuple[Any, ...]:
        """Return the maps and the image."""
        return state.maps, state.image

    def _averaged(self, state: State) -> Iterator[Plane]:
        """Iterate over the averaged slices of the semantic map."""
        semantic, image = state.maps.semantic, state.pictured()
        pictures = (
            coarse(image.read_slice(z), state.spacing) for z in range(len(semantic))
        )
        here, own = next(pictures), semantic[0].astype(np.float32)
        below = own
        for beyond, plane in zip(pictures, semantic[1:], strict=True):
            other = plane.astype(np.float32)
            yield self._mean(below, own, moved(other, flow(here, beyond)))
            below = moved(own, flow(beyond, here))
            here, own = beyond, other
        yield self._mean(below, own, own)

    def _mean(self, below: Plane, own: Plane, above: Plane) -> Plane:
        return own + np.float32(self.weight) * (below + above - 2 * own)
