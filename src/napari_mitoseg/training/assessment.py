"""What a model learns of itself at the end of training, from slices kept back."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.evaluation.calibration import fit_calibration, judge_objects
from napari_mitoseg.inference.doubt import measure_doubt
from napari_mitoseg.maps import FULL

FEWEST = 20
"""Outlines in slices that are needed to say how often a network is right."""


class Assessment:
    """Gathers how unsure a network is of slices kept back, and how often it is right.

    Examples
    --------
    >>> assessment = Assessment()
    >>> semantic = np.full((1, 40, 40), 230, np.uint8)
    >>> assessment.add(semantic, np.ones((1, 40, 40), np.int32))
    >>> assessment.findings()
    {'doubt': 0.0}
    """

    def __init__(self) -> None:
        self._doubts: list[float] = []
        self._judged: list[tuple[NDArray[np.float64], NDArray[np.bool_]]] = []

    def add(self, semantic: NDArray[np.uint8], truth: NDArray[Any]) -> None:
        """Take in one stack.

        Parameters
        ----------
        semantic : ndarray of uint8, shape (Z, Y, X)
            Probability of mitochondrion × 255.
        truth : ndarray of int, shape (Z, Y, X)
            Mitochondria above 0, -1 where nothing is known.
        """
        doubt = measure_doubt(np.where(truth >= 0, semantic, 0))
        self._doubts += [] if doubt is None else [doubt]
        for plane, true in zip(semantic, truth, strict=True):
            # Slice by slice: as numbers of eight bytes, the volume may not fit.
            self._judged.append(judge_objects(plane[None] / FULL, true[None]))

    def findings(self) -> dict[str, Any]:
        """Return what goes into the card, as far as there was enough to judge.

        Returns
        -------
        dict
            ``doubt``, of the stack with most of it, and ``calibration``; see
            `ModelCard`.
        """
        found: dict[str, Any] = {}
        if self._doubts:
            found["doubt"] = round(max(self._doubts), 3)
        if sum(len(mean) for mean, _ in self._judged) >= FEWEST:
            mean, is_right = map(np.concatenate, zip(*self._judged, strict=True))
            found["calibration"] = fit_calibration(mean, is_right)
        return found
