"""Patches for the second stage of the cascade: image and cues, turned alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from napari_mitoseg.maps import FULL
from napari_mitoseg.models.base import Network
from napari_mitoseg.params import Params, param
from napari_mitoseg.training.appearance import change_appearance
from napari_mitoseg.training.augmentations import AugmentationChain
from napari_mitoseg.training.geometry import deform
from napari_mitoseg.training.patches import (
    TrainingStack,
    choose_stacks,
    draw_centre,
    reflected,
    step_chance,
    take,
)
from napari_mitoseg.training.settings import FitSettings
from napari_mitoseg.training.targets import make_targets
from napari_mitoseg.volume import Shape

Index = tuple[slice, slice, slice]
Parts = tuple[Tensor, Tensor, Tensor]
"""Image, labels and cues of patches."""


class CueNoise(Params):
    """How much worse cues are made than they are on the stack they were learned on."""

    missed: float = param(
        0.15,
        ge=0,
        le=1,
        description="Share of mitochondria whose cue is taken away in some slices.",
    )
    spurious: float = param(
        0.5, ge=0, le=16, description="Cues without a mitochondrion, in each patch."
    )


@dataclass(frozen=True, eq=False)
class CueBatches:
    """Draws the batches of the second stage; stands in for `fit.draw_batch`.

    Attributes
    ----------
    cues : tuple of Tensor of uint8, shape (n_cues, Z, Y, X)
        Of each stack, × 255.
    noise : CueNoise
        What is changed about them.

    Notes
    -----
    The paper [1]_ turns patches by 90 and 270 degrees and transposes them.  Under all
    symmetries of the square boxes stay boxes, so set no other geometry.  Augmentations
    by name are made to image, labels and cues alike.  Cues on
    the very slices that the detector has learned are better than elsewhere; noise
    keeps the second stage from trusting them blindly.

    References
    ----------
    .. [1] Guo et al. (2023), doi:10.3390/electronics12040928, section 4.1.
    """

    cues: tuple[Tensor, ...]
    noise: CueNoise

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
            Says the output maps.
        stacks : sequence of TrainingStack
            Those that the cues belong to.
        settings : FitSettings
            Patch, batch, augmentation and seed.
        step : int
            Number of the step: with the seed it decides all chance.
        device : torch.device
            Where the patches are wanted.

        Returns
        -------
        image : Tensor, shape (batch, 1 + n_cues, Z, Y, X)
            Image and cues.
        target, known : Tensor, shape (batch, outputs, Z, Y, X)
            Truth, and where it is known.
        """
        places, chance = step_chance(settings.seed, step, device)
        named, size = settings.augmentations, settings.patch[1]
        margin = settings.geometry.in_plane if named is None else named
        cut = self._cut(stacks, settings, margin.window(size), places)
        if named is None:
            image, labels, cues = _turned(*cut, settings, chance)
        else:
            image, labels, cues = _varied(*cut, named, settings.patch, chance)
        seen = spoil_cues(cues, labels, self.noise, places)
        target, known = make_targets(labels, network.outputs)
        return torch.cat([image[:, None], seen], dim=1), target, known

    def _cut(
        self,
        stacks: Sequence[TrainingStack],
        settings: FitSettings,
        width: int,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Cut windows: images, and labels followed by each cue."""
        images, planes = [], []
        for i in choose_stacks(stacks, settings.batch, generator):
            stack, cues = stacks[i], self.cues[i].to(stacks[i].image.device)
            centre = draw_centre(stack, stack.slices, settings.foreground, generator)
            lengths = (settings.patch[0], width, width)
            where = [
                reflected(middle - length // 2, length, size)
                for middle, length, size in zip(
                    centre, lengths, stack.image.shape, strict=True
                )
            ]
            images.append(take(stack.image, *where))
            data = [take(stack.labels, *where), *(take(cue, *where) for cue in cues)]
            planes.append(torch.cat([part.float() for part in data]))
        return torch.stack(images), torch.stack(planes)


def _turned(
    image: Tensor, planes: Tensor, settings: FitSettings, chance: torch.Generator
) -> Parts:
    """Deform image, labels and cues by the geometry, then change grey values."""
    depth, size, _ = settings.patch
    image, planes = deform(image, planes, size, settings.geometry.in_plane, chance)
    together = planes.view(len(planes), -1, depth, size, size)
    seen, labels = change_appearance(image, together[:, 0], settings.appearance, chance)
    return seen, labels, together[:, 1:] / FULL


def _varied(
    image: Tensor,
    planes: Tensor,
    chain: AugmentationChain,
    patch: Shape,
    chance: torch.Generator,
) -> Parts:
    """Make augmentations to image and labels, and by the same chance to each cue."""
    depth, size, _ = patch
    together = planes.view(len(planes), -1, depth, *planes.shape[2:])
    labels, *cues = together.unbind(dim=1)
    begun = chance.get_state()
    seen, moved = chain(image, labels, size, chance)
    beside = []
    for cue in cues:
        chance.set_state(begun)
        # What comes from outside of the window is unlabelled: no cue.
        beside.append(chain(image, cue, size, chance)[1].clamp(min=0) / FULL)
    return seen, moved, torch.stack(beside, dim=1)


def spoil_cues(
    cues: Tensor, labels: Tensor, noise: CueNoise, generator: torch.Generator
) -> Tensor:
    """Take some cues away and add some where nothing is.

    Parameters
    ----------
    cues : Tensor, shape (B, n_cues, Z, Y, X)
        0 to 1.
    labels : Tensor, shape (B, Z, Y, X)
        Instances above 0.
    noise : CueNoise
        How much.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor, shape (B, n_cues, Z, Y, X)
        A cue is taken away inside the box of an instance, and added as a box, in a run
        of slices each.
    """
    spoilt = cues.clone()
    rng = np.random.default_rng(
        int(torch.randint(2**31, (), generator=generator).item())
    )
    for patch, truth in zip(spoilt, labels.cpu().numpy(), strict=True):
        for place in _boxes_of_instances(truth):
            if rng.random() < noise.missed:
                patch[:, *_run_of(place, rng)] = 0
        for _ in range(rng.poisson(noise.spurious)):
            patch[:, *_random_box(truth.shape, rng)] = 1
    return spoilt


def _boxes_of_instances(labels: NDArray[np.float32]) -> list[Index]:
    """Return the box of each instance in a patch."""
    numbers = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
    found = ndimage.find_objects(np.where(labels > 0, numbers, 0))
    return [place for place in found if place is not None]


def _run_of(place: Index, rng: np.random.Generator) -> Index:
    """Return a box cut down to some of its slices."""
    z, y, x = place
    first, last = np.sort(rng.integers(z.start, z.stop, 2)).tolist()
    return slice(first, last + 1), y, x


def _random_box(shape: tuple[int, ...], rng: np.random.Generator) -> Index:
    """Return a box of up to half the patch."""
    ends = []
    for size in shape:
        length = int(rng.integers(1, max(size // 2, 1) + 1))
        start = int(rng.integers(0, size - length + 1))
        ends.append(slice(start, start + length))
    z, y, x = ends
    return z, y, x
