"""The seed map: the sure insides of mitochondria, apart from their boundaries."""

from dataclasses import replace
from typing import ClassVar

from napari_mitoseg.params import param
from napari_mitoseg.postprocessing.state import Kind, State
from napari_mitoseg.postprocessing.step import Reach, Step, steps
from napari_mitoseg.postprocessing.threshold import above, below


@steps.register("seed-map")
class SeedMap(Step):
    """Keep as seeds what is surely mitochondrion and not boundary.

    Notes
    -----
    A voxel is a seed where its semantic probability is above T1 and its boundary
    probability below T2, Eq. 4 of [1]_; the connected components of the seeds are the
    instances. For a network without a boundary map only T1 counts. Seeds lie within
    the semantic mask, whatever earlier steps have done to it.

    References
    ----------
    .. [1] Li et al. (2021), Advanced deep networks for 3D mitochondria instance
       segmentation, Eq. 4.
    """

    name: ClassVar[str] = "seed-map"
    title: ClassVar[str] = "Seed map"
    accepts: ClassVar[frozenset[Kind]] = frozenset({Kind.MASK})
    is_single: ClassVar[bool] = True

    semantic: float = param(
        0.9,
        ge=0,
        le=1,
        description="T1: seeds have a higher mitochondrion probability.",
    )
    boundary: float = param(
        0.8,
        ge=0,
        le=1,
        description="T2: seeds have a lower boundary probability.",
    )

    @property
    def neighbourhood(self) -> Reach:
        """Nothing around a voxel."""
        return Reach()

    def apply(self, state: State) -> State:
        """Set the seeds."""
        seeds = above(state.maps.semantic, self.semantic)
        seeds &= state.foreground()
        if state.maps.boundary is not None:
            seeds &= below(state.maps.boundary, self.boundary)
        return replace(state, seeds=seeds)
