"""Batches of single blocks, balanced between the classes by rotated mitochondria."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from napari_mitoseg.models.base import Network
from napari_mitoseg.models.patch_cnn import BLOCK, CENTRE, fold
from napari_mitoseg.training.fit import Batch
from napari_mitoseg.training.patches import (
    TrainingStack,
    Window,
    choose_stacks,
    step_chance,
)
from napari_mitoseg.training.settings import FitSettings
from napari_mitoseg.training.targets import make_targets

BLOCKS_PER_PATCH, MOST_BLOCKS = 32, 512
N_LOOKS = 20
"""Validations in a training of a number of steps."""

PIXELS_PER_BLOCK = 40
"""Pixels of a whole image that take the arithmetic of one block: 5.8 over 0.145 million
multiplications."""


def draw_blocks(
    network: Network,
    stacks: Sequence[TrainingStack],
    settings: FitSettings,
    step: int,
    device: torch.device,
) -> Batch:
    """Draw the blocks of one step: to be given to `fit` as ``draw``.

    Parameters
    ----------
    network : Network
        Says context and outputs; see `models.patch_cnn.PatchCNN`.
    stacks : sequence of TrainingStack
        On the device; chosen by weight.
    settings : FitSettings
        Batch, share of mitochondria (`foreground`), augmentations and seed.  Blocks
        are always 32×32, whatever the patch.
    step : int
        Number of the step: with the seed it decides all chance.
    device : torch.device
        Where the blocks are wanted.

    Returns
    -------
    image : Tensor of float32, shape (batch, 2 * context + 1, 32, 32)
        Blocks; beyond the edges of a stack the image is reflected.
    target, known : Tensor, shape (batch, outputs, 1, 1, 1)
        Truth of the centre pixel, and where it is known.

    Notes
    -----
    As in [1]_ a stack is cut into blocks that do not overlap, the class of a block is
    that of its centre pixel, and blocks of mitochondria, which are few, are repeated
    rotated.  The text does not say by which angles: here quarter turns, about the
    centre pixel, which stays in its place.  From step to step the grid of blocks is
    moved at random, so that every pixel is a centre at some time.  Augmentations come
    on top; the class is then that of the pixel they bring to the centre.

    References
    ----------
    .. [1] Oztel, Yolcu, Ersoy, White, Bunyak (2017), Mitochondria segmentation in
       electron microscopy volumes using deep convolutional neural network,
       doi:10.1109/BIBM.2017.8217827.
    """
    places, chance = step_chance(settings.seed, step, device)
    chosen = choose_stacks(stacks, settings.batch, places)
    chain = settings.chain
    window = Window(chain.window(BLOCK), network.context)
    windows = [
        _draw(stack, chosen.count(i), window, settings.foreground, places)
        for i, stack in enumerate(stacks)
        if i in chosen
    ]
    image, labels = (torch.cat(part) for part in zip(*windows, strict=True))
    image, labels = chain(image, labels, BLOCK, chance)
    target, known = make_targets(labels, network.outputs)
    middle = (..., slice(CENTRE, CENTRE + 1), slice(CENTRE, CENTRE + 1))
    image = image.contiguous(memory_format=torch.channels_last)
    return image, target[middle], known[middle]


def for_blocks(settings: FitSettings) -> FitSettings:
    """Return settings for blocks that take about the time of those for patches.

    Parameters
    ----------
    settings : FitSettings
        For patches of a network that is run over them.

    Returns
    -------
    FitSettings
        Blocks of 32×32, 32 in the place of each patch, half of them mitochondria.  A
        step is then shorter, and validations are farther apart by as much.
    """
    batch = min(MOST_BLOCKS, BLOCKS_PER_PATCH * settings.batch)
    ratio = settings.batch * math.prod(settings.patch) / (batch * PIXELS_PER_BLOCK)
    every = max(1, round(settings.validate_every * ratio))
    if settings.limit == "steps":
        every = min(every, max(settings.validate_every, settings.steps // N_LOOKS))
    changes = {
        "patch": (1, BLOCK, BLOCK),
        "batch": batch,
        "foreground": 0.5,
        "validate_every": every,
    }
    return settings.model_copy(update=changes)


def _draw(
    stack: TrainingStack,
    count: int,
    window: Window,
    foreground: float,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Draw windows around centres of blocks in one stack, and their labels."""
    centres, n_mitochondria = _centres(stack, count, foreground, generator)
    image, labels = _cut(stack, centres.to(stack.image.device), window)
    turns = torch.randint(4, (count,), generator=generator)
    turns[n_mitochondria:] = 0
    return _turned(image, turns, window.size), _turned(labels, turns, window.size)


def _centres(
    stack: TrainingStack, count: int, foreground: float, generator: torch.Generator
) -> tuple[Tensor, int]:
    """Draw centres of blocks, (count, 3), first those of mitochondria; say how many."""
    _, height, width = stack.labels.shape
    y, x = (
        int(torch.randint(min(BLOCK, n), (), generator=generator))
        for n in (height, width)
    )
    grid = stack.labels[:, y::BLOCK, x::BLOCK][stack.slices.to(stack.labels.device)]
    first = torch.tensor([0, y, x])
    steps = torch.tensor([1, BLOCK, BLOCK])
    mitochondria, background = (
        _in_stack(
            (grid == 0 if empty else grid > 0).nonzero().cpu(), stack, first, steps
        )
        for empty in (False, True)
    )
    if not len(mitochondria):
        mitochondria = stack.foreground
    if not len(mitochondria) and not len(background):
        background = (stack.labels == 0).nonzero().cpu()
    n = int(count * foreground + torch.rand((), generator=generator).item())
    n = n if len(background) else count
    n = n if len(mitochondria) else 0
    drawn = [
        _some(mitochondria, n, generator),
        _some(background, count - n, generator),
    ]
    return torch.cat(drawn), n


def _in_stack(
    places: Tensor, stack: TrainingStack, first: Tensor, steps: Tensor
) -> Tensor:
    """Turn places in the grid of blocks into voxels of the stack."""
    voxels = places * steps + first
    voxels[:, 0] = stack.slices[places[:, 0]]
    return voxels


def _some(places: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw some of the places, each as often as chance has it."""
    if not count:
        return places.new_zeros((0, 3))
    return places[torch.randint(len(places), (count,), generator=generator)]


def _cut(
    stack: TrainingStack, centres: Tensor, window: Window
) -> tuple[Tensor, Tensor]:
    """Cut windows of an odd side around centres out of image and labels."""
    depth, height, width = stack.image.shape
    half = window.size // 2
    around = torch.arange(-half, half + 1, device=centres.device)
    z, y, x = centres[:, :1], centres[:, 1:2] + around, centres[:, 2:] + around
    context = range(-window.context, window.context + 1)
    steps = [k * stack.stride for k in context]
    seen = (z + torch.tensor(steps, device=centres.device)).clamp(0, depth - 1)
    rows, columns = fold(y, height), fold(x, width)
    image, labels = (
        data[zs[:, :, None, None], rows[:, None, :, None], columns[:, None, None, :]]
        for data, zs in ((stack.image, seen), (stack.labels, z))
    )
    return image, labels.float()


def _turned(windows: Tensor, turns: Tensor, size: int) -> Tensor:
    """Turn windows about their centre pixel, then cut them down to a size."""
    result = windows[..., :size, :size].clone()
    for n in (1, 2, 3):
        chosen = (turns == n).to(windows.device)
        turned = windows[chosen].rot90(n, (-2, -1))
        result[chosen] = turned[..., :size, :size]
    return result
