"""A chain of post-processing steps over maps on disk."""

from dataclasses import replace
from functools import partial

from napari_mitoseg.distributed.engine import Site
from napari_mitoseg.distributed.global_steps import (
    apply_global,
    check_chain,
    close_gaps,
)
from napari_mitoseg.distributed.local_steps import apply_local
from napari_mitoseg.distributed.state import BlockState, there
from napari_mitoseg.jobs import Job, as_part, relayed
from napari_mitoseg.postprocessing import Chain, Step


def run_chain(site: Site, chain: Chain, state: BlockState) -> Job[BlockState]:
    """Run a chain block by block.

    Parameters
    ----------
    site : Site
        Where the run takes place.
    chain : Chain
        Post-processing steps.
    state : BlockState
        Maps on disk.

    Yields
    ------
    Progress
        One per block of each stage.

    Returns
    -------
    BlockState
        Masks and labels as `Chain.run` makes them, voxel for voxel; but for parts of
        the mask that are larger than the memory and hold several seeds.

    Raises
    ------
    InvalidParameterError
        If a step cannot go over blocks.
    """
    check_chain(chain)
    stages = _stages(chain)
    for n, steps in enumerate(stages):
        stage = f"{n + 1:02d}-{steps[0].name}"
        if steps[0].neighbourhood is None:
            job = apply_global(site, stage, steps[0], state)
        else:
            job = apply_local(site, stage, steps, state)
        state = yield from relayed(job, partial(as_part, n, len(stages)))
    labels = close_gaps(site, there(state.labels))
    return replace(state, labels=labels)


def _stages(chain: Chain) -> list[list[Step]]:
    """Put local steps that follow one another into one stage."""
    stages: list[list[Step]] = []
    for step in chain.steps:
        if not isinstance(step, Step):
            continue
        is_local = step.neighbourhood is not None
        if is_local and stages and stages[-1][0].neighbourhood is not None:
            stages[-1].append(step)
        else:
            stages.append([step])
    return stages
