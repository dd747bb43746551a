"""Train the spatial-continuity model from dense labels: N_se, then N_sp on its masks.

Training from a few labelled slices has a way of its own, see `sparse`.

References
----------
.. [1] Semi-supervised segmentation of mitochondria from electron microscopy images
   using spatial continuity, Algorithm 1.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from napari_mitoseg.errors import DeviceMemoryError, InvalidParameterError
from napari_mitoseg.inference.device import is_out_of_memory
from napari_mitoseg.jobs import Job, Progress, relayed
from napari_mitoseg.maps import FULL
from napari_mitoseg.models.base import Network
from napari_mitoseg.models.spatial_continuity import SpatialContinuity, as_masks
from napari_mitoseg.models.stage import Stage
from napari_mitoseg.models.zoo import ModelCard, save_model
from napari_mitoseg.training.appearance import NO_APPEARANCE
from napari_mitoseg.training.fit import Batch, Draw, FitResult, fit, never
from napari_mitoseg.training.geometry import NO_GEOMETRY
from napari_mitoseg.training.patches import (
    TrainingStack,
    choose_stacks,
    context_slices,
    step_chance,
)
from napari_mitoseg.training.refinement import RefinementBatches
from napari_mitoseg.training.settings import FitSettings
from napari_mitoseg.training.sparse_plan import PAPER_AFFINE
from napari_mitoseg.training.validate import predict_plane

FIRST, SECOND = "N_se", "N_sp"
TOTAL = 1000
SHARE = 0.5
"""Share of the time that N_se gets; predicting the coarse masks is taken off N_sp."""

LEAST = 0.5
"""Share of its time that N_sp gets however long the coarse masks take."""


def for_refinement(settings: FitSettings) -> FitSettings:
    """Turn settings that suit most networks into those of N_sp.

    Parameters
    ----------
    settings : FitSettings
        How long, on which patches and with which seed.

    Returns
    -------
    FitSettings
        Flips, quarter turns and piecewise affine deformation, as published; grey
        values are not changed, since masks have none.
    """
    geometry = NO_GEOMETRY.model_copy(update={"piecewise": PAPER_AFFINE})
    return settings.model_copy(
        update={
            "geometry": geometry,
            "appearance": NO_APPEARANCE,
            "augmentations": None,
        }
    )


def fit_continuity(  # noqa: PLR0913 - the arguments of `fit`
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
    draw: Draw | None = None,
) -> Job[FitResult]:
    """Fit a spatial-continuity model with the arguments of `fit`.

    Parameters
    ----------
    network : Network
        A spatial-continuity model: starting weights of both networks, changed in place.
    stacks : sequence of TrainingStack
        To learn from, at the spacing of the model.
    settings : FitSettings
        Of N_se, and of N_sp but for what `for_refinement` decides; the time is shared
        out, steps are those of each.
    card : ModelCard
        Written beside the weights.
    folder : Path
        Becomes a model folder; those of the two networks are ``N_se`` and ``N_sp`` in
        it.
    validation : sequence of TrainingStack
        To choose the best weights by; those of an N_sp that is not given the coarse
        masks of all its slices and nothing else are the last ones.
    device : torch.device or str
        Where to train.
    resume : bool
        Go on from the checkpoints below `folder`.
    stop : callable
        Asked after each step; once it says true, what is there is finished.
    draw : callable, optional
        Draws the batches of N_se.

    Yields
    ------
    Progress
        After each step and each coarse mask; done and total are of the whole training.

    Returns
    -------
    FitResult
        Both networks in a row; steps and scores are those of N_sp.

    Raises
    ------
    InvalidParameterError
        If the network is another one.
    DeviceMemoryError
        If the device has too little memory for a slice; checkpoints are kept.
    MitoSegError
        As `fit` does.

    Notes
    -----
    Masks have no gradient, so the two cannot be trained as one.  In [1]_ most slices
    have soft labels; here all have labels, and N_sp learns from those.  The coarse
    masks are of a single view, which takes an eighth of the time of the published mean.

    References
    ----------
    .. [1] Semi-supervised segmentation of mitochondria from electron microscopy images
       using spatial continuity, Algorithm 1.
    """
    if not isinstance(network, SpatialContinuity):
        msg = f"A {type(network).__name__} has no N_sp. Train it in the general way."
        raise InvalidParameterError(msg)
    common: dict[str, Any] = {"device": device, "resume": resume, "stop": stop}
    run = _ContinuityRun(network, settings, card, folder, common)
    first = yield from run.learn_first(stacks, validation, draw)
    second = yield from run.learn_second(stacks, validation)
    save_model(network.cpu().eval(), card, folder)
    seconds = first.seconds + second.seconds
    return FitResult(network, second.steps, second.scores, seconds)


@dataclass(frozen=True, eq=False)
class ContinuityBatches:
    """Draws the batches of N_sp from several stacks; stands in for `fit.draw_batch`.

    Attributes
    ----------
    parts : tuple of RefinementBatches
        One for each stack, with its coarse masks.
    """

    parts: tuple[RefinementBatches, ...]

    def __call__(
        self,
        network: Network,
        stacks: Sequence[TrainingStack],
        settings: FitSettings,
        step: int,
        device: torch.device,
    ) -> Batch:
        """Draw the patches of one step; see `RefinementBatches`.

        Parameters
        ----------
        network : Network
            N_sp.
        stacks : sequence of TrainingStack
            On the device; chosen by weight.
        settings : FitSettings
            Patch, batch, augmentation and seed.
        step : int
            Number of the step: with the seed it decides all chance.
        device : torch.device
            Where the patches are wanted.

        Returns
        -------
        image, target, known : Tensor
            As from `RefinementBatches`.
        """
        places, _ = step_chance(settings.seed, step, device)
        chosen = choose_stacks(stacks, settings.batch, places)
        drawn = [
            part(
                network,
                [stack],
                settings.model_copy(update={"batch": chosen.count(i)}),
                step,
                device,
            )
            for i, (part, stack) in enumerate(zip(self.parts, stacks, strict=True))
            if i in chosen
        ]
        image, target, known = (torch.cat(each) for each in zip(*drawn, strict=True))
        return image, target, known


class _ContinuityRun:
    """One training of both networks."""

    def __init__(
        self,
        network: SpatialContinuity,
        settings: FitSettings,
        card: ModelCard,
        folder: Path,
        common: dict[str, Any],
    ) -> None:
        self._network, self._settings = network, settings
        self._card, self._folder, self._common = card, folder, common
        self._device = torch.device(common["device"])

    def learn_first(
        self,
        stacks: Sequence[TrainingStack],
        validation: Sequence[TrainingStack],
        draw: Draw | None,
    ) -> Job[FitResult]:
        """Train N_se."""
        settings = self._timed(SHARE * self._settings.minutes)
        how = {"validation": validation, "draw": draw}
        return (yield from self._part(FIRST, stacks, settings, how))

    def learn_second(
        self, stacks: Sequence[TrainingStack], validation: Sequence[TrainingStack]
    ) -> Job[FitResult]:
        """Predict the coarse masks, and train N_sp on them."""
        began = time.monotonic()
        sees_all = self._network.config.middle and not self._network.refinement.extra
        watched = validation if sees_all else ()
        masks = yield from self._coarse_masks([*stacks, *watched])
        left = (1 - SHARE) * self._settings.minutes
        spent = (time.monotonic() - began) / 60
        settings = for_refinement(self._timed(max(left - spent, LEAST * left)))
        if not watched:
            settings = settings.model_copy(update={"keep": "last", "patience": 0})
        mine, other = masks[: len(stacks)], masks[len(stacks) :]
        how = {
            "validation": [
                TrainingStack(mask, stack.labels, stack.z_step, name=stack.name)
                for mask, stack in zip(other, watched, strict=True)
            ],
            "draw": ContinuityBatches(tuple(map(self._batches, mine))),
        }
        return (yield from self._part(SECOND, stacks, settings, how))

    def _timed(self, minutes: float) -> FitSettings:
        """Give a network its share of the time, if time is the limit."""
        return self._settings.model_copy(update={"minutes": minutes})

    def _part(
        self,
        name: str,
        stacks: Sequence[TrainingStack],
        settings: FitSettings,
        how: dict[str, Any],
    ) -> Job[FitResult]:
        """Fit one network, and put its weights into the model."""
        config, is_first = self._network.config, name == FIRST
        stage: Stage = config.segmentation if is_first else config.refinement
        learner = self._network.segmentation if is_first else self._network.refinement
        card = self._card.model_copy(update={"architecture": stage.architecture})
        start, share = (0.0, SHARE) if is_first else (SHARE, 1 - SHARE)

        def report(progress: Progress) -> Progress:
            done = round(TOTAL * (start + share * progress.fraction))
            message = f"{name}: {progress.message}"
            return replace(progress, done=done, total=TOTAL, message=message)

        folder = self._folder / name
        job = fit(
            learner, stacks, settings, card=card, folder=folder, **how, **self._common
        )
        result = yield from relayed(job, report)
        learner.load_state_dict(result.network.state_dict())
        return result

    def _coarse_masks(self, stacks: Sequence[TrainingStack]) -> Job[list[Tensor]]:
        """Run N_se over all slices, (Z, Y, X) of each stack as N_sp is given them."""
        network = self._network.segmentation.to(self._device).eval()
        found = []
        for stack in stacks:
            depth, planes = len(stack.image), []
            for z in range(depth):
                yield Progress(round(TOTAL * SHARE), TOTAL, f"Coarse mask of slice {z}")
                seen = context_slices(z, network.context, stack.stride, depth)
                image = stack.image[seen].to(self._device)
                planes.append(_predicted(network, image).cpu())
            coarse = (torch.stack(planes) * FULL).round().to(torch.uint8)
            masks = as_masks(coarse.numpy(), self._network.masks)
            found.append(torch.from_numpy(masks))
        return found

    def _batches(self, masks: Tensor) -> RefinementBatches:
        """Return what draws from one stack; no slice is given as truth."""
        return RefinementBatches(
            coarse=masks.to(self._device),
            truth=masks,
            is_truth=torch.zeros(len(masks), dtype=torch.bool),
            middle=self._network.config.middle,
            uses_truth=False,
            truth_share=0.0,
        )


def _predicted(network: Network, planes: Tensor) -> Tensor:
    """Predict a slice; say so if the device has too little memory for it."""
    try:
        return predict_plane(network, planes)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        size = "×".join(map(str, planes.shape[1:]))
        msg = (
            f"Predicting a slice of {size} pixels ran out of memory on "
            f"{planes.device}. Close other programs, train on smaller stacks, or "
            "choose another device; what N_se has learned is kept."
        )
        raise DeviceMemoryError(msg) from error
