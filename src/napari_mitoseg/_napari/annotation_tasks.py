"""What the Annotate widget sends into a thread, as jobs.

Torch and everything that needs it is imported inside the jobs.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg._napari.tasks import ModelCache
from napari_mitoseg.annotation.encoding import Annotation, as_annotation
from napari_mitoseg.annotation.journal import (
    JournalContent,
    create_journal,
    find_journals,
    fingerprint,
    resume_journal,
)
from napari_mitoseg.annotation.recorder import Recorder
from napari_mitoseg.errors import AnnotationError
from napari_mitoseg.inference.settings import DeviceName, InferenceSettings
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.maps import cutoff
from napari_mitoseg.models.zoo import models_folder
from napari_mitoseg.params import Params, param
from napari_mitoseg.volume import Region, Spacing, Volume

if TYPE_CHECKING:
    from napari_mitoseg.training.sparse_report import SparseResult
    from napari_mitoseg.training.sparse_settings import SparseSettings

Labels = NDArray[np.uint8]
UNFINISHED = ".training/state.json"
"""What a training that was interrupted leaves in its folder, see `WorkFolder`."""

SPARSE, FINE_TUNE = "whole stack", "fine-tune"
Method = Literal["whole stack", "fine-tune"]


class TrainingChoices(Params):
    """What the widget asks for before a training; no torch is needed to show it."""

    method: Method = param(
        SPARSE,
        description="whole stack: learn from complete slices and from how slices "
        "continue in their neighbours. fine-tune: go on training one model with "
        "whatever is painted.",
    )
    preset: Literal["fast", "paper"] = param(
        "fast",
        description="fast: minutes on a laptop. paper: the published method, for "
        "which a GPU is wanted.",
    )
    time: Literal["as the preset", "limited"] = param(
        "as the preset",
        description="How long to train: as long as the preset does, or some minutes.",
    )
    minutes: float = param(
        6.0,
        gt=0,
        le=100_000,
        unit="min",
        description="Time for training and predicting the stack, if it is limited.",
    )
    device: DeviceName = param(
        "auto",
        description="Where to train; auto takes cuda, then mps, then cpu.",
        advanced=True,
    )
    seed: int = param(
        0, ge=0, lt=2**31, description="Seed of all chance.", advanced=True
    )


@dataclass(frozen=True, eq=False)
class TrainingOrder:
    """Everything a training needs, captured when it is started.

    Attributes
    ----------
    volume : Volume
        The image.
    labels : ndarray of uint8, shape (Z, Y, X)
        A copy of the annotation: painting may go on meanwhile.
    choices : TrainingChoices
        How.
    start : str
        Name or folder of a model, or ``"scratch"``.
    folder : Path
        Becomes the folder of the new model.
    resume : bool
        Go on with an interrupted training in that folder.
    stop : callable
        Turns true when the training should end with the best so far.
    watch : callable
        The slice on screen.
    """

    volume: Volume
    labels: Labels
    choices: TrainingChoices
    start: str
    folder: Path
    resume: bool
    stop: Callable[[], bool]
    watch: Callable[[], int]


def warm_up() -> Job[None]:
    """Import torch before it is needed: the window would halt when training starts."""
    yield Progress(0, 1, "Loading torch")
    from napari_mitoseg.training import sparse  # noqa: F401, PLC0415


def look_for_journals(volume: Volume) -> Job[tuple[JournalContent, ...]]:
    """Find earlier annotations of an image; see `find_journals`."""
    yield Progress(0, 1, "Looking for earlier annotations")
    return find_journals(fingerprint(volume))


def begin(volume: Volume) -> Job[tuple[Labels, Recorder]]:
    """Begin an empty annotation of an image and its journal."""
    yield Progress(0, 1, "Beginning a journal")
    journal = create_journal(fingerprint(volume), volume.shape, volume.name)
    return np.zeros(volume.shape, np.uint8), Recorder(journal)


def resume(volume: Volume, path: Path) -> Job[tuple[Labels, Recorder]]:
    """Go on with an annotation from its journal; see `resume_journal`."""
    yield Progress(0, 1, "Reading the journal")
    journal, labels = resume_journal(path, fingerprint(volume), volume.shape)
    return labels, Recorder(journal, labels)


def load(volume: Volume, path: Path) -> Job[tuple[Labels, Recorder]]:
    """Read an annotation from a file and begin a journal with it.

    Parameters
    ----------
    volume : Volume
        The image it should be of.
    path : Path
        TIFF stack, folder of images or OME-Zarr with the values 0, 1 and 2.

    Yields
    ------
    Progress
        Before it is read.

    Returns
    -------
    labels : ndarray of uint8, shape (Z, Y, X)
        The annotation.
    recorder : Recorder
        With all of it in its journal.

    Raises
    ------
    AnnotationError
        If it has another shape than the image, or other values.
    ReadError, WriteError
        If it cannot be read, or its journal not written.
    """
    from napari_mitoseg.io import read_annotation  # noqa: PLC0415

    yield Progress(0, 2, f"Reading {path.name}")
    labels = read_annotation(path, volume.shape).labels.copy()
    yield Progress(1, 2, f"Reading {path.name}")
    return labels, _recorded(volume, labels)


def adopt(volume: Volume, painted: Volume) -> Job[tuple[Labels, Recorder]]:
    """Take labels of a layer as an annotation and begin a journal with it.

    Parameters
    ----------
    volume : Volume
        The image it should be of.
    painted : Volume
        0 unlabelled, 1 background, 2 mitochondrion; copied.

    Yields
    ------
    Progress
        Before it is looked at.

    Returns
    -------
    labels : ndarray of uint8, shape (Z, Y, X)
        The annotation.
    recorder : Recorder
        With all of it in its journal.

    Raises
    ------
    AnnotationError
        If it has another shape than the image, or other values.
    WriteError
        If its journal cannot be written.
    """
    yield Progress(0, 1, "Taking over the annotation")
    if painted.shape != volume.shape:
        msg = (
            f"{painted.name} has shape {painted.shape}, the image {volume.shape} (z, "
            "y, x). Choose the annotation of this image."
        )
        raise AnnotationError(msg)
    labels = as_annotation(painted.read()).labels.copy()
    return labels, _recorded(volume, labels)


def _recorded(volume: Volume, labels: Labels) -> Recorder:
    """Begin a journal with labels."""
    journal = create_journal(fingerprint(volume), volume.shape, volume.name)
    recorder = Recorder(journal)
    recorder.record_all(labels)
    return recorder


def save(labels: Labels, spacing: Spacing | None, path: Path) -> Job[Path]:
    """Write an annotation as a TIFF stack; see `write_labels_tiff`."""
    from napari_mitoseg.io import write_labels_tiff  # noqa: PLC0415

    yield Progress(0, 1, f"Writing {path.name}")
    write_labels_tiff(path, labels, spacing)
    return path


def predict_slice(
    volume: Volume, z: int, name: str, device: DeviceName, models: ModelCache
) -> Job[NDArray[np.bool_]]:
    """Say where a model finds mitochondria in one slice.

    Parameters
    ----------
    volume : Volume
        The image.
    z : int
        Slice number.
    name : str
        Name or folder of the model.
    device : str
        Where the network runs.
    models : ModelCache
        Where the model comes from.

    Yields
    ------
    Progress
        One a tile.

    Returns
    -------
    ndarray of bool, shape (Y, X)
        Where the probability is above one half.
    """
    yield Progress(0, 1000, "Loading the model")
    from napari_mitoseg.inference.predict import predict_maps  # noqa: PLC0415

    _, height, width = volume.shape
    region = Region((z, 0, 0), (z + 1, height, width))
    model = models.load(name)
    settings = InferenceSettings(device=device)
    maps = yield from predict_maps(volume, model, settings, region)
    found: NDArray[np.bool_] = maps.semantic[0] > cutoff(0.5)
    return found


def train(order: TrainingOrder) -> Job["SparseResult"]:
    """Train from a sparse annotation; see `train_sparse` and `fine_tune`."""
    yield Progress(0, 1000, "Loading torch")
    from napari_mitoseg.training import sparse  # noqa: PLC0415

    tune: Callable[..., Job[SparseResult]] = sparse.train_sparse
    if order.choices.method == FINE_TUNE:
        tune = partial(sparse.fine_tune, model=order.start)
    return (
        yield from tune(
            order.volume,
            Annotation(order.labels),
            _settings(order),
            folder=order.folder,
            resume=order.resume,
            stop=order.stop,
            watch=order.watch,
        )
    )


def _settings(order: TrainingOrder) -> "SparseSettings":
    from napari_mitoseg.training.sparse_settings import (  # noqa: PLC0415
        SparseSettings,
    )

    choices = order.choices
    return SparseSettings(
        preset=choices.preset,
        minutes=choices.minutes if choices.time == "limited" else None,
        start=order.start,
        seed=choices.seed,
        device=choices.device,
    )


def model_folder(name: str) -> Path:
    """Return the folder among the user's own models for a new one.

    Parameters
    ----------
    name : str
        What the user calls it.

    Returns
    -------
    Path
        It may exist, with an earlier model.
    """
    return models_folder() / (re.sub(r"[^\w.-]+", "-", name).strip("-.") or "model")


def is_interrupted(folder: Path) -> bool:
    """Say whether a training in a folder has left a state to go on from."""
    return (folder / UNFINISHED).is_file()
