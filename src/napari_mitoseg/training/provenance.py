"""The card of a model that was trained here: where it comes from."""

import json
import shlex
from typing import Any, Literal, NamedTuple

from napari_mitoseg.annotation.encoding import Annotation
from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.models.spatial_continuity import SpatialContinuity
from napari_mitoseg.models.stage import Stage
from napari_mitoseg.models.zoo import OWN_DATA, ModelCard, Score
from napari_mitoseg.training.dense_data import DenseData, runs
from napari_mitoseg.training.dense_settings import DenseSettings
from napari_mitoseg.training.sparse_settings import SparseSettings
from napari_mitoseg.volume import Spacing, Volume

HELD_OUT = (
    "held out of the first part of the training, which went on with it afterwards; "
    "semantic map > 0.5, no augmentation"
)


class HeldOut(NamedTuple):
    """What was measured on a slice that training had not seen."""

    slice: int | None = None
    iou: float | None = None


def describe_training(
    name: str,
    stage: Stage,
    volume: Volume,
    annotation: Annotation,
    settings: SparseSettings,
    *,
    spacing: Spacing,
    parent: ModelCard | None,
    held_out: HeldOut,
) -> ModelCard:
    """Write the card of a model that was trained from an annotation.

    Parameters
    ----------
    name : str
        Of the model.
    stage : Stage
        Architecture and configuration.
    volume : Volume
        The image.
    annotation : Annotation
        What was learned from.
    settings : SparseSettings
        Preset, start, seed.
    spacing : tuple of float
        Of the model, nm, ZYX.
    parent : ModelCard or None
        Model that training started from.
    held_out : HeldOut
        Score on a slice that was kept back.

    Returns
    -------
    ModelCard
        With slices, seed, parent, terms and scores.
    """
    z, y, x = volume.shape
    slices = ", ".join(map(str, annotation.labelled))
    licence = parent.licence if parent else "That of the annotation and the image."
    return ModelCard(
        name=name,
        architecture=stage.architecture,
        config=stage.config,
        spacing=spacing,
        description=f"Trained on {len(annotation.labelled)} labelled slices of "
        f"{volume.name}: preset {settings.preset}, seed {settings.seed}.",
        data=(
            f"{volume.name} ({z}×{y}×{x}), slices {slices}",
            *(parent.data if parent else ()),
        ),
        licence=licence,
        citation=(*SpatialContinuity.citation, *(parent.citation if parent else ())),
        scores=_scores(volume, held_out),
        parent=parent.name if parent else "",
    )


def command_of(
    settings: SparseSettings,
    name: Literal["train-sparse", "fine-tune"] = "train-sparse",
) -> str:
    """Return the command line that repeats a training.

    Parameters
    ----------
    settings : SparseSettings
        What was chosen.
    name : {"train-sparse", "fine-tune"}
        Of the command.

    Returns
    -------
    str
        Image, annotation and the folder to write to are left to fill in.

    Examples
    --------
    >>> command_of(SparseSettings(preset="paper", minutes=90))
    'napari-mitoseg train-sparse IMAGE ANNOTATION --preset paper --seed 0 --minutes 90'
    """
    options = [f"--preset {settings.preset}", f"--start {settings.start}"]
    if settings.preset == "paper":
        options.pop()
    if name == "fine-tune":
        options = [f"--model {settings.start}"]
    options.append(f"--seed {settings.seed}")
    if settings.minutes:
        options.append(f"--minutes {settings.minutes:g}")
    return f"napari-mitoseg {name} IMAGE ANNOTATION {' '.join(options)}"


def describe_dense(
    name: str,
    stage: Stage,
    data: DenseData,
    settings: DenseSettings,
    *,
    spacing: Spacing,
    parent: ModelCard | None,
    scores: tuple[Score, ...] = (),
) -> ModelCard:
    """Write the card of a model that was trained on labelled volumes.

    Parameters
    ----------
    name : str
        Of the model.
    stage : Stage
        Architecture and configuration.
    data : DenseData
        What was learned from, and what was kept back.
    settings : DenseSettings
        Start, time, augmentation, seed.
    spacing : tuple of float
        Of the model, nm, ZYX.
    parent : ModelCard or None
        Model that training started from.
    scores : tuple of Score
        On what was kept back.

    Returns
    -------
    ModelCard
        With data, slices, seed, command, parent and terms.
    """
    names = ", ".join(pair.image.name for pair in data.volumes)
    own = architectures[stage.architecture].citation
    return ModelCard(
        name=name,
        architecture=stage.architecture,
        config=stage.config,
        spacing=spacing,
        description=f"Trained on {names}: {_how(settings)}, seed {settings.seed}"
        f"{_prepared(settings)}.",
        data=(*_learned_from(data), *(parent.data if parent else ())),
        licence=parent.licence if parent else OWN_DATA,
        citation=parent.citation if parent else own,
        scores=scores,
        parent=parent.name if parent else "",
        command=dense_command(settings, len(data.volumes)),
    )


def dense_command(settings: DenseSettings, n_volumes: int = 1) -> str:
    """Return the command line that repeats a training on labelled volumes.

    Parameters
    ----------
    settings : DenseSettings
        What was chosen.
    n_volumes : int
        How many images with labels.

    Returns
    -------
    str
        Images, labels and the folder to write to are left to fill in.

    Examples
    --------
    >>> dense_command(DenseSettings(architecture="resunet-r", minutes=90))
    'napari-mitoseg train IMAGE LABELS --model resunet-r --minutes 90 --seed 0'
    """
    default = DenseSettings()
    slices = ",".join(f"{a}-{b}" for a, b in runs(settings.validation_slices))
    is_published = settings.preset == "paper"
    given: dict[str, object] = {
        "model": settings.architecture,
        "config": json.dumps(settings.config) if settings.config else "",
        "start": settings.start if settings.start != default.start else "",
        "preset": settings.preset,
        "minutes": "" if is_published else f"{settings.minutes:g}",
        "steps": settings.steps or "",
        "validation": f"{settings.validation:g}",
        "validation-slices": slices,
        "augmentation": "" if is_published else _augmentation(settings),
        "preprocessing": _as_json(settings.preprocessing),
        "labels": settings.labels,
        "seed": settings.seed,
    }
    shown = {"model", "minutes", "seed"}
    usual = {
        "preset": default.preset,
        "validation": "0.2",
        "augmentation": default.augmentation,
        "labels": "auto",
    }
    options = [
        f"--{name} {shlex.quote(str(value))}"
        for name, value in given.items()
        if value != "" and (name in shown or value != usual.get(name))
    ]
    volumes = ["IMAGE LABELS", *["--more IMAGE LABELS"] * (n_volumes - 1)]
    return " ".join(["napari-mitoseg train", *volumes, *options])


def _how(settings: DenseSettings) -> str:
    """Say how a network was trained."""
    if settings.preset == "paper":
        return "as published"
    return f"augmentation {_augmentation(settings)}"


def _augmentation(settings: DenseSettings) -> str:
    """Return what makes the same augmentations on the command line."""
    return _as_json(settings.augmentations) or settings.augmentation


def _prepared(settings: DenseSettings) -> str:
    """Say what was done to the images, which is to be done to others too."""
    done = _as_json(settings.preprocessing)
    return f", preprocessing {done}" if done else ""


def _as_json(steps: tuple[dict[str, Any], ...]) -> str:
    """Write steps as the command line takes them; nothing where there are none."""
    return json.dumps(steps) if steps else ""


def _learned_from(data: DenseData) -> tuple[str, ...]:
    """Say which slices of each volume were learned from."""
    said = []
    for pair, held in zip(data.volumes, data.held, strict=True):
        z, y, x = pair.image.shape
        kept = ", ".join(f"{a}–{b}" for a, b in runs(held))
        without = f", but slices {kept}" if held else ""
        said.append(f"{pair.image.name} ({z}×{y}×{x}), all slices{without}")
    return tuple(said)


def _scores(volume: Volume, held_out: HeldOut) -> tuple[Score, ...]:
    if held_out.iou is None:
        return ()
    return (
        Score(
            data=f"{volume.name}, slice {held_out.slice}",
            value=round(held_out.iou, 3),
            seen="same stack",
            how=HELD_OUT,
        ),
    )
