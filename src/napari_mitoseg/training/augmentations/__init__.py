"""Ways to vary patches while training, each by its name: one import line each."""

from napari_mitoseg.training.augmentations.base import Augmentation, augmentations
from napari_mitoseg.training.augmentations.chain import CHALLENGE, AugmentationChain
from napari_mitoseg.training.augmentations.fused import Appearance, Deformation
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
)

__all__ = [
    "CHALLENGE",
    "Appearance",
    "Augmentation",
    "AugmentationChain",
    "CutBlur",
    "CutNoise",
    "Deformation",
    "Elastic",
    "Flip",
    "Grayscale",
    "Misalignment",
    "MissingParts",
    "MissingSection",
    "MotionBlur",
    "Rescale",
    "Rotation",
    "augmentations",
]
