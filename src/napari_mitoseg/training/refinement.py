"""Patches for the refining network N_sp: coarse masks of N slices, and the image."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from napari_mitoseg.models.base import Network
from napari_mitoseg.training.appearance import restyle
from napari_mitoseg.training.geometry import deform
from napari_mitoseg.training.patches import (
    TrainingStack,
    context_slices,
    draw_centre,
    reflected,
    step_chance,
    take,
)
from napari_mitoseg.training.settings import FitSettings
from napari_mitoseg.training.targets import make_targets

FORGET = 0.15
"""How often truth of neighbouring slices is withheld: other stacks have none."""


@dataclass(frozen=True, eq=False)
class RefinementBatches:
    """Draws the batches of N_sp; stands in for `fit.draw_batch`.

    Attributes
    ----------
    coarse : Tensor of float32, shape (Z, Y, X)
        S_c as N_sp is given it, 0 to 1.
    truth : Tensor of float32, shape (Z, Y, X)
        0 or 1; read in truth slices only.
    is_truth : Tensor of bool, shape (Z,)
        Slices that are labelled completely.
    middle : bool
        Whether the coarse mask of the slice itself is given.
    uses_truth : bool
        Whether truth takes the place of the coarse masks of neighbouring slices.
    truth_share : float
        Share of patches from truth slices; 0: as many as there are.
    """

    coarse: Tensor
    truth: Tensor
    is_truth: Tensor
    middle: bool
    uses_truth: bool
    truth_share: float

    def to(self, device: torch.device) -> "RefinementBatches":
        """Return the same with its tensors on a device."""
        return replace(self, coarse=self.coarse.to(device), truth=self.truth.to(device))

    def __call__(
        self,
        network: Network,
        stacks: Sequence[TrainingStack],
        settings: FitSettings,
        step: int,
        device: torch.device,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw the patches of one step, augmented.

        Parameters
        ----------
        network : Network
            N_sp: its context counts masks, its extra channels images.
        stacks : sequence of TrainingStack
            One: the image, and S_f as labels.
        settings : FitSettings
            Patch, batch, augmentation and seed.
        step : int
            Number of the step: with the seed it decides all chance.
        device : torch.device
            Where the patches are wanted.

        Returns
        -------
        image : Tensor, shape (batch, masks and images, Y, X)
            Input of the network.
        target, known : Tensor, shape (batch, outputs, 1, Y, X)
            Soft labels, and where there are any.
        """
        places, chance = step_chance(settings.seed, step, device)
        size = settings.patch[1]
        width = settings.geometry.window(size)
        cuts = [
            self._cut(network, stacks[0], settings, width, places)
            for _ in range(settings.batch)
        ]
        inputs, labels = (torch.stack(part) for part in zip(*cuts, strict=True))
        geometry = settings.geometry.in_plane
        inputs, labels = deform(inputs, labels, size, geometry, chance)
        n_masks = 2 * network.context + 1
        images = inputs[:, n_masks:]
        if network.extra:
            images = restyle(images, labels, settings.appearance, chance)
        inputs = torch.cat([inputs[:, :n_masks], images], dim=1)
        target, known = make_targets(labels, network.outputs)
        return inputs.contiguous(memory_format=torch.channels_last), target, known

    def _cut(
        self,
        network: Network,
        stack: TrainingStack,
        settings: FitSettings,
        width: int,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Cut the masks, images and soft labels of one patch."""
        slices = self._choose(stack, generator)
        z, y, x = draw_centre(stack, slices, settings.foreground, generator)
        _, height, width_of_stack = stack.image.shape
        rows = reflected(y - width // 2, width, height)
        columns = reflected(x - width // 2, width, width_of_stack)
        remembers = torch.rand((), generator=generator).item() >= FORGET
        inputs = self._channels(network, stack, z, rows, columns, known=remembers)
        return inputs, take(stack.labels, [z], rows, columns).float()

    def planes(self, network: Network, stack: TrainingStack, z: int) -> Tensor:
        """Return the input of N_sp for a whole slice, (C, Y, X)."""
        _, height, width = stack.image.shape
        rows, columns = list(range(height)), list(range(width))
        return self._channels(network, stack, z, rows, columns, known=True)

    def _channels(
        self,
        network: Network,
        stack: TrainingStack,
        z: int,
        rows: list[int],
        columns: list[int],
        *,
        known: bool,
    ) -> Tensor:
        """Return masks of the slices around z, then images of those next to it."""
        depth = len(stack.image)
        masks = [
            self._mask(k, z, known=known, rows=rows, columns=columns)
            for k in context_slices(z, network.context, stack.stride, depth)
        ]
        if not self.middle:
            masks[network.context] = torch.zeros_like(masks[0])
        reach = max(network.extra - 1, 0) // 2
        seen = context_slices(z, reach, stack.stride, depth) if network.extra else []
        images = take(stack.image, seen, rows, columns)
        return torch.cat([torch.stack(masks), images])

    def _choose(self, stack: TrainingStack, generator: torch.Generator) -> Tensor:
        """Return the slices to draw from: of truth, of soft labels, or all."""
        if not self.truth_share:
            return stack.slices
        is_truth = self.is_truth[stack.slices]
        wanted = torch.rand((), generator=generator).item() < self.truth_share
        chosen = stack.slices[is_truth == wanted]
        return chosen if len(chosen) else stack.slices

    def _mask(
        self, k: int, z: int, *, known: bool, rows: list[int], columns: list[int]
    ) -> Tensor:
        """Return what is given of slice k for slice z."""
        told = self.uses_truth and known and k != z and bool(self.is_truth[k])
        return take(self.truth if told else self.coarse, [k], rows, columns)[0]
