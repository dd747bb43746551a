"""Steps that look at the whole volume: labelled in blocks, decided on as a whole.

What such a step does to labels is a lookup, so it writes no array of its own: the
decision is a table, and the labels are read through it from then on.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.distributed.blocks import Block
from napari_mitoseg.distributed.components import Pairs, label_blocks
from napari_mitoseg.distributed.engine import Site
from napari_mitoseg.distributed.flooding import grow_seeds
from napari_mitoseg.distributed.run_folder import Found, Records
from napari_mitoseg.distributed.state import BlockLabels, BlockState, there
from napari_mitoseg.distributed.views import (
    Absent,
    Larger,
    Occupied,
    Renumbered,
    Together,
    View,
    Without,
)
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.jobs import Job
from napari_mitoseg.labelling import unique_pairs
from napari_mitoseg.postprocessing import (
    Chain,
    ConnectedComponents,
    FillHoles,
    Kind,
    RemoveSmall,
    SeededWatershed,
    Step,
)
from napari_mitoseg.postprocessing.fill_holes import only_neighbours, touching
from napari_mitoseg.volume import Region, Shape


def check_chain(chain: Chain) -> None:
    """Refuse a chain with a step that cannot go over blocks.

    Parameters
    ----------
    chain : Chain
        Steps.

    Raises
    ------
    InvalidParameterError
        If there is such a step.
    """
    for step in chain.steps:
        is_local = isinstance(step, Step) and step.neighbourhood is not None
        if not is_local and type(step) not in OUT_OF_CORE:
            msg = (
                f"The step {step.name} looks at the whole volume and cannot go over "
                "blocks yet. Remove it, or give the run enough memory to go without."
            )
            raise InvalidParameterError(msg)


def apply_global(
    site: Site, stage: str, step: Step, state: BlockState
) -> Job[BlockState]:
    """Apply a step that looks at the whole volume.

    Parameters
    ----------
    site : Site
        Where the run takes place.
    stage : str
        Name of the stage.
    step : Step
        One that `check_chain` lets pass.
    state : BlockState
        What earlier steps made.

    Yields
    ------
    Progress
        One per block.

    Returns
    -------
    BlockState
        The state after it.
    """
    return (yield from OUT_OF_CORE[type(step)](site, stage, step, state))


def close_gaps(site: Site, labels: BlockLabels) -> BlockLabels:
    """Close gaps in the numbers of labels, keeping their order.

    Parameters
    ----------
    site : Site
        Where the run takes place.
    labels : BlockLabels
        Labels.

    Returns
    -------
    BlockLabels
        Numbers from 1 without gaps.
    """
    occurs = labels.n_voxels > 0
    if occurs[1:].all():
        return labels
    table = np.where(occurs, np.cumsum(occurs), 0)
    return _renumbered(site, "consecutive", labels, table)


def _number(
    site: Site, stage: str, step: ConnectedComponents, state: BlockState
) -> Job[BlockState]:
    """Give the connected parts of the mask their numbers."""
    job = label_blocks(site, stage, state.mask, step.connectivity)
    labels, _ = yield from job
    whole = state.seeds is None
    return replace(state, labels=labels, is_grown=whole, kind=Kind.LABELS)


def _remove_small(
    site: Site, stage: str, step: RemoveSmall, state: BlockState
) -> Job[BlockState]:
    """Remove objects below a size."""
    if state.kind is Kind.MASK:
        labels, _ = yield from label_blocks(site, stage, state.mask, step.connectivity)
        table = step.table(labels.n_voxels, state.spacing)
        if table is None:
            return state
        kept = _renumbered(site, stage, labels, table)
        return state.with_mask(Occupied(kept.view))
    labels = there(state.labels)
    table = step.table(labels.n_voxels, state.spacing)
    if table is None:
        return state
    after = replace(state, labels=_renumbered(site, stage, labels, table))
    if not state.is_grown:
        return after
    goes = (table == 0) & (np.arange(len(table)) > 0)
    dropped = site.folder.save(f"{stage}/dropped", goes)
    semantic = Without(there(state.semantic), labels.view, dropped)
    return replace(after, semantic=semantic)


def _fill(
    site: Site, stage: str, step: FillHoles, state: BlockState
) -> Job[BlockState]:
    """Fill background that is enclosed in 3D."""
    del step
    objects: View = state.mask
    if state.kind is Kind.LABELS:
        objects = there(state.labels).view
    gaps, _ = yield from label_blocks(site, stage, Absent(objects), 6)
    shape = site.cutting.shape
    is_hole = _are_holes(gaps, shape)
    semantic = there(state.semantic)
    if state.kind is Kind.LABELS:
        labels = there(state.labels)
        job = _only_neighbours(site, stage, gaps, labels, is_hole)
        filling = yield from job
        filled = _filled(site, stage, gaps, labels, filling)
        covered = Together(semantic, Occupied(filled.view))
        return replace(state, labels=filled, semantic=covered)
    holes = Renumbered(gaps.view, site.folder.save(f"{stage}/holes", is_hole))
    mask = Together(objects, holes)
    if state.seeds is None:
        return state.with_mask(mask)
    return replace(state, seeds=mask, semantic=Together(semantic, mask))


def _are_holes(gaps: BlockLabels, shape: Shape) -> NDArray[np.bool_]:
    """Say of each gap whether it stays clear of the volume's edge."""
    start, stop = there(gaps.start), there(gaps.stop)
    inside = (start > 0) & (stop < np.array(shape))
    is_hole: NDArray[np.bool_] = np.all(inside, axis=1)
    is_hole[0] = False
    return is_hole


@dataclass(frozen=True)
class TouchingBlock:
    """Lists which labels touch which holes, in a block and across its far faces.

    Attributes
    ----------
    gaps, labels : View
        Gaps, and labels beside them.
    is_hole : Path
        ``.npy``: which gaps are holes.
    shape : tuple of int
        Size of the volume.
    """

    gaps: View
    labels: View
    is_hole: Path
    shape: Shape

    def __call__(self, block: Block) -> Found:
        """List the pairs of a block."""
        z, y, x = block.region.stop
        region = Region(block.region.start, (z + 1, y + 1, x + 1)).within(self.shape)
        gaps, labels = self.gaps.read(region), self.labels.read(region)
        is_hole = np.load(self.is_hole)
        pairs = [touching(gaps, labels, is_hole, axis) for axis in range(3)]
        return {"pairs": unique_pairs(*np.concatenate(pairs, axis=1))}


def _only_neighbours(
    site: Site,
    stage: str,
    gaps: BlockLabels,
    labels: BlockLabels,
    is_hole: NDArray[np.bool_],
) -> Job[NDArray[np.int64]]:
    """Give for each gap the label that fills it; 0 where none does."""
    path = site.folder.save(f"{stage}/holes", is_hole)
    task = TouchingBlock(gaps.view, labels.view, path, site.cutting.shape)
    blocks = list(site.cutting.blocks)
    records = yield from site.finish(f"{stage}/touching", task, blocks, "Filling holes")
    only = only_neighbours(_all_pairs(records), is_hole.size)
    filling: NDArray[np.int64] = np.where(is_hole, only, 0)
    return filling


def _all_pairs(records: Records) -> Pairs:
    found = [np.zeros((2, 0), np.int64), *(r["pairs"] for r in records.each("pairs"))]
    return np.concatenate(found, axis=1)


def _filled(
    site: Site,
    stage: str,
    gaps: BlockLabels,
    labels: BlockLabels,
    filling: NDArray[np.int64],
) -> BlockLabels:
    table = site.folder.save(f"{stage}/filling", filling.astype(np.uint32))
    n_voxels = labels.n_voxels.copy()
    np.add.at(n_voxels, filling[1:], gaps.n_voxels[1:])
    n_voxels[0] = 0
    return BlockLabels(Larger(labels.view, Renumbered(gaps.view, table)), n_voxels)


def _renumbered(
    site: Site, stage: str, labels: BlockLabels, table: NDArray[np.int64]
) -> BlockLabels:
    """Put a table behind labels; it gives none of them a number twice."""
    path = site.folder.save(f"{stage}/renumbered", table.astype(np.uint32))
    n_voxels = np.zeros(int(table.max(initial=0)) + 1, np.int64)
    n_voxels[table] = labels.n_voxels
    n_voxels[0] = 0
    last = int(np.flatnonzero(n_voxels)[-1]) if n_voxels.any() else 0
    return BlockLabels(Renumbered(labels.view, path), n_voxels[: last + 1])


OUT_OF_CORE: dict[type[Step], Callable[[Site, str, Any, BlockState], Job[BlockState]]]
OUT_OF_CORE = {
    ConnectedComponents: _number,
    RemoveSmall: _remove_small,
    FillHoles: _fill,
    SeededWatershed: grow_seeds,
}
"""How the steps that look at the whole volume go over blocks."""
