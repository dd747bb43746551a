"""How many instances are found, and how well."""

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.evaluation.overlap import share
from napari_mitoseg.evaluation.table import Contingency
from napari_mitoseg.params import Params, param

THRESHOLDS = (0.5, 0.75)


class ThresholdScores(Params):
    """Scores of instances that match where their IoU reaches a threshold.

    Notes
    -----
    With TP matched pairs, FP instances left in the prediction and FN in the truth.
    Where there is nothing to count, 0/0, the score is 1.
    """

    iou: float = param(description="Threshold: pairs with this IoU or more match.")
    true_positives: int = param(description="Matched pairs, TP.")
    false_positives: int = param(description="Predicted instances without match, FP.")
    false_negatives: int = param(description="True instances without match, FN.")
    precision: float = param(description="TP / (TP + FP).")
    recall: float = param(description="TP / (TP + FN).")
    f1: float = param(description="2 TP / (2 TP + FP + FN).")
    average_precision: float = param(
        description="TP / (TP + FP + FN), the AP of instances without confidence."
    )
    matched_iou: float = param(description="Mean IoU of the matched pairs.")
    panoptic_quality: float = param(description="Matched IoU × F1.")


class InstanceScores(Params):
    """Counts of instances, and scores at each IoU threshold."""

    n_predicted: int = param(description="Instances in the prediction.")
    n_true: int = param(description="Instances in the truth.")
    at: tuple[ThresholdScores, ...] = param(description="Scores at each threshold.")


def match_instances(
    table: Contingency, thresholds: tuple[float, ...] = THRESHOLDS
) -> InstanceScores:
    """Match predicted instances with true ones.

    Parameters
    ----------
    table : Contingency
        Pairs of labels.
    thresholds : tuple of float
        IoU that a match needs; 0.5 to 1.

    Returns
    -------
    InstanceScores
        Counts and scores.

    Raises
    ------
    ValueError
        If a threshold is below 0.5.

    Notes
    -----
    From an IoU above 0.5 on, no instance can have two partners, so matching needs no
    assignment. At exactly 0.5 an instance may have two partners with 0.5 each; then
    the pair with the smaller labels counts.
    """
    if min(thresholds) < 0.5:
        msg = f"IoU thresholds are 0.5 or more, not {min(thresholds)}."
        raise ValueError(msg)
    n_predicted = int(np.unique(table.prediction[table.prediction > 0]).size)
    n_true = int(np.unique(table.truth[table.truth > 0]).size)
    iou = _matched_iou(table)
    scores = tuple(_score(iou, t, n_predicted, n_true) for t in thresholds)
    return InstanceScores(n_predicted=n_predicted, n_true=n_true, at=scores)


def _matched_iou(table: Contingency) -> NDArray[np.float64]:
    """Return the IoU of the pairs that match at 0.5."""
    both = (table.prediction > 0) & (table.truth > 0)
    a, b, shared = table.prediction[both], table.truth[both], table.n_voxels[both]
    union = (
        _sizes(table.prediction, table.n_voxels, a)
        + _sizes(table.truth, table.n_voxels, b)
        - shared
    )
    near = 2 * shared >= union
    a, b, iou = a[near], b[near], shared[near] / union[near]
    return iou[_is_first(a) & _is_first(b)]


def _sizes(
    labels: NDArray[np.int64], n_voxels: NDArray[np.int64], wanted: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the number of voxels of each wanted label."""
    unique, place = np.unique(labels, return_inverse=True)
    size = np.zeros(unique.size, np.int64)
    np.add.at(size, place, n_voxels)
    return size[np.searchsorted(unique, wanted)]


def _is_first(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say of each entry whether its value has not occurred before."""
    first = np.zeros(labels.size, bool)
    first[np.unique(labels, return_index=True)[1]] = True
    return first


def _score(
    iou: NDArray[np.float64], threshold: float, n_predicted: int, n_true: int
) -> ThresholdScores:
    matched = iou[iou >= threshold]
    tp = int(matched.size)
    fp, fn = n_predicted - tp, n_true - tp
    f1 = share(2 * tp, 2 * tp + fp + fn)
    # Where nothing matches, nothing is matched well; only of nothing all is right.
    quality = share(float(matched.sum()), tp) if tp or not fp + fn else 0.0
    return ThresholdScores(
        iou=threshold,
        true_positives=tp,
        false_positives=fp,
        false_negatives=fn,
        precision=share(tp, tp + fp),
        recall=share(tp, tp + fn),
        f1=f1,
        average_precision=share(tp, tp + fp + fn),
        matched_iou=quality,
        panoptic_quality=quality * f1,
    )
