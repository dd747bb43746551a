"""Augmentation of how things look: contrast, texture, noise, defocus, staining."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

from napari_mitoseg.params import Params, param
from napari_mitoseg.training.distractors import paint_distractors
from napari_mitoseg.training.geometry import uniform

RANGE = 4.0
KNOTS = 9


class AppearanceSettings(Params):
    """How often each change of appearance is made."""

    curve: float = param(0.5, ge=0, le=1, description="Random contrast curve.")
    contrast: float = param(0.8, ge=0, le=1, description="Brightness and contrast.")
    texture: float = param(
        0.5, ge=0, le=1, description="Fine, middle and coarse detail reweighted."
    )
    stain: float = param(
        0.4, ge=0, le=1, description="Mitochondria lighter or darker than they are."
    )
    shading: float = param(0.3, ge=0, le=1, description="Uneven illumination.")
    local: float = param(0.25, ge=0, le=1, description="Local contrast equalised.")
    defocus: float = param(0.3, ge=0, le=1, description="Blur.")
    coarse: float = param(0.25, ge=0, le=1, description="Sampled down and up again.")
    noise: float = param(
        0.5, ge=0, le=1, description="Gaussian, Poisson, smooth noise."
    )
    stripes: float = param(0.1, ge=0, le=1, description="Curtains along one axis.")
    distractors: float = param(
        0.1,
        ge=0,
        le=1,
        description="Myelin, nuclei, Golgi stacks, vesicles, dark bodies and masses "
        "painted over the patch, which are background.",
    )
    darkness: float = param(
        0.0, ge=0, le=1, description="Parts of the patch darker, with all they hold."
    )
    cutout: float = param(0.15, ge=0, le=1, description="Rectangles painted over.")


NO_APPEARANCE = AppearanceSettings(
    **dict.fromkeys(AppearanceSettings.model_fields, 0.0)
)


def change_appearance(
    image: Tensor,
    labels: Tensor,
    settings: AppearanceSettings,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Paint distractors over patches, then change how they look.

    Parameters
    ----------
    image : Tensor, shape (B, S, Y, X)
        Normalised slices.
    labels : Tensor, shape (B, L, Y, X)
        Instances above 0.
    settings : AppearanceSettings
        How often each change is made.
    generator : torch.Generator
        On the device of the image.

    Returns
    -------
    image, labels : Tensor
        See `restyle` and `paint_distractors`.
    """
    painted, bare = paint_distractors(image, labels, settings.distractors, generator)
    return restyle(painted, bare, settings, generator), bare


def restyle(
    image: Tensor,
    labels: Tensor,
    settings: AppearanceSettings,
    generator: torch.Generator,
) -> Tensor:
    """Change the appearance of patches at random.

    Parameters
    ----------
    image : Tensor, shape (B, S, Y, X)
        Normalised slices; the slices of a patch are changed alike but for noise.
    labels : Tensor, shape (B, L, Y, X)
        Instances above 0, for staining.
    settings : AppearanceSettings
        How often each change is made.
    generator : torch.Generator
        On the device of the image.

    Returns
    -------
    Tensor, shape (B, S, Y, X)
        New tensor, still about mean 0 and deviation 1.
    """
    stained = _sometimes(
        settings.stain,
        image,
        lambda part, g, chosen: _stain(part, labels[chosen], g),
        generator,
    )
    changes: tuple[tuple[float, Change], ...] = (
        (settings.darkness, darken_parts),
        (settings.texture, reweight_detail),
        (settings.curve, bend_curve),
        (settings.local, equalize_locally),
        (settings.shading, shade),
        (settings.defocus, defocus),
        (settings.coarse, coarsen),
        (settings.noise, add_noise),
        (settings.stripes, add_stripes),
        (settings.contrast, change_contrast),
        (settings.cutout, cut_out),
    )
    for chance, change in changes:
        stained = _sometimes(chance, stained, _ignoring_choice(change), generator)
    return stained


Change = Callable[[Tensor, torch.Generator], Tensor]


def change_contrast(image: Tensor, generator: torch.Generator) -> Tensor:
    """Scale by 0.6–1.5 and shift by up to ±0.5."""
    n = len(image)
    return image * _wide(uniform(n, -0.5, 0.4, generator).exp()) + _wide(
        uniform(n, -0.5, 0.5, generator)
    )


def darken_parts(image: Tensor, generator: torch.Generator) -> Tensor:
    """Darken part of the patch, with soft edges, and flatten its contrast there."""
    n = len(image)
    coarse = torch.randn((n, 1, 5, 5), generator=generator, device=image.device)
    shape = interpolate(coarse, image.shape[2:], mode="bicubic", align_corners=True)
    level = _wide(uniform(n, -0.5, 1.0, generator))
    inside = (4 * (shape - level) + 0.5).clamp(0, 1)
    flat = _wide(uniform(n, 0.5, 1.0, generator))
    darker = flat * image - _wide(uniform(n, 0.3, 1.4, generator))
    return torch.lerp(image, darker, inside)


def bend_curve(image: Tensor, generator: torch.Generator) -> Tensor:
    """Map grey values through a random rising curve."""
    steps = torch.randn(
        (len(image), KNOTS - 1), generator=generator, device=image.device
    ).mul(0.6)
    curve = torch.cat([steps.new_zeros(len(image), 1), steps.exp().cumsum(1)], dim=1)
    place = ((image + RANGE / 2) / RANGE).clamp(0, 1) * (KNOTS - 1)
    below = place.floor().clamp(max=KNOTS - 2)
    index = below.long().flatten(1)
    low, high = curve.gather(1, index), curve.gather(1, index + 1)
    bent = low + (high - low) * (place - below).flatten(1)
    return standardize(bent.view_as(image))


def reweight_detail(image: Tensor, generator: torch.Generator) -> Tensor:
    """Weaken or strengthen detail of about 1, 3, 8 and 20 pixels."""
    rest, result = image, torch.zeros_like(image)
    for width in (3, 7, 19):
        smooth = blur_box(rest, width)
        gain = uniform(len(image), -0.7, 0.6, generator).exp()
        result = result + _wide(gain) * (rest - smooth)
        rest = smooth
    return result + _wide(uniform(len(image), -0.7, 0.3, generator).exp()) * rest


def equalize_locally(image: Tensor, generator: torch.Generator) -> Tensor:
    """Bring every neighbourhood to the same mean and contrast, partly."""
    mean = blur_coarse(image, 16)
    deviation = blur_coarse((image - mean).square(), 16).sqrt()
    flat = (image - mean) / (deviation + 0.3)
    share = _wide(uniform(len(image), 0.2, 1.0, generator))
    return share * flat + (1 - share) * image


def shade(image: Tensor, generator: torch.Generator) -> Tensor:
    """Add a brightness and multiply a contrast that change slowly."""
    shape = (2, len(image), 1, 4, 4)
    drawn = torch.randn(shape, generator=generator, device=image.device)
    add, times = (
        interpolate(f, image.shape[2:], mode="bicubic", align_corners=True)
        for f in drawn * 0.3
    )
    return image * times.clamp(-0.7, 0.7).exp() + add


def defocus(image: Tensor, generator: torch.Generator) -> Tensor:
    """Mix the image with a blurred one."""
    width = (3, 3, 5)[int(uniform(1, 0, 3, generator).item())]
    blurred = blur_box(blur_box(image, width), 3)
    share = _wide(uniform(len(image), 0.3, 1.0, generator))
    return share * blurred + (1 - share) * image


def coarsen(image: Tensor, generator: torch.Generator) -> Tensor:
    """Sample down by 1.3 to 2.5 and up again."""
    factor = uniform(1, 1.3, 2.5, generator).item()
    size = [max(2, int(n / factor)) for n in image.shape[2:]]
    small = interpolate(image, size, mode="bilinear", antialias=True)
    return interpolate(small, image.shape[2:], mode="bilinear")


def add_noise(image: Tensor, generator: torch.Generator) -> Tensor:
    """Add noise that is partly stronger where bright and partly smooth."""
    noise = torch.randn(image.shape, generator=generator, device=image.device)
    smooth = _wide((uniform(len(image), 0, 1, generator) < 0.3).float())
    noise = smooth * 2.5 * blur_box(noise, 3) + (1 - smooth) * noise
    poisson = _wide((uniform(len(image), 0, 1, generator) < 0.5).float())
    bright = (1 + image / RANGE).clamp(0.2, 2).sqrt()
    strength = _wide(uniform(len(image), 0.02, 0.6, generator))
    return image + strength * noise * (poisson * bright + 1 - poisson)


def add_stripes(image: Tensor, generator: torch.Generator) -> Tensor:
    """Add stripes along y, as milling leaves them."""
    shape = (len(image), image.shape[1], 1, image.shape[3])
    stripes = torch.randn(shape, generator=generator, device=image.device)
    return image + _wide(uniform(len(image), 0.05, 0.4, generator)) * stripes


def cut_out(image: Tensor, generator: torch.Generator) -> Tensor:
    """Paint a rectangle of up to a quarter of each side in one grey value."""
    height, width = image.shape[2:]
    n = len(image)
    y = torch.arange(height, device=image.device)[None] / height
    x = torch.arange(width, device=image.device)[None] / width
    middle_y, middle_x = uniform(2 * n, 0, 1, generator).view(2, n, 1)
    half_y, half_x = uniform(2 * n, 0.02, 0.12, generator).view(2, n, 1)
    rows = (y - middle_y).abs() < half_y
    columns = (x - middle_x).abs() < half_x
    inside = (rows[:, :, None] & columns[:, None])[:, None]
    return torch.where(inside, _wide(uniform(n, -1.5, 1.5, generator)), image)


def standardize(image: Tensor) -> Tensor:
    """Bring each patch to mean 0 and standard deviation 1."""
    mean = image.mean(dim=(1, 2, 3), keepdim=True)
    return (image - mean) / (image.std(dim=(1, 2, 3), keepdim=True) + 1e-3)


def blur_box(image: Tensor, width: int) -> Tensor:
    """Average over a square of odd `width`, one axis after the other."""
    return _blur_along(_blur_along(image, width, -2), width, -1)


def _blur_along(image: Tensor, width: int, axis: int) -> Tensor:
    """Average along an axis counted from the last, at its ends over what is there.

    Differences of sums up to a place cost the same for all widths.
    """
    size, half, n_after = image.shape[axis], width // 2, -1 - axis
    sums = pad(image.cumsum(axis), (0, 0) * n_after + (1, 0))
    places = torch.arange(size, device=image.device)
    first, end = (places - half).clamp(min=0), (places + half + 1).clamp(max=size)
    total = sums.index_select(axis, end) - sums.index_select(axis, first)
    return total / (end - first).view(-1, *(1,) * n_after)


def blur_coarse(image: Tensor, factor: int) -> Tensor:
    """Average over squares of `factor` and interpolate between them."""
    small = avg_pool2d(image, factor, ceil_mode=True)
    small = blur_box(small, 3)
    return interpolate(small, image.shape[2:], mode="bilinear")


def _stain(image: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Make mitochondria lighter or darker, with soft edges."""
    middle = labels.shape[1] // 2
    inside = (
        labels if labels.shape[1] == image.shape[1] else labels[:, middle, None]
    ) > 0
    soft = blur_box(inside.float(), 5)
    return image + soft * _wide(uniform(len(image), -0.7, 0.9, generator))


def _sometimes(
    chance: float,
    image: Tensor,
    change: Callable[[Tensor, torch.Generator, Tensor], Tensor],
    generator: torch.Generator,
) -> Tensor:
    """Change some of the patches."""
    chosen = uniform(len(image), 0, 1, generator) < chance
    if not chosen.any():
        return image
    result = image.clone()
    result[chosen] = change(image[chosen], generator, chosen)
    return result


def _ignoring_choice(
    change: Change,
) -> Callable[[Tensor, torch.Generator, Tensor], Tensor]:
    return lambda part, generator, _chosen: change(part, generator)


def _wide(values: Tensor) -> Tensor:
    """Shape one number a patch so that it multiplies images."""
    return values[:, None, None, None]
