"""Find the same places in two sections: SIFT features, matched robustly."""

from dataclasses import dataclass
from math import ceil, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import feature, transform

from napari_mitoseg.labelling import Mask
from napari_mitoseg.preprocessing.moving_least_squares import Points, deform
from napari_mitoseg.volume import Array

MOST_PIXELS = 768
"""Longest side of the picture in which features are looked for: some 4000 features."""

FEWEST_PIXELS = 32
"""Shortest side in which there is anything to find."""

FEWEST_MATCHES = 8
"""Below this, two sections are taken to have nothing in common."""

_DISTINCT = 0.9
"""Best match over second best, at most: Lowe's ratio, lenient, as RANSAC follows."""

_TRIALS = 2000
_WIDEST = 0.1
"""Widest tolerance, as a share of the section: chance matches fit any wider one."""

_OUTLYING = 3.0
"""Times the median error from which on a match is held to be wrong."""

_HARMLESS = 0.05
"""Share of the tolerance by which any match may be off."""


@dataclass(frozen=True, eq=False)
class Features:
    """What is recognizable in a section.

    Attributes
    ----------
    positions : ndarray of float, shape (n, 2)
        y and x, nm from the centre of the first pixel.
    descriptors : ndarray of uint8, shape (n, 128)
        How each place looks.
    """

    positions: Points
    descriptors: NDArray[np.uint8]

    def __len__(self) -> int:
        """Count the features."""
        return len(self.positions)


NO_FEATURES = Features(np.zeros((0, 2)), np.zeros((0, 128), np.uint8))


def find_features(
    plane: Array, spacing: tuple[float, float], detail: float
) -> Features:
    """Find the SIFT features of a section.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        Image.
    spacing : tuple of float
        Distance of pixels along y and x, nm.
    detail : float
        Pixels smaller than this are averaged first, nm.

    Returns
    -------
    Features
        None for a section that is tiny, blank or without structure.

    Notes
    -----
    Lowe's SIFT as scikit-image has it [1]_. The picture is scaled to square pixels of
    the size asked for, or larger where its longer side would exceed 768 pixels, and
    its grey values to the range of their middle 98 %.

    References
    ----------
    .. [1] D. G. Lowe, "Distinctive image features from scale-invariant keypoints",
       IJCV 60(2), 91-110 (2004), doi:10.1023/B:VISI.0000029664.99615.94.
    """
    extent = np.multiply(plane.shape, spacing)
    pixel = max(detail, *spacing, float(extent.max()) / MOST_PIXELS)
    shape = [ceil(length / pixel) for length in extent]
    low, high = np.percentile(plane, (1, 99))
    if min(shape) < FEWEST_PIXELS or not low < high:
        return NO_FEATURES
    grey = np.clip((plane.astype(np.float32) - low) / np.float32(high - low), 0, 1)
    # scikit-image has no annotations.
    sift: Any = feature.SIFT(upsampling=1)  # type: ignore[no-untyped-call]
    picture = transform.resize(grey, shape, anti_aliasing=True)  # type: ignore[no-untyped-call]
    try:
        sift.detect_and_extract(picture)
    except RuntimeError:
        # What it raises, alone, where there is no feature.
        return NO_FEATURES
    step = extent / shape
    # A pixel's centre lies half a pixel inside, in both pictures.
    positions = (sift.positions + 0.5) * step - 0.5 * np.asarray(spacing)
    return Features(positions, sift.descriptors)


def match_features(
    one: Features, other: Features, tolerance: float, smoothness: float
) -> tuple[Points, Points]:
    """Pair the features that two sections have in common.

    Parameters
    ----------
    one, other : Features
        Of the two sections.
    tolerance : float
        How far, in nm, a true match may lie from where one rotation and shift of the
        whole section puts it.
    smoothness : float
        Distance in nm over which true matches agree with one another.

    Returns
    -------
    one, other : ndarray of float, shape (n, 2)
        Where each pair lies in the two sections, nm; none where there are too few.

    Notes
    -----
    Descriptors that are one another's nearest are candidates. RANSAC [1]_ keeps those
    that agree with a rigid motion; then those go that are much further than usual from
    where the others around them, by moving least squares, put them.

    References
    ----------
    .. [1] M. A. Fischler, R. C. Bolles, "Random sample consensus", Communications of
       the ACM 24(6), 381-395 (1981), doi:10.1145/358669.358692.
    """
    source, target = _candidates(one, other)
    if len(source) < FEWEST_MATCHES:
        return source[:0], target[:0]
    extent = np.ptp(source, axis=0)
    tolerance = min(tolerance, _WIDEST * float(extent.min()))
    keep = moving_together(source, target, tolerance)
    if keep.sum() < _more_than_chance(len(source), tolerance, extent):
        return source[:0], target[:0]
    source, target = source[keep], target[keep]
    keep = _like_the_others(source, target, tolerance, smoothness)
    return source[keep], target[keep]


def moving_together(source: Points, target: Points, tolerance: float) -> Mask:
    """Find the largest group of matches that one rotation and shift explains.

    Parameters
    ----------
    source, target : ndarray of float, shape (n, 2)
        Where each match lies in the two sections, nm.
    tolerance : float
        How far from the motion a match of the group may be, nm.

    Returns
    -------
    ndarray of bool, shape (n,)
        Which matches belong to it; always the same for the same matches.

    Examples
    --------
    >>> source = np.array([[0.0, 0.0], [0.0, 9.0], [9.0, 0.0], [9.0, 9.0]])
    >>> target = source + [[5, 5], [5, 5], [5, 5], [50, 5]]
    >>> moving_together(source, target, 1.0).tolist()
    [True, True, True, False]
    """
    n = len(source)
    if n < 2:
        return np.zeros(n, bool)
    p, q = (points[:, 1] + 1j * points[:, 0] for points in (source, target))
    first, step = np.random.default_rng(0).integers([0, 1], [n, n], (_TRIALS, 2)).T
    second = (first + step) % n
    before, after = p[second] - p[first], q[second] - q[first]
    # Both pairs must be equally far apart, or no rigid motion takes one to the other.
    rigid = np.abs(np.abs(before) - np.abs(after)) <= 2 * tolerance
    rigid &= (before != 0) & (after != 0)
    first, turn = first[rigid], (after / np.where(before == 0, 1, before))[rigid]
    turn /= np.abs(turn)
    best = np.zeros(n, bool)
    for at, by in zip(first, turn, strict=True):
        explained = np.abs(q[at] + by * (p - p[at]) - q) <= tolerance
        if explained.sum() > best.sum():
            best = explained
    return best


def _more_than_chance(n: int, tolerance: float, extent: Points) -> float:
    """Return how many of n matches must agree, lest chance matches are believed."""
    expected = n * pi * tolerance**2 / max(float(np.prod(extent)), 1.0)
    return FEWEST_MATCHES + expected + 4 * sqrt(expected)


def _candidates(one: Features, other: Features) -> tuple[Points, Points]:
    if min(len(one), len(other)) < FEWEST_MATCHES:
        return np.zeros((0, 2)), np.zeros((0, 2))
    pairs: Array = feature.match_descriptors(  # type: ignore[no-untyped-call]
        one.descriptors, other.descriptors, max_ratio=_DISTINCT, cross_check=True
    )
    return one.positions[pairs[:, 0]], other.positions[pairs[:, 1]]


def _like_the_others(
    source: Points, target: Points, tolerance: float, smoothness: float
) -> Mask:
    """Say which matches lie about where the others around them put them."""
    error = np.empty(len(source))
    for i, place in enumerate(source):
        others = np.arange(len(source)) != i
        predicted = deform(place[None], source[others], target[others], smoothness)
        error[i] = np.hypot(*(predicted[0] - target[i]))
    keep: Mask = error <= _OUTLYING * np.median(error) + _HARMLESS * tolerance
    return keep
