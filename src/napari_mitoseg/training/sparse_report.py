"""What training from a sparse annotation tells while it runs, and what it ends with."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.models.zoo import TrainedModel
from napari_mitoseg.training.progress import TrainingProgress

Preview = tuple[int, NDArray[np.uint8]]


@dataclass(frozen=True)
class SparseProgress(TrainingProgress):
    """How far the training has come; IoU needs three labelled slices.

    Attributes
    ----------
    preview : tuple of int and ndarray, or None
        A slice and its probability × 255, uint8 (Y, X), by the network as it is now;
        only in the report after it was made.
    """

    preview: Preview | None = None


@dataclass(frozen=True, eq=False)
class SparseResult:
    """A trained model and what it says about the stack it was trained on.

    Attributes
    ----------
    model : TrainedModel
        Network and card, as saved.
    folder : Path
        Where they are.
    coarse : ndarray of uint8, shape (Z, Y, X)
        S_c: probability × 255 by N_se alone, truth kept out.
    filtered : ndarray of uint8, shape (Z, Y, X)
        S_f: S_c after morphological post-processing with the truth; 0 or 255.
    final : ndarray of uint8, shape (Z, Y, X)
        Probability × 255 by the whole model; where the annotation says what is
        there, it is kept.
    disagreement : ndarray of float32, shape (Z,)
        How far the predictions of a slice differ, 0 to 1: one minus the soft IoU of
        S_c and the final probability; 0 in completely labelled slices.
    iou : float or None
        Held-out IoU, see `TrainingProgress`.
    """

    model: TrainedModel
    folder: Path
    coarse: NDArray[np.uint8]
    filtered: NDArray[np.uint8]
    final: NDArray[np.uint8]
    disagreement: NDArray[np.float32]
    iou: float | None


def measure_disagreement(
    one: NDArray[np.uint8], other: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Measure how far two predictions of a stack differ, slice by slice.

    Parameters
    ----------
    one, other : ndarray of uint8, shape (Z, Y, X)
        Probability × 255.

    Returns
    -------
    ndarray of float32, shape (Z,)
        One minus the soft IoU, Σ min / Σ max; 0 where neither finds anything.

    Examples
    --------
    >>> one = np.array([[[255, 0]], [[0, 0]], [[255, 255]]], np.uint8)
    >>> other = np.array([[[255, 0]], [[0, 0]], [[255, 0]]], np.uint8)
    >>> measure_disagreement(one, other).tolist()
    [0.0, 0.0, 0.5]
    """
    pairs = zip(one, other, strict=True)
    return np.array([_apart(a, b) for a, b in pairs], np.float32)


def _apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    most = int(np.maximum(one, other).sum(dtype=np.int64))
    least = int(np.minimum(one, other).sum(dtype=np.int64))
    return 1 - least / most if most else 0.0
