"""Remove objects too small to be mitochondria."""

from dataclasses import replace
from enum import StrEnum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.labelling import (
    Connectivity,
    Labels,
    Mask,
    count_voxels,
    iter_slabs,
    label_components,
    look_up,
)
from napari_mitoseg.params import param
from napari_mitoseg.postprocessing.state import Kind, State
from napari_mitoseg.postprocessing.step import Step, steps
from napari_mitoseg.volume import Spacing, voxels_in


class SizeUnit(StrEnum):
    """What a size is given in."""

    CUBIC_MICROMETRES = "µm³"
    VOXELS = "voxels"


@steps.register("remove-small")
class RemoveSmall(Step):
    """Remove objects below a size.

    Notes
    -----
    The default is the volume of a ball of 98 nm: thinner than any mitochondrion, and
    small enough to keep most cross-sections when a single slice is segmented. An object
    of exactly the smallest size stays. In a mask, objects are connected
    components. Objects removed from the labels leave the semantic mask too, unless the
    labels are seeds that have not grown yet: a seed is only a part of its object.
    """

    name: ClassVar[str] = "remove-small"
    title: ClassVar[str] = "Remove small"
    accepts: ClassVar[frozenset[Kind]] = frozenset({Kind.MASK, Kind.LABELS})

    size: float = param(
        0.0005,
        ge=0,
        description="Smallest object that stays, in the unit below.",
    )
    unit: SizeUnit = param(
        SizeUnit.CUBIC_MICROMETRES,
        description="Whether the size is a volume or a number of voxels.",
    )
    connectivity: Connectivity = param(
        26,
        advanced=True,
        description="Neighbours that connect the objects of a mask.",
    )

    def apply(self, state: State) -> State:
        """Remove the small objects."""
        if state.kind is Kind.MASK:
            labels, n = label_components(state.mask, self.connectivity)
            kept = self._without_small(labels, n, state.spacing)
            return state if kept is labels else state.with_mask(kept > 0)
        labels = state.labelled()
        kept = self._without_small(labels, int(labels.max(initial=0)), state.spacing)
        if kept is labels or not state.is_grown:
            return replace(state, labels=kept)
        semantic = without_removed(state.foreground(), labels, kept)
        return replace(state, labels=kept, semantic=semantic)

    def _without_small(self, labels: Labels, n: int, spacing: Spacing) -> Labels:
        """Return the labels that are large enough, renumbered in their order."""
        table = self.table(count_voxels(labels, n), spacing)
        return labels if table is None else look_up(table, labels)

    def table(
        self, n_voxels: NDArray[np.int64], spacing: Spacing
    ) -> NDArray[np.int64] | None:
        """Decide which objects stay.

        Parameters
        ----------
        n_voxels : ndarray of int64, shape (n + 1,)
            Voxels of each label.
        spacing : tuple of float
            nm, ZYX.

        Returns
        -------
        ndarray of int64, shape (n + 1,), or None
            New label of each, 0 for those that go; None if all stay as they are.
        """
        stays = n_voxels >= self.fewest_voxels(spacing)
        if stays[1:].all():
            return None
        stays[0] = False
        return np.where(stays, np.cumsum(stays), 0)

    def fewest_voxels(self, spacing: Spacing) -> float:
        """Return how many voxels an object must have to stay."""
        if self.unit is SizeUnit.VOXELS:
            return self.size
        # A hair less: an object of exactly this size must not fall to rounding.
        return voxels_in(self.size, spacing) * (1 - 1e-9)


def without_removed(mask: Mask, before: Labels, after: Labels) -> Mask:
    """Return the mask without the voxels that have lost their label."""
    kept = mask.copy()
    for slab in iter_slabs(mask.shape):
        kept[slab] &= (after[slab] > 0) | (before[slab] == 0)
    return kept
