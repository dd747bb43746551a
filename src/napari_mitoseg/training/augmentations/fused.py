"""Whole families of augmentations in one pass: what a training does by default."""

import torch
from torch import Tensor

from napari_mitoseg.params import param
from napari_mitoseg.training.appearance import AppearanceSettings, change_appearance
from napari_mitoseg.training.augmentations.base import (
    Augmentation,
    Pair,
    augmentations,
    crop,
)
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
        if self.probability == 1:
            return deform(image, labels, size, self.settings, generator)
        chosen = self.choose(len(image), generator)
        still = crop(image, size), crop(labels, size)
        if not chosen.any():
            return still
        windows = image[chosen], labels[chosen]
        return put(still, chosen, deform(*windows, size, self.settings, generator))


@augmentations.register("appearance")
class Appearance(Augmentation):
    """Change contrast, texture, stain, sharpness and noise, and paint distractors.

    Notes
    -----
    How often each is done stands in `AppearanceSettings`.  Distractors cover
    what they lie on and are background.
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
        if self.probability == 1:
            return change_appearance(image, labels, self.settings, generator)
        chosen = self.choose(len(image), generator)
        if not chosen.any():
            return image, labels
        part = image[chosen], labels[chosen]
        changed = change_appearance(*part, self.settings, generator)
        return put((image, labels), chosen, changed)


def put(pair: Pair, chosen: Tensor, changed: Pair) -> Pair:
    """Return patches and labels with some of them replaced."""
    image, labels = (whole.clone() for whole in pair)
    image[chosen], labels[chosen] = changed
    return image, labels
