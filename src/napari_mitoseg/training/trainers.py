"""How networks are trained that the general way does not suit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from napari_mitoseg.jobs import Job
from napari_mitoseg.models.base import Network
from napari_mitoseg.models.zoo import ModelCard
from napari_mitoseg.registry import Registry
from napari_mitoseg.training.blocks import draw_blocks, for_blocks
from napari_mitoseg.training.cascade import fit_cascade
from napari_mitoseg.training.cascade_settings import (
    for_segmentation,
    with_cross_entropy,
)
from napari_mitoseg.training.continuity import fit_continuity
from napari_mitoseg.training.detector import for_detector
from napari_mitoseg.training.fit import Draw, FitResult, draw_batch, fit
from napari_mitoseg.training.patches import TrainingStack
from napari_mitoseg.training.published import (
    fusion_fcn_stages,
    patch_cnn_stages,
    resunet_stages,
    segmentation_stages,
)
from napari_mitoseg.training.settings import FitSettings


class FitJob(Protocol):
    """A job that fits a network as `fit.fit` does, with the same arguments."""

    def __call__(  # noqa: PLR0913 - what is chosen for a run, by keyword
        self,
        network: Network,
        stacks: Sequence[TrainingStack],
        settings: FitSettings,
        *,
        card: ModelCard,
        folder: Path,
        validation: Sequence[TrainingStack] = ...,
        device: torch.device | str = ...,
        resume: bool = ...,
        stop: Callable[[], bool] = ...,
        draw: Draw | None = ...,
    ) -> Job[FitResult]:
        """Fit the network; see `fit.fit`."""
        ...


def as_they_are(settings: FitSettings) -> FitSettings:
    """Return settings unchanged."""
    return settings


@dataclass(frozen=True)
class Trainer:
    """How the networks of an architecture are trained.

    Attributes
    ----------
    draw : callable
        Draws the batch of a step, with the arguments of `fit.draw_batch`.
    adapt : callable
        Takes the settings that suit most networks, and returns those that suit this
        one: patch, batch, optimizer, loss.  What ends the training, seed and
        augmentation had better be left.
    fit : FitJob
        Runs the training; a network in two stages trains them one after the other.
    published : tuple of FitSettings
        How its paper trains it, in stages; empty where that cannot be said so.
    """

    draw: Draw = draw_batch
    adapt: Callable[[FitSettings], FitSettings] = as_they_are
    fit: FitJob = fit
    published: tuple[FitSettings, ...] = ()


trainers: Registry[Trainer] = Registry("trainer")
"""By architecture; one that is not here is trained in the general way."""

trainers.register("patch-cnn")(
    Trainer(draw=draw_blocks, adapt=for_blocks, published=patch_cnn_stages())
)
trainers.register("fusion-fcn")(Trainer(published=fusion_fcn_stages()))
trainers.register("resunet-r")(Trainer(published=resunet_stages()))
trainers.register("resunet-h")(Trainer(published=resunet_stages()))
trainers.register("detector")(Trainer(adapt=for_detector))
trainers.register("resunet2d")(Trainer(adapt=with_cross_entropy))
trainers.register("resunet3d")(
    Trainer(adapt=with_cross_entropy, published=segmentation_stages())
)
trainers.register("cascade")(
    Trainer(adapt=for_segmentation, fit=fit_cascade, published=segmentation_stages())
)
trainers.register("spatial-continuity")(Trainer(fit=fit_continuity))

GENERAL = Trainer()


def trainer_for(architecture: str) -> Trainer:
    """Return how an architecture is trained.

    Parameters
    ----------
    architecture : str
        Name in the registry of architectures.

    Returns
    -------
    Trainer
        Its own, or the general one.
    """
    if architecture in trainers:
        return trainers[architecture]
    return GENERAL
