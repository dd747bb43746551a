"""Average precision of instances, as the MitoEM challenge computes it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import ShapeError
from napari_mitoseg.evaluation.table import Contingency, Integers
from napari_mitoseg.params import Params, param

SMALL_UP_TO = 5_000
MEDIUM_UP_TO = 15_000
"""Voxels up to which the challenge calls an instance small, or medium."""

IOU_THRESHOLDS = 0.5 + 0.05 * np.arange(10)
RECALLS = 0.01 * np.arange(101)
STRICT = 5
"""Which of the thresholds is 0.75."""

Span = tuple[float, float]
ALL: Span = (0, np.inf)
SMALL: Span = (0, SMALL_UP_TO)
MEDIUM: Span = (SMALL_UP_TO, MEDIUM_UP_TO)
LARGE: Span = (MEDIUM_UP_TO, np.inf)


class AveragePrecision(Params):
    """Average precision, 0 to 1, of instances in 3D.

    Notes
    -----
    Absent where the truth has no instance of the size.

    Follows the challenge's published program rule by rule. A report on the challenge
    says that bounding boxes are compared "instead of voxel-wise calculation"; in the
    program boxes only tell where to count, and IoU is that of voxels. Predicted
    instances come in the order of their confidence, the largest first where none is
    given. Each is compared with the true instance of the size with which its IoU is
    highest, or of any size if it touches none; with an IoU of the threshold or more it
    is a true positive, and left out if that instance is of another size. A predicted
    instance without match is a false positive, and left out if it is of another size
    itself. Precision at a recall is the highest at this or any higher recall, and the
    score its mean over the recalls 0, 0.01, ... 1. Of equal confidences, which the
    program orders by chance, the lower IoU comes first here.

    References
    ----------
    Wei, D. et al. "MitoEM dataset: large-scale 3D mitochondria instance segmentation
    from EM images." MICCAI (2020). doi:10.1007/978-3-030-59722-1_7
    Program: https://github.com/ygCoconut/mAP_3Dvolume
    Report: Li et al. (2021), section 3.1, doi:10.48550/arXiv.2104.07961
    """

    ap: float | None = param(description="Mean of the AP at IoU 0.50, 0.55, ... 0.95.")
    ap50: float | None = param(description="AP at IoU 0.5.")
    ap75: float | None = param(
        description="AP at IoU 0.75, the AP-75 of the MitoEM challenge."
    )
    ap75_small: float | None = param(
        description=f"The same of instances of up to {SMALL_UP_TO} voxels."
    )
    ap75_medium: float | None = param(
        description=f"The same of more voxels, up to {MEDIUM_UP_TO}."
    )
    ap75_large: float | None = param(description="The same of those larger still.")


def score_average_precision(
    table: Contingency, confidence: NDArray[np.float64] | None = None
) -> AveragePrecision:
    """Score instances that are ordered by confidence.

    Parameters
    ----------
    table : Contingency
        Pairs of labels.
    confidence : ndarray of float, shape (n,), optional
        Of each predicted instance, in the order of the labels (a mean probability);
        their sizes when absent.

    Returns
    -------
    AveragePrecision
        All scores.

    Raises
    ------
    ShapeError
        Unless there is one confidence for each predicted instance.
    """
    values = _checked(confidence, table.predicted.n_voxels)
    order = np.lexsort((_best_partners(table, ALL).iou, -values))
    overall = [_score(table, order, ALL, float(iou)) for iou in IOU_THRESHOLDS]
    found = [score for score in overall if score is not None]
    strict = float(IOU_THRESHOLDS[STRICT])
    return AveragePrecision(
        ap=float(np.mean(found)) if found else None,
        ap50=overall[0],
        ap75=overall[STRICT],
        ap75_small=_score(table, order, SMALL, strict),
        ap75_medium=_score(table, order, MEDIUM, strict),
        ap75_large=_score(table, order, LARGE, strict),
    )


def _checked(
    confidence: NDArray[np.float64] | None, size: Integers
) -> NDArray[np.float64]:
    values = size if confidence is None else confidence
    if values.shape != size.shape:
        msg = (
            f"{values.size} confidences were given for {size.size} predicted "
            "instances. Give one for each, in the order of their labels."
        )
        raise ShapeError(msg)
    return values.astype(np.float64)


def _score(
    table: Contingency, order: Integers, span: Span, threshold: float
) -> float | None:
    """Score the instances of a range of sizes at one threshold."""
    n_true = int(np.count_nonzero(_within(table.true.n_voxels, span)))
    if not n_true:
        return None
    best = _best_partners(table, span)
    is_hit = best.iou >= threshold
    size = table.predicted.n_voxels
    counts = np.where(is_hit, best.is_within, _within(size, span))
    return _area(is_hit[order], counts[order], n_true)


@dataclass(frozen=True, eq=False)
class _Partners:
    """The best partner of each predicted instance: its IoU, and if its size counts."""

    iou: NDArray[np.float64]
    is_within: NDArray[np.bool_]


def _best_partners(table: Contingency, span: Span) -> _Partners:
    """Find the true instance of a range of sizes each prediction is compared with."""
    overlaps, n = table.overlaps, table.predicted.labels.size
    within = _within(table.true.n_voxels[overlaps.true], span)
    # Best last, since of several values for one place the last stays.
    order = np.lexsort((-overlaps.true, overlaps.iou, within))
    best = _Partners(np.zeros(n), np.zeros(n, bool))
    best.iou[overlaps.predicted[order]] = overlaps.iou[order]
    best.is_within[overlaps.predicted[order]] = within[order]
    return best


def _within(n_voxels: Integers, span: Span) -> NDArray[np.bool_]:
    low, high = span
    return (n_voxels > low) & (n_voxels <= high)


def _area(is_hit: NDArray[np.bool_], counts: NDArray[np.bool_], n_true: int) -> float:
    """Return the mean precision over all recalls, of instances in order."""
    true_positives = np.cumsum(is_hit & counts)
    positives = np.maximum(np.cumsum(counts), 1)
    precision = np.maximum.accumulate((true_positives / positives)[::-1])[::-1]
    reached = np.searchsorted(true_positives / n_true, RECALLS)
    return float(np.append(precision, 0.0)[reached].mean())
