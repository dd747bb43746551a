"""Seeded watershed over blocks: each part of the mask is flooded in its own box.

Parts of the mask do not touch, so flooding one by itself gives what flooding the whole
volume gives there, voxel for voxel.  Only parts whose box is larger than the memory are
cut, into blocks with a margin.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.distributed.blocks import CHUNK, Block, Grid, inner, padded
from napari_mitoseg.distributed.components import label_blocks
from napari_mitoseg.distributed.damage import damaged
from napari_mitoseg.distributed.engine import Site
from napari_mitoseg.distributed.local_steps import count_labels, counted_labels
from napari_mitoseg.distributed.run_folder import Found
from napari_mitoseg.distributed.state import BlockLabels, BlockState, there
from napari_mitoseg.distributed.views import (
    IntactArray,
    Occupied,
    Renumbered,
    Stored,
    UpTo,
    View,
    create_array,
    shared,
)
from napari_mitoseg.jobs import Job, as_part, relayed
from napari_mitoseg.labelling import Connectivity, Labels
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.postprocessing import SeededWatershed
from napari_mitoseg.postprocessing.flooding import flood
from napari_mitoseg.postprocessing.step import Reach
from napari_mitoseg.postprocessing.watershed import Unseeded, flood_height
from napari_mitoseg.volume import Region, Spacing

MARGIN = Reach(16, 64)
"""Around the blocks that a part larger than the memory is cut into."""

Boxes = NDArray[np.int64]


@dataclass(frozen=True)
class Basin:
    """What is flooded.

    Attributes
    ----------
    parts, seeds : View
        Parts of the mask, and seeds in them.
    semantic, boundary : View or None
        Probability maps.
    spacing : tuple of float
        nm, ZYX.
    connectivity : {6, 18, 26}
        Neighbours that a seed grows into.
    n_seeds : int
        Largest seed.
    """

    parts: View
    seeds: View
    semantic: View
    boundary: View | None
    spacing: Spacing
    connectivity: Connectivity
    n_seeds: int

    def flooded(
        self, region: Region, chosen: NDArray[np.bool_], known: View | None = None
    ) -> tuple[Labels, NDArray[np.bool_]]:
        """Flood some parts within a region.

        Parameters
        ----------
        region : Region
            What is read.
        chosen : ndarray of bool, shape (n_parts + 1,)
            Which parts.
        known : View, optional
            Labels that voxels have already, 0 where they have none.

        Returns
        -------
        labels : ndarray of uint32, shape of the region
            Seeds; 0 outside of these parts, and where no seed gets to.
        is_dry : ndarray of bool, shape of the region
            Voxels of these parts that no seed gets to.
        """
        inside = chosen[self.parts.read(region)]
        labels = self.seeds.read(region)
        if known is not None:
            np.maximum(labels, known.read(region), out=labels)
        # One number for all that is free; seeds above it.
        labels += 1
        labels[~inside] = 0
        is_free = np.zeros(self.n_seeds + 2, np.bool_)
        is_free[1] = True
        boundary = None if self.boundary is None else self.boundary.read(region)
        maps = ProbabilityMaps(self.semantic.read(region), boundary, self.spacing)
        flood(labels, is_free, partial(flood_height, maps), self.connectivity)
        is_dry = labels == 1
        labels -= inside
        return labels, is_dry


@dataclass(frozen=True)
class FloodGroup:
    """Floods parts whose boxes lie together.

    Attributes
    ----------
    basin : Basin
        What is flooded.
    group : Path
        ``.npy``: which group each part belongs to, -1 for none.
    folder : Path
        Where each group gets an array of its own.
    """

    basin: Basin
    group: Path
    folder: Path

    def __call__(self, block: Block) -> Found:
        """Flood the parts of a group; its number is that of the block."""
        chosen = np.load(self.group) == block.number
        labels, _ = self.basin.flooded(block.region, chosen)
        target = flooded_array(self.folder, block)
        target.write(Region.whole(labels.shape), labels)
        return {}


@dataclass(frozen=True)
class FloodBlock:
    """Floods a block of parts that are larger than the memory.

    Attributes
    ----------
    basin : Basin
        What is flooded.
    is_giant : Path
        ``.npy``: which parts these are.
    known : View or None
        What an earlier round has flooded.
    target : Stored
        Where what is flooded goes.
    shape : tuple of int
        Size of the volume.
    """

    basin: Basin
    is_giant: Path
    known: View | None
    target: Stored
    shape: tuple[int, int, int]

    def __call__(self, block: Block) -> Found:
        """Flood a block, with a margin around it."""
        region = padded(block.region, MARGIN, self.shape)
        giants = np.load(self.is_giant)
        labels, is_dry = self.basin.flooded(region, giants, self.known)
        part = inner(block.region, region)
        self.target.write(block.region, labels[part])
        return {"n_dry": np.array(np.count_nonzero(is_dry[part]))}


@dataclass(frozen=True)
class Gather:
    """Puts together what parts have become, block by block.

    Attributes
    ----------
    whole : View
        Labels of the parts that take one as a whole.
    folder : Path
        Arrays of the groups.
    boxes : Path
        ``.npy``, shape (n_groups, 2, 3): first voxel of each, the one behind the last.
    giants : View or None
        What the parts larger than the memory have become.
    target : Stored
        Where the labels go.
    """

    whole: View
    folder: Path
    boxes: Path
    giants: View | None
    target: Stored

    def __call__(self, block: Block) -> Found:
        """Put a block together and count its labels."""
        own = block.region
        labels = self.whole.read(own)
        if self.giants is not None:
            np.maximum(labels, self.giants.read(own), out=labels)
        boxes = np.load(self.boxes)
        first, last = boxes[:, 0], boxes[:, 1]
        meets = ((first < own.stop) & (last > own.start)).all(axis=1)
        for number in np.flatnonzero(meets):
            group = _region(*boxes[number])
            both = there(shared(group, own))
            array = IntactArray(self.folder / str(number))
            here = labels[inner(both, own)]
            np.maximum(here, array[inner(both, group)], out=here)
        self.target.write(own, labels)
        return count_labels(labels)


def flooded_array(folder: Path, group: Block) -> Stored:
    """Return the array of a group of parts, the size of its box."""
    return create_array(folder / str(group.number), group.region.shape, "uint32", CHUNK)


def grow_seeds(
    site: Site, stage: str, step: SeededWatershed, state: BlockState
) -> Job[BlockState]:
    """Grow the seeds until they fill the semantic mask.

    Parameters
    ----------
    site : Site
        Where the run takes place.
    stage : str
        Name of the stage.
    step : SeededWatershed
        Its settings.
    state : BlockState
        With a semantic mask, and seeds as labels.

    Yields
    ------
    Progress
        One per block, and one per group of parts.

    Returns
    -------
    BlockState
        With labels that cover whole objects.
    """
    semantic, seeds = there(state.semantic), there(state.labels)
    job = label_blocks(site, f"{stage}/parts", semantic, step.connectivity, seeds.view)
    parts, (part, seed) = yield from relayed(job, partial(as_part, 0, 4))
    if seed.max(initial=0) > seeds.n:
        raise damaged(site.folder.path, "it holds seeds that there are not")
    n_in_part = np.bincount(part, minlength=parts.n + 1)
    basin = Basin(
        parts=parts.view,
        seeds=seeds.view,
        semantic=state.semantic_map,
        boundary=state.boundary_map,
        spacing=state.spacing,
        connectivity=step.connectivity,
        n_seeds=seeds.n,
    )
    is_crowded = n_in_part > 1
    is_giant = is_crowded & _are_giant(parts, site.cutting.window)
    flooding = _flood_groups(site, stage, basin, parts, is_crowded & ~is_giant)
    boxes = yield from relayed(flooding, partial(as_part, 1, 4))
    cutting_up = _flood_giants(site, stage, basin, parts, is_giant)
    giants = yield from relayed(cutting_up, partial(as_part, 2, 4))
    table = step.table(n_in_part, part, seed, seeds.n).astype(np.uint32)
    numbers = site.folder.save(f"{stage}/table", table)
    whole = Renumbered(parts.view, numbers)
    most = max(seeds.n, int(table.max(initial=0)))
    gathering = _gather(site, stage, whole, boxes, giants, most)
    labels = yield from relayed(gathering, partial(as_part, 3, 4))
    if step.unseeded is Unseeded.DROP:
        semantic = Occupied(labels.view)
    return replace(state, labels=labels, semantic=semantic, is_grown=True)


def _are_giant(parts: BlockLabels, window: int) -> NDArray[np.bool_]:
    """Say which parts have a box that is larger than what may be read at once."""
    size = np.prod(there(parts.stop) - there(parts.start), axis=1)
    return np.asarray(size > window)


def _gather(
    site: Site,
    stage: str,
    whole: View,
    boxes: list[Region],
    giants: View | None,
    most: int,
) -> Job[BlockLabels]:
    """Put together what all parts have become."""
    cutting = site.cutting
    task = Gather(
        whole=whole,
        folder=site.folder.path / "arrays" / stage / "groups",
        boxes=site.folder.save(f"{stage}/boxes", _corners(boxes)),
        giants=giants,
        target=site.folder.array(
            f"{stage}/labels", cutting.shape, "uint32", cutting.chunk
        ),
    )
    title = "Putting grown seeds together"
    job = site.finish(f"{stage}/labels", task, list(cutting.blocks), title)
    records = yield from job
    return counted_labels(task.target, records, most)


def _flood_groups(
    site: Site,
    stage: str,
    basin: Basin,
    parts: BlockLabels,
    is_chosen: NDArray[np.bool_],
) -> Job[list[Region]]:
    """Flood the parts that fit into memory, many at once."""
    chosen = np.flatnonzero(is_chosen)
    group = np.full(parts.n + 1, -1, np.int64)
    blocks: list[Block] = []
    for members, box in _grouped(
        parts, chosen, site.cutting.blocks, site.cutting.window
    ):
        group[members] = len(blocks)
        blocks.append(Block(len(blocks), (0, 0, 0), box))
    task = FloodGroup(
        basin,
        site.folder.save(f"{stage}/groups", group),
        site.folder.path / "arrays" / stage / "groups",
    )
    title = "Growing seeds"
    yield from site.finish(f"{stage}/groups", task, blocks, title)
    return [block.region for block in blocks]


def _grouped(
    parts: BlockLabels, chosen: NDArray[np.int64], grid: Grid, window: int
) -> Iterator[tuple[list[int], Region]]:
    """Put parts that begin in the same block together, as long as they fit."""
    start, stop = there(parts.start)[chosen], there(parts.stop)[chosen]
    cell = np.ravel_multi_index(list((start // np.array(grid.block)).T), grid.counts)
    size = np.prod(stop - start, axis=1)
    members: list[int] = []
    first, last, here = start[:0], stop[:0], -1
    for k in np.lexsort((chosen, size, cell)):
        low = np.minimum(first, start[k]) if members else start[k]
        high = np.maximum(last, stop[k]) if members else stop[k]
        if members and (cell[k] != here or np.prod(high - low) > window):
            yield members, _region(first, last)
            members, low, high = [], start[k], stop[k]
        members.append(int(chosen[k]))
        first, last, here = low, high, cell[k]
    if members:
        yield members, _region(first, last)


def _flood_giants(
    site: Site,
    stage: str,
    basin: Basin,
    parts: BlockLabels,
    is_giant: NDArray[np.bool_],
) -> Job[View | None]:
    """Flood the parts that do not fit, in rounds: labels go on from block to block."""
    if not is_giant.any():
        return None
    path = site.folder.save(f"{stage}/giants", is_giant)
    start, stop = there(parts.start)[is_giant], there(parts.stop)[is_giant]
    touched = [
        block
        for block in site.cutting.blocks
        if ((start < block.region.stop) & (stop > block.region.start)).all(1).any()
    ]
    known: View | None = None
    n_dry, before, n_round = 1, math.inf, 0
    while n_dry:
        name = f"{stage}/giants-{n_round}"
        target = site.folder.array(
            name, site.cutting.shape, "uint32", site.cutting.chunk
        )
        task = FloodBlock(basin, path, known, target, site.cutting.shape)
        title = "Growing seeds through large parts"
        records = yield from site.finish(name, task, touched, title)
        n_dry = sum(int(found["n_dry"]) for found in records.each("n_dry"))
        if n_dry >= before:
            # Each round gets further, where seeds lie in parts as they should.
            raise damaged(site.folder.path, "there are large parts without seeds")
        known, before, n_round = UpTo(target, basin.n_seeds), n_dry, n_round + 1
    return known


def _corners(boxes: list[Region]) -> Boxes:
    corners = [(box.start, box.stop) for box in boxes]
    return np.array(corners, np.int64).reshape(-1, 2, 3)


def _region(start: Boxes, stop: Boxes) -> Region:
    z, y, x = map(int, start)
    z1, y1, x1 = map(int, stop)
    return Region((z, y, x), (z1, y1, x1))
