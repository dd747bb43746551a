"""Augmentation of where things are: affine, piecewise, elastic, shifted, missing."""

import math

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from napari_mitoseg.params import Params, param
from napari_mitoseg.training.piecewise_affine import random_piecewise_affine


class GeometrySettings(Params):
    """How much the shape of patches is varied."""

    smallest: float = param(0.6, gt=0, le=1, description="Smallest magnification.")
    largest: float = param(1.6, ge=1, le=4, description="Largest magnification.")
    rotate: bool = param(True, description="Turn by any angle.")
    aspect: float = param(
        1.2, ge=1, le=2, description="Largest stretch of one axis against the other."
    )
    warp: float = param(
        4.0, ge=0, le=30, description="Elastic deformation.", unit="pixels"
    )
    piecewise: float = param(
        0.0,
        ge=0,
        le=0.2,
        description="Random piecewise affine deformation: largest standard deviation "
        "of a control point, over the size of the patch; 0 for none.",
    )
    points: int = param(
        4, ge=2, le=16, description="Control points of it along y and along x."
    )
    shift_chance: float = param(
        0.25, ge=0, le=1, description="How often sections are misaligned."
    )
    shift: float = param(
        6.0, ge=0, le=64, description="Largest misalignment.", unit="pixels"
    )
    missing_chance: float = param(
        0.15, ge=0, le=1, description="How often neighbour sections are missing."
    )

    @property
    def margin(self) -> float:
        """Size of the window that is needed over the size of the patch."""
        turned = math.sqrt(2) if self.rotate else 1.0
        return turned * math.sqrt(self.aspect) / self.smallest

    @property
    def in_plane(self) -> "GeometrySettings":
        """The same without what happens to single sections."""
        return self.model_copy(update={"shift_chance": 0.0, "missing_chance": 0.0})

    def window(self, size: int) -> int:
        """Return the side of the window that a patch of some side is made from."""
        return math.ceil(size * self.margin) + 2


NO_GEOMETRY = GeometrySettings(
    smallest=1, largest=1, rotate=False, aspect=1, warp=0, shift_chance=0,
    missing_chance=0,
)  # fmt: skip


def deform(
    image: Tensor,
    labels: Tensor,
    size: int,
    settings: GeometrySettings,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Sample deformed patches from the middle of windows.

    Parameters
    ----------
    image : Tensor, shape (B, S, W, W)
        Slices.
    labels : Tensor, shape (B, L, W, W)
        Instance numbers, sampled by nearest neighbour.
    size : int
        Pixels of a patch along y and x.
    settings : GeometrySettings
        How much to vary.
    generator : torch.Generator
        On the device of the image.

    Returns
    -------
    image : Tensor, shape (B, S, size, size)
        Slices other than the middle may be shifted or missing (2.5D only).
    labels : Tensor, shape (B, L, size, size)
        Deformed alike.
    """
    grid = _grid(len(image), size, settings, generator)
    if image.shape[1] > labels.shape[1]:
        image = _drop_sections(image, settings.missing_chance, generator)
    shifts = _shifts(image, labels.shape[1], settings, generator)
    half = (image.shape[-1] - 1) / 2
    warped = sample_slices(
        image, (grid[:, None] + shifts[:, :, None, None]) / half, "bilinear"
    )
    plain = grid[:, None].expand(-1, labels.shape[1], -1, -1, -1)
    return warped, sample_slices(labels, plain / half, "nearest")


def uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """Draw `count` numbers between `low` and `high` on the generator's device."""
    drawn = torch.rand(count, generator=generator, device=generator.device)
    return low + (high - low) * drawn


def pixel_grid(size: int, device: torch.device) -> Tensor:
    """Return where the pixels of a patch are: (size, size, 2), from the middle."""
    axis = torch.arange(size, device=device) - (size - 1) / 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y], dim=-1)


def _grid(
    count: int, size: int, settings: GeometrySettings, generator: torch.Generator
) -> Tensor:
    """Return where to sample, pixels from the middle: (B, size, size, 2), x first."""
    matrix = _matrices(count, settings, generator)
    straight = pixel_grid(size, generator.device)
    grid = torch.einsum("bij,yxj->byxi", matrix, straight)
    if settings.warp:
        grid = grid + _bumps(count, size, settings.warp, generator)
    if settings.piecewise:
        grid = grid + random_piecewise_affine(
            count, size, settings.piecewise, settings.points, generator
        )
    return grid


def _matrices(
    count: int, settings: GeometrySettings, generator: torch.Generator
) -> Tensor:
    """Return matrices that scale, stretch, flip and turn: (B, 2, 2)."""
    zoom = uniform(
        count, math.log(settings.smallest), math.log(settings.largest), generator
    ).exp()
    limit = math.log(settings.aspect) / 2
    stretch = uniform(count, -limit, limit, generator).exp()
    flip = uniform(count, -1, 1, generator).sign()
    quarter = (uniform(count, 0, 4, generator).floor() * 90).deg2rad()
    turn = uniform(count, 0, 2 * math.pi, generator) if settings.rotate else quarter
    scale = torch.stack([flip * stretch / zoom, 1 / (stretch * zoom)], dim=-1)
    first = torch.stack([turn.cos(), -turn.sin()], dim=-1)
    second = torch.stack([turn.sin(), turn.cos()], dim=-1)
    return torch.stack([first, second], dim=1) * scale[:, None, :]


def _bumps(
    count: int, size: int, amplitude: float, generator: torch.Generator
) -> Tensor:
    """Return a smooth random displacement, (B, size, size, 2) pixels."""
    knots = max(4, size // 40)
    coarse = torch.randn(
        (count, 2, knots, knots), generator=generator, device=generator.device
    )
    strength = uniform(count, 0, amplitude, generator)[:, None, None, None]
    smooth = interpolate(
        coarse * strength, (size, size), mode="bicubic", align_corners=True
    )
    return smooth.permute(0, 2, 3, 1)


def _shifts(
    image: Tensor, n_labels: int, settings: GeometrySettings, generator: torch.Generator
) -> Tensor:
    """Return by how much each section is shifted, (B, S, 2); none in 3D."""
    count, slices = image.shape[:2]
    drawn = torch.rand((count, slices, 2), generator=generator, device=image.device)
    happens = uniform(count, 0, 1, generator) < settings.shift_chance
    shifts = (2 * drawn - 1) * settings.shift * happens[:, None, None]
    if slices == n_labels:
        return torch.zeros_like(shifts)
    shifts[:, slices // 2] = 0
    return shifts


def _drop_sections(image: Tensor, chance: float, generator: torch.Generator) -> Tensor:
    """Replace neighbours by the middle slice: on one side, or on both."""
    count, slices = image.shape[:2]
    middle = slices // 2
    kind = uniform(count, 0, 3, generator).floor()
    happens = uniform(count, 0, 1, generator) < chance
    side = torch.arange(slices, device=image.device) - middle
    lost = ((kind != 1)[:, None] & (side < 0)) | ((kind != 2)[:, None] & (side > 0))
    lost = lost & happens[:, None]
    return torch.where(lost[:, :, None, None], image[:, middle : middle + 1], image)


def sample_slices(data: Tensor, grid: Tensor, mode: str) -> Tensor:
    """Sample every slice by its own grid.

    Parameters
    ----------
    data : Tensor, shape (B, S, W, W)
        Slices.
    grid : Tensor, shape (B, S, Y, X, 2)
        Where to sample, x first, -1 and 1 the outermost pixels.
    mode : {"bilinear", "nearest"}
        How.

    Returns
    -------
    Tensor, shape (B, S, Y, X)
        Reflected beyond the outermost pixels.
    """
    count, slices = data.shape[:2]
    size = grid.shape[2:4]
    flat = grid_sample(
        data.flatten(0, 1)[:, None],
        grid.flatten(0, 1),
        mode=mode,
        padding_mode="reflection",
        align_corners=True,
    )
    return flat.reshape(count, slices, *size)
