"""Augmentations of whole sections: turned round, lost, torn, blurred by motion."""

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, pad

from napari_mitoseg.params import param
from napari_mitoseg.training.augmentations.base import (
    Augmentation,
    GreyChange,
    Pair,
    augmentations,
    choose_sections,
)
from napari_mitoseg.training.geometry import uniform
from napari_mitoseg.training.targets import UNKNOWN

KNOTS = 5
"""Control points along each axis of the uneven edge of a tear."""


@augmentations.register("flip")
class Flip(Augmentation):
    """Mirror patches along y, along x, along z, and exchange y and x, each or not.

    Notes
    -----
    Pixels are moved, not sampled, so nothing is lost; together these are all turns by
    90° and all reflections.

    References
    ----------
    .. [1] Lin et al. (2021), PyTorch Connectomics, doi:10.48550/arXiv.2112.05754.
    """

    name = "flip"
    title = "Flip"
    acts_on = "places"

    probability: float = param(
        1.0, ge=0, le=1, description="Share of patches that are changed."
    )
    sections: bool = param(True, description="Reverse the order of sections too.")

    def __call__(
        self, image: Tensor, labels: Tensor, size: int, generator: torch.Generator
    ) -> Pair:
        """Return patches and labels, some of them mirrored."""
        del size
        chosen = self.choose(len(image), generator)
        for axes in ((2,), (3,), (2, 3), (1,)):
            happens = uniform(len(image), 0, 1, generator) < 0.5
            if axes == (1,) and not self.sections:
                continue
            which = (chosen & happens)[:, None, None, None]
            image, labels = (
                torch.where(which, _mirrored(data, axes), data)
                for data in (image, labels)
            )
        return image, labels


@augmentations.register("missing-section")
class MissingSection(Augmentation):
    """Take sections out; those beyond them move up.

    Notes
    -----
    The middle section stays.  Where sections run out at an end, the last one is
    repeated, and its repetitions are unlabelled.  In 3D labels go with their sections;
    in 2.5D the middle section is the labelled one.  Patches of one section are left as
    they are.

    References
    ----------
    .. [1] Lin et al. (2021), PyTorch Connectomics, doi:10.48550/arXiv.2112.05754.
    """

    name = "missing-section"
    title = "Missing section"
    acts_on = "places"

    sections: int = param(2, ge=1, le=16, description="How many are missing.")

    def __call__(
        self, image: Tensor, labels: Tensor, size: int, generator: torch.Generator
    ) -> Pair:
        """Return patches and labels, some of them without a section."""
        del size
        count, n_sections = image.shape[:2]
        chosen = self.choose(count, generator)
        if n_sections == 1 or not chosen.any():
            return image, labels
        lost = self._draw(count, n_sections, generator) & chosen[:, None]
        source, is_invented = close_gaps(lost)
        closed = _take_sections(image, source)
        if labels.shape[1] != n_sections:
            return closed, labels
        moved = _take_sections(labels, source)
        return closed, torch.where(is_invented[:, :, None, None], UNKNOWN, moved)

    def _draw(self, count: int, n_sections: int, generator: torch.Generator) -> Tensor:
        """Draw the lost sections of each patch, never the middle: bool, (B, S)."""
        middle = n_sections // 2
        drawn = choose_sections(count, n_sections - 1, self.sections, generator)
        kept = torch.zeros_like(drawn[:, :1])
        return torch.cat([drawn[:, :middle], kept, drawn[:, middle:]], dim=1)


@augmentations.register("missing-parts")
class MissingParts(GreyChange):
    """Wipe out a band across some sections, as a fold, a crack or a tear does.

    Notes
    -----
    The band has a random direction, an uneven edge and one grey value.  Labels stay:
    the other sections tell what was there.

    References
    ----------
    .. [1] Lin et al. (2021), PyTorch Connectomics, doi:10.48550/arXiv.2112.05754.
    """

    name = "missing-parts"
    title = "Missing parts"

    probability: float = param(
        0.9, ge=0, le=1, description="Share of patches that are changed."
    )
    sections: int = param(1, ge=1, le=64, description="How many are torn.")
    width: float = param(
        0.15,
        gt=0,
        le=1,
        description="Largest width of the band over that of the patch.",
    )
    grey: float = param(
        2.5,
        ge=0,
        le=4,
        description="Most that its grey value differs from the mean, in standard "
        "deviations of the image.",
    )

    def change(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Paint the band over."""
        count, n_sections, height, width = image.shape
        torn = choose_sections(count, n_sections, self.sections, generator)
        away = _distance_to_line(count, height, width, generator)
        shape = (count, 1, KNOTS, KNOTS)
        rough = torch.randn(shape, generator=generator, device=image.device)
        edge = interpolate(rough, (height, width), mode="bicubic", align_corners=True)
        half = uniform(count, 0.1, 0.5, generator) * self.width * min(height, width)
        inside = away < half[:, None, None] * (1 + 0.3 * edge[:, 0])
        grey = uniform(count, -self.grey, self.grey, generator)[:, None, None, None]
        return torch.where(inside[:, None] & torn[:, :, None, None], grey, image)


@augmentations.register("motion-blur")
class MotionBlur(GreyChange):
    """Blur some sections along a line, as a specimen that drifts is.

    References
    ----------
    .. [1] Lin et al. (2021), PyTorch Connectomics, doi:10.48550/arXiv.2112.05754.
    """

    name = "motion-blur"
    title = "Motion blur"

    sections: int = param(2, ge=1, le=64, description="How many are blurred.")
    length: int = param(
        11, ge=3, le=63, description="Length of the motion.", unit="pixels"
    )

    def change(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Average some sections along a direction."""
        count, n_sections = image.shape[:2]
        moved = choose_sections(count, n_sections, self.sections, generator)
        angle = uniform(count, 0, math.pi, generator)
        kernels = line_kernels(angle, self.length)
        half = kernels.shape[-1] // 2
        stacked = pad(image, (half,) * 4, mode="replicate").transpose(0, 1)
        blurred = conv2d(stacked, kernels[:, None], groups=count).transpose(0, 1)
        return torch.where(moved[:, :, None, None], blurred, image)


def close_gaps(lost: Tensor) -> tuple[Tensor, Tensor]:
    """Say which section takes the place of which, once some are lost.

    Parameters
    ----------
    lost : Tensor of bool, shape (B, S)
        Sections that are missing; the middle one, S // 2, is not.

    Returns
    -------
    source : Tensor of int64, shape (B, S)
        Number of the section that comes there: the others move towards the middle.
    is_invented : Tensor of bool, shape (B, S)
        Where there is none left, and the last one is repeated.

    Examples
    --------
    >>> lost = torch.tensor([[False, True, False, True, False]])
    >>> source, is_invented = close_gaps(lost)
    >>> source.tolist(), is_invented.int().tolist()
    ([[0, 0, 2, 4, 4]], [[1, 0, 0, 0, 1]])
    """
    middle = lost.shape[1] // 2
    above, beyond_above = _pushed_together(lost[:, middle:])
    below, beyond_below = _pushed_together(lost[:, : middle + 1].flip(1))
    source = torch.cat([(middle - below).flip(1)[:, :-1], middle + above], dim=1)
    return source, torch.cat([beyond_below.flip(1)[:, :-1], beyond_above], dim=1)


def line_kernels(angle: Tensor, length: int) -> Tensor:
    """Return kernels that average along a line.

    Parameters
    ----------
    angle : Tensor, shape (B,)
        Against the x axis, radians.
    length : int
        Pixels; an odd number is used.

    Returns
    -------
    Tensor, shape (B, K, K)
        Each sums to 1; K is odd.

    Examples
    --------
    >>> (3 * line_kernels(torch.zeros(1), 3))[0].round().int().tolist()
    [[0, 0, 0], [1, 1, 1], [0, 0, 0]]
    """
    half = length // 2
    axis = torch.arange(-half, half + 1, device=angle.device)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    sine, cosine = angle.sin()[:, None, None], angle.cos()[:, None, None]
    across = (cosine * y - sine * x).abs()
    along = (cosine * x + sine * y).abs()
    weight = (1 - across).clamp(min=0) * (along <= half + 0.5)
    return weight / weight.sum(dim=(1, 2), keepdim=True)


def _pushed_together(lost: Tensor) -> tuple[Tensor, Tensor]:
    """Push what is left towards the first section, which is never lost."""
    order = lost.to(torch.uint8).argsort(dim=1, stable=True)
    n_left = (~lost).sum(dim=1, keepdim=True)
    place = torch.arange(lost.shape[1], device=lost.device).expand_as(order)
    return order.gather(1, torch.minimum(place, n_left - 1)), place >= n_left


def _take_sections(data: Tensor, source: Tensor) -> Tensor:
    index = source[:, :, None, None].expand(-1, -1, *data.shape[2:])
    return data.gather(1, index)


def _mirrored(data: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Mirror along one axis, or exchange two."""
    return data.transpose(*axes) if len(axes) == 2 else data.flip(axes)


def _distance_to_line(
    count: int, height: int, width: int, generator: torch.Generator
) -> Tensor:
    """Return the distance of each pixel to a random line: (B, Y, X)."""
    device = generator.device
    middle_y = uniform(count, 0, height - 1, generator)[:, None, None]
    middle_x = uniform(count, 0, width - 1, generator)[:, None, None]
    angle = uniform(count, 0, math.pi, generator)[:, None, None]
    y = torch.arange(height, device=device)[None, :, None] - middle_y
    x = torch.arange(width, device=device)[None, None, :] - middle_x
    return (angle.cos() * y - angle.sin() * x).abs()
