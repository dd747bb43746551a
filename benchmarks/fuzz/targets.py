"""What is done with an input: opened and read as the widgets and commands do.

A target returns if all is well and raises a `MitoSegError` if the input is refused.
Whatever else it raises is a defect.
"""

import contextlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from broken_runs import in_small_blocks, segmenting

from napari_mitoseg.annotation.journal import read_journal, resume_journal
from napari_mitoseg.distributed.background import is_running
from napari_mitoseg.distributed.run_folder import is_partial
from napari_mitoseg.distributed.status import read_status
from napari_mitoseg.errors import MitoSegError
from napari_mitoseg.exchange.install import InstallSettings, install_model
from napari_mitoseg.io import check_image, read_annotation, read_labels, read_volume
from napari_mitoseg.io.checks import check_labels, is_label_volume
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.interpolation_file import load_interpolation
from napari_mitoseg.models.zoo import FOLDER_VARIABLE, load_model
from napari_mitoseg.proofreading.review import ReviewQueue
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.training.checkpoint import load_states, read_checkpoint
from napari_mitoseg.volume import Region, Volume

SMALL = 2**22
"""Bytes up to which everything is read; of more, a few parts."""

FEW = 64
"""Slices up to which everything is read: a read of zarr takes its time."""

IMAGE_SHAPE = (3, 24, 40)
"""Size of the image that annotations and journals are of."""

Target = Callable[[Path], object]


def open_stack(path: Path) -> None:
    """Open a path in every way there is; one that succeeds is enough."""
    ways = (
        partial(read_volume, path),
        partial(read_volume, path, channel=0, time=0),
        partial(read_labels, path),
    )
    refusals = []
    for way in ways:
        try:
            touch(way())
        except MitoSegError as error:
            refusals.append(error)
    if len(refusals) == len(ways):
        raise refusals[0]


def touch(volume: Volume) -> None:
    """Read what is in a volume: all if it is small, else a few parts."""
    depth, height, width = volume.shape
    plane = height * width * volume.dtype.itemsize
    if depth * plane <= SMALL and depth <= FEW:
        volume.read()
        _look(volume)
    for z in sorted({0, depth // 2, depth - 1}):
        corner = Region((z, height // 2, width // 2), (z + 1, height, width))
        box = Region(corner.start, tuple(a + 64 for a in corner.start))
        volume.read(box.within((z + 1, height, width)))
        if plane <= SMALL or plane > 2**29:
            volume.read_slice(z)


def _look(volume: Volume) -> None:
    """Ask what kind of volume it is, as the widgets do."""
    with contextlib.suppress(MitoSegError):
        check_image(volume)
    with contextlib.suppress(MitoSegError):
        if volume.dtype.kind in "iu":
            check_labels(volume)
    if volume.dtype.itemsize < 4:
        is_label_volume(volume)


def open_annotation(path: Path) -> None:
    """Read an annotation of an image of known size."""
    found = read_annotation(path, IMAGE_SHAPE)
    _ = found.complete, found.labelled


def open_journal(path: Path) -> None:
    """Look at a journal as the list of journals does, and go on with it."""
    content = read_journal(path)
    _ = content.painted, content.notes
    if math.prod(content.header.shape) <= SMALL:
        content.labels()
    journal, _ = resume_journal(path, "0" * 64, IMAGE_SHAPE)
    journal.close()


def open_model(path: Path) -> None:
    """Load a model, and let it run once."""
    model = load_model(path)
    channels = model.network.in_channels
    with torch.inference_mode():
        model.network(torch.zeros(1, channels, *model.network.divisor[1:]))


def install_package(path: Path) -> None:
    """Install a package into a folder of its own, and load what came of it."""
    with tempfile.TemporaryDirectory() as folder, _models_in(folder):
        settings = InstallSettings(name="tiny", trust=True)
        drain(install_model(str(path), settings))
        load_model("tiny")


@contextlib.contextmanager
def _models_in(folder: str) -> Iterator[None]:
    before = os.environ.get(FOLDER_VARIABLE)
    os.environ[FOLDER_VARIABLE] = folder
    try:
        yield
    finally:
        del os.environ[FOLDER_VARIABLE]
        if before is not None:
            os.environ[FOLDER_VARIABLE] = before


def open_recipe(path: Path) -> None:
    """Load a recipe, and write it again."""
    json.loads(Recipe.load(path).as_json())


def open_review(path: Path) -> None:
    """Load a review and go through it."""
    queue = ReviewQueue.load(path)
    _ = queue.counts, queue.next(), queue.items


def open_checkpoint(path: Path) -> None:
    """Read the state of a training and hand it out."""
    state = read_checkpoint(path, torch.device("cpu"))
    if state is not None:
        load_states(state, path, network=_Taker())


def resume_run(path: Path) -> None:
    """Go on with a run, and read its result."""
    status = read_status(path)
    _ = status and f"{status.fraction:.0%}: {status.message}", is_partial(path)
    if is_running(path):
        msg = "A process that is no longer there is not running."
        raise AssertionError(msg)
    with in_small_blocks():
        files = drain(segmenting(path)).files
    touch(read_labels(files[0]))


class _Taker:
    """Takes a state as a network does."""

    def load_state_dict(self, state_dict: dict[str, torch.Tensor], /) -> None:
        torch.nn.Module().load_state_dict(state_dict, strict=False)


TARGETS: dict[str, Target] = {
    "stack": open_stack,
    "annotation": open_annotation,
    "journal": open_journal,
    "model": open_model,
    "package": install_package,
    "interpolation": load_interpolation,
    "recipe": open_recipe,
    "review": open_review,
    "checkpoint": open_checkpoint,
    "run": resume_run,
}

__all__ = ["IMAGE_SHAPE", "TARGETS", "np"]
