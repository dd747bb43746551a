"""The job that trains an interpolation network on the stack it will restore.

No labels are needed: every inner slice is what its neighbours are to give.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_mitoseg.errors import DeviceMemoryError, ShapeError
from napari_mitoseg.inference.device import choose_device, is_out_of_memory
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.models.interpolation import (
    InterpolationConfig,
    InterpolationNetwork,
)
from napari_mitoseg.models.interpolation_file import (
    InterpolationCard,
    TrainedInterpolation,
    load_interpolation,
    save_interpolation,
)
from napari_mitoseg.training.checkpoint import (
    load_states,
    read_checkpoint,
    write_checkpoint,
)
from napari_mitoseg.training.fit import never
from napari_mitoseg.training.interpolation_settings import InterpolationSettings
from napari_mitoseg.training.patches import reflected
from napari_mitoseg.volume import Array, Region, Volume

LARGEST = 2**30
"""Bytes of a stack that are kept in memory: of a larger one, the middle of y and x."""

EMPTY = 0.1
"""A slice with less than this share of the usual deviation is missing."""

SAVE_EVERY = 250
BEST = 99.0
"""PSNR in dB of what hardly has an error."""

SHOWN = 50
"""Steps over which PSNR is averaged."""

DEFAULT_SETTINGS = InterpolationSettings()
DEFAULT_CONFIG = InterpolationConfig()

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class InterpolationProgress(Progress):
    """How far the training has come.

    Attributes
    ----------
    loss : float
        Mean square error of the step just made, of slices with deviation 1.
    psnr : float
        Of the network on the patches of the last steps, in dB.
    psnr_of_mean : float
        Of the mean of the two neighbours on the same patches, in dB.
    """

    loss: float = math.nan
    psnr: float = math.nan
    psnr_of_mean: float = math.nan


def train_interpolation(
    volume: Volume,
    settings: InterpolationSettings = DEFAULT_SETTINGS,
    *,
    folder: Path,
    config: InterpolationConfig = DEFAULT_CONFIG,
    skipped: Collection[int] = (),
    resume: bool = False,
    stop: Callable[[], bool] = never,
) -> Job[TrainedInterpolation]:
    """Train a network to give each slice of a stack from its two neighbours.

    Parameters
    ----------
    volume : Volume
        The stack; of more than 1 GiB, the middle of y and x is used.
    settings : InterpolationSettings
        How.
    folder : Path
        Gets the network, and a checkpoint.
    config : InterpolationConfig
        Size of kernels and network.
    skipped : collection of int
        Slices known to be bad: neither targets nor neighbours.
    resume : bool
        Go on from the checkpoint in `folder` if there is one.
    stop : callable
        Asked after each step; once it says true, what is there is finished.

    Yields
    ------
    InterpolationProgress
        After each step.

    Returns
    -------
    TrainedInterpolation
        The network and its card.

    Raises
    ------
    ShapeError
        If there are no three good slices in a row.
    WeightsError
        If the checkpoint is damaged or of another network.
    WriteError
        If the folder cannot be written.
    DeviceMemoryError
        If the device has too little memory for a step.

    Notes
    -----
    Mean square error, as in [1]_, of patches that are flipped, turned and read in both
    directions along z unless the settings say otherwise; missing slices, next to one
    grey value, are left out.  Closing the generator leaves a checkpoint, and an earlier
    network in `folder` as it was.

    References
    ----------
    .. [1] Li et al. (2021), Advanced deep networks for 3D mitochondria instance
       segmentation, section 3.2, doi:10.48550/arXiv.2104.07961.
    """
    yield InterpolationProgress(0, 1000, "Reading the stack")
    stack = _Stack(volume, skipped)
    run = _Run(stack, settings, config, folder)
    if resume:
        run.restore()
    try:
        while not (run.done() >= 1 or (run.n_steps and stop())):
            loss = run.step_in_memory()
            if run.n_steps % SAVE_EVERY == 0:
                run.save_checkpoint()
            yield run.progress(loss)
        run.save_network()
    finally:
        run.save_checkpoint()
    return load_interpolation(folder)


class _Stack:
    """The slices in memory, and which three of them a network can learn from."""

    def __init__(self, volume: Volume, skipped: Collection[int]) -> None:
        self.name, self.skipped = volume.name, tuple(sorted(skipped))
        self.values = volume.read(_fitting(volume))
        self.mean = self.values.mean(axis=(1, 2), dtype=np.float64)
        self.deviation = np.array([s.std(dtype=np.float64) for s in self.values])
        self.span = float(np.ptp(self.values)) or 1.0
        present = self.deviation > EMPTY * np.median(self.deviation)
        good = {int(z) for z in np.flatnonzero(present)} - set(skipped)
        self.near = self._triples(good, 1)
        self.far = self._triples(good, 2) or self.near
        if not self.near:
            msg = (
                f"{volume.name} has {len(self.values)} slices, of which no three in a "
                "row are good. Interpolation is learned from a slice between two "
                "others: give a longer stack, or skip fewer slices."
            )
            raise ShapeError(msg)

    def patch(
        self, triple: Triple, size: int, chance: np.random.Generator
    ) -> tuple[NDArray[np.float32], float]:
        """Cut a patch of three slices, and say what a grey value of 1 stands for."""
        _, height, width = self.values.shape
        y, x = (int(chance.integers(0, max(n - size, 0) + 1)) for n in (height, width))
        rows, columns = reflected(y, size, height), reflected(x, size, width)
        below, _, above = triple
        mean = self.mean[[below, above]].mean()
        # That of both neighbours together, as `Interpolator` has it.
        variance = np.mean(self.deviation[[below, above]] ** 2)
        scale = math.sqrt(variance + np.var(self.mean[[below, above]]))
        cut = self.values[np.ix_(triple, rows, columns)].astype(np.float32)
        return (cut - np.float32(mean)) / np.float32(scale), scale

    def _triples(self, good: set[int], step: int) -> list[Triple]:
        middles = range(step, len(self.values) - step)
        found = [(z - step, z, z + step) for z in middles]
        return [triple for triple in found if good.issuperset(triple)]


class _Run:
    """The moving parts of one training run."""

    def __init__(
        self,
        stack: _Stack,
        settings: InterpolationSettings,
        config: InterpolationConfig,
        folder: Path,
    ) -> None:
        self.stack, self.settings, self.folder = stack, settings, folder
        self.device = choose_device(settings.device)
        # Threads of other jobs draw from the same generator: theirs stays as it is.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network = InterpolationNetwork(config).to(self.device).train()
        divisor = self.network.divisor[1]
        # Batch statistics need more than one position at the coarsest level.
        self.patch = max(-(-settings.patch // divisor), 2) * divisor
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=settings.learning_rate
        )
        self.n_steps, self.saved_at = 0, 0
        self.errors: deque[tuple[float, float]] = deque(maxlen=SHOWN)
        self.began = time.monotonic()

    def done(self) -> float:
        """Return the finished share, 0 to 1."""
        if self.settings.limit == "steps":
            return min(1.0, self.n_steps / self.settings.steps)
        seconds = time.monotonic() - self.began
        return min(1.0, seconds / (60 * self.settings.minutes))

    def step(self) -> float:
        """Make one step and return the loss."""
        patches, scales = self._draw()
        target, pair = patches[:, 1], patches[:, [0, 2]]
        error = (self.network(pair) - target).square().mean(dim=(1, 2))
        loss = error.mean()
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * _rate(self.done())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.n_steps += 1
        plain = (pair.mean(dim=1) - target).square().mean(dim=(1, 2))
        grey = scales**2
        self.errors.append(
            ((error.detach() * grey).mean().item(), (plain * grey).mean().item())
        )
        return loss.detach().item()

    def step_in_memory(self) -> float:
        """Make one step; say so if the device has too little memory for it."""
        try:
            return self.step()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            msg = (
                f"Training ran out of memory on {self.device} with "
                f"{self.settings.batch} patches of {self.patch} pixels in a "
                "step. Close other programs, or choose smaller patches or fewer."
            )
            raise DeviceMemoryError(msg) from error

    def save_network(self) -> None:
        """Write the network and its card, in the place of an earlier one."""
        psnr, psnr_of_mean = self._psnr()
        card = InterpolationCard(
            data=self.stack.name,
            skipped=self.stack.skipped,
            steps=self.n_steps,
            seed=self.settings.seed,
            psnr=round(psnr, 2),
            psnr_of_mean=round(psnr_of_mean, 2),
        )
        save_interpolation(self.network, card, self.folder)

    def save_checkpoint(self) -> None:
        """Write what is needed to go on, unless that is done."""
        if self.saved_at == self.n_steps:
            return
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "n_steps": self.n_steps,
            "seconds": time.monotonic() - self.began,
            "errors": list(self.errors),
        }
        write_checkpoint(self.folder, state)
        self.saved_at = self.n_steps

    def restore(self) -> None:
        """Go on from the checkpoint, if there is one."""
        state = read_checkpoint(self.folder, self.device)
        if state is None:
            return
        load_states(state, self.folder, network=self.network, optimizer=self.optimizer)
        self.n_steps = self.saved_at = state["n_steps"]
        self.began = time.monotonic() - state["seconds"]
        self.errors.extend(state.get("errors", ()))

    def progress(self, loss: float) -> InterpolationProgress:
        """Report the step made."""
        psnr, psnr_of_mean = self._psnr()
        is_counted = self.settings.limit == "steps"
        message = f"{psnr:.1f} dB (mean: {psnr_of_mean:.1f})"
        return InterpolationProgress(
            self.n_steps if is_counted else round(1000 * self.done()),
            self.settings.steps if is_counted else 1000,
            message,
            loss=loss,
            psnr=psnr,
            psnr_of_mean=psnr_of_mean,
        )

    def _psnr(self) -> tuple[float, float]:
        """Return PSNR of network and mean over the last steps."""
        if not self.errors:
            return 0.0, 0.0
        network, mean = np.mean(self.errors, axis=0)
        return decibels(network, self.stack.span), decibels(mean, self.stack.span)

    def _draw(self) -> tuple[Tensor, Tensor]:
        """Draw the patches of one step: the chance depends on its number alone."""
        chance = np.random.default_rng([self.settings.seed, self.n_steps])
        cuts = [self._draw_one(chance) for _ in range(self.settings.batch)]
        patches = torch.from_numpy(np.stack([patch for patch, _ in cuts]))
        scales = torch.tensor([scale for _, scale in cuts])
        return patches.to(self.device), scales.to(self.device)

    def _draw_one(self, chance: np.random.Generator) -> tuple[Array, float]:
        is_far = chance.random() < self.settings.far
        triples = self.stack.far if is_far else self.stack.near
        triple = triples[chance.integers(len(triples))]
        patch, scale = self.stack.patch(triple, self.patch, chance)
        return (turned(patch, chance) if self.settings.flip else patch), scale


def turned(patch: Array, chance: np.random.Generator) -> Array:
    """Flip a patch along each axis and swap y and x, each by chance.

    Parameters
    ----------
    patch : ndarray, shape (3, Y, X)
        Slices below, between and above.
    chance : Generator
        Decides.

    Returns
    -------
    ndarray, shape (3, Y, X)
        The slice between stays in the middle.
    """
    z, y, x = (1 - 2 * int(flip) for flip in chance.integers(0, 2, 3))
    flipped = patch[::z, ::y, ::x]
    return flipped.swapaxes(1, 2) if chance.integers(2) else flipped


def decibels(error: float, span: float) -> float:
    """Return the peak signal-to-noise ratio.

    Parameters
    ----------
    error : float
        Mean square error.
    span : float
        Range of the grey values.

    Returns
    -------
    float
        In dB; 99 at most.

    Examples
    --------
    >>> decibels(100.0, 1000.0)
    40.0
    """
    if error <= 0:
        return BEST
    return min(10 * math.log10(span**2 / error), BEST)


def _fitting(volume: Volume) -> Region:
    """Return the middle part of a volume that fits into memory."""
    depth, *plane = volume.shape
    n_bytes = math.prod(volume.shape) * volume.dtype.itemsize
    share = min(1.0, math.sqrt(LARGEST / n_bytes))
    sizes = [max(1, int(n * share)) for n in plane]
    y, x = ((n - size) // 2 for n, size in zip(plane, sizes, strict=True))
    return Region((0, y, x), (depth, y + sizes[0], x + sizes[1]))


def _rate(done: float) -> float:
    """Return the step size over the first one."""
    return 0.5 * (1 + math.cos(math.pi * done))
