"""How sure a network is of what it found, and a warning where it is not."""

from math import prod

import numpy as np

from napari_mitoseg.labelling import iter_slabs
from napari_mitoseg.maps import FULL
from napari_mitoseg.models.zoo import ModelCard
from napari_mitoseg.volume import Array, LazyArray

DOUBTFUL = (0.2, 0.8)
"""Probabilities between which a voxel is neither found nor not."""

LEAST_FOUND = 0.001
"""Share of a volume with more than the lower one that is needed to judge."""

UNUSUAL = 1.4
"""How many times the usual doubt is worth a warning."""

MARGIN = 0.1
"""How much more than usual it must be, of networks that are sure of nearly all."""


def measure_doubt(semantic: LazyArray) -> float | None:
    """Measure which share of the voxels that a network points at it is unsure of.

    Parameters
    ----------
    semantic : array of uint8, shape (Z, Y, X)
        Probability of mitochondrion × 255; read slab by slab.

    Returns
    -------
    float or None
        Voxels with a probability of 0.2 to 0.8 over those of 0.2 and more; None where
        these are less than a thousandth of the volume.
    """
    slabs = iter_slabs(semantic.shape)
    each = [count_pointed(np.asarray(semantic[slab])) for slab in slabs]
    counts = np.sum(each, axis=0)
    return doubt_of(counts, prod(semantic.shape))


def count_pointed(semantic: Array) -> Array:
    """Count the voxels that a network points at, and those it is sure of.

    Parameters
    ----------
    semantic : ndarray of uint8
        Probability × 255; part of a volume.

    Returns
    -------
    ndarray of int64, shape (2,)
        Voxels of 0.2 and more; of more than 0.8.
    """
    low, high = (FULL * p for p in DOUBTFUL)
    return np.array([np.count_nonzero(semantic >= low), (semantic > high).sum()])


def doubt_of(counts: Array, n_voxels: int) -> float | None:
    """Return what `measure_doubt` does, of counts that were summed.

    Parameters
    ----------
    counts : ndarray of int, shape (2,)
        From `count_pointed`.
    n_voxels : int
        Of the volume.

    Returns
    -------
    float or None
        See `measure_doubt`.
    """
    pointed, sure = counts.tolist()
    return 1 - sure / pointed if pointed > LEAST_FOUND * n_voxels else None


def doubts(doubt: float | None, card: ModelCard) -> tuple[str, ...]:
    """Say that a stack looks unlike those a model was trained on, if it does.

    Parameters
    ----------
    doubt : float or None
        From `measure_doubt`.
    card : ModelCard
        Of the model; one without `doubt` says nothing.

    Returns
    -------
    tuple of str
        A sentence or two for the user; none where nothing is unusual.
    """
    if card.doubt is None:
        return ()
    if doubt is None:
        return (
            f"{card.name} found next to nothing. If there are mitochondria, the stack "
            "looks unlike those it was trained on, or its spacing is wrong: compare "
            "scales with Try scales…, or label a few slices and train on them.",
        )
    if not is_unusual(doubt, card.doubt):
        return ()
    return (
        f"The stack looks unlike those {card.name} was trained on: it is unsure of "
        f"{doubt:.0%} of what it found ({card.doubt:.0%} is usual). Check a few slices "
        "before you count; to label some of them and train on them helps most.",
    )


def is_unusual(doubt: float, usual: float) -> bool:
    """Say whether a doubt is worth a warning.

    Parameters
    ----------
    doubt, usual : float
        0 to 1: of a stack, and of stacks like those that were learned from.

    Returns
    -------
    bool
        Whether it is so many times the usual one, and so much more; of networks that
        are usually unsure, whether it is nearer to 1 than to that.
    """
    much = max(UNUSUAL * usual, usual + MARGIN)
    return doubt > min(much, (1 + usual) / 2)
