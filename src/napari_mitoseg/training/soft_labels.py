"""Soft labels S_f out of coarse masks S_c: morphological post-processing with truth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.maps import cutoff
from napari_mitoseg.slice_continuity import Mask, refine_with_truth
from napari_mitoseg.training.targets import UNKNOWN


@dataclass(frozen=True, eq=False)
class SoftLabels:
    """What N_sp is trained on.

    Attributes
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        S_f: truth in truth slices, filtered coarse masks in the others.
    labels : ndarray of int32, shape (Z, Y, X)
        S_f as labels: 1, 0, and -1 where it is too unsure to learn from.
    """

    mask: Mask
    labels: NDArray[np.int32]


def make_soft_labels(
    coarse: NDArray[np.uint8],
    truth: Mask,
    is_truth: NDArray[np.bool_],
    *,
    erosions: int,
    drift: int = 0,
    postprocess: bool = True,
    sure: float = 0.0,
) -> SoftLabels:
    """Filter coarse masks and decide where they are sure enough.

    Parameters
    ----------
    coarse : ndarray of uint8, shape (Z, Y, X)
        Probability × 255 of S_c.
    truth : ndarray of bool, shape (Z, Y, X)
        Read in truth slices only.
    is_truth : ndarray of bool, shape (Z,)
        Which slices are truth.
    erosions : int
        n of Eq. 1.
    drift : int
        Pixels by which Eq. 2 and 3 let an outline move from one slice to the next.
    postprocess : bool
        False: S_f is S_c with the truth put in.
    sure : float
        Coarse probabilities this close to 0 or 1 are learned from, and so is what the
        post-processing changed; 0 learns from all.

    Returns
    -------
    SoftLabels
        S_f.
    """
    masks = coarse > cutoff(0.5)
    if postprocess:
        filtered = refine_with_truth(masks, truth, is_truth, erosions, drift=drift)
    else:
        filtered = masks.copy()
        filtered[is_truth] = truth[is_truth]
    labels = filtered.astype(np.int32)
    if sure:
        open_ = (coarse > cutoff(sure)) & (coarse < cutoff(1 - sure))
        open_ &= filtered == masks
        open_[is_truth] = False
        labels[open_] = UNKNOWN
    return SoftLabels(filtered, labels)
