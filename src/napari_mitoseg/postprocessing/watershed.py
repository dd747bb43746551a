"""Seeded watershed: every seed grows through the semantic mask."""

from dataclasses import replace
from enum import StrEnum
from typing import ClassVar

import numpy as np
from skimage.segmentation import watershed

from napari_mitoseg.labelling import (
    Connectivity,
    Index,
    Labels,
    Mask,
    find_boxes,
    iter_slabs,
    label_components,
    look_up,
    unique_pairs,
)
from napari_mitoseg.maps import FULL, ProbabilityMaps
from napari_mitoseg.params import param
from napari_mitoseg.postprocessing.remove_small import without_removed
from napari_mitoseg.postprocessing.state import Kind, State
from napari_mitoseg.postprocessing.step import Step, steps
from napari_mitoseg.volume import Array

_REACH: dict[int, int] = {6: 1, 18: 2, 26: 3}
_BOX_VOXELS = 1 << 24


class Unseeded(StrEnum):
    """What becomes of objects without a seed."""

    KEEP = "keep"
    DROP = "drop"


@steps.register("seeded-watershed")
class SeededWatershed(Step):
    """Grow the seeds until they fill the semantic mask.

    Notes
    -----
    The parts of the semantic mask with one seed take its label, by lookup. Only parts
    with two seeds or more are flooded, each in its own box: lowest first in the larger
    of 255 − semantic and boundary probability (both × 255), so that seeds meet on the
    ridge between two mitochondria. Of equal voxels the one reached first is flooded
    first, which on a plateau is the one nearest to its seed in steps; then the one
    reached from the lower index. Parts whose box exceeds 16 million voxels are
    flooded slab by slab along z, forth and back, to bound the memory.

    A part without a seed is an object the network was never sure of. By default it is
    kept: seeds ask for high probabilities, and a network that is more careful than the
    one the thresholds were chosen for would otherwise lose whole mitochondria.
    """

    name: ClassVar[str] = "seeded-watershed"
    title: ClassVar[str] = "Seeded watershed"
    accepts: ClassVar[frozenset[Kind]] = frozenset({Kind.LABELS})
    needs: ClassVar[str | None] = "seed-map"
    is_single: ClassVar[bool] = True

    unseeded: Unseeded = param(
        Unseeded.KEEP,
        description="Keep or drop the parts of the mask that hold no seed.",
    )
    connectivity: Connectivity = param(
        26,
        advanced=True,
        description="Neighbours that a seed grows into: 6, 18 or 26.",
    )

    def apply(self, state: State) -> State:
        """Grow the labels."""
        mask, seeds = state.foreground(), state.labelled()
        n_seeds = int(seeds.max(initial=0))
        grown, n_parts = label_components(mask, self.connectivity)
        part, seed = _seeds_of_parts(grown, seeds)
        n_in_part = np.bincount(part, minlength=n_parts + 1)
        table = self._table(n_in_part, part, seed, n_seeds)
        crowded = np.flatnonzero(n_in_part > 1).tolist()
        if crowded:
            self._flood_parts(state.maps, grown, seeds, crowded)
        look_up(np.concatenate([table, np.arange(1, n_seeds + 1)]), grown, grown)
        semantic = mask
        if self.unseeded is Unseeded.DROP:
            semantic = without_removed(mask, mask.view(np.uint8), grown)
        return replace(state, labels=grown, semantic=semantic, is_grown=True)

    def _table(self, n_in_part: Array, part: Array, seed: Array, n: int) -> Array:
        """Give for each part the label it takes as a whole; 0 where it is flooded."""
        table = np.zeros(n_in_part.size, np.int64)
        table[part] = seed
        table[n_in_part > 1] = 0
        if self.unseeded is Unseeded.KEEP:
            empty = np.flatnonzero(n_in_part == 0)[1:]
            table[empty] = n + 1 + np.arange(empty.size)
        return table

    def _flood_parts(
        self, maps: ProbabilityMaps, grown: Labels, seeds: Labels, crowded: list[int]
    ) -> None:
        """Write the labels of flooded parts into `grown`, above all part numbers."""
        n_parts = np.uint32(grown.max())
        for number, box in find_boxes(grown, crowded).items():
            inside = grown[box] == number
            markers = np.where(inside, seeds[box], 0)
            flooded = self._flood(maps, box, markers, inside)
            grown[box][inside] = np.where(flooded > 0, flooded + n_parts, 0)[inside]

    def _flood(
        self, maps: ProbabilityMaps, box: Index, markers: Labels, inside: Mask
    ) -> Labels:
        height = _landscape(maps, box)
        reach = _REACH[self.connectivity]
        if inside.size <= _BOX_VOXELS:
            return flood(height, markers, inside, reach)
        return flood_by_slabs(height, markers, inside, reach)


def flood(height: Array, markers: Labels, inside: Mask, reach: int) -> Labels:
    """Flood a mask from markers, lowest voxels first.

    Parameters
    ----------
    height : ndarray of uint8, shape (Z, Y, X)
        Landscape.
    markers : ndarray of uint32, shape (Z, Y, X)
        Labels to start from.
    inside : ndarray of bool, shape (Z, Y, X)
        Where to flood.
    reach : {1, 2, 3}
        Neighbours share a face, also an edge, also a corner.

    Returns
    -------
    ndarray of uint32, shape (Z, Y, X)
        Labels, 0 where no marker reaches.
    """
    start = markers.astype(np.int32)
    found: Array = watershed(height, start, connectivity=reach, mask=inside)  # type: ignore[no-untyped-call]
    return found.astype(np.uint32)


def flood_by_slabs(height: Array, markers: Labels, inside: Mask, reach: int) -> Labels:
    """Flood like `flood`, one slab after the other, with bounded memory.

    Notes
    -----
    Each slab starts from its own markers and from what its neighbour has become, up
    and down through the slabs until nothing is left that can be reached. Where seeds
    of different slabs meet, the line between them may differ from `flood`'s.
    """
    labels = markers.copy()
    slabs = list(iter_slabs(inside.shape, overlap=1, voxels=_BOX_VOXELS))
    while True:
        before = np.count_nonzero(labels)
        for slab in (*slabs, *reversed(slabs)):
            labels[slab] = flood(height[slab], labels[slab], inside[slab], reach)
        if np.count_nonzero(labels) == before:
            return labels


def _landscape(maps: ProbabilityMaps, box: Index) -> Array:
    """Return the larger of 255 − semantic and boundary probability."""
    height = FULL - maps.semantic[box]
    if maps.boundary is None:
        return height
    return np.maximum(height, maps.boundary[box])


def _seeds_of_parts(parts: Labels, seeds: Labels) -> tuple[Array, Array]:
    """List which seed labels each part of the mask holds."""
    found = [np.zeros((2, 0), np.int64)]
    for slab in iter_slabs(parts.shape):
        part, seed = parts[slab], seeds[slab]
        both = (part > 0) & (seed > 0)
        found.append(unique_pairs(part[both], seed[both]))
    part, seed = unique_pairs(*np.concatenate(found, axis=1))
    return part, seed
