"""The job that fits a network to labelled stacks."""

import copy
import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from napari_mitoseg.errors import (
    DeviceMemoryError,
    InvalidParameterError,
    ShapeError,
)
from napari_mitoseg.inference.device import is_out_of_memory
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.models.base import Network
from napari_mitoseg.models.zoo import ModelCard, load_model, save_model
from napari_mitoseg.training.checkpoint import (
    load_states,
    read_checkpoint,
    write_checkpoint,
)
from napari_mitoseg.training.losses import losses
from napari_mitoseg.training.patches import (
    TrainingStack,
    Window,
    sample_windows,
    step_chance,
)
from napari_mitoseg.training.settings import FitSettings
from napari_mitoseg.training.targets import make_targets
from napari_mitoseg.training.validate import measure_iou

Batch = tuple[Tensor, Tensor, Tensor]
Draw = Callable[
    [Network, Sequence[TrainingStack], FitSettings, int, torch.device], Batch
]

Answer = TypeVar("Answer")

WARM_UP = 0.05
LARGEST_GRADIENT = 5.0


def never() -> bool:
    """Return False: a job that is not stopped early."""
    return False


@dataclass(frozen=True)
class FitProgress(Progress):
    """How far a training run has come.

    Attributes
    ----------
    loss : float
        Of the step just made.
    scores : tuple of float
        IoU on each validation stack when it was last measured; empty before.
    seconds : float
        Time taken, earlier parts of a resumed run counted in.
    network : Network
        The averaged weights as they are now, in evaluation mode: to look at, not to
        keep, for the next step changes them.
    """

    loss: float = math.nan
    scores: tuple[float, ...] = ()
    seconds: float = 0.0
    network: Network | None = None


@dataclass(frozen=True, eq=False)
class FitResult:
    """What a training run ended with.

    Attributes
    ----------
    network : Network
        With the weights kept, in evaluation mode.
    steps : int
        Steps made, earlier parts of a resumed run counted in.
    scores : tuple of float
        IoU of the kept weights on each validation stack.
    seconds : float
        Time taken, earlier parts of a resumed run counted in.
    """

    network: Network
    steps: int
    scores: tuple[float, ...]
    seconds: float


def fit(  # noqa: PLR0913 - what is chosen for a run, by keyword
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
    draw: "Draw | None" = None,
) -> Job[FitResult]:
    """Fit a network to labelled stacks.

    Parameters
    ----------
    network : Network
        Starting weights; changed in place.
    stacks : sequence of TrainingStack
        To learn from, at the spacing of the model.
    settings : FitSettings
        How.
    card : ModelCard
        Written beside the weights.
    folder : Path
        Becomes a model folder, with a checkpoint in it.
    validation : sequence of TrainingStack
        To choose the best weights by.
    device : torch.device or str
        Where to train.
    resume : bool
        Go on from the checkpoint in `folder` if there is one.
    stop : callable
        Asked after each step; once it says true, what is there is finished.
    draw : callable, optional
        Draws the batches, with the arguments of `draw_batch` and in its place.

    Yields
    ------
    FitProgress
        After each step.

    Returns
    -------
    FitResult
        The weights kept and their scores.

    Raises
    ------
    InvalidParameterError, ShapeError
        If a setting does not fit the network, or there is nothing to learn from.
    WeightsError
        If the checkpoint is damaged or of another network.
    WriteError
        If the folder cannot be written.
    DeviceMemoryError
        If the device has too little memory for a step; a checkpoint is kept.

    Notes
    -----
    With patience in the settings, training also ends once so many validations in a row
    were no better than the best.  Closing the generator ends the run: the best weights
    so far and a checkpoint are then in `folder`.  The chance in each step depends on
    the seed and the number of the step alone, so a resumed run makes the steps that an
    uninterrupted one does.
    """
    _check(network, stacks, settings)
    run = _Run(
        network, stacks, settings, card, folder, validation, torch.device(device)
    )
    run.draw = draw or draw_batch
    if resume:
        run.restore()
    try:
        while not run.n_steps or not (run.is_finished() or stop()):
            loss = run.step_in_memory()
            if run.n_steps % settings.validate_every == 0:
                run.validate()
                run.save_checkpoint()
            yield run.progress(loss)
        return run.finish()
    finally:
        run.save_state()


class _Run:
    """The moving parts of one training run."""

    def __init__(
        self,
        network: Network,
        stacks: Sequence[TrainingStack],
        settings: FitSettings,
        card: ModelCard,
        folder: Path,
        validation: Sequence[TrainingStack],
        device: torch.device,
    ) -> None:
        self.settings, self.card, self.folder, self.device = (
            settings,
            card,
            folder,
            device,
        )
        self.network = network.to(device).train()
        if network.dimensions == 2:
            # The stubs of torch lack this overload.
            self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network).eval()
        self.stacks = [stack.to(device) for stack in stacks]
        self.validation = [stack.to(device) for stack in validation]
        self.optimizer = _optimizer(network, settings)
        self.loss = losses[settings.loss]
        self.draw: Draw = draw_batch
        self.n_steps, self.validated_at, self.saved_at = 0, -1, -1
        self.best: tuple[float, ...] | None = None
        self.highest, self.n_worse = -math.inf, 0
        self.latest: tuple[float, ...] = ()
        self.began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Time taken, earlier parts of a resumed run counted in."""
        return time.monotonic() - self.began

    def done(self) -> float:
        """Return the finished share, 0 to 1."""
        if self.settings.limit == "steps":
            return min(1.0, self.n_steps / self.settings.steps)
        return min(1.0, self.seconds / (60 * self.settings.minutes))

    def is_finished(self) -> bool:
        """Say whether the limit is reached, or nothing has got better for long."""
        patience = self.settings.patience
        return self.done() >= 1 or 0 < patience <= self.n_worse

    def step(self) -> float:
        """Make one step and return the loss."""
        image, target, known = self.draw(
            self.network, self.stacks, self.settings, self.n_steps, self.device
        )
        with torch.autocast(
            self.device.type,
            torch.bfloat16,
            enabled=_is_half(self.settings, self.device),
        ):
            height, width = target.shape[-2:]
            logits = self.network.forward_middle(image, (height, width))
        loss = self.loss(logits.float().view_as(target), target, known)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * _rate(
                self.done(), self.settings
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        self.optimizer.step()
        self.n_steps += 1
        self._update_average()
        return loss.detach().item()

    def step_in_memory(self) -> float:
        """Make one step; say so if the device has too little memory for it."""
        return self._in_memory(self.step)

    def _in_memory(self, work: Callable[[], Answer]) -> Answer:
        try:
            return work()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            msg = (
                f"Training ran out of memory on {self.device} with "
                f"{self.settings.batch} patches of {self.settings.patch} voxels in a "
                "step. Close other programs, choose smaller patches or fewer of them, "
                "or another device; "
                f"{self.n_steps} steps are kept."
            )
            raise DeviceMemoryError(msg) from error

    def validate(self) -> None:
        """Score the averaged weights and save them if they are to be kept."""
        scores = self.latest = self._in_memory(
            lambda: measure_iou(self.average, self.validation)
        )
        self.validated_at = self.n_steps
        if self.validation:
            self._count_worse(sum(scores))
        better = self.best is None or sum(scores) >= sum(self.best)
        if better or self.settings.keep == "last":
            self.best = scores
            save_model(self.average, self.card, self.folder)

    def _count_worse(self, score: float) -> None:
        """Count the validations since the best one, once anything is found."""
        is_better = score > self.highest or self.highest <= 0
        self.n_worse = 0 if is_better else self.n_worse + 1
        self.highest = max(score, self.highest)

    def save_checkpoint(self) -> None:
        """Write everything that is needed to go on."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "n_steps": self.n_steps,
            "seconds": self.seconds,
            "best": self.best,
            "highest": self.highest,
            "n_worse": self.n_worse,
        }
        write_checkpoint(self.folder, state)
        self.saved_at = self.n_steps

    def save_state(self) -> None:
        """Validate and write a checkpoint unless that is done."""
        if self.n_steps and self.validated_at != self.n_steps:
            self.validate()
        if self.n_steps and self.saved_at != self.n_steps:
            self.save_checkpoint()

    def restore(self) -> None:
        """Go on from the checkpoint, if there is one."""
        state = read_checkpoint(self.folder, self.device)
        if state is None:
            return
        load_states(
            state,
            self.folder,
            network=self.network,
            average=self.average,
            optimizer=self.optimizer,
        )
        self.n_steps = self.validated_at = self.saved_at = state["n_steps"]
        self.began = time.monotonic() - state["seconds"]
        self.best = state["best"]
        self.highest = state.get("highest", -math.inf)
        self.n_worse = state.get("n_worse", 0)

    def finish(self) -> FitResult:
        """Save, and return the weights that were kept."""
        self.save_state()
        kept = load_model(self.folder).network
        return FitResult(kept, self.n_steps, self.best or (), self.seconds)

    def progress(self, loss: float) -> FitProgress:
        """Report the step made."""
        score = "".join(f", IoU {value:.3f}" for value in self.best or ())
        is_counted = self.settings.limit == "steps"
        return FitProgress(
            self.n_steps if is_counted else round(1000 * self.done()),
            self.settings.steps if is_counted else 1000,
            f"Training: loss {loss:.3f}{score}",
            loss=loss,
            scores=self.latest,
            seconds=self.seconds,
            network=self.average,
        )

    def _update_average(self) -> None:
        """Move the averaged weights; the average is short in the beginning."""
        decay = min(self.settings.averaging, self.n_steps / (self.n_steps + 10))
        with torch.no_grad():
            pairs = zip(_values(self.average), _values(self.network), strict=True)
            for mean, value in pairs:
                if mean.is_floating_point():
                    mean.lerp_(value, 1 - decay)
                else:
                    mean.copy_(value)


def draw_batch(
    network: Network,
    stacks: Sequence[TrainingStack],
    settings: FitSettings,
    step: int,
    device: torch.device,
) -> Batch:
    """Draw the patches of one step, augmented.

    Parameters
    ----------
    network : Network
        Says dimensions, context and outputs.
    stacks : sequence of TrainingStack
        On the device.
    settings : FitSettings
        Patch, batch, augmentation and seed.
    step : int
        Number of the step: with the seed it decides all chance.
    device : torch.device
        Where the patches are wanted.

    Returns
    -------
    image : Tensor
        Input of the network.
    target, known : Tensor, shape (batch, outputs, Z, Y, X)
        Truth, and where it is known; Z is 1 in 2.5D.
    """
    places, chance = step_chance(settings.seed, step, device)
    depth, size, _ = settings.patch
    chain = settings.chain
    window = Window(chain.window(size), network.context, depth)
    shares = settings.foreground, settings.dark
    cut = sample_windows(stacks, window, settings.batch, places, *shares)
    image, labels = chain(*cut, size, chance)
    target, known = make_targets(labels, network.outputs)
    if network.dimensions == 3:
        return image[:, None], target, known
    return image.contiguous(memory_format=torch.channels_last), target, known


def _check(
    network: Network, stacks: Sequence[TrainingStack], settings: FitSettings
) -> None:
    """Refuse settings that do not fit the network."""
    if not stacks:
        msg = "No stack was given to train on. Give at least one."
        raise InvalidParameterError(msg)
    depth, height, width = settings.patch
    flat = network.dimensions == 2 and depth != 1
    ragged = any(n % d for n, d in zip(settings.patch, network.divisor, strict=True))
    if flat or ragged or height != width:
        msg = (
            f"The patch was given as {settings.patch}. This network needs a square "
            f"one, a multiple of {network.divisor} along z, y, x"
            f"{', with one slice' if network.dimensions == 2 else ''}."
        )
        raise ShapeError(msg)


def _optimizer(network: Network, settings: FitSettings) -> torch.optim.Optimizer:
    kinds: dict[str, Any] = {
        "adamw": torch.optim.AdamW,
        "adam": torch.optim.Adam,
        "rmsprop": torch.optim.RMSprop,
    }
    optimizer: torch.optim.Optimizer = kinds[settings.optimizer](
        network.parameters(),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
    )
    return optimizer


def _rate(done: float, settings: FitSettings) -> float:
    """Return the step size over the highest one."""
    if settings.schedule == "constant":
        return 1.0
    if done < WARM_UP:
        return 0.05 + 0.95 * done / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))


def _is_half(settings: FitSettings, device: torch.device) -> bool:
    automatic = settings.precision == "auto" and device.type == "cuda"
    return automatic or settings.precision == "bfloat16"


def _values(network: Network) -> "itertools.chain[Tensor]":
    """Return parameters and buffers, in a fixed order."""
    return itertools.chain(network.parameters(), network.buffers())
