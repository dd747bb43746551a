"""Spatial continuity-based refinement: neighbouring slices correct each other."""

from typing import ClassVar

from napari_mitoseg.params import param
from napari_mitoseg.postprocessing.state import Kind, State
from napari_mitoseg.postprocessing.step import Reach, Step, steps
from napari_mitoseg.slice_continuity import refine_by_continuity


@steps.register("spatial-continuity")
class SpatialContinuityRefinement(Step):
    """Mend what single slices say against the slices on both sides of them.

    Notes
    -----
    The part of the morphological post-processing (MPP) [1]_ that needs no truth:
    false positives go by Eq. 2, A ∩ (A₋₁ ∪ A₊₁), then false negatives are filled by
    Eq. 3, A ∪ (A₋₁ ∩ A₊₁). For runs of n wrong slices, n + 2 slices are looked at,
    shorter runs first. The first and the last slice have one neighbour and stay.

    With `drift`, which the paper does not have, what the slices on both sides have is
    dilated in Eq. 2 and eroded in Eq. 3: sections that are thick against their pixels
    would lose the rim of every mitochondrion otherwise.

    References
    ----------
    .. [1] Semi-supervised segmentation of mitochondria from electron microscopy
       images using spatial continuity, section 2.3.
    """

    name: ClassVar[str] = "spatial-continuity"
    title: ClassVar[str] = "Spatial continuity-based refinement"
    accepts: ClassVar[frozenset[Kind]] = frozenset({Kind.MASK})

    run: int = param(
        1,
        ge=1,
        le=10,
        unit="slices",
        description="Longest run of wrong slices that is mended.",
    )
    drift: int = param(
        0,
        ge=0,
        le=100,
        unit="px",
        description="How far an outline may move from one slice to the next; 0 is the "
        "published equations, which eat at outlines where sections are thick.",
    )
    remove: bool = param(
        True, description="Remove false positives: what neither side has (Eq. 2)."
    )
    fill: bool = param(
        True, description="Fill false negatives: what both sides have (Eq. 3)."
    )

    @property
    def neighbourhood(self) -> Reach:
        """The runs of slices that are looked at, one after the other."""
        reach = self.run * (self.run + 1) // 2 * (self.remove + self.fill)
        return Reach(reach, reach * self.drift)

    def apply(self, state: State) -> State:
        """Refine the mask."""
        refined = refine_by_continuity(
            state.mask, self.run, self.drift, remove=self.remove, fill=self.fill
        )
        return state if refined is state.mask else state.with_mask(refined)
