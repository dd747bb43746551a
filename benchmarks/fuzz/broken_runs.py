"""Runs over blocks that were broken off, and how they are gone on with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np

from napari_mitoseg.distributed import run
from napari_mitoseg.distributed.blocks import Cutting, Grid, plan_cutting
from napari_mitoseg.distributed.engine import SerialEngine
from napari_mitoseg.distributed.run_folder import LOCK, PARTIAL, RunFolder
from napari_mitoseg.distributed.sources import GivenSource
from napari_mitoseg.distributed.status import Status, write_status
from napari_mitoseg.distributed.views import Stored
from napari_mitoseg.errors import MitoSegError
from napari_mitoseg.jobs import Job
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.volume import Region, Shape, Volume

SHAPE: Shape = (4, 40, 72)
CHUNK: Shape = (2, 24, 72)
BLOCK: Shape = (4, 24, 72)
LAYER: Shape = (2, 40, 72)
WINDOW = 4 * 16 * 20
"""Voxels; some parts of the mask are larger, and are flooded block by block."""

GONE = 2**22 + 1
"""Number of a process that there cannot be."""

SOURCE = GivenSource(
    Volume(
        np.random.default_rng(0).integers(0, 200, SHAPE).astype(np.uint8),
        (40.0, 16.0, 16.0),
        "image",
    )
)
RECIPE = Recipe.parse(
    {
        "inference": {
            "automatic_tiles": False,
            "tile": 64,
            "overlap": 16,
            "device": "cpu",
        },
        "postprocessing": [
            {"step": "threshold"},
            {"step": "boundary-threshold"},
            {"step": "seed-map"},
            {"step": "remove-small", "size": 3, "unit": "voxels"},
            {"step": "connected-components"},
            {"step": "seeded-watershed"},
            {"step": "fill-holes", "enclosed": "in 3D"},
            {"step": "remove-small", "size": 5, "unit": "voxels"},
        ],
    }
)


class Engine(SerialEngine):
    """Works in this process, and always has the same memory."""

    memory = 10**9


def _plan(shape: Shape, memory: int) -> Cutting:
    """Cut even a small volume; refuse the memory that is refused elsewhere."""
    plan_cutting(shape, memory)
    return Cutting(CHUNK, Grid(shape, BLOCK), Grid(shape, LAYER), WINDOW)


@contextmanager
def in_small_blocks() -> Iterator[None]:
    """Cut even a small volume, for a time."""
    with mock.patch.object(run, "plan_cutting", _plan):
        yield


def segmenting(folder: Path, *, restart: bool = False) -> Job[run.BlockResult]:
    """Begin a run, or go on with it."""
    means = run.Means(engine=Engine(), restart=restart)
    return run.segment_blocks(SOURCE, RECIPE, folder, means)


def write_run(folder: Path, last: str) -> None:
    """Write what is left of a run that was killed.

    Parameters
    ----------
    folder : Path
        Where its result was to go.
    last : str
        Message after which it was; none if it was as its files got their names.
    """
    with in_small_blocks():
        if last == "Predicting":
            _until(folder, last)
        else:
            _until(folder, "Threshold", n_reports=1)
            _put_lumps(RunFolder(folder / PARTIAL).path / "arrays" / "maps")
            _until(folder, last)
    write_status(folder, Status("running", 0.5, "Predicting", GONE, 1e9))
    (folder / LOCK).touch()


def _until(folder: Path, last: str, n_reports: int = 2) -> None:
    """Run up to a message, or until the files are to get their names."""
    job, seen = segmenting(folder), 0
    with mock.patch.object(run, "publish", side_effect=InterruptedError):
        try:
            for progress in job:
                seen += bool(last) and last in progress.message
                if seen == n_reports:
                    break
        except MitoSegError:
            if last:
                raise
    job.close()


def _put_lumps(maps: Path) -> None:
    """Write maps that show something: lumps that touch, and one with two seeds."""
    rng = np.random.default_rng(1)
    coarse = rng.random((2, 10, 18)).repeat(2, 0).repeat(4, 1).repeat(4, 2)
    noise = rng.random(SHAPE)
    semantic = (240 * coarse**2 + 15 * noise).astype(np.uint8)
    boundary = (200 * noise**4).astype(np.uint8)
    semantic[:, 28:, 50:] = boundary[:, 28:, 50:] = 0
    semantic[1:3, 31:37, 54:68] = 180
    semantic[1:3, 32:36, 55:58] = semantic[1:3, 32:36, 64:67] = 250
    whole = Region.whole(SHAPE)
    Stored(maps / "semantic").write(whole, semantic)
    Stored(maps / "boundary").write(whole, boundary)
