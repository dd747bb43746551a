"""How far two ways of dividing a volume into segments differ."""

import math

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.evaluation.overlap import share
from napari_mitoseg.evaluation.table import Contingency, Integers
from napari_mitoseg.params import Params, param


class PartitionScores(Params):
    """Differences of two divisions of a volume into segments; 0 is best.

    Notes
    -----
    As scikit-image computes them unless told otherwise. Variation of information is
    in bits, over all voxels, the background being a segment like the others. The
    adapted Rand error leaves out voxels where the truth is background; background of
    the prediction is one segment there. Precision is the share of predicted pairs, as
    the paper has it and scikit-image describes it; scikit-image 0.26 returns it as the
    recall, and the recall as precision. Where there is nothing to count, 0/0, both
    are 1.

    References
    ----------
    Meilă, M. "Comparing clusterings: an information based distance." Journal of
    Multivariate Analysis 98, 873-895 (2007). doi:10.1016/j.jmva.2006.11.013
    Arganda-Carreras, I. et al. "Crowdsourcing the creation of image segmentation
    algorithms for connectomics." Frontiers in Neuroanatomy 9, 142 (2015).
    doi:10.3389/fnana.2015.00142
    """

    vi_split: float = param(
        description="Variation of information by splits: how many bits say which "
        "predicted segment a voxel is in, once its true one is known."
    )
    vi_merge: float = param(
        description="Variation of information by merges: how many bits say which true "
        "segment a voxel is in, once its predicted one is known."
    )
    adapted_rand_error: float = param(
        description="1 − the F-score of the pairs of voxels in one segment."
    )
    adapted_rand_precision: float = param(
        description="Share of predicted pairs that are true."
    )
    adapted_rand_recall: float = param(
        description="Share of true pairs that are predicted."
    )


def score_partition(table: Contingency) -> PartitionScores:
    """Compare the segments of a prediction with those of the truth.

    Parameters
    ----------
    table : Contingency
        Pairs of labels.

    Returns
    -------
    PartitionScores
        All scores.
    """
    inside = table.truth > 0
    shared = table.n_voxels[inside]
    both = _pairs(shared)
    predicted = _pairs(_totals(table.prediction[inside], shared))
    true = _pairs(_totals(table.truth[inside], shared))
    return PartitionScores(
        vi_split=_entropy(table.n_voxels, table.truth),
        vi_merge=_entropy(table.n_voxels, table.prediction),
        # 2 P R / (P + R), also where nothing is shared.
        adapted_rand_error=1 - share(2 * both, predicted + true),
        adapted_rand_precision=share(both, predicted),
        adapted_rand_recall=share(both, true),
    )


def _entropy(n_voxels: Integers, known: Integers) -> float:
    """Return the bits that pairs of labels hold when one of each is known."""
    _, row = np.unique(known, return_inverse=True)
    total = np.bincount(row, n_voxels)
    bits = n_voxels * np.log2(total[row] / n_voxels)
    return math.fsum(bits) / int(n_voxels.sum())


def _totals(labels: Integers, n_voxels: Integers) -> NDArray[np.float64]:
    """Return the voxels of each label."""
    _, row = np.unique(labels, return_inverse=True)
    return np.bincount(row, n_voxels).astype(np.float64)


def _pairs(n_voxels: Integers | NDArray[np.float64]) -> float:
    """Count the ordered pairs of different voxels in one segment."""
    return float(np.sum(n_voxels * (n_voxels - 1.0)))
