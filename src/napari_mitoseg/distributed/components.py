"""Connected components over blocks: labelled in each, joined across their faces."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.distributed.blocks import Block, Grid, inner
from napari_mitoseg.distributed.engine import Site
from napari_mitoseg.distributed.run_folder import Found, Records, check_boxes
from napari_mitoseg.distributed.state import BlockLabels
from napari_mitoseg.distributed.views import Components, Stored, View
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.jobs import Job
from napari_mitoseg.labelling import (
    LARGEST,
    Connectivity,
    Labels,
    first_voxels,
    join_numbers,
    label_components,
    measure_extents,
    unique_pairs,
)
from napari_mitoseg.volume import Region, Shape

FACES: tuple[Shape, ...] = tuple(
    (z, y, x) for z, y, x in product((0, 1), repeat=3) if z + y + x
)
"""Steps to the blocks behind: across a face, an edge, the corner."""

Pairs = NDArray[np.int64]


@dataclass(frozen=True)
class LabelBlock:
    """Finds the components of a block, and what joins them to those of its neighbours.

    The block is labelled with the first voxels of the blocks behind it.  Both blocks
    list the labels of these voxels, in the same order since the mask is the same; so
    the lists say which labels are joined.  Any two voxels that touch lie together in
    one such block, that with the lower of their places along each axis.

    Attributes
    ----------
    mask : View
        Foreground.
    labels : Stored
        Where the labels go.
    connectivity : {6, 18, 26}
        Neighbours that connect.
    shape : tuple of int
        Size of the volume, ZYX.
    others : View or None
        Labels, of which it is said on which components they lie.
    """

    mask: View
    labels: Stored
    connectivity: Connectivity
    shape: Shape
    others: View | None = None

    def __call__(self, block: Block) -> Found:
        """Label a block."""
        own = block.region
        z, y, x = own.stop
        wider = Region(own.start, (z + 1, y + 1, x + 1)).within(self.shape)
        wide, n = label_components(self.mask.read(wider), self.connectivity)
        labels = np.ascontiguousarray(wide[inner(own, wider)])
        self.labels.write(own, labels)
        extents = measure_extents(labels, n)
        there = extents.n_voxels > 0
        origin = np.where(there[:, None], np.array(own.start), 0)
        found = {
            "n": np.array(n),
            "n_voxels": extents.n_voxels,
            "first": first_voxels(labels, n, own.start, self.shape),
            "start": extents.start + origin,
            "stop": extents.stop + origin,
            "pairs": self._pairs(labels, own),
        }
        for step in FACES:
            found[_name("low", step)] = _listed(labels, own, own.start, step)
            found[_name("high", step)] = _listed(wide, wider, own.stop, step, own)
        return found

    def _pairs(self, labels: Labels, region: Region) -> Pairs:
        """Pair components with the other labels that lie on them."""
        if self.others is None:
            return np.zeros((2, 0), np.int64)
        others = self.others.read(region)
        both = (labels > 0) & (others > 0)
        return unique_pairs(labels[both], others[both])


def label_blocks(
    site: Site,
    stage: str,
    mask: View,
    connectivity: Connectivity,
    others: View | None = None,
) -> Job[tuple[BlockLabels, Pairs]]:
    """Find the connected components of a mask on disk.

    Parameters
    ----------
    site : Site
        Where the run takes place.
    stage : str
        Name of the stage.
    mask : View
        Foreground.
    connectivity : {6, 18, 26}
        Neighbours that connect.
    others : View, optional
        Labels, of which it is said on which components they lie.

    Yields
    ------
    Progress
        One per block.

    Returns
    -------
    labels : BlockLabels
        Components, numbered as `label_components` numbers those of a volume in memory.
    pairs : ndarray of int64, shape (2, m)
        Components and other labels that share voxels, sorted.
    """
    cutting, grid = site.cutting, site.cutting.blocks
    array = site.folder.array(stage, cutting.shape, "uint32", cutting.chunk)
    task = LabelBlock(mask, array, connectivity, cutting.shape, others)
    title = "Finding connected components"
    records = yield from site.finish(stage, task, list(grid), title)
    starts = _starts(records)
    table = _joined(records, grid, starts)
    numbered = Components(
        array,
        grid,
        site.folder.save(f"{stage}/starts", starts),
        site.folder.save(f"{stage}/table", table.astype(np.uint32)),
    )
    pairs = _joined_pairs(records, starts, table)
    return _measured(records, grid, starts, table, numbered), pairs


def _name(side: str, step: Shape) -> str:
    return "-".join(map(str, (side, *step)))


def _listed(
    labels: Labels,
    region: Region,
    corner: Shape,
    step: Shape,
    own: Region | None = None,
) -> Labels:
    """List the labels of a face, an edge or a corner, where there are any.

    A face begins at `corner` along the axes of the step, and is one voxel deep; along
    the others it covers all of the block `own`.
    """
    block = own or region
    cut = []
    for axis, far in enumerate(step):
        first = corner[axis] - region.start[axis]
        size = block.stop[axis] - block.start[axis]
        cut.append(slice(first, first + 1) if far else slice(0, size))
    part = labels[tuple(cut)].reshape(-1)
    return part[part > 0]


def _starts(records: Records) -> NDArray[np.int64]:
    """Say what is to be added to the labels of each block, that none occurs twice."""
    # Their number is noted too, but what is noted takes less than it claims.
    sizes = [max(len(found["first"]) - 1, 0) for found in records.each("first")]
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    if starts[-1] >= 2**32:
        msg = (
            f"The mask falls into {starts[-1]:,} parts; 2³² are too many to number. "
            "Remove small parts first, or raise the threshold."
        )
        raise InvalidParameterError(msg)
    return starts


def _joined(
    records: Records, grid: Grid, starts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Give the components of the whole volume their numbers."""
    first = np.full(starts[-1] + 1, LARGEST)
    first[0] = -1
    for block, found in zip(grid, records.each("first"), strict=True):
        first[_own(starts, block.number)] = found["first"][1:]
    joined = [np.zeros((2, 0), np.int64), *_meetings(records, grid, starts)]
    table, _ = join_numbers(int(starts[-1]), np.concatenate(joined, axis=1), first)
    return table


def _meetings(
    records: Records, grid: Grid, starts: NDArray[np.int64]
) -> Iterator[Pairs]:
    """Pair the labels that blocks give to the same voxels."""
    for block in grid:
        behind = {step: grid.behind(block, step) for step in FACES}
        names = [_name("high", step) for step, other in behind.items() if other]
        high = records.read(block.number, *names)
        for step, other in behind.items():
            if other is not None:
                name = _name("low", step)
                low = records.read(other.number, name)[name]
                pairs = unique_pairs(high[_name("high", step)], low)
                offsets = [[starts[block.number]], [starts[other.number]]]
                yield pairs + np.array(offsets)


def _own(starts: NDArray[np.int64], number: int) -> slice:
    return slice(int(starts[number]) + 1, int(starts[number + 1]) + 1)


def _joined_pairs(
    records: Records, starts: NDArray[np.int64], table: NDArray[np.int64]
) -> Pairs:
    found = [np.zeros((2, 0), np.int64)]
    for start, part in zip(starts[:-1], records.each("pairs"), strict=True):
        component, other = part["pairs"]
        found.append(np.stack([table[component + start], other]))
    return unique_pairs(*np.concatenate(found, axis=1))


def _measured(
    records: Records,
    grid: Grid,
    starts: NDArray[np.int64],
    table: NDArray[np.int64],
    view: View,
) -> BlockLabels:
    """Put together sizes and boxes."""
    n, shape = int(table.max(initial=0)), grid.shape
    n_voxels = np.zeros(n + 1, np.int64)
    first = np.full((n + 1, 3), LARGEST)
    last = np.zeros((n + 1, 3), np.int64)
    parts = records.each("n_voxels", "start", "stop")
    for number, part in enumerate(parts):
        check_boxes(part["start"], part["stop"], shape, records)
        label = table[_own(starts, number)]
        there = part["n_voxels"][1:] > 0
        np.add.at(n_voxels, label, part["n_voxels"][1:])
        np.minimum.at(first, label[there], part["start"][1:][there])
        np.maximum.at(last, label[there], part["stop"][1:][there])
    return BlockLabels(view, n_voxels, first, last)
