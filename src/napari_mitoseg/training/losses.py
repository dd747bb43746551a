"""Losses on logits; every one counts only the voxels that are labelled."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from napari_mitoseg.registry import Registry

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
losses: Registry[Loss] = Registry("loss")

RATIO_LIMITS = (0.05, 0.99)
SMOOTH = 1.0


@losses.register("weighted-bce")
def weighted_bce(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return the class-balanced binary cross-entropy, summed over output maps.

    Parameters
    ----------
    logits, target, known : Tensor, shape (B, C, ...)
        Prediction; truth, 0 or 1; 1 where the truth is known.

    Returns
    -------
    Tensor
        Scalar: mean over blocks of the sum over maps of Eq. 1.

    Notes
    -----
    The foreground ratio of Eq. 2 is that of each block and map among its labelled
    voxels, clipped to 0.05–0.99 as in the authors' code.

    References
    ----------
    .. [1] Li et al. (2021), Advanced deep networks for 3D mitochondria instance
       segmentation, Eq. 1–3, doi:10.48550/arXiv.2104.07961.
    """
    weight = balance(target, known) * known
    entropy = binary_cross_entropy_with_logits(logits, target, reduction="none")
    axes = tuple(range(2, logits.ndim))
    per_map = (weight * entropy).sum(axes) / known.sum(axes).clamp(min=1)
    return per_map.sum(dim=1).mean()


def balance(target: Tensor, known: Tensor) -> Tensor:
    """Return the weight of each voxel, Eq. 2.

    Parameters
    ----------
    target, known : Tensor, shape (B, C, ...)
        Truth, 0 or 1; 1 where it is known.

    Returns
    -------
    Tensor, shape (B, C, ...)
        1 for the more frequent class; the ratio of the classes for the other.
    """
    axes = tuple(range(2, target.ndim))
    ratio = (target * known).sum(axes, keepdim=True) / known.sum(
        axes, keepdim=True
    ).clamp(min=1)
    ratio = ratio.clamp(*RATIO_LIMITS)
    many = target + ratio / (1 - ratio) * (1 - target)
    few = (1 - ratio) / ratio * target + (1 - target)
    return torch.where(ratio > 0.5, many, few)


@losses.register("dice")
def soft_dice(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return 1 − Dice of the probabilities, over the whole batch, summed over maps.

    Parameters
    ----------
    logits, target, known : Tensor, shape (B, C, ...)
        Prediction; truth, 0 or 1; 1 where the truth is known.

    Returns
    -------
    Tensor
        Scalar.
    """
    probability = logits.sigmoid() * known
    truth = target * known
    axes = (0, *range(2, logits.ndim))
    shared = 2 * (probability * truth).sum(axes) + SMOOTH
    return (1 - shared / (probability.sum(axes) + truth.sum(axes) + SMOOTH)).sum()


@losses.register("bce-dice")
def bce_dice(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return binary cross-entropy over labelled voxels plus soft Dice.

    Parameters
    ----------
    logits, target, known : Tensor, shape (B, C, ...)
        Prediction; truth, 0 or 1; 1 where the truth is known.

    Returns
    -------
    Tensor
        Scalar: mean entropy of a voxel, summed over maps, and `soft_dice`.
    """
    entropy = binary_cross_entropy_with_logits(
        logits, target, weight=known, reduction="none"
    )
    axes = (0, *range(2, logits.ndim))
    mean = entropy.sum(axes) / known.sum(axes).clamp(min=1)
    return mean.sum() + soft_dice(logits, target, known)
