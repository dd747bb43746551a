"""What every augmentation is, and where they are listed."""

from typing import ClassVar, Literal

import torch
from torch import Tensor

from napari_mitoseg.params import param
from napari_mitoseg.registry import Registry
from napari_mitoseg.steps import NamedStep
from napari_mitoseg.training.geometry import uniform

Pair = tuple[Tensor, Tensor]


class Augmentation(NamedStep):
    """One way to vary patches at random: its strength, and what it does.

    Called with windows, which it may leave patches of:

    - ``image``: float32, shape (B, S, W, W), normalised slices;
    - ``labels``: float32, shape (B, L, W, W), -1 unlabelled, 0 background, instances
      above 0; L is S in 3D, and 1 in 2.5D, where the middle slice is labelled;
    - ``size``: side of the patches to return, W is ``window(size)``;
    - ``generator``: all chance, on the device of the patches.

    It returns new tensors, or the same where nothing changes, of shape
    (B, S, size, size) and (B, L, size, size).  What is unlabelled stays so, and what no
    pixel of the window says anything about becomes unlabelled.

    Attributes
    ----------
    acts_on : {"places", "greys", "both"}
        Whether things are moved, labels and all, or look different where they are.

    Notes
    -----
    A new augmentation is a subclass under ``@augmentations.register(name)``, and one
    line in ``augmentations/__init__.py``.
    """

    acts_on: ClassVar[Literal["places", "greys", "both"]]

    probability: float = param(
        0.5, ge=0, le=1, description="Share of patches that are changed."
    )

    def window(self, size: int) -> int:
        """Return the side of the windows that patches of some side are made from."""
        return size

    def __call__(
        self, image: Tensor, labels: Tensor, size: int, generator: torch.Generator
    ) -> Pair:
        """Return patches made from windows; see the class."""
        raise NotImplementedError

    def choose(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw which of some patches are changed: bool, shape (count,)."""
        return uniform(count, 0, 1, generator) < self.probability


class GreyChange(Augmentation):
    """An augmentation of grey values alone."""

    acts_on = "greys"

    def __call__(
        self, image: Tensor, labels: Tensor, size: int, generator: torch.Generator
    ) -> Pair:
        """Return patches, some of them changed, and the labels as they are."""
        del size
        chosen = self.choose(len(image), generator)
        if not chosen.any():
            return image, labels
        changed = image.clone()
        changed[chosen] = self.change(image[chosen], generator)
        return changed, labels

    def change(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Return patches changed, shape (B, S, Y, X)."""
        raise NotImplementedError


def crop(data: Tensor, size: int) -> Tensor:
    """Return the middle of windows.

    Parameters
    ----------
    data : Tensor, shape (B, S, W, W)
        Windows.
    size : int
        At most W.

    Returns
    -------
    Tensor, shape (B, S, size, size)
        A view.
    """
    start = (data.shape[-1] - size) // 2
    return data[..., start : start + size, start : start + size]


def choose_sections(
    count: int, n_sections: int, n_chosen: int, generator: torch.Generator
) -> Tensor:
    """Draw some sections of each patch.

    Parameters
    ----------
    count : int
        Patches.
    n_sections : int
        Sections of a patch.
    n_chosen : int
        How many of them; all if there are fewer.
    generator : torch.Generator
        Its device is where the result lies.

    Returns
    -------
    Tensor of bool, shape (count, n_sections)
        True for the sections drawn.
    """
    drawn = uniform(count * n_sections, 0, 1, generator).view(count, n_sections)
    rank = drawn.argsort(dim=1).argsort(dim=1)
    return rank < n_chosen


augmentations: Registry[type[Augmentation]] = Registry("augmentation")
