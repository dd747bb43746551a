"""The fit job in stages, each from the weights that the one before it kept."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.jobs import Job, as_part, relayed
from napari_mitoseg.models.base import Network
from napari_mitoseg.models.zoo import ModelCard
from napari_mitoseg.training.fit import Draw, FitResult, fit, never
from napari_mitoseg.training.patches import TrainingStack
from napari_mitoseg.training.settings import FitSettings


def fit_stages(  # noqa: PLR0913 - the arguments of `fit`
    network: Network,
    stacks: Sequence[TrainingStack],
    stages: Sequence[FitSettings],
    *,
    card: ModelCard,
    folder: Path,
    validation: Sequence[TrainingStack] = (),
    device: torch.device | str = "cpu",
    resume: bool = False,
    stop: Callable[[], bool] = never,
    draw: Draw | None = None,
    fit_one: Callable[..., Job[FitResult]] = fit,
) -> Job[FitResult]:
    """Fit a network in stages, each from the weights the one before it kept.

    Parameters
    ----------
    network : Network
        Starting weights; changed in place.
    stacks : sequence of TrainingStack
        To learn from, at the spacing of the model.
    stages : sequence of FitSettings
        In order; see `published`.
    card : ModelCard
        Written beside the weights.
    folder : Path
        Becomes a model folder with the last stage; earlier ones are in
        ``stage-1`` ... below it.
    validation : sequence of TrainingStack
        To choose the best weights of each stage by.
    device : torch.device or str
        Where to train.
    resume : bool
        Go on from the checkpoints below `folder`.
    stop : callable
        Asked after each step; once it says true, what is there is finished.
    draw : callable, optional
        Draws the batches, see `fit`.
    fit_one : callable
        Fits one stage, with the arguments of `fit`.

    Yields
    ------
    Progress
        After each step, of all stages.

    Returns
    -------
    FitResult
        Of the last stage.

    Raises
    ------
    InvalidParameterError
        If there is no stage, or as `fit` does.
    """
    if not stages:
        msg = "No training stage was given. Give at least one."
        raise InvalidParameterError(msg)
    common: dict[str, Any] = {
        "card": card,
        "validation": validation,
        "device": device,
        "resume": resume,
        "stop": stop,
        "draw": draw,
    }
    places = [folder / f"stage-{n}" for n in range(1, len(stages))] + [folder]
    for number, (settings, place) in enumerate(zip(stages, places, strict=True)):
        job = fit_one(network, stacks, settings, folder=place, **common)
        report = partial(as_part, number, len(stages))
        result = yield from relayed(job, report)
        network = result.network
    return result
