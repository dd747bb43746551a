"""Steps that look at a part of the volume only: applied to blocks as to volumes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import fastremap
import numpy as np

from napari_mitoseg.distributed.blocks import Block, inner, padded
from napari_mitoseg.distributed.damage import damaged
from napari_mitoseg.distributed.engine import Site
from napari_mitoseg.distributed.run_folder import Found, Records
from napari_mitoseg.distributed.sources import Source
from napari_mitoseg.distributed.state import BlockLabels, BlockState, there
from napari_mitoseg.distributed.views import Stored, UpTo, View, read_all
from napari_mitoseg.jobs import Job
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.postprocessing import Kind, SeedMap, State, Step
from napari_mitoseg.postprocessing.state import ANY
from napari_mitoseg.postprocessing.step import Reach
from napari_mitoseg.volume import Array, Region, Shape, Spacing

TYPES = {
    "semantic_map": "uint8",
    "boundary_map": "uint8",
    "semantic": "bool",
    "seeds": "bool",
    "boundary": "bool",
    "labels": "uint32",
}


@dataclass(frozen=True)
class ApplySteps:
    """Applies steps to a block, with as much around it as they look at.

    Attributes
    ----------
    steps : tuple of Step
        One after the other.
    views : mapping of str to View or None
        What the state holds, by name.
    kind : Kind
        What the first step works on.
    is_grown : bool
        Whether labels cover whole objects.
    image : Source or None
        What the maps were predicted from.
    spacing : tuple of float
        nm, ZYX.
    shape : tuple of int
        Size of the volume, ZYX.
    targets : mapping of str to Stored
        Where what the steps make goes.
    """

    steps: tuple[Step, ...]
    views: Mapping[str, View | None]
    kind: Kind
    is_grown: bool
    image: Source | None
    spacing: Spacing
    shape: Shape
    targets: Mapping[str, Stored]

    def __call__(self, block: Block) -> Found:
        """Apply the steps to a block."""
        outer = padded(block.region, total_reach(self.steps), self.shape)
        state = self._read(outer)
        for step in self.steps:
            state = step.apply(state)
        part = inner(block.region, outer)
        for name, target in self.targets.items():
            target.write(block.region, _value(state, name)[part])
        return _counted(state, part) if "labels" in self.targets else {}

    def _read(self, region: Region) -> State:
        values = read_all(self.views, region)
        maps = ProbabilityMaps(
            values.pop("semantic_map"), values.pop("boundary_map"), self.spacing
        )
        image = None if self.image is None else self.image.open().crop(region)
        return State(
            maps, kind=self.kind, is_grown=self.is_grown, image=image, **values
        )


def apply_local(
    site: Site, stage: str, steps: Sequence[Step], state: BlockState
) -> Job[BlockState]:
    """Apply steps that look at a part of the volume only.

    Parameters
    ----------
    site : Site
        Where the run takes place.
    stage : str
        Name of the stage.
    steps : sequence of Step
        Such steps, each with a `neighbourhood`.
    state : BlockState
        What earlier steps made.

    Yields
    ------
    Progress
        One per block.

    Returns
    -------
    BlockState
        The state after the last of them.
    """
    after, changed = _kinds(steps, state)
    if not changed:
        return state
    cutting = site.cutting
    targets = {
        name: site.folder.array(
            f"{stage}/{name}", cutting.shape, TYPES[name], cutting.chunk
        )
        for name in changed
    }
    task = ApplySteps(
        steps=tuple(steps),
        views=_views(state),
        kind=state.kind,
        is_grown=state.is_grown,
        image=state.image if any(step.needs_image for step in steps) else None,
        spacing=state.spacing,
        shape=cutting.shape,
        targets=targets,
    )
    whole_slices = total_reach(steps).pixels is None
    grid = cutting.layers if whole_slices else cutting.blocks
    title = ", ".join(step.title for step in steps)
    records = yield from site.finish(stage, task, list(grid), title)
    made: dict[str, object] = dict(targets)
    if "labels" in targets:
        made["labels"] = counted_labels(
            targets["labels"], records, there(state.labels).n
        )
    return replace(state, kind=after, **made)  # type: ignore[arg-type]


def total_reach(steps: Sequence[Step]) -> Reach:
    """Return how far steps look, one after the other.

    Parameters
    ----------
    steps : sequence of Step
        Steps that look at a part of the volume only.

    Returns
    -------
    Reach
        The sum.

    Raises
    ------
    LookupError
        If a step looks at the whole volume.
    """
    reaches = [step.neighbourhood for step in steps]
    if None in reaches:
        msg = "A step that looks at the whole volume is no local step."
        raise LookupError(msg)
    found = [reach for reach in reaches if reach is not None]
    pixels = [reach.pixels for reach in found]
    total = None if None in pixels else sum(p for p in pixels if p is not None)
    return Reach(sum(reach.slices for reach in found), total)


def counted_labels(stored: Stored, records: Records, most: int) -> BlockLabels:
    """Put together how large the labels of blocks are.

    Parameters
    ----------
    stored : Stored
        The labels.
    records : Records
        Of a stage whose blocks have counted theirs.
    most : int
        The largest label that there can be.

    Returns
    -------
    BlockLabels
        Up to the largest label that occurs.

    Raises
    ------
    ReadError
        If there is a larger one.
    """
    parts = list(records.each("label", "n_voxels"))
    n = max((int(part["label"].max(initial=0)) for part in parts), default=0)
    if n > most:
        raise damaged(records.path, f"it holds the label {n}, and there are {most}")
    n_voxels = np.zeros(n + 1, np.int64)
    for part in parts:
        n_voxels[part["label"]] += part["n_voxels"]
    return BlockLabels(UpTo(stored, n), n_voxels)


def count_labels(labels: Array) -> Found:
    """Count the voxels of the labels that occur in a block."""
    label, n_voxels = fastremap.unique(labels, return_counts=True)
    there = label > 0
    return {
        "label": label[there].astype(np.int64),
        "n_voxels": n_voxels[there].astype(np.int64),
    }


def _counted(state: State, part: tuple[slice, slice, slice]) -> Found:
    return count_labels(state.labelled()[part])


def _kinds(steps: Sequence[Step], state: BlockState) -> tuple[Kind, tuple[str, ...]]:
    """Return what is there after some steps, and what they may have changed."""
    kind, has_seeds, changed = state.kind, state.seeds is not None, set[str]()
    for step in steps:
        if step.accepts == ANY:
            changed.add("boundary")
            continue
        has_seeds |= isinstance(step, SeedMap)
        kind = step.gives or kind
        changed |= {
            Kind.PROBABILITY: {"semantic_map", "boundary_map"},
            Kind.MASK: {"semantic", "seeds"} if has_seeds else {"semantic"},
            Kind.LABELS: {"labels", "semantic"},
        }[kind]
    if state.boundary_map is None:
        changed -= {"boundary", "boundary_map"}
    return kind, tuple(name for name in TYPES if name in changed)


def _views(state: BlockState) -> dict[str, View | None]:
    """Return what steps of this kind look at."""
    labels = None if state.labels is None else state.labels.view
    return {
        "semantic_map": state.semantic_map,
        "boundary_map": state.boundary_map,
        "semantic": state.semantic,
        "seeds": state.seeds,
        "boundary": None,
        "labels": labels,
    }


def _value(state: State, name: str) -> Array:
    maps = {
        "semantic_map": state.maps.semantic,
        "boundary_map": state.maps.boundary,
    }
    value: Array = there(maps.get(name, getattr(state, name, None)))
    return value
