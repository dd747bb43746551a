"""Test-time augmentation: flips and quarter turns of the plane."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

_FLIPS = ((0, False), (0, True), (2, False), (2, True))
_TURNS = ((1, False), (1, True), (3, False), (3, True))


def views(count: Literal[1, 4, 8]) -> tuple[tuple[int, bool], ...]:
    """Return the symmetries of the plane that are averaged.

    Parameters
    ----------
    count : {1, 4, 8}
        1: as it is. 4: the flips, which keep the shape of a tile. 8: also the quarter
        turns, all symmetries of the square.

    Returns
    -------
    tuple of (int, bool)
        Quarter turns, and whether x is flipped after them.
    """
    return (*_FLIPS, *_TURNS)[:count]


def average_over_views(
    predict: Callable[[Tensor], Tensor], image: Tensor, count: Literal[1, 4, 8]
) -> Tensor:
    """Predict several views of an image and average what comes back.

    Parameters
    ----------
    predict : callable
        Takes and returns tensors whose last two axes are y, x.
    image : Tensor, shape (..., Y, X)
        Network input.
    count : {1, 4, 8}
        Number of views.

    Returns
    -------
    Tensor
        Mean of the predictions, turned back.
    """
    total = torch.zeros(())
    for turns, flip in views(count):
        view = torch.rot90(image, turns, (-2, -1))
        answer = predict(view.flip(-1) if flip else view)
        answer = answer.flip(-1) if flip else answer
        back = torch.rot90(answer, -turns, (-2, -1))
        total = back if count == 1 else total.to(back.device) + back / count
    return total
