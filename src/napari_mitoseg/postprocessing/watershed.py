"""Seeded watershed: every seed grows through the semantic mask."""

from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.labelling import (
    Connectivity,
    Labels,
    Mask,
    iter_slabs,
    label_components,
    look_up,
    unique_pairs,
)
from napari_mitoseg.maps import FULL, ProbabilityMaps
from napari_mitoseg.params import param
from napari_mitoseg.postprocessing.flooding import At, flood
from napari_mitoseg.postprocessing.remove_small import without_removed
from napari_mitoseg.postprocessing.state import Kind, State
from napari_mitoseg.postprocessing.step import Step, steps
from napari_mitoseg.volume import Array


class Unseeded(StrEnum):
    """What becomes of objects without a seed."""

    KEEP = "keep"
    DROP = "drop"


@steps.register("seeded-watershed")
class SeededWatershed(Step):
    """Grow the seeds until they fill the semantic mask.

    Notes
    -----
    The parts of the semantic mask with one seed take its label, by lookup. Parts with
    two seeds or more are flooded from their seeds, lowest first in the larger of
    255 − semantic and boundary probability (both × 255, in steps of 4), so that seeds
    meet on the ridge between two mitochondria; on a plateau a voxel falls to the
    nearest seed, in steps. See `flooding.flood`.

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
        table = self.table(n_in_part, part, seed, n_seeds)
        is_crowded = n_in_part > 1
        if is_crowded.any():
            _plant(grown, seeds, is_crowded)
            is_free = np.concatenate([is_crowded, np.zeros(n_seeds, bool)])
            height_at = partial(flood_height, state.maps)
            flood(grown, is_free, height_at, self.connectivity)
        look_up(np.concatenate([table, np.arange(1, n_seeds + 1)]), grown, grown)
        semantic = mask
        if self.unseeded is Unseeded.DROP:
            semantic = without_removed(mask, mask.view(np.uint8), grown)
        return replace(state, labels=grown, semantic=semantic, is_grown=True)

    def table(self, n_in_part: Array, part: Array, seed: Array, n: int) -> Array:
        """Give for each part the label it takes as a whole.

        Parameters
        ----------
        n_in_part : ndarray of int, shape (n_parts + 1,)
            Seeds in each part of the mask.
        part, seed : ndarray of int, shape (m,)
            Parts, and seeds that they hold.
        n : int
            Largest seed.

        Returns
        -------
        ndarray of int64, shape (n_parts + 1,)
            Labels; 0 for parts that are flooded, or dropped.
        """
        table = np.zeros(n_in_part.size, np.int64)
        table[part] = seed
        table[n_in_part > 1] = 0
        if self.unseeded is Unseeded.KEEP:
            empty = np.flatnonzero(n_in_part == 0)[1:]
            table[empty] = n + 1 + np.arange(empty.size)
        return table


def _plant(grown: Labels, seeds: Labels, is_crowded: Mask) -> None:
    """Write the seeds of crowded parts into `grown`, above all part numbers."""
    n_parts = np.uint32(is_crowded.size - 1)
    for slab in iter_slabs(grown.shape):
        planted = (seeds[slab] > 0) & is_crowded[grown[slab]]
        grown[slab][planted] = seeds[slab][planted] + n_parts


def flood_height(maps: ProbabilityMaps, at: At) -> NDArray[np.uint8]:
    """Say how high the water must rise to flood some voxels.

    Parameters
    ----------
    maps : ProbabilityMaps
        Maps, contiguous.
    at : ndarray of int64, shape (n,)
        Numbers of the voxels, counted in C order.

    Returns
    -------
    ndarray of uint8, shape (n,)
        The larger of 255 − semantic and boundary, in 64 levels.
    """
    height: NDArray[np.uint8] = FULL - maps.semantic.reshape(-1)[at]
    if maps.boundary is not None:
        np.maximum(height, maps.boundary.reshape(-1)[at], out=height)
    return height >> np.uint8(2)


def _seeds_of_parts(parts: Labels, seeds: Labels) -> tuple[Array, Array]:
    """List which seed labels each part of the mask holds."""
    found = [np.zeros((2, 0), np.int64)]
    for slab in iter_slabs(parts.shape):
        part, seed = parts[slab], seeds[slab]
        both = (part > 0) & (seed > 0)
        found.append(unique_pairs(part[both], seed[both]))
    part, seed = unique_pairs(*np.concatenate(found, axis=1))
    return part, seed
