"""How many instances are found, and how well."""

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.evaluation.overlap import share
from napari_mitoseg.evaluation.table import Contingency, Overlaps
from napari_mitoseg.params import Params, param

THRESHOLDS = (0.5, 0.75)


class ThresholdScores(Params):
    """Scores of instances that match where their IoU reaches a threshold.

    Notes
    -----
    With TP matched pairs, FP instances left in the prediction and FN in the truth.
    Where there is nothing to count, 0/0, the score is 1.

    References
    ----------
    Kirillov, A. et al. "Panoptic segmentation." CVPR (2019), Eq. 1.
    doi:10.1109/CVPR.2019.00963
    """

    iou: float = param(description="Threshold: pairs with this IoU or more match.")
    true_positives: int = param(description="Matched pairs, TP.")
    false_positives: int = param(description="Predicted instances without match, FP.")
    false_negatives: int = param(description="True instances without match, FN.")
    precision: float = param(description="TP / (TP + FP).")
    recall: float = param(description="TP / (TP + FN).")
    f1: float = param(description="2 TP / (2 TP + FP + FN).")
    average_precision: float = param(
        description="TP / (TP + FP + FN), an AP of instances without confidence; "
        "that of the MitoEM challenge is ap75."
    )
    matched_iou: float = param(
        description="Mean IoU of the matched pairs: the segmentation quality, SQ, "
        "where F1 is the recognition quality, RQ."
    )
    panoptic_quality: float = param(description="Matched IoU × F1, SQ × RQ.")


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
    n_predicted, n_true = table.predicted.labels.size, table.true.labels.size
    iou = matched_pairs(table).iou
    scores = tuple(_score(iou, t, n_predicted, n_true) for t in thresholds)
    return InstanceScores(n_predicted=n_predicted, n_true=n_true, at=scores)


def matched_pairs(table: Contingency) -> Overlaps:
    """Return the pairs of objects that match at an IoU of 0.5.

    Parameters
    ----------
    table : Contingency
        Pairs of labels.

    Returns
    -------
    Overlaps
        No object stands in two pairs.
    """
    overlaps = table.overlaps
    near = 2 * overlaps.iou >= 1
    close = _chosen(overlaps, near)
    return _chosen(close, _is_first(close.predicted) & _is_first(close.true))


def _chosen(overlaps: Overlaps, which: NDArray[np.bool_]) -> Overlaps:
    return Overlaps(
        overlaps.predicted[which],
        overlaps.true[which],
        overlaps.n_voxels[which],
        overlaps.iou[which],
    )


def _is_first(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say of each entry whether its value has not occurred before."""
    first = np.zeros(rows.size, bool)
    first[np.unique(rows, return_index=True)[1]] = True
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
