"""Objects that other labels show otherwise."""

from typing import ClassVar

import numpy as np

from napari_mitoseg.proofreading.sight import Sight
from napari_mitoseg.proofreading.suspicions.suspicion import (
    Finding,
    Suspicion,
    ramp,
    suspicions,
)
from napari_mitoseg.proofreading.workspace import Mask
from napari_mitoseg.volume import Array


@suspicions.register("disagreement")
class Disagreement(Suspicion):
    """Another model has no object like this one.

    Notes
    -----
    The largest intersection over union with an object of the other labels, both taken
    within the box of this object; of several other labels the one that agrees least.
    """

    name: ClassVar[str] = "disagreement"
    title: ClassVar[str] = "Models disagree"

    def look(self, sight: Sight) -> Finding | None:
        """Compare the object with each of the other labels."""
        if not sight.others or not sight.mask.any():
            return None
        least = min(best_overlap(sight.mask, other) for other in sight.others)
        return Finding(
            ramp(least, 0.9, 0.3), f"other labels agree to {100 * least:.0f} % only"
        )


def best_overlap(mask: Mask, labels: Array) -> float:
    """Return the largest intersection over union of a mask with one of some labels.

    Parameters
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        An object.
    labels : ndarray of int, shape (Z, Y, X)
        Others; 0 is background.

    Returns
    -------
    float
        0 where none of them meets the mask.

    Examples
    --------
    >>> mask = np.array([1, 1, 1, 0], bool)
    >>> best_overlap(mask, np.array([0, 5, 5, 5]))
    0.5
    """
    met, shared = np.unique(labels[mask], return_counts=True)
    n_mask = np.count_nonzero(mask)
    return max(
        (
            float(n / (n_mask + np.count_nonzero(labels == label) - n))
            for label, n in zip(met.tolist(), shared.tolist(), strict=True)
            if label
        ),
        default=0.0,
    )
