"""Augmentations in a row, as a training is told to make them."""

from typing import ClassVar, cast

import torch
from torch import Tensor

from napari_mitoseg.registry import Registry
from napari_mitoseg.steps import StepSequence
from napari_mitoseg.training.augmentations.base import (
    Augmentation,
    Pair,
    augmentations,
)
from napari_mitoseg.training.augmentations.greys import CutBlur, CutNoise, Grayscale
from napari_mitoseg.training.augmentations.sections import (
    Flip,
    MissingParts,
    MissingSection,
    MotionBlur,
)
from napari_mitoseg.training.augmentations.warps import (
    Elastic,
    Misalignment,
    Rescale,
    Rotation,
    Warp,
    warp,
)


class AugmentationChain(StepSequence):
    """Augmentations that are made one after the other.

    Parameters
    ----------
    steps : sequence of Augmentation or of mappings
        In order, such as ``[{"step": "rotation", "probability": 0.5}]``.

    Notes
    -----
    Warps that follow directly on each other sample the windows once, so they had
    better stand together.
    """

    registry: ClassVar[Registry[type[Augmentation]]] = augmentations

    @property
    def augmentations(self) -> tuple[Augmentation, ...]:
        """The steps as what they are."""
        return cast("tuple[Augmentation, ...]", self.steps)

    def window(self, size: int) -> int:
        """Return the side of the windows that patches of some side are made from."""
        for step in reversed(self.augmentations):
            size = step.window(size)
        return size

    def __call__(
        self, image: Tensor, labels: Tensor, size: int, generator: torch.Generator
    ) -> Pair:
        """Make patches from windows.

        Parameters
        ----------
        image : Tensor of float32, shape (B, S, W, W)
            Normalised slices; W is ``window(size)``.
        labels : Tensor of float32, shape (B, L, W, W)
            -1 unlabelled, 0 background, instances above 0; L is S, or 1 in 2.5D.
        size : int
            Side of the patches.
        generator : torch.Generator
            All chance, on the device of the patches.

        Returns
        -------
        image : Tensor of float32, shape (B, S, size, size)
            Varied.
        labels : Tensor of float32, shape (B, L, size, size)
            Moved as the image was.
        """
        for steps, side in self._runs(size):
            warps = [step for step in steps if isinstance(step, Warp)]
            if warps:
                image, labels = warp(image, labels, side, warps, generator)
                continue
            image, labels = steps[0](image, labels, side, generator)
        return image, labels

    def _runs(self, size: int) -> list[tuple[list[Augmentation], int]]:
        """Return steps that act together, and the side of what they leave."""
        runs: list[tuple[list[Augmentation], int]] = []
        for step in reversed(self.augmentations):
            if runs and isinstance(step, Warp) and isinstance(runs[0][0][0], Warp):
                runs[0][0].insert(0, step)
            else:
                runs.insert(0, ([step], size))
            size = step.window(size)
        return runs


CHALLENGE = AugmentationChain(
    steps=[
        Flip(),
        Rotation(),
        Rescale(),
        Elastic(),
        Misalignment(),
        MissingSection(),
        Grayscale(),
        MissingParts(),
        MotionBlur(),
        CutBlur(),
        CutNoise(),
    ]
)
"""The eleven of the MitoEM challenge, as often as their authors make them by default.

Those that move things stand first, so that windows are sampled once.

References
----------
.. [1] Lin et al. (2021), PyTorch Connectomics, doi:10.48550/arXiv.2112.05754.
"""
