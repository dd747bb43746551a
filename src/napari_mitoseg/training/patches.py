"""Stacks to train on, and windows cut out of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from napari_mitoseg.errors import AnnotationError, ShapeError
from napari_mitoseg.inference.grid import context_stride
from napari_mitoseg.models.normalize import normalize_slice
from napari_mitoseg.training.targets import UNKNOWN
from napari_mitoseg.volume import Spacing

MAX_CENTRES = 50_000
DARK = -1.0
DARK_WIDTH = 9


@dataclass(frozen=True, eq=False)
class TrainingStack:
    """An image and its labels, in-plane at the spacing of the model.

    Attributes
    ----------
    image : Tensor of float32, shape (Z, Y, X)
        Normalised slice by slice.
    labels : Tensor of int32, shape (Z, Y, X)
        -1 unlabelled, 0 background, instances above 0.
    z_step : float
        Spacing of the model along z over that of the stack.
    weight : float
        How often patches come from it, relative to the other stacks.
    name : str
        For messages.
    """

    image: Tensor
    labels: Tensor
    z_step: float = 1.0
    weight: float = 1.0
    name: str = "stack"
    foreground: Tensor = field(init=False)
    dark: Tensor = field(init=False)
    slices: Tensor = field(init=False)

    def __post_init__(self) -> None:
        """Find the places patches may be centred on."""
        known = (self.labels > UNKNOWN).flatten(1).any(dim=1).nonzero().flatten()
        if known.numel() == 0:
            msg = f"{self.name} has no labelled voxel. Label at least one slice."
            raise AnnotationError(msg)
        object.__setattr__(self, "slices", known.cpu())
        object.__setattr__(self, "foreground", _places(self.labels > 0))
        object.__setattr__(self, "dark", _places(_is_dark(self.image, self.labels)))

    @property
    def stride(self) -> int:
        """How many slices apart the context is, when predicting, too."""
        return context_stride(self.z_step)

    def to(self, device: torch.device) -> "TrainingStack":
        """Return the stack with its tensors on a device."""
        return TrainingStack(
            self.image.to(device),
            self.labels.to(device),
            self.z_step,
            self.weight,
            self.name,
        )


def prepare_stack(
    image: NDArray[Any],
    labels: NDArray[Any],
    spacing: Spacing,
    model_spacing: Spacing,
    *,
    weight: float = 1.0,
    name: str = "stack",
) -> TrainingStack:
    """Normalise a stack and bring it to the spacing of the model in-plane.

    Parameters
    ----------
    image : ndarray, shape (Z, Y, X)
        Grey values.
    labels : ndarray of int, shape (Z, Y, X)
        -1 unlabelled, 0 background, instances above 0.
    spacing, model_spacing : tuple of float
        nm, ZYX.
    weight : float
        How often patches come from it, relative to other stacks.
    name : str
        For messages.

    Returns
    -------
    TrainingStack
        Slices along z are kept as they are.

    Raises
    ------
    ShapeError
        If image and labels differ in shape.
    AnnotationError
        If nothing is labelled.
    """
    if image.shape != labels.shape or image.ndim != 3:
        msg = (
            f"The image of {name} has shape {image.shape} and its labels have shape "
            f"{labels.shape}. Both must be (Z, Y, X) and equal."
        )
        raise ShapeError(msg)
    size = tuple(
        max(1, round(n * own / wanted))
        for n, own, wanted in zip(
            image.shape[1:], spacing[1:], model_spacing[1:], strict=True
        )
    )
    planes = [normalize_slice(plane) for plane in image]
    resized = interpolate(
        torch.from_numpy(np.stack(planes))[:, None],
        size,
        mode="bilinear",
        antialias=True,
    )
    numbers = torch.from_numpy(labels.astype(np.float64))[:, None]
    nearest = interpolate(numbers, size, mode="nearest-exact")
    return TrainingStack(
        resized[:, 0],
        nearest[:, 0].to(torch.int32),
        z_step=model_spacing[0] / spacing[0],
        weight=weight,
        name=name,
    )


@dataclass(frozen=True)
class Window:
    """What to cut out of a stack around each centre.

    Attributes
    ----------
    size : int
        Pixels along y and x.
    context : int
        Neighbour slices on each side in the image (2.5D), 0 in 3D.
    depth : int
        Slices of labels; 1 in 2.5D.
    """

    size: int
    context: int = 0
    depth: int = 1


def step_chance(
    seed: int, step: int, device: torch.device
) -> tuple[torch.Generator, torch.Generator]:
    """Return the chance of one training step, which no other step changes.

    Parameters
    ----------
    seed : int
        Of the whole training.
    step : int
        Number of the step.
    device : torch.device
        Where the patches are augmented.

    Returns
    -------
    places, chance : torch.Generator
        For where patches are cut, on the CPU, and for what is done to them.
    """
    both = seed * 1_000_003 + step
    places = torch.Generator().manual_seed(both)
    return places, torch.Generator(device).manual_seed(both)


def choose_stacks(
    stacks: Sequence[TrainingStack], count: int, generator: torch.Generator
) -> list[int]:
    """Draw which stack each patch comes from, by their weights.

    Parameters
    ----------
    stacks : sequence of TrainingStack
        To choose from.
    count : int
        Patches.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    list of int
        Numbers of stacks.
    """
    weights = torch.tensor([stack.weight for stack in stacks])
    chosen = torch.multinomial(weights, count, replacement=True, generator=generator)
    numbers: list[int] = chosen.tolist()
    return numbers


def sample_windows(
    stacks: Sequence[TrainingStack],
    window: Window,
    count: int,
    generator: torch.Generator,
    foreground: float = 0.5,
    dark: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Cut windows at random places.

    Parameters
    ----------
    stacks : sequence of TrainingStack
        Chosen by weight.
    window : Window
        What to cut out.
    count : int
        How many.
    generator : torch.Generator
        On the CPU.
    foreground : float
        Share of windows whose centre is a mitochondrion.
    dark : float
        Share of windows whose centre is dark background as wide as an organelle:
        myelin, precipitate, lysosomes, nuclei.

    Returns
    -------
    image : Tensor of float32, shape (count, depth + 2 * context, size, size)
        Slices; beyond the edges of the stack the image is reflected.
    labels : Tensor of float32, shape (count, depth, size, size)
        -1 unlabelled, 0 background, instances above 0.
    """
    pairs = [
        _cut(stacks[i], window, _centre(stacks[i], generator, foreground, dark))
        for i in choose_stacks(stacks, count, generator)
    ]
    return torch.stack([p[0] for p in pairs]), torch.stack([p[1] for p in pairs])


def context_slices(z: int, context: int, stride: int, depth: int) -> list[int]:
    """Return which slices a 2.5D network sees for one slice.

    Parameters
    ----------
    z : int
        The slice to segment.
    context : int
        Neighbours on each side.
    stride : int
        Slices of the stack per context step.
    depth : int
        Slices in the stack; beyond its ends the last one is repeated.

    Returns
    -------
    list of int
        Slice numbers from below to above.

    Examples
    --------
    >>> context_slices(10, context=1, stride=8, depth=165)
    [2, 10, 18]
    >>> context_slices(0, context=1, stride=1, depth=20)
    [0, 0, 1]
    """
    steps = range(-context, context + 1)
    return [min(max(z + k * stride, 0), depth - 1) for k in steps]


def _centre(
    stack: TrainingStack, generator: torch.Generator, foreground: float, dark: float
) -> list[int]:
    """Draw the centre of a window: z, y, x."""
    kind = torch.rand((), generator=generator).item()
    if kind < foreground and len(stack.foreground):
        return _one_of(stack.foreground, generator)
    if foreground <= kind < foreground + dark and len(stack.dark):
        return _one_of(stack.dark, generator)
    z = int(stack.slices[_below(len(stack.slices), generator)])
    _, height, width = stack.image.shape
    return [z, _below(height, generator), _below(width, generator)]


def draw_centre(
    stack: TrainingStack, slices: Tensor, foreground: float, generator: torch.Generator
) -> tuple[int, int, int]:
    """Draw the centre of a patch in one of some slices.

    Parameters
    ----------
    stack : TrainingStack
        Image and labels.
    slices : Tensor of int
        Slice numbers to choose from, each as often.
    foreground : float
        Share of centres on a mitochondrion, where the slice has one.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    tuple of int
        z, y, x.
    """
    z = int(slices[_below(len(slices), generator)])
    _, height, width = stack.image.shape
    if torch.rand((), generator=generator).item() < foreground:
        first, last = torch.searchsorted(
            stack.foreground[:, 0].contiguous(), torch.tensor([z, z + 1])
        ).tolist()
        if last > first:
            _, y, x = _one_of(stack.foreground[first:last], generator)
            return z, y, x
    return z, _below(height, generator), _below(width, generator)


def _one_of(places: Tensor, generator: torch.Generator) -> list[int]:
    place: list[int] = places[_below(len(places), generator)].tolist()
    return place


def _places(mask: Tensor) -> Tensor:
    """Return positions where a mask is true, thinned out if there are many."""
    places = mask.nonzero()
    return places[:: max(1, len(places) // MAX_CENTRES)].cpu()


def _is_dark(image: Tensor, labels: Tensor) -> Tensor:
    """Find background that is dark over the width of a small organelle."""
    smooth = avg_pool2d(image[:, None], DARK_WIDTH, 1, DARK_WIDTH // 2)[:, 0]
    return (smooth < DARK) & (labels == 0)


def _below(n: int, generator: torch.Generator) -> int:
    return int(torch.randint(n, (), generator=generator))


def _cut(
    stack: TrainingStack, window: Window, centre: list[int]
) -> tuple[Tensor, Tensor]:
    """Cut one window out of image and labels."""
    z, y, x = centre
    depth, height, width = stack.image.shape
    middle = reflected(z - window.depth // 2, window.depth, depth)
    seen = (
        context_slices(z, window.context, stack.stride, depth)
        if window.context
        else middle
    )
    rows = reflected(y - window.size // 2, window.size, height)
    columns = reflected(x - window.size // 2, window.size, width)
    image = take(stack.image, seen, rows, columns)
    return image, take(stack.labels, middle, rows, columns).float()


def take(data: Tensor, zs: list[int], ys: list[int], xs: list[int]) -> Tensor:
    """Return the voxels at some slices, rows and columns."""
    y, x = (torch.tensor(axis, device=data.device) for axis in (ys, xs))
    taken = data.new_empty((len(zs), len(ys), len(xs)))
    for n, z in enumerate(zs):
        taken[n] = data[z].index_select(0, y).index_select(1, x)
    return taken


def reflected(start: int, length: int, size: int) -> list[int]:
    """Return positions from `start` on, mirrored at both ends of the axis."""
    period = max(1, 2 * size - 2)
    positions = (i % period for i in range(start, start + length))
    return [min(i, period - i) for i in positions]
