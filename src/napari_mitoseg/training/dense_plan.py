"""What the settings of training from dense labels come to for a network."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.models.base import Network
from napari_mitoseg.training.augmentations import (
    CHALLENGE,
    Appearance,
    AugmentationChain,
    Deformation,
    Elastic,
    Flip,
    Grayscale,
    Rescale,
)
from napari_mitoseg.training.dense_data import DenseData
from napari_mitoseg.training.dense_settings import (
    SCRATCH,
    AugmentationName,
    DenseSettings,
)
from napari_mitoseg.training.patches import TrainingStack
from napari_mitoseg.training.settings import FitSettings
from napari_mitoseg.volume import Shape

LIGHT = AugmentationChain(
    steps=(
        Flip(),
        Rescale(smallest=0.9, largest=1.1),
        Elastic(probability=0.5),
        Grayscale(probability=0.5, brightness=0.25, gamma=0.25),
    )
)
"""For the stack that is labelled: what its other slices may look like."""

AUGMENTATIONS: dict[AugmentationName, AugmentationChain] = {
    "light": LIGHT,
    "strong": AugmentationChain(steps=(Deformation(), Appearance())),
    "challenge": CHALLENGE,
    "none": AugmentationChain(),
}

PLANAR_SIDE, PLANAR_BATCH = 192, 8
VOLUME_PATCH: dict[str, Shape] = {"cuda": (32, 256, 256), "cpu": (8, 96, 96)}
"""What the paper of Res-UNet trains on, and what a processor has time for."""

VOLUME_BATCH = {"cuda": 2, "cpu": 1}

PLANAR_RATE, VOLUME_RATE = 2e-3, 1e-3
START_RATE = 0.5
"""Step size over that from scratch, where training starts from a model."""

N_VALIDATIONS = 20
VALIDATION_SHARE = 0.1
"""Share of the time that validation may take."""

PACE = 3.0
"""Time of a training step over that of a prediction."""


def plan_fit(
    settings: DenseSettings,
    network: Network,
    data: DenseData,
    device: torch.device,
    voxel_seconds: float,
) -> FitSettings:
    """Work out how to fit a network.

    Parameters
    ----------
    settings : DenseSettings
        What was chosen.
    network : Network
        Its dimensions and what its input must be a multiple of.
    data : DenseData
        How large the stacks are.
    device : torch.device
        Where it is trained.
    voxel_seconds : float
        Time of a prediction per voxel, see `measure_time`.

    Returns
    -------
    FitSettings
        Patch, batch, step size, augmentation, and how often is validated.
    """
    patch = settings.patch or largest_patch(network, data.training, device)
    planar = network.dimensions == 2
    usual = PLANAR_BATCH if planar else VOLUME_BATCH.get(device.type, 1)
    rate = PLANAR_RATE if planar else VOLUME_RATE
    fitted = FitSettings(
        **_length(settings),
        patch=patch,
        batch=settings.batch or usual,
        learning_rate=rate * (1 if settings.start == SCRATCH else START_RATE),
        augmentations=chosen_augmentations(settings),
        keep="best" if data.watched else "last",
        patience=settings.patience if data.watched else 0,
        seed=settings.seed,
    )
    every = validation_interval(fitted, data.watched, voxel_seconds)
    return fitted.model_copy(update={"validate_every": every})


def plan_published(
    settings: DenseSettings, stages: Sequence[FitSettings], data: DenseData
) -> tuple[FitSettings, ...]:
    """Take over how a paper trains, but for what was chosen otherwise.

    Parameters
    ----------
    settings : DenseSettings
        Steps, patch, batch and augmentations take the place of the published ones
        where they are given; seed.
    stages : sequence of FitSettings
        Of the paper, see `published`.
    data : DenseData
        Whether there is something to choose the best weights by.

    Returns
    -------
    tuple of FitSettings
        One a stage.

    Raises
    ------
    InvalidParameterError
        If there is no published training of the network.
    """
    if not stages:
        msg = (
            f"No published training of {settings.architecture!r} is known. Take the "
            "preset fast, or train-sparse --preset paper for spatial-continuity."
        )
        raise InvalidParameterError(msg)
    given = {
        "steps": settings.steps,
        "patch": settings.patch,
        "batch": settings.batch,
        "augmentations": settings.augmentations and chosen_augmentations(settings),
    }
    chosen = {name: value for name, value in given.items() if value}
    kept = {"keep": "best" if data.watched else "last", "seed": settings.seed}
    return tuple(stage.model_copy(update={**chosen, **kept}) for stage in stages)


def chosen_augmentations(settings: DenseSettings) -> AugmentationChain:
    """Return the augmentations that were chosen.

    Parameters
    ----------
    settings : DenseSettings
        A set, or augmentations by name.

    Returns
    -------
    AugmentationChain
        What is made, in order.

    Raises
    ------
    UnknownNameError, InvalidParameterError
        If there is no such augmentation, or a setting of it is wrong.
    """
    if settings.augmentations:
        return AugmentationChain.parse(list(settings.augmentations))
    return AUGMENTATIONS[settings.augmentation]


def largest_patch(
    network: Network, stacks: Sequence[TrainingStack], device: torch.device
) -> Shape:
    """Return the largest usual patch that the smallest stack holds.

    Parameters
    ----------
    network : Network
        Its dimensions and divisor.
    stacks : sequence of TrainingStack
        To be trained on.
    device : torch.device
        Where: CUDA gets larger patches of three dimensions.

    Returns
    -------
    tuple of int
        ZYX, square, and a multiple of the divisor.
    """
    z, y, x = np.min([stack.image.shape for stack in stacks], axis=0).tolist()
    divisor_z, divisor, _ = network.divisor
    if network.dimensions == 2:
        return (1, *_square(min(PLANAR_SIDE, y, x), divisor))
    wanted = VOLUME_PATCH.get(device.type, VOLUME_PATCH["cpu"])
    depth = max(divisor_z, min(wanted[0], z) // divisor_z * divisor_z)
    return (depth, *_square(min(wanted[1], y, x), divisor))


def validation_interval(
    settings: FitSettings, watched: Sequence[TrainingStack], voxel_seconds: float
) -> int:
    """Return after how many steps to validate.

    Parameters
    ----------
    settings : FitSettings
        Patch, batch, and what ends the training.
    watched : sequence of TrainingStack
        To be validated on.
    voxel_seconds : float
        Time of a prediction per voxel.

    Returns
    -------
    int
        Some twenty times in the whole training, and no more often than a tenth of the
        time allows.
    """
    predicted = sum(len(s.slices) * s.image[0].numel() for s in watched)
    voxels = settings.batch * math.prod(settings.patch)
    often_enough = predicted / (VALIDATION_SHARE * voxels * PACE)
    if settings.limit == "steps":
        total: float = settings.steps
    else:
        total = 60 * settings.minutes / max(voxels * voxel_seconds * PACE, 1e-9)
    return max(1, math.ceil(often_enough), round(total / N_VALIDATIONS))


def _length(settings: DenseSettings) -> dict[str, Any]:
    if settings.steps:
        return {"limit": "steps", "steps": settings.steps}
    return {"limit": "minutes", "minutes": settings.minutes}


def _square(side: int, divisor: int) -> tuple[int, int]:
    legal = max(divisor, side // divisor * divisor)
    return legal, legal
