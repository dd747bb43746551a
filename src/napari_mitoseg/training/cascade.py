"""Train the two-stage cascade: the detector, then the 3D network on its cues."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.inference.runner import Runner
from napari_mitoseg.inference.tiling import Cut, Span, reflected
from napari_mitoseg.jobs import Job, Progress, relayed
from napari_mitoseg.maps import FULL
from napari_mitoseg.models.base import Network
from napari_mitoseg.models.cascade import Cascade, CascadeConfig
from napari_mitoseg.models.zoo import ModelCard
from napari_mitoseg.training.cascade_settings import (
    BOTTOM_UP,
    CASCADE,
    DETECTOR,
    CascadeSettings,
)
from napari_mitoseg.training.cue_batches import CueBatches
from napari_mitoseg.training.dense_plan import LIGHT
from napari_mitoseg.training.detector import (
    check_foreground,
    for_detector,
    iter_maps,
    measure_box_precision,
)
from napari_mitoseg.training.fit import Draw, FitResult, fit, never
from napari_mitoseg.training.patches import TrainingStack
from napari_mitoseg.training.settings import FitSettings

ARCHITECTURES = {DETECTOR: "detector", BOTTOM_UP: "resunet3d", CASCADE: "cascade"}
TOTAL = 1000
TILE = (32, 256, 256)
"""Voxels of the tiles that a stack is predicted in while training."""


def train_cascade(
    stacks: Sequence[TrainingStack],
    settings: CascadeSettings,
    *,
    card: ModelCard,
    folder: Path,
    validation: Sequence[TrainingStack] = (),
    device: torch.device | str = "cpu",
    resume: bool = False,
    stop: Callable[[], bool] = never,
) -> Job[FitResult]:
    """Train the stages of a cascade one after the other.

    Parameters
    ----------
    stacks : sequence of TrainingStack
        To learn from, at the spacing of the model.
    settings : CascadeSettings
        How, and how long.
    card : ModelCard
        Written beside the weights; its `config` is that of the cascade, see
        `propose_config`.
    folder : Path
        Becomes the model folder of the whole cascade; those of the earlier stages are
        ``detector`` and ``bottom-up`` in it.
    validation : sequence of TrainingStack
        To choose the best weights of the 3D networks by.
    device : torch.device or str
        Where to train.
    resume : bool
        Go on from the checkpoints below `folder`.
    stop : callable
        Asked after each step; once it says true, what is there is finished.

    Yields
    ------
    FitProgress
        After each step; done and total are of the whole training.

    Returns
    -------
    FitResult
        The cascade, and its IoU on each validation stack.

    Raises
    ------
    AnnotationError
        If no stack has a mitochondrion.
    MitoSegError
        As `fit` does.

    Notes
    -----
    The second stage is trained on the cues that the detector gives on the same stacks,
    made worse by `CueNoise`.  The paper [1]_ seems to draw these boxes from the labels;
    then nothing would prepare the second stage for what a detector misses.

    References
    ----------
    .. [1] Guo et al. (2023), Two-stage cascaded CNN model for 3D mitochondria EM
       segmentation, section 3.3, doi:10.3390/electronics12040928.
    """
    torch.manual_seed(settings.segmentation.seed)
    network = Cascade(CascadeConfig.parse(card.config))
    common: dict[str, Any] = {
        "validation": validation,
        "device": device,
        "resume": resume,
        "stop": stop,
    }
    run = _CascadeRun(network, stacks, settings, card, folder, common)
    return (yield from run.job())


def fit_cascade(  # noqa: PLR0913 - the arguments of `fit`
    network: Network,
    stacks: Sequence[TrainingStack],
    settings: FitSettings,
    *,
    card: ModelCard,
    folder: Path,
    validation: Sequence[TrainingStack] = (),
    device: torch.device | str = "cpu",
    resume: bool = False,
    stop: Callable[[], bool] = never,
    draw: Draw | None = None,  # noqa: ARG001 - cues are drawn in their own way
) -> Job[FitResult]:
    """Fit a cascade with the arguments of `fit`.

    Parameters
    ----------
    network : Network
        A cascade: starting weights of all stages.
    stacks : sequence of TrainingStack
        To learn from, at the spacing of the model.
    settings : FitSettings
        Of the 3D networks, see `for_segmentation`; of the detector, `for_detector`
        decides all but the augmentations, which are light where none are named. The
        length is that of the whole training: the time is shared out, steps are those
        of each stage.
    card : ModelCard
        Written beside the weights.
    folder : Path
        Becomes the model folder, see `train_cascade`.
    validation : sequence of TrainingStack
        To choose the best weights of the 3D networks by.
    device : torch.device or str
        Where to train.
    resume : bool
        Go on from the checkpoints below `folder`.
    stop : callable
        Asked after each step; once it says true, what is there is finished.
    draw : callable, optional
        Not used.

    Yields
    ------
    FitProgress
        After each step; done and total are of the whole training.

    Returns
    -------
    FitResult
        The cascade, and its IoU on each validation stack.

    Raises
    ------
    InvalidParameterError
        If the network is another one.
    MitoSegError
        As `train_cascade` does.
    """
    if not isinstance(network, Cascade):
        msg = f"A {type(network).__name__} is no cascade. Train it in the general way."
        raise InvalidParameterError(msg)
    named = LIGHT if settings.augmentations is None else settings.augmentations
    detector = settings.model_copy(update={"augmentations": named})
    stages = CascadeSettings(
        limit=settings.limit,
        minutes=settings.minutes,
        detector=for_detector(detector),
        segmentation=settings,
    )
    common: dict[str, Any] = {
        "validation": validation,
        "device": device,
        "resume": resume,
        "stop": stop,
    }
    run = _CascadeRun(network, stacks, stages, card, folder, common)
    return (yield from run.job())


class _CascadeRun:
    """One training of a cascade."""

    def __init__(
        self,
        network: Cascade,
        stacks: Sequence[TrainingStack],
        settings: CascadeSettings,
        card: ModelCard,
        folder: Path,
        common: dict[str, Any],
    ) -> None:
        check_foreground(stacks)
        self._network, self._stacks, self._settings = network, stacks, settings
        self._card, self._folder, self._common = card, folder, common
        self._stages = settings.stages(network.config.strategy)

    def job(self) -> Job[FitResult]:
        """Train what makes the cues, then the 3D network on image and cues."""
        network = self._network
        yield from self._learn(network.detector, DETECTOR)
        yield from self._score_boxes()
        if network.bottom_up is not None:
            yield from self._learn(network.bottom_up, BOTTOM_UP)
        device = self._common["device"]
        cues = tuple(find_stack_cues(network, stack, device) for stack in self._stacks)
        draw = CueBatches(cues, self._settings.noise)
        return (yield from self._part(CASCADE, network, self._folder, draw))

    def _score_boxes(self) -> Job[None]:
        """Say how well boxes are found in the validation stacks."""
        if self._common["validation"]:
            found = measure_box_precision(
                self._network.detector, self._common["validation"]
            )
            share = self._settings.share(DETECTOR, len(self._stages))
            yield Progress(round(TOTAL * share), TOTAL, f"Detector: AP-50 {found:.3f}")

    def _learn(self, stage: Network, name: str) -> Job[None]:
        """Train a network that makes cues, and put its weights into the cascade."""
        learner = copy.deepcopy(stage).requires_grad_(requires_grad=True)
        result = yield from self._part(name, learner, self._folder / name)
        stage.load_state_dict(result.network.state_dict())

    def _part(
        self, name: str, network: Network, folder: Path, draw: CueBatches | None = None
    ) -> Job[FitResult]:
        """Fit one network as one part of the training."""
        names = list(self._stages)
        shares = [self._settings.share(one, len(names)) for one in names]
        place = names.index(name)

        def report(progress: Progress) -> Progress:
            done = sum(shares[:place]) + shares[place] * progress.fraction
            message = f"Stage {place + 1} of {len(names)} ({name}): {progress.message}"
            return replace(
                progress, done=round(TOTAL * done), total=TOTAL, message=message
            )

        # The detector is not chosen by its mask, so there is nothing to validate.
        unwatched = {"validation": ()} if name == DETECTOR else {}
        job = fit(
            network,
            self._stacks,
            self._stages[name],
            card=self._card.model_copy(update={"architecture": ARCHITECTURES[name]}),
            folder=folder,
            draw=draw,
            **self._common | unwatched,
        )
        return relayed(job, report)


def find_stack_cues(
    network: Cascade, stack: TrainingStack, device: torch.device | str = "cpu"
) -> Tensor:
    """Find what the second stage is given beside a stack.

    Parameters
    ----------
    network : Cascade
        With a trained first stage.
    stack : TrainingStack
        At the spacing of the model.
    device : torch.device or str
        Where to run.

    Returns
    -------
    Tensor of uint8, shape (n_cues, Z, Y, X)
        Cues × 255, on the CPU.
    """
    findings = [network.look(m) for m in iter_maps(network.detector, stack, device)]
    bottom_up = None
    if network.bottom_up is not None:
        bottom_up = predict_in_tiles(network.bottom_up, stack.image, device)
    height, width = stack.image.shape[1:]
    drawn = network.draw(findings, (height, width), bottom_up)
    return torch.from_numpy(np.moveaxis(drawn, 1, 0).copy())


def predict_in_tiles(
    network: Network, image: Tensor, device: torch.device | str = "cpu"
) -> NDArray[np.uint8]:
    """Predict the semantic map of a stack with a 3D network, tile by tile.

    Parameters
    ----------
    network : Network
        Of three dimensions; moved to the device.
    image : Tensor, shape (Z, Y, X)
        Normalised.
    device : torch.device or str
        Where to run.

    Returns
    -------
    ndarray of uint8, shape (Z, Y, X)
        Probability × 255.
    """
    place = torch.device(device)
    runner = Runner(network.to(place).eval(), place, 1)
    semantic = network.outputs.index("semantic")
    grey = image.cpu().numpy()
    told = np.zeros(grey.shape, np.uint8)
    for spans in product(*map(_spans, TILE, network.halo, network.divisor, grey.shape)):
        read = np.ix_(*map(_read, spans, grey.shape))
        maps = runner.predict(grey[read][None, None])[0, semantic]
        kept = maps[tuple(span.crop for span in spans)]
        told[tuple(span.kept for span in spans)] = np.rint(kept * FULL)
    return told


def _spans(tile: int, halo: int, divisor: int, size: int) -> tuple[Span, ...]:
    """Cut one axis."""
    return Cut(tile, 0, halo, divisor).spans(0, size, size)


def _read(span: Span, size: int) -> NDArray[np.intp]:
    return reflected(span.read_start, span.read_stop, size)
