"""The base of all that makes an object suspicious, and its registry."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.params import param
from napari_mitoseg.proofreading.sight import Sight
from napari_mitoseg.registry import Registry
from napari_mitoseg.steps import NamedStep

FEWEST = 5
"""Objects below which none is told to be unlike the others."""


@dataclass(frozen=True)
class Finding:
    """What is suspicious about an object.

    Attributes
    ----------
    score : float
        0, all is well, to 1, surely wrong.
    reason : str
        Why, in words.
    """

    score: float
    reason: str


class Suspicion(NamedStep):
    """One reason to look at an object again.

    Notes
    -----
    A new suspicion is one file with a subclass under ``@suspicions.register(name)``,
    and one line in ``suspicions/__init__.py``.  Either it looks at one object at a time
    (`look`), or it measures each one and then compares them all (`compare`).
    """

    weight: float = param(
        1.0, ge=0, le=1, advanced=True, description="What a full score counts."
    )

    def look(self, sight: Sight) -> Finding | None:
        """Look at an object.

        Parameters
        ----------
        sight : Sight
            The object and what is known of it.

        Returns
        -------
        Finding or None
            None where nothing can be said: no spacing, no probability ...
        """
        raise NotImplementedError

    def compare(self, found: Sequence[Finding | None]) -> Sequence[Finding | None]:
        """Turn what was found in each object into scores.

        Parameters
        ----------
        found : sequence of Finding or None
            Of all objects.

        Returns
        -------
        sequence of Finding or None
            Of the same objects; here the same findings.
        """
        return found


suspicions: Registry[type[Suspicion]] = Registry("suspicion")


class Unlike(Suspicion):
    """Base of those that compare a number of each object with that of the others.

    Notes
    -----
    `look` returns the number in place of a score.  The score rises from 0 at two to 1
    at six deviations from the median, where a deviation is the median deviation of the
    others, scaled so that it is the standard deviation of normally distributed numbers.
    Five objects or more are needed.
    """

    low: ClassVar[str]
    high: ClassVar[str]

    def compare(self, found: Sequence[Finding | None]) -> Sequence[Finding | None]:
        """Say which objects are unlike the others."""
        values = np.array([np.nan if f is None else f.score for f in found])
        if np.count_nonzero(np.isfinite(values)) < FEWEST:
            return [None] * len(found)
        away = deviations(values)
        scores = np.clip((np.abs(away) - 2) / 4, 0, 1)
        return [
            None
            if finding is None
            else Finding(float(score), f"{self.low if a < 0 else self.high}")
            for finding, score, a in zip(found, scores, away, strict=True)
        ]


def deviations(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many deviations each value is from the median; NaN stays NaN."""
    middle = np.nanmedian(values)
    spread = 1.4826 * float(np.nanmedian(np.abs(values - middle)))
    # Where most are equal, any other is unlike them, but no rounding error is.
    return (values - middle) / max(spread, 1e-3)


def ramp(value: float, good: float, bad: float) -> float:
    """Return 0 at a good value, 1 at a bad one, and what lies between in between.

    Parameters
    ----------
    value : float
        The value.
    good, bad : float
        Where the score is 0 and 1.

    Returns
    -------
    float
        Score.

    Examples
    --------
    >>> ramp(0.6, 0.9, 0.5)
    0.75
    """
    return round(float(np.clip((value - good) / (bad - good), 0, 1)), 6)
