"""Losses on logits; every one counts only the voxels that are labelled."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from napari_mitoseg.models.detector import ANCHOR, CELL, OUTPUTS
from napari_mitoseg.registry import Registry

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
losses: Registry[Loss] = Registry("loss")

RATIO_LIMITS = (0.05, 0.99)
SMOOTH = 1.0
TINY = 1e-9
N_DETECTOR_MAPS = len(OUTPUTS)


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


@losses.register("bce")
def bce(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return the binary cross-entropy of labelled voxels, summed over output maps.

    Parameters
    ----------
    logits, target, known : Tensor, shape (B, C, ...)
        Prediction; truth, 0 or 1; how much it counts, 0 where it is not known.

    Returns
    -------
    Tensor
        Scalar: the mean over voxels, summed over maps.
    """
    entropy = binary_cross_entropy_with_logits(
        logits, target, weight=known, reduction="none"
    )
    axes = (0, *range(2, logits.ndim))
    return (entropy.sum(axes) / known.sum(axes).clamp(min=1)).sum()


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
    return bce(logits, target, known) + soft_dice(logits, target, known)


@losses.register("detection")
def detection(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return the loss of a detector: of its mask, its centres and its boxes.

    Parameters
    ----------
    logits, target, known : Tensor, shape (B, 6, ..., Y, X)
        Prediction; truth, see `box_targets.make_box_targets`; how much it counts.

    Returns
    -------
    Tensor
        Scalar: `bce_dice` of the mask, `centre_loss` and `side_loss`.

    Notes
    -----
    The maps of boxes are the same all over a cell and count at its anchor.  Of a
    network without such maps it is `bce_dice`.
    """
    if logits.shape[1] != N_DETECTOR_MAPS:
        return bce_dice(logits, target, known)
    mask = bce_dice(logits[:, :1], target[:, :1], known[:, :1])
    anchors = (
        slice(1, None),
        ...,
        slice(ANCHOR, None, CELL),
        slice(ANCHOR, None, CELL),
    )
    cells = [maps[:, *anchors] for maps in (logits, target, known)]
    centre = centre_loss(*(maps[:, 0] for maps in cells))
    return mask + centre + side_loss(*(maps[:, 1:] for maps in cells))


def centre_loss(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return the quality focal loss, over the sum of the truth.

    Parameters
    ----------
    logits, target, known : Tensor
        Prediction; how much of a centre is here, 0 to 1; 1 where that is known.

    Returns
    -------
    Tensor
        Scalar: cross-entropy, weighted by the square of the error.

    References
    ----------
    .. [1] Li et al. (2020), Generalized focal loss, doi:10.48550/arXiv.2006.04388,
       Eq. 1 with β = 2.
    """
    entropy = binary_cross_entropy_with_logits(logits, target, reduction="none")
    error = (logits.sigmoid() - target).square()
    return (entropy * error * known).sum() / (target * known).sum().clamp(min=1)


def side_loss(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return 1 − IoU of predicted and true boxes, averaged over points.

    Parameters
    ----------
    logits, target, known : Tensor, shape (B, 4, ...)
        Logits of the distances to top, left, bottom, right; the true ones; how much
        each point counts.

    Returns
    -------
    Tensor
        Scalar.

    References
    ----------
    .. [1] Yu et al. (2016), UnitBox, doi:10.1145/2964284.2967274, section 3.1.
    """
    found = logits.sigmoid()
    shared = torch.minimum(found, target)
    overlap = _box_area(shared)
    union = _box_area(found) + _box_area(target) - overlap
    weight = known[:, 0]
    lost = (1 - overlap / union.clamp(min=TINY)) * weight
    return lost.sum() / weight.sum().clamp(min=1)


def _box_area(sides: Tensor) -> Tensor:
    """Return height times width of boxes around points, (B, 4, ...) to (B, ...)."""
    top, left, bottom, right = sides.unbind(dim=1)
    return (top + bottom) * (left + right)
