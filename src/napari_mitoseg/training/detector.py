"""Train the detector, the first stage of the cascade, and score its boxes."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from napari_mitoseg.boxes import Boxes, boxes_of_slice
from napari_mitoseg.errors import AnnotationError
from napari_mitoseg.evaluation.box_precision import box_average_precision
from napari_mitoseg.jobs import Job
from napari_mitoseg.models.detection import DetectionSettings, decode_boxes
from napari_mitoseg.models.detector import Detector
from napari_mitoseg.models.zoo import ModelCard
from napari_mitoseg.training.fit import FitResult, fit, never
from napari_mitoseg.training.geometry import GeometrySettings
from napari_mitoseg.training.patches import TrainingStack
from napari_mitoseg.training.settings import FitSettings

SCORED_FROM = 0.01
"""Score from which on boxes count for average precision, which ranks them."""


def for_detector(settings: FitSettings) -> FitSettings:
    """Turn settings that suit most networks into those of the detector.

    Parameters
    ----------
    settings : FitSettings
        How long, with which seed and appearance.

    Returns
    -------
    FitSettings
        The loss of detection on large patches, as objects are not to be cut up.  The
        last weights are kept: validation scores the mask, not the boxes.
    """
    return settings.model_copy(
        update={
            "patch": (1, 256, 256),
            "batch": 8,
            "loss": "detection",
            "optimizer": "adamw",
            "learning_rate": 2e-3,
            "schedule": "cosine",
            "weight_decay": 0.01,
            "averaging": 0.99,
            "foreground": 0.7,
            "dark": 0.1,
            "geometry": GeometrySettings(smallest=0.75, largest=1.33, rotate=False),
            "keep": "last",
        }
    )


def train_detector(  # noqa: PLR0913 - the arguments of `fit`
    detector: Detector,
    stacks: Sequence[TrainingStack],
    settings: FitSettings,
    *,
    card: ModelCard,
    folder: Path,
    validation: Sequence[TrainingStack] = (),
    device: torch.device | str = "cpu",
    resume: bool = False,
    stop: Callable[[], bool] = never,
) -> Job[FitResult]:
    """Fit a detector to the boxes of the labelled components of each slice.

    Parameters
    ----------
    detector : Detector
        Starting weights; changed in place.
    stacks : sequence of TrainingStack
        To learn from, at the spacing of the model.
    settings : FitSettings
        How; the loss should be ``"detection"``, see `for_detector`.
    card : ModelCard
        Written beside the weights.
    folder : Path
        Becomes a model folder of the architecture ``"detector"``.
    validation : sequence of TrainingStack
        To choose the best weights by, if settings keep the best.
    device : torch.device or str
        Where to train.
    resume : bool
        Go on from the checkpoint in `folder` if there is one.
    stop : callable
        Asked after each step; once it says true, what is there is finished.

    Yields
    ------
    FitProgress
        After each step.

    Returns
    -------
    FitResult
        The weights kept, and the IoU of their masks.

    Raises
    ------
    AnnotationError
        If no stack has a mitochondrion.
    MitoSegError
        As `fit` does.
    """
    check_foreground(stacks)
    job = fit(
        detector,
        stacks,
        settings,
        card=card.model_copy(update={"architecture": "detector", "config": {}}),
        folder=folder,
        validation=validation,
        device=device,
        resume=resume,
        stop=stop,
    )
    return (yield from job)


def check_foreground(stacks: Sequence[TrainingStack]) -> None:
    """Refuse stacks in which nothing can be detected.

    Parameters
    ----------
    stacks : sequence of TrainingStack
        To learn from.

    Raises
    ------
    AnnotationError
        If no stack has a mitochondrion.
    """
    if not any(len(stack.foreground) for stack in stacks):
        names = ", ".join(stack.name for stack in stacks)
        msg = (
            f"The labels of {names} hold no mitochondrion, so there is no box to learn "
            "from. Give labels in which mitochondria are above 0."
        )
        raise AnnotationError(msg)


def detect_stack(
    detector: Detector,
    stack: TrainingStack,
    settings: DetectionSettings,
    *,
    confidence: float = 0.0,
) -> list[Boxes]:
    """Find the boxes of every slice of a stack.

    Parameters
    ----------
    detector : Detector
        Moved to the device of the stack; its mode is kept.
    stack : TrainingStack
        At the spacing of the model.
    settings : DetectionSettings
        Which boxes count.
    confidence : float
        Takes the place of the one in the settings where it is above 0.

    Returns
    -------
    list of Boxes
        One for each slice.
    """
    maps = iter_maps(detector, stack, stack.image.device)
    return [decode_boxes(one, settings, confidence=confidence) for one in maps]


def iter_maps(
    detector: Detector, stack: TrainingStack, device: torch.device | str
) -> Iterator[NDArray[np.float32]]:
    """Run the detector over the slices of a stack.

    Parameters
    ----------
    detector : Detector
        Moved to the device; its mode is kept.
    stack : TrainingStack
        At the spacing of the model.
    device : torch.device or str
        Where to run.

    Yields
    ------
    ndarray of float32, shape (6, Y, X)
        The maps of each slice, as probabilities.
    """
    was_training = detector.training
    detector.to(device).eval()
    for plane in stack.image:
        yield _predict_slice(detector, plane.to(device))
    detector.train(was_training)


def measure_box_precision(
    detector: Detector, stacks: Sequence[TrainingStack], threshold: float = 0.5
) -> float:
    """Score the boxes of the labelled slices of stacks; AP-50 where nothing is said.

    Parameters
    ----------
    detector : Detector
        On the device of the stacks.
    stacks : sequence of TrainingStack
        At the spacing of the model, every slice labelled completely or not at all.
    threshold : float
        IoU that a match needs.

    Returns
    -------
    float
        Average precision over all slices, 0 to 1.
    """
    found: list[Boxes] = []
    truth: list[Boxes] = []
    for stack in stacks:
        detected = detect_stack(
            detector, stack, DetectionSettings(), confidence=SCORED_FROM
        )
        found += [detected[z] for z in stack.slices.tolist()]
        truth += true_boxes(stack, stack.slices.tolist())
    return box_average_precision(found, truth, threshold)


def true_boxes(stack: TrainingStack, slices: Sequence[int]) -> list[Boxes]:
    """Return the boxes of the labelled components of some slices.

    Parameters
    ----------
    stack : TrainingStack
        Labels.
    slices : sequence of int
        Which slices.

    Returns
    -------
    list of Boxes
        One for each of them.
    """
    return [boxes_of_slice(stack.labels[z].cpu().numpy()) for z in slices]


def _predict_slice(detector: Detector, plane: Tensor) -> NDArray[np.float32]:
    """Return the maps of a slice of any size, (6, Y, X)."""
    height, width = plane.shape
    _, y, x = detector.divisor
    padded = pad(plane[None, None], (0, -width % x, 0, -height % y), mode="replicate")
    with torch.inference_mode():
        maps = detector(padded)[0, :, :height, :width].float().sigmoid()
    return np.asarray(maps.cpu().numpy(), dtype=np.float32)
