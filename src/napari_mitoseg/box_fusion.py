"""Multi-slice fusion: boxes that a slice misses between slices that have them.

References
----------
.. [1] Guo et al. (2023), Two-stage cascaded CNN model for 3D mitochondria EM
   segmentation, section 3.3, Fig. 11–13, doi:10.3390/electronics12040928.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.boxes import Boxes, box_iou
from napari_mitoseg.params import Params, param


class FusionSettings(Params):
    """How boxes of neighbouring slices make up for missing ones."""

    reach: int = param(
        2, ge=0, le=16, unit="slices", description="Longest gap that is closed."
    )
    overlap: float = param(
        0.3,
        gt=0,
        le=1,
        description="IoU from which on boxes of two slices are of one object.",
    )


def fuse_slices(slices: Sequence[Boxes], settings: FusionSettings) -> list[Boxes]:
    """Put in boxes that are missing in a slice but there on both sides of it.

    Parameters
    ----------
    slices : sequence of Boxes
        What was detected in each slice, in order.
    settings : FusionSettings
        How long a gap may be, and how well boxes must fit.

    Returns
    -------
    list of Boxes
        In each slice what was detected there, then what was recovered.

    Notes
    -----
    The text [1]_ says that missing detections are retrieved from the slices around,
    not how.  Here: a box before a gap and one behind it are of one object if each is
    the best match of the other and their IoU reaches the threshold.  In each slice of
    the gap their linear interpolation is put in, with the lower of their scores,
    unless a box there overlaps with it as much.  Short gaps are closed first; only
    detected boxes are evidence, so the order of slices does not matter and nothing
    grows beyond the ends of a run.

    References
    ----------
    .. [1] Guo et al. (2023), doi:10.3390/electronics12040928, section 3.3.

    Examples
    --------
    >>> box = Boxes.of([(0, 0, 4, 4)])
    >>> [len(s) for s in fuse_slices([box, Boxes.of([]), box], FusionSettings())]
    [1, 1, 1]
    """
    fused = list(slices)
    for gap in range(1, settings.reach + 1):
        for before in range(len(slices) - gap - 1):
            first, last = slices[before], slices[before + gap + 1]
            for i, j in _pairs(first, last, settings.overlap):
                for step in range(1, gap + 1):
                    z = before + step
                    box = _between(first, i, last, j, step / (gap + 1))
                    fused[z] = _with_missing(fused[z], box, settings.overlap)
    return fused


def _pairs(one: Boxes, other: Boxes, overlap: float) -> Iterator[tuple[int, int]]:
    """Yield boxes of two slices that are the best match of one another."""
    if not len(one) or not len(other):
        return
    iou = box_iou(one.corners, other.corners)
    best: NDArray[np.intp] = iou.argmax(axis=1)
    back: NDArray[np.intp] = iou.argmax(axis=0)
    for i, j in enumerate(best.tolist()):
        if back[j] == i and iou[i, j] >= overlap:
            yield i, j


def _between(one: Boxes, i: int, other: Boxes, j: int, share: float) -> Boxes:
    """Interpolate between a box before a gap and one behind it."""
    corners = (1 - share) * one.corners[i] + share * other.corners[j]
    score = min(one.scores[i], other.scores[j])
    return Boxes.of([corners.tolist()], [float(score)])


def _with_missing(boxes: Boxes, candidate: Boxes, overlap: float) -> Boxes:
    """Put in a box unless one that overlaps with it is there."""
    iou = box_iou(candidate.corners, boxes.corners)
    return boxes if (iou >= overlap).any() else boxes.joined(candidate)
