"""Average precision of detected boxes, AP-50 above all."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.boxes import Boxes, box_iou
from napari_mitoseg.errors import ShapeError


def box_average_precision(
    found: Sequence[Boxes], truth: Sequence[Boxes], threshold: float = 0.5
) -> float:
    """Return the average precision of boxes over slices.

    Parameters
    ----------
    found, truth : sequence of Boxes
        Detected and true boxes of the same slices; only found ones need scores.
    threshold : float
        IoU that a match needs; 0.5 gives AP-50.

    Returns
    -------
    float
        Area under the precision-recall curve, 0 to 1.  1 where there is nothing to
        find and nothing is found, 0 where something is found but nothing is there.

    Raises
    ------
    ShapeError
        If there are not as many slices of one as of the other.

    Notes
    -----
    Boxes of all slices are ranked together by falling score.  Each takes the free
    true box of its slice that it overlaps with most; it is right if their IoU reaches
    the threshold.  The area is exact: precision at a recall is the highest at that or
    a higher recall, as in PASCAL VOC from 2010 on.

    References
    ----------
    .. [1] Everingham et al. (2010), The PASCAL visual object classes challenge,
       doi:10.1007/s11263-009-0275-4.

    Examples
    --------
    >>> truth = [Boxes.of([(0, 0, 4, 4), (6, 6, 9, 9)])]
    >>> box_average_precision([Boxes.of([(0, 0, 4, 4)])], truth)
    0.5
    """
    if len(found) != len(truth):
        msg = (
            f"Boxes were found in {len(found)} slices, and there is truth for "
            f"{len(truth)}. Give both for the same slices."
        )
        raise ShapeError(msg)
    n_true = sum(map(len, truth))
    pairs = zip(found, truth, strict=True)
    hits = np.concatenate(
        [np.zeros(0, bool), *(_hits(f, t, threshold) for f, t in pairs)]
    )
    if not n_true:
        return 0.0 if len(hits) else 1.0
    scores = np.concatenate([np.zeros(0), *(_ordered(f).scores for f in found)])
    return _area(hits[np.argsort(-scores, kind="stable")], n_true)


def _ordered(boxes: Boxes) -> Boxes:
    """Return boxes by falling score."""
    return boxes.take(np.argsort(-boxes.scores, kind="stable"))


def _hits(found: Boxes, truth: Boxes, threshold: float) -> NDArray[np.bool_]:
    """Say of each box of a slice, by falling score, whether it is right."""
    hits = np.zeros(len(found), bool)
    if not len(truth):
        return hits
    iou = box_iou(_ordered(found).corners, truth.corners)
    for i in range(len(found)):
        best = int(iou[i].argmax())
        if iou[i, best] >= threshold:
            hits[i] = True
            iou[:, best] = -1
    return hits


def _area(hits: NDArray[np.bool_], n_true: int) -> float:
    """Return the area under the curve of ranked answers."""
    right = np.cumsum(hits)
    precision = right / np.arange(1, len(hits) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best_from_here[hits].sum() / n_true)
