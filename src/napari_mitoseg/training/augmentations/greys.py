"""Augmentations of grey values: contrast, blurred boxes, noisy boxes."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from napari_mitoseg.models.normalize import LIMIT
from napari_mitoseg.params import param
from napari_mitoseg.training.augmentations.base import GreyChange, augmentations
from napari_mitoseg.training.geometry import uniform


@augmentations.register("grayscale")
class Grayscale(GreyChange):
    """Change contrast, brightness and gamma, of a patch or of each section by itself.

    Notes
    -----
    Half of the patches change alike in all sections, in the other half each section
    changes by itself.  Gamma bends the grey values between the limits of
    normalisation, ±4.

    References
    ----------
    .. [1] Lin et al. (2021), PyTorch Connectomics, doi:10.48550/arXiv.2112.05754.
    """

    name = "grayscale"
    title = "Grey values"

    probability: float = param(
        0.75, ge=0, le=1, description="Share of patches that are changed."
    )
    contrast: float = param(
        0.15, ge=0, lt=1, description="Most that contrast rises or falls, as a share."
    )
    brightness: float = param(
        0.75,
        ge=0,
        le=4,
        description="Largest shift either way, in standard deviations of the image.",
    )
    gamma: float = param(
        1.0, ge=0, le=3, description="Largest exponent, as a power of two either way."
    )

    def change(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Bend, scale and shift grey values."""
        count, n_sections = image.shape[:2]
        drawn = uniform(3 * count * n_sections, -1, 1, generator)
        drawn = drawn.view(3, count, n_sections)
        alike = (uniform(count, 0, 1, generator) < 0.5)[:, None]
        drawn = torch.where(alike, drawn[:, :, :1], drawn)[..., None, None]
        contrast, brightness, gamma = drawn
        bent = _bend(image, 2 ** (self.gamma * gamma))
        return bent * (1 + self.contrast * contrast) + self.brightness * brightness


@augmentations.register("cut-blur")
class CutBlur(GreyChange):
    """Sample a box in each patch down and up again.

    Notes
    -----
    In the plane only; all boxes of a batch by the same factor.

    References
    ----------
    .. [1] Yoo et al. (2020), Rethinking data augmentation for image super-resolution,
       doi:10.48550/arXiv.2004.00448.
    """

    name = "cut-blur"
    title = "Cut-blur"

    length: float = param(
        0.4, gt=0, le=1, description="Sides of the box over those of the patch."
    )
    smallest: float = param(2.0, ge=1, le=16, description="Smallest factor.")
    largest: float = param(8.0, ge=1, le=16, description="Largest factor.")

    def change(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Put a coarser picture of the box in its place."""
        inside = random_boxes(image, self.length, generator)
        factor = uniform(1, self.smallest, self.largest, generator).item()
        size = [max(1, round(n / factor)) for n in image.shape[2:]]
        small = interpolate(image, size, mode="bilinear", antialias=True)
        coarse = interpolate(small, image.shape[2:], mode="bilinear")
        return torch.where(inside, coarse, image)


@augmentations.register("cut-noise")
class CutNoise(GreyChange):
    """Add noise to a box in each patch.

    References
    ----------
    .. [1] Lin et al. (2021), PyTorch Connectomics, doi:10.48550/arXiv.2112.05754.
    """

    name = "cut-noise"
    title = "Cut-noise"

    probability: float = param(
        0.75, ge=0, le=1, description="Share of patches that are changed."
    )
    length: float = param(
        0.4, gt=0, le=1, description="Sides of the box over those of the patch."
    )
    strength: float = param(
        1.5,
        ge=0,
        le=4,
        description="Most that the noise, which is uniform, adds or takes away, in "
        "standard deviations of the image.",
    )

    def change(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Add uniform noise within the box."""
        inside = random_boxes(image, self.length, generator)
        drawn = torch.rand(image.shape, generator=generator, device=image.device)
        return torch.where(inside, image + self.strength * (2 * drawn - 1), image)


def random_boxes(image: Tensor, length: float, generator: torch.Generator) -> Tensor:
    """Draw a box in each patch.

    Parameters
    ----------
    image : Tensor, shape (B, S, Y, X)
        Patches.
    length : float
        Sides of the box over those of a patch; along z at least one section.
    generator : torch.Generator
        All chance.

    Returns
    -------
    Tensor of bool, shape (B, S, Y, X)
        True inside.
    """
    count, *sizes = image.shape
    inside = torch.ones(image.shape, dtype=torch.bool, device=image.device)
    for axis, size in enumerate(sizes, start=1):
        width = max(1, round(length * size))
        start = uniform(count, 0, size - width + 1, generator).floor()[:, None]
        place = torch.arange(size, device=image.device)[None]
        within = (place >= start) & (place < start + width)
        inside &= within.view(count, *(size if a == axis else 1 for a in (1, 2, 3)))
    return inside


def _bend(image: Tensor, exponent: Tensor) -> Tensor:
    share = ((image + LIMIT) / (2 * LIMIT)).clamp(0, 1)
    return share**exponent * (2 * LIMIT) - LIMIT
