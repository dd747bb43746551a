"""The files of a result, written block by block and shown when all are complete."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from napari_mitoseg.distributed.blocks import CHUNK, Block, Grid
from napari_mitoseg.distributed.damage import damaged, intact
from napari_mitoseg.distributed.engine import Site
from napari_mitoseg.distributed.run_folder import (
    Found,
    Records,
    RunFolder,
    check_boxes,
    replacing,
)
from napari_mitoseg.distributed.state import BlockState, there
from napari_mitoseg.distributed.views import (
    IntactArray,
    Nothing,
    Stored,
    View,
    take_description,
)
from napari_mitoseg.inference.doubt import count_pointed, doubt_of
from napari_mitoseg.io.ome_zarr import create_result_zarr
from napari_mitoseg.io.pyramid import coarse_shape, nearest
from napari_mitoseg.io.tables import write_table_csv
from napari_mitoseg.jobs import Job, as_part, relayed
from napari_mitoseg.maps import FULL, Calibration
from napari_mitoseg.morphology.descriptors.intensity import sums_within, sureness
from napari_mitoseg.morphology.survey import (
    Context,
    Survey,
    SurveyPart,
    merge_parts,
    survey_part,
)
from napari_mitoseg.morphology.table import MeasurementTable, measure_survey
from napari_mitoseg.outputs import RECIPE, TABLE, ZARR
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.volume import Array, Region, Shape, Spacing

INSTANCES = "instances"
REPLACED = ".replaced"
PART = tuple(SurveyPart.__dataclass_fields__)


@dataclass(frozen=True)
class WriteBlock:
    """Writes a block of the result at full resolution, and measures its objects.

    Attributes
    ----------
    views : mapping of str to View
        What is written, by name.
    root : Path
        The OME-Zarr.
    probability : View or None
        Probability × 255, of which it is said how much lies on each object.
    """

    views: Mapping[str, View]
    root: Path
    probability: View | None = None

    def __call__(self, block: Block) -> Found:
        """Write a block."""
        found: Found = {}
        for name, view in self.views.items():
            values = view.read(block.region)
            _array(self.root, name, 0).write(block.region, values)
            if name == INSTANCES:
                found = asdict(survey_part(values, block.region.slices))
                found |= self._how_sure(values, found["index"], block.region)
        return found

    def _how_sure(self, labels: Array, index: Array, region: Region) -> Found:
        """Sum the probability of each object, and count what is pointed at."""
        if self.probability is None:
            return {}
        probability = self.probability.read(region)
        (total,) = sums_within(labels, index, probability)
        return {"probability": total, "pointed": count_pointed(probability)}


class Written(NamedTuple):
    """What has been written.

    Attributes
    ----------
    table : MeasurementTable
        One row an object.
    doubt : float or None
        See `measure_doubt`; None without a model, too.
    """

    table: MeasurementTable
    doubt: float | None


@dataclass(frozen=True)
class Sureness:
    """What a model says of the objects.

    Attributes
    ----------
    probability : View
        Its semantic map × 255.
    calibration : tuple of (float, float)
        What mean probabilities are worth; see `ModelCard`.
    """

    probability: View
    calibration: Calibration


@dataclass(frozen=True)
class CoarsenBlock:
    """Writes a block of a coarser level.

    Attributes
    ----------
    names : tuple of str
        What is written.
    root : Path
        The OME-Zarr.
    level : int
        Which level; it is made of the one before.
    step : tuple of int
        Voxels of that level to one of this, ZYX.
    """

    names: tuple[str, ...]
    root: Path
    level: int
    step: Shape

    def __call__(self, block: Block) -> Found:
        """Write a block."""
        (z, y, x), (z1, y1, x1) = (
            tuple(a * n for a, n in zip(corner, self.step, strict=True))
            for corner in (block.region.start, block.region.stop)
        )
        region = Region((z, y, x), (z1, y1, x1))
        for name in self.names:
            fine = _array(self.root, name, self.level - 1).read(region)
            coarse = nearest(fine, self.step)
            _array(self.root, name, self.level).write(block.region, coarse)
        return {}


def write_blocks(
    site: Site, state: BlockState, recipe: Recipe | None, sure: Sureness | None
) -> Job[Written]:
    """Write all files of a result into the folder of the run.

    Parameters
    ----------
    site : Site
        Where the run takes place.
    state : BlockState
        What the chain made.
    recipe : Recipe or None
        What was run; without one, none is written.
    sure : Sureness or None
        What a model says of the objects; without one, the table does not.

    Yields
    ------
    Progress
        One per block of each level.

    Returns
    -------
    Written
        The table, and how unsure the model is.
    """
    views = {
        "semantic": there(state.semantic),
        "boundary": state.boundary or Nothing(),
        INSTANCES: there(state.labels).view,
    }
    root, shape = site.folder.path / ZARR, site.cutting.shape
    factors = _create(root, shape, state.spacing, state.origin)
    fine = _aligned(shape, site.cutting.blocks.block)
    task = WriteBlock(views, root, sure.probability if sure else None)
    job = site.finish("write-0", task, list(fine), "Writing the result")
    records = yield from relayed(job, partial(as_part, 0, len(factors)))
    for level, (before, factor) in enumerate(pairwise(factors), start=1):
        z, y, x = (b // a for a, b in zip(before, factor, strict=True))
        grid = _aligned(coarse_shape(shape, factor), site.cutting.blocks.block)
        coarsen = CoarsenBlock(tuple(views), root, level, (z, y, x))
        name = f"write-{level}"
        job = site.finish(name, coarsen, list(grid), "Writing coarser levels")
        yield from relayed(job, partial(as_part, level, len(factors)))
    survey = _survey(records, root, shape, state.spacing)
    table = yield from measure_survey(survey)
    doubt = None
    if sure is not None:
        total, pointed = _sums(records, survey)
        columns = sureness(total / FULL, survey.n_voxels, sure.calibration)
        table = MeasurementTable({**table.columns, **columns}, table.spacing)
        doubt = doubt_of(pointed, prod(shape))
    with replacing(site.folder.path / TABLE) as draft:
        write_table_csv(draft, table.columns)
    if recipe is not None:
        with replacing(site.folder.path / RECIPE) as draft:
            draft.write_text(recipe.as_json(), encoding="utf-8")
    return Written(table, doubt)


def publish(work: RunFolder, folder: Path) -> tuple[Path, ...]:
    """Give the files of a result their final names, and remove the rest of the run.

    Parameters
    ----------
    work : RunFolder
        With all files complete.
    folder : Path
        Where they go; files of an earlier result are replaced.

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    ReadError
        If there are none.

    Notes
    -----
    Killed anywhere in between, it goes on where it was: what has been moved already is
    no longer in the folder of the run.
    """
    for rest in (work.path / ZARR).rglob("*.partial"):
        # What a process that was killed has left behind.
        rest.unlink()
    names = (ZARR, TABLE, RECIPE)
    for name in (name for name in names if (work.path / name).exists()):
        if (folder / name).exists():
            kept = work.path / REPLACED / name
            kept.parent.mkdir(exist_ok=True)
            (folder / name).replace(kept)
        (work.path / name).replace(folder / name)
    if not (folder / ZARR).exists():
        raise damaged(work.path, f"{ZARR} has gone")
    work.clear()
    return tuple(folder / name for name in names if (folder / name).exists())


def _create(
    root: Path, shape: Shape, spacing: Spacing, origin: Shape
) -> tuple[Shape, ...]:
    """Make the OME-Zarr, unless an earlier run has."""
    types: dict[str, np.dtype[Any]] = {
        "semantic": np.dtype(np.uint8),
        "boundary": np.dtype(np.uint8),
        INSTANCES: np.dtype(np.uint32),
    }
    draft = root.with_name(f".new-{root.name}")
    factors = create_result_zarr(draft, types, shape, spacing, origin)
    take_description(draft, root)
    return factors


def _aligned(shape: Shape, block: Shape) -> Grid:
    """Cut a level into blocks that hold whole chunks of the result."""
    z, y, x = (-(-b // c) * c for b, c in zip(block, CHUNK, strict=True))
    return Grid(shape, (z, y, x))


def _array(root: Path, name: str, level: int) -> Stored:
    return Stored(root / "labels" / name / str(level))


def _survey(records: Records, root: Path, shape: Shape, spacing: Spacing) -> Survey:
    """Put together what the blocks have found."""
    parts = [SurveyPart.empty(), *(SurveyPart(**f) for f in records.each(*PART))]
    for part in parts:
        check_boxes(part.start, part.stop, shape, records)
    labels = IntactArray(_array(root, INSTANCES, 0).path)
    return merge_parts(parts, labels, spacing, Context())


def _sums(records: Records, survey: Survey) -> tuple[Array, Array]:
    """Add up the probability of each object, and what is pointed at."""
    total, pointed = np.zeros(len(survey)), np.zeros(2, np.int64)
    for found in records.each("index", "probability", "pointed"):
        with intact(records.path):
            row = np.searchsorted(survey.index, found["index"])
            total[row] += found["probability"]
            pointed += found["pointed"]
    return total, pointed
