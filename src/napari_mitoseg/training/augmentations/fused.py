"""Whole families of augmentations in one pass: what a training does by default."""

import torch
from torch import Tensor

from napari_mitoseg.params import param
from napari_mitoseg.training.appearance import AppearanceSettings, restyle
from napari_mitoseg.training.augmentations.base import (
    Augmentation,
    Pair,
    augmentations,
    crop,
)
from napari_mitoseg.training.distractors import paint_distractors
from napari_mitoseg.training.geometry import GeometrySettings, deform


@augmentations.register("deformation")
class Deformation(Augmentation):
    """Turn, scale, stretch, flip, warp, misalign and lose sections, sampling once.

    Notes
    -----
    The strengths are those of `GeometrySettings`.  Beyond the window image and labels
    are reflected alike.  Sections are misaligned and lost in 2.5D only.
    """

    name = "deformation"
    title = "Deformation"
    acts_on = "places"

    probability: float = param(
        1.0, ge=0, le=1, description="Share of patches that are changed."
    )
    settings: GeometrySettings = param(
        GeometrySettings(), description="What is done, and how much of it."
    )

    def window(self, size: int) -> int:
        """Return the side of windows that hold most deformed patches."""
        return self.settings.window(size)

    def __call__(
        self, image: Tensor, labels: Tensor, size: int, generator: torch.Generator
    ) -> Pair:
        """Return patches sampled from windows."""
        moved = deform(image, labels, size, self.settings, generator)
        if self.probability == 1:
            return moved
        chosen = self.choose(len(image), generator)[:, None, None, None]
        return (
            torch.where(chosen, moved[0], crop(image, size)),
            torch.where(chosen, moved[1], crop(labels, size)),
        )


@augmentations.register("appearance")
class Appearance(Augmentation):
    """Change contrast, texture, stain, sharpness and noise, and paint precipitate.

    Notes
    -----
    How often each is done stands in `AppearanceSettings`.  Precipitate covers what it
    lies on and is background.
    """

    name = "appearance"
    title = "Appearance"
    acts_on = "both"

    probability: float = param(
        1.0, ge=0, le=1, description="Share of patches that any of it is done to."
    )
    settings: AppearanceSettings = param(
        AppearanceSettings(), description="How often each change is made."
    )

    def __call__(
        self, image: Tensor, labels: Tensor, size: int, generator: torch.Generator
    ) -> Pair:
        """Return patches and labels, changed."""
        del size
        masses = self.settings.distractors
        changed, bare = paint_distractors(image, labels, masses, generator)
        changed = restyle(changed, bare, self.settings, generator)
        if self.probability == 1:
            return changed, bare
        chosen = self.choose(len(image), generator)[:, None, None, None]
        return torch.where(chosen, changed, image), torch.where(chosen, bare, labels)
