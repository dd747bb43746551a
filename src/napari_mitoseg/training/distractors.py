"""Structures that are no mitochondria, painted into patches."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate

from napari_mitoseg.training.geometry import uniform

MOST = 3
"""Structures in a patch."""

COVERED = 0.5
"""Share of a pixel that is covered from which on it is background."""

SOFT = 12
"""Pixels over which what has no membrane ends."""

DRIFT = 0.3
"""Change of noise from slice to slice, over its deviation."""


class Paint(NamedTuple):
    """What is painted over the slices of one patch, each of shape (S, Y, X).

    Attributes
    ----------
    cover : Tensor
        How much of what was there is covered, 0–1.
    grey : Tensor
        With what.
    """

    cover: Tensor
    grey: Tensor


Painter = Callable[[Tensor, torch.Generator], Paint]


def paint_distractors(
    image: Tensor, labels: Tensor, chance: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Paint structures over parts of some patches that are background.

    Parameters
    ----------
    image : Tensor, shape (B, S, Y, X)
        Normalised slices.
    labels : Tensor, shape (B, L, Y, X)
        -1 unlabelled, 0 background, instances above 0; L is S or, for the middle
        slice, 1.
    chance : float
        Share of patches.
    generator : torch.Generator
        On the device of the image.

    Returns
    -------
    image, labels : Tensor
        Up to three structures a patch; what is covered by more than half is 0 in the
        labels unless it is unlabelled.

    Notes
    -----
    Myelin, nuclei, Golgi stacks, vesicle clouds, lipid and stain precipitate are what
    a network that has seen little tissue takes for mitochondria.
    """
    chosen = (uniform(len(image), 0, 1, generator) < chance).nonzero().flatten()
    if not len(chosen):
        return image, labels
    image, labels = image.clone(), labels.clone()
    n_labels = labels.shape[1]
    first = (image.shape[1] - n_labels) // 2
    for patch in chosen.tolist():
        for _ in range(1 + int(uniform(1, 0, MOST, generator).item())):
            kind = int(uniform(1, 0, len(PAINTERS), generator).item())
            cover, grey = PAINTERS[kind](image[patch], generator)
            image[patch] = torch.lerp(image[patch], grey, cover)
            covered = cover[first : first + n_labels] > COVERED
            labels[patch][covered & (labels[patch] > 0)] = 0
    return image, labels


def mass(image: Tensor, generator: torch.Generator) -> Paint:
    """Irregular masses, dark or as dark as mitochondria: precipitate, blood, glia."""
    level, darkness, ragged, softness = _draw(
        generator, (0.3, 1.2), (-3.0, -0.6), (0, 0.5), (1, 8)
    )
    shape = _field(image, 64, generator) + ragged * _field(image, 12, generator)
    return Paint(
        _edge(24 * (shape - level), softness), darkness + _mottle(image, generator)
    )


def myelin(image: Tensor, generator: torch.Generator) -> Paint:
    """Wrap a process in dark lamellae and leave what it holds as it is."""
    radius, thickness, wobble, period, contrast, darkness, softness = _draw(
        generator,
        (8, 150),
        (6, 70),
        (0, 20),
        (2.5, 7),
        (-0.5, 0.9),
        (-2.8, -0.9),
        (1, 8),
    )
    depth = -_depth(image, radius, wobble, 48, generator)
    thick = thickness * (1 + 0.5 * _field(image, 96, generator)).clamp(0.1, 3)
    cover = _edge(depth, softness) * _edge(thick - depth, softness)
    lamellae = max(contrast, 0) * torch.sin(depth * (2 * math.pi / period))
    return Paint(cover, darkness + lamellae + 0.5 * _mottle(image, generator))


def nucleus(image: Tensor, generator: torch.Generator) -> Paint:
    """Mottled chromatin inside a dark envelope."""
    radius, wobble, clump, level, light, dark, softness, envelope = _draw(
        generator,
        (30, 150),
        (0, 30),
        (8, 60),
        (-1, 1),
        (-0.3, 1.4),
        (-1.8, 0.0),
        (1, 10),
        (-2.5, -0.3),
    )
    depth = _depth(image, radius, wobble, 64, generator)
    clumps = _field(image, clump, generator) + 0.4 * _field(image, 8, generator)
    is_dense = _edge(0.5 * clump * (clumps - level), softness)
    grey = light + (dark - light) * is_dense + _mottle(image, generator)
    wall = torch.exp(-(((depth - 3) / 2) ** 2))
    return Paint(_edge(depth), torch.lerp(grey, torch.full_like(grey, envelope), wall))


def cisternae(image: Tensor, generator: torch.Generator) -> Paint:
    """Stacked dark membranes: Golgi apparatus, endoplasmic reticulum."""
    radius, period, turn, bend, base, contrast = _draw(
        generator,
        (12, 70),
        (4, 14),
        (0, math.pi),
        (0, 14),
        (-1.4, 0.6),
        (0.2, 1.6),
    )
    y, x = _pixels(image)
    across = math.cos(turn) * y + math.sin(turn) * x
    across = across + bend * _field(image, 40, generator)
    lines = torch.sin(across * (2 * math.pi / period)).clamp(min=-0.3)
    lines = lines * (0.5 + _field(image, 16, generator)).clamp(0, 1)
    grey = base - contrast * lines + _mottle(image, generator)
    cover = _edge(_depth(image, radius, 20, 24, generator), SOFT)
    return Paint(0.9 * cover, grey)


def vesicles(image: Tensor, generator: torch.Generator) -> Paint:
    """Crowd vesicles, some with a dense core."""
    radius, size, density, core, contrast, base = _draw(
        generator,
        (15, 80),
        (2, 3.6),
        (0.004, 0.02),
        (-1, 1),
        (0.6, 2.0),
        (-1.0, 0.9),
    )
    y, x = _pixels(image.new_empty(1, 11, 11))
    distance = torch.hypot(y - 5, x - 5)
    ring = torch.exp(-(((distance - size) / 0.8) ** 2))
    if core > 0:
        ring = ring + core * torch.exp(-((distance / (0.5 * size)) ** 2))
    drawn = torch.rand(image.shape, generator=generator, device=image.device)
    points = (drawn < density).float()[:, None]
    walls = conv2d(points, ring[None, None], padding=5)[:, 0].clamp(max=1.2)
    grey = base - contrast * walls + 0.5 * _mottle(image, generator)
    return Paint(0.9 * _edge(_depth(image, radius, 15, 32, generator), SOFT), grey)


def bodies(image: Tensor, generator: torch.Generator) -> Paint:
    """Small, evenly dark bodies: lipid, lysosomes, dense granules."""
    cover = torch.zeros_like(image)
    for _ in range(1 + int(uniform(1, 0, 5, generator).item())):
        radius, wobble, softness = _draw(generator, (3, 22), (0, 8), (1, 6))
        depth = _depth(image, radius, wobble, 16, generator)
        cover = torch.maximum(cover, _edge(depth, softness))
    darkness = _draw(generator, (-3.4, -1.2))[0]
    return Paint(cover, darkness + 0.3 * _mottle(image, generator))


def grain(image: Tensor, generator: torch.Generator) -> Paint:
    """Cytoplasm that is dark, or full of ribosomes or filaments."""
    radius, base, share = _draw(generator, (20, 120), (-1.4, 0.5), (0.5, 0.95))
    cover = _edge(_depth(image, radius, 30, 24, generator), SOFT)
    return Paint(share * cover, base + 1.5 * _mottle(image, generator))


PAINTERS: tuple[Painter, ...] = (
    mass,
    mass,
    myelin,
    myelin,
    nucleus,
    nucleus,
    cisternae,
    vesicles,
    bodies,
    grain,
)


def _mottle(image: Tensor, generator: torch.Generator) -> Tensor:
    """Return texture of three lengths, and the fine detail of another place."""
    fine, middle, coarse, taken, y, x = _draw(
        generator, (0, 0.5), (0, 0.5), (0, 0.3), (0, 1.2), (0, 1), (0, 1)
    )
    detail = image - avg_pool2d(image, 3, 1, 1, count_include_pad=False)
    height, width = image.shape[1:]
    moved = detail.roll((int(y * height), int(x * width)), (1, 2))
    return (
        fine * _field(image, 2, generator)
        + middle * _field(image, 4.5, generator)
        + coarse * _field(image, 11, generator)
        + taken * moved
    )


def _draw(generator: torch.Generator, *ranges: tuple[float, float]) -> list[float]:
    """Draw one number from each range."""
    drawn = uniform(len(ranges), 0, 1, generator).tolist()
    return [
        low + (high - low) * share
        for (low, high), share in zip(ranges, drawn, strict=True)
    ]


def _field(image: Tensor, length: float, generator: torch.Generator) -> Tensor:
    """Return smooth noise of deviation about 1 that changes little between slices."""
    n_slices, height, width = image.shape
    size = [max(2, math.ceil(n / length) + 1) for n in (height, width)]
    drawn = torch.randn((2, 1, *size), generator=generator, device=image.device)
    here, change = interpolate(
        drawn, (height, width), mode="bicubic", align_corners=True
    )
    steps = torch.arange(n_slices, device=image.device) - n_slices // 2
    return (here + DRIFT * steps[:, None, None] * change).view(image.shape)


def _pixels(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return y and x of each pixel, to broadcast."""
    y = torch.arange(image.shape[1], device=image.device, dtype=torch.float32)
    x = torch.arange(image.shape[2], device=image.device, dtype=torch.float32)
    return y[:, None], x[None]


def _depth(
    image: Tensor,
    radius: float,
    wobble: float,
    length: float,
    generator: torch.Generator,
) -> Tensor:
    """Return the depth in pixels inside a deformed ellipse somewhere near the patch."""
    height, width = image.shape[1:]
    middle_y, middle_x, turn, aspect = _draw(
        generator, (-0.1, 1.1), (-0.1, 1.1), (0, math.pi), (0, 0.9)
    )
    y, x = _pixels(image)
    dy, dx = y - middle_y * height, x - middle_x * width
    along = math.cos(turn) * dy + math.sin(turn) * dx
    across = math.cos(turn) * dx - math.sin(turn) * dy
    stretch = math.exp(aspect / 2)
    distance = torch.hypot(along / stretch, across * stretch)
    wobble = min(wobble, 0.6 * radius)
    return radius - distance + wobble * _field(image, length, generator)


def _edge(depth: Tensor, softness: float = 2) -> Tensor:
    """Return 1 inside, 0 outside, over some pixels."""
    return (depth / softness + 0.5).clamp(0, 1)
