"""A recipe over blocks, from image to files: the job behind the command line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from napari_mitoseg.distributed.blocks import check_slice_fits, plan_cutting
from napari_mitoseg.distributed.chain import run_chain
from napari_mitoseg.distributed.damage import damaged
from napari_mitoseg.distributed.engine import Engine, SerialEngine, Site
from napari_mitoseg.distributed.global_steps import check_chain
from napari_mitoseg.distributed.predicting import predict_blocks
from napari_mitoseg.distributed.run_folder import (
    MAPS,
    PARTIAL,
    RunFolder,
    opened,
    read_identity,
)
from napari_mitoseg.distributed.sources import PartSource, PreparedSource, Source
from napari_mitoseg.distributed.state import BlockState
from napari_mitoseg.distributed.status import telling
from napari_mitoseg.distributed.views import Stored, View
from napari_mitoseg.distributed.writing import Sureness, publish, write_blocks
from napari_mitoseg.inference.doubt import doubts
from napari_mitoseg.io.checks import check_image
from napari_mitoseg.jobs import Job, Progress, phase
from napari_mitoseg.models.zoo import ModelCard, load_model
from napari_mitoseg.pipeline import check_weights, completed
from napari_mitoseg.postprocessing import Chain
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.volume import Region, Shape, Spacing

PREDICTED_AT, SEGMENTED_AT = 0.85, 0.9
"""Shares of the progress bar: the network takes most of the time."""

Work = Callable[[Site], Job[BlockState]]


@dataclass(frozen=True)
class BlockResult:
    """What a run has left.

    Attributes
    ----------
    files : tuple of Path
        The files.
    n_objects : int
        Instances.
    warnings : tuple of str
        As those of `Result`.
    """

    files: tuple[Path, ...]
    n_objects: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Means:
    """What a run may use.

    Attributes
    ----------
    memory : int or None
        Bytes that each process may take; what the engine says when None.
    engine : Engine
        Who works on blocks.
    restart : bool
        Whether to forget what an earlier run into the same folder has done.
    """

    memory: int | None = None
    engine: Engine = field(default_factory=SerialEngine)
    restart: bool = False


def segment_blocks(
    source: Source,
    recipe: Recipe,
    folder: Path,
    means: Means | None = None,
    region: Region | None = None,
) -> Job[BlockResult]:
    """Segment a volume that may be larger than the memory.

    Parameters
    ----------
    source : Source
        The image.
    recipe : Recipe
        What to do.
    folder : Path
        Where ``result.ome.zarr``, ``measurements.csv`` and ``recipe.json`` go.
    means : Means, optional
        Memory, and who works.
    region : Region, optional
        Part to segment, as by `run_recipe`; everything when absent.

    Yields
    ------
    Progress
        One per block of each stage.

    Returns
    -------
    BlockResult
        The files, once all are complete.

    Raises
    ------
    InvalidParameterError
        If a step cannot go over blocks, the memory is too small, the region is empty,
        or an unfinished run in the folder was another one.
    ReadError
        If the image cannot be read; what is finished is kept.
    WriteError
        If the disk refuses, or another run is writing there; what is finished is kept.

    Notes
    -----
    A run that was closed, killed or refused by the disk goes on where it was when it is
    begun again with the same image, region, recipe and folder.
    """
    means = means or Means()
    prepared = PreparedSource(source, recipe.preprocessing, recipe.inference.device)
    check_chain(recipe.postprocessing)
    yield Progress(0, 3, "Checking the image")
    volume = source.open()
    check_image(volume)
    card = load_model(recipe.model).card
    check_weights(recipe, card)
    recipe = completed(recipe, card)
    part = (region or Region.whole(volume.shape)).within(volume.shape)
    wanted = PartSource(source, part).identity()
    identity = {"input": wanted, "recipe": recipe.model_dump(mode="json")}

    def work(site: Site) -> Job[BlockState]:
        predicted = predict_blocks(site, prepared, recipe, part)
        state = yield from phase(predicted, 0.0, PREDICTED_AT)
        chain = run_chain(site, recipe.postprocessing, state)
        return (yield from phase(chain, PREDICTED_AT, 1.0))

    run = _Run(folder, identity, part.shape, recipe, volume.shape, card)
    return (yield from run.through(work, means))


def segment_maps(
    maps: Mapping[str, View],
    shape: Shape,
    spacing: Spacing,
    chain: Chain,
    folder: Path,
    means: Means | None = None,
) -> Job[BlockResult]:
    """Make instances of maps on disk, block by block.

    Parameters
    ----------
    maps : mapping of str to View
        ``semantic`` and perhaps ``boundary``: probability × 255, uint8.
    shape : tuple of int
        Size of the maps, ZYX.
    spacing : tuple of float
        Distance between voxel centres in nm, ZYX.
    chain : Chain
        Post-processing steps.
    folder : Path
        Where ``result.ome.zarr`` and ``measurements.csv`` go.
    means : Means, optional
        Memory, and who works.

    Yields
    ------
    Progress
        One per block of each stage.

    Returns
    -------
    BlockResult
        The files, once all are complete.

    Raises
    ------
    InvalidParameterError, WriteError
        As `segment_blocks`; also if a step looks at the image, which is not there.
    """
    check_chain(chain)
    chain.check_without_image()
    steps = chain.model_dump(mode="json")
    identity = {"input": {n: str(v) for n, v in maps.items()}, "chain": steps}
    state = BlockState(maps["semantic"], maps.get("boundary"), spacing)
    run = _Run(folder, {**identity, "spacing": list(spacing)}, shape, None)
    work = partial(run_chain, chain=chain, state=state)
    return (yield from run.through(work, means or Means()))


@dataclass(frozen=True)
class _Run:
    """What all runs share: the folder, the blocks and the files."""

    folder: Path
    identity: Mapping[str, Any]
    shape: Shape
    recipe: Recipe | None
    image: Shape | None = None
    """Of what is read, if that is larger: the network takes whole slices of it."""
    card: ModelCard | None = None
    """Of the model that makes the maps."""

    def through(self, work: Work, means: Means) -> Job[BlockResult]:
        """Begin or go on, work, write, and show the result."""
        memory = self._memory(means)
        check_slice_fits(self.image or self.shape, memory)
        cutting = plan_cutting(self.shape, memory)
        identity = {**self.identity, "memory": memory}
        with opened(self.folder, identity, restart=means.restart) as kept:
            site = Site(kept, means.engine, cutting)
            finished = self._finished(site, work)
            return (yield from telling(finished, self.folder))

    def _finished(self, site: Site, work: Work) -> Job[BlockResult]:
        """Do what has not been done, and show the result."""
        kept = site.folder
        if kept.complete() is None:
            state = yield from phase(work(site), 0.0, SEGMENTED_AT)
            job = write_blocks(site, state, self.recipe, self._sureness(kept))
            written = yield from phase(job, SEGMENTED_AT, 1.0)
            warnings = doubts(written.doubt, self.card) if self.card else ()
            n_objects = len(written.table)
            kept.note_complete({"n_objects": n_objects, "warnings": warnings})
        noted = kept.complete() or {}
        n_objects = _count(noted, "n_objects", kept.path)
        warnings = _texts(noted, "warnings", kept.path)
        files = publish(kept, self.folder)
        yield Progress(1, 1, "Written")
        return BlockResult(files, n_objects, warnings)

    def _sureness(self, kept: RunFolder) -> Sureness | None:
        """Return what a model that was applied says of the objects."""
        if self.card is None:
            return None
        semantic = Stored(kept.array_path(f"{MAPS}/semantic"))
        return Sureness(semantic, self.card.calibration)

    def _memory(self, means: Means) -> int:
        """Return the memory that is given, or an earlier run had, or there is."""
        if means.memory is not None:
            return means.memory
        earlier = {} if means.restart else read_identity(self.folder)
        known = {"memory": means.engine.memory, **earlier}
        return _count(known, "memory", self.folder / PARTIAL)


def _count(noted: Mapping[str, Any], name: str, path: Path) -> int:
    """Return a number that a run has noted."""
    found = noted.get(name)
    if not isinstance(found, int) or not 0 <= found < 2**63:
        raise damaged(path, f"its {name} is no number that can be")
    return found


def _texts(noted: Mapping[str, Any], name: str, path: Path) -> tuple[str, ...]:
    """Return sentences that a run has noted."""
    found = noted.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise damaged(path, f"its {name} are no sentences")
    return tuple(found)
