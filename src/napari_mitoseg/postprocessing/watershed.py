"""Seeded watershed: every seed grows through the semantic mask."""

from dataclasses import replace
from enum import StrEnum
from typing import ClassVar

import numpy as np
from scipy.ndimage import find_objects
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
    offset_box,
    unique_pairs,
)
from napari_mitoseg.maps import FULL, ProbabilityMaps
from napari_mitoseg.params import param
from napari_mitoseg.postprocessing.remove_small import without_removed
from napari_mitoseg.postprocessing.state import Kind, State
from napari_mitoseg.postprocessing.step import Step, steps
from napari_mitoseg.volume import Array

_REACH: dict[int, int] = {6: 1, 18: 2, 26: 3}
_BOX_VOXELS = 1 << 23
ALL_NEIGHBOURS = 3
"""Reach at which voxels that share a corner are neighbours."""


class Unseeded(StrEnum):
    """What becomes of objects without a seed."""

    KEEP = "keep"
    DROP = "drop"


@steps.register("seeded-watershed")
class SeededWatershed(Step):
    """Grow the seeds until they fill the semantic mask.

    Notes
    -----
    The parts of the semantic mask with one seed take its label, by lookup. Of parts
    with two seeds or more, what lies between the seeds falls into islands; those that
    touch one seed take its label, the others are flooded, each in its own box, from
    the seeds on their shores: lowest first in the larger of 255 − semantic and boundary
    probability (both × 255), so that seeds meet on the ridge between two mitochondria.
    Of equal voxels the one reached first is flooded first, which on a plateau is the
    one nearest to its seed in steps; then the one reached from the lower index. Where
    the box of a part exceeds 8 million voxels it is flooded slab by slab along z, up
    and down until all is reached, to bound the memory; where seeds of different slabs
    meet, the line between them may then differ.

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
            _flood_parts(state.maps, grown, seeds, crowded, self.connectivity)
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


def _flood_parts(
    maps: ProbabilityMaps,
    grown: Labels,
    seeds: Labels,
    crowded: list[int],
    connectivity: Connectivity,
) -> None:
    """Write the labels of flooded parts into `grown`, above all part numbers."""
    boxes = find_boxes(grown, crowded)
    n_parts = np.uint32(grown.max())
    _plant(grown, seeds, crowded, n_parts)
    for number, box in boxes.items():
        shape = [cut.stop - cut.start for cut in box]
        slabs = iter_slabs(shape, overlap=1, voxels=_BOX_VOXELS)
        pieces = [offset_box(slab, box) for slab in slabs]
        while sum(
            _flood_piece(maps, grown, p, number, n_parts, connectivity) for p in pieces
        ):
            pieces.reverse()


def _plant(
    grown: Labels, seeds: Labels, crowded: list[int], n_parts: np.uint32
) -> None:
    """Write the seeds of crowded parts into `grown`, above all part numbers."""
    is_crowded = np.zeros(int(n_parts) + 1, bool)
    is_crowded[crowded] = True
    for slab in iter_slabs(grown.shape):
        planted = (seeds[slab] > 0) & is_crowded[grown[slab]]
        grown[slab][planted] = seeds[slab][planted] + n_parts


def _flood_piece(
    maps: ProbabilityMaps,
    grown: Labels,
    piece: Index,
    number: int,
    n_parts: np.uint32,
    connectivity: Connectivity,
) -> int:
    """Flood what is free of a part within a box; return how many voxels that was."""
    free, n_islands = label_components(grown[piece] == number, connectivity)
    if n_islands == 0:
        return 0
    limit = tuple(slice(0, size) for size in free.shape)
    reached = 0
    for island, box in enumerate(find_objects(free.view(np.int32)), start=1):
        inner = _wider(box, limit)
        reached += _flood_island(
            _landscape(maps, offset_box(inner, piece)),
            grown[offset_box(inner, piece)],
            free[inner] == island,
            n_parts,
            _REACH[connectivity],
        )
    return reached


def _flood_island(
    height: Array, values: Labels, free: Mask, n_parts: np.uint32, reach: int
) -> int:
    """Flood one free island from the seeds on its shore; return how many voxels."""
    shore = _dilated(free) & (values > n_parts)
    seeds = np.unique(values[shore])
    if seeds.size == 0:
        return 0
    if seeds.size == 1 and reach == ALL_NEIGHBOURS:
        values[free] = seeds[0]
        return int(np.count_nonzero(free))
    markers = np.where(shore, values - n_parts, 0)
    flooded = flood(height, markers, free | shore, reach)
    reached = free & (flooded > 0)
    values[reached] = flooded[reached] + n_parts
    return int(np.count_nonzero(reached))


def _wider(box: Index, limit: Index) -> Index:
    """Return the box with one voxel more on each side, within a limit."""
    z, y, x = (
        slice(max(b.start - 1, o.start), min(b.stop + 1, o.stop))
        for b, o in zip(box, limit, strict=True)
    )
    return z, y, x


def _dilated(mask: Mask) -> Mask:
    """Return the mask with all 26 neighbours."""
    for axis in range(3):
        line = np.moveaxis(mask, axis, 0)
        wider = line.copy()
        wider[1:] |= line[:-1]
        wider[:-1] |= line[1:]
        mask = np.moveaxis(wider, 0, axis)
    return mask


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
