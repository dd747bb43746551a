"""How often objects that a network is as sure of are mitochondria."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import isotonic_regression

from napari_mitoseg.errors import ShapeError
from napari_mitoseg.maps import Calibration

FOUND = 0.5
RIGHT = 0.5
KNOWN = 0.5
SMALLEST = 20
DIGITS = 3
"""Of means and shares; objects whose means agree in them are judged together."""

ALONG_PLANE = np.stack([np.zeros((3, 3)), np.ones((3, 3)), np.zeros((3, 3))])


def judge_objects(
    probability: NDArray[np.floating], truth: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Compare what is found in each slice with the truth, object by object.

    Parameters
    ----------
    probability : ndarray of float, shape (Z, Y, X)
        Of mitochondrion; objects are connected in a slice where it exceeds 0.5, and
        those of less than 20 pixels do not count.
    truth : ndarray of bool or int, shape (Z, Y, X)
        Mitochondria above 0; what is below 0 is unlabelled.  Objects that lie there by
        more than half do not count.

    Returns
    -------
    mean : ndarray of float64, shape (n,)
        Mean probability of each object.
    is_right : ndarray of bool, shape (n,)
        Whether at least half of it, as far as it is labelled, is mitochondrion.

    Raises
    ------
    ShapeError
        If the two differ in shape.
    """
    if probability.shape != truth.shape or truth.ndim != 3:
        msg = (
            f"The probability has shape {probability.shape} and the truth "
            f"{truth.shape}. Both must be (Z, Y, X) and equal."
        )
        raise ShapeError(msg)
    objects, count = ndimage.label(probability > FOUND, ALONG_PLANE)
    numbers = np.arange(1, count + 1)
    size = np.bincount(objects.ravel(), minlength=count + 1)[1:]
    mean = np.asarray(ndimage.mean(probability, objects, numbers))
    known = np.asarray(ndimage.mean(truth >= 0, objects, numbers))
    true = np.asarray(ndimage.mean(truth > 0, objects, numbers))
    counts = (size >= SMALLEST) & (known >= KNOWN)
    return mean[counts].astype(np.float64), true[counts] >= RIGHT * known[counts]


def fit_calibration(
    mean: NDArray[np.floating], is_right: NDArray[np.bool_]
) -> Calibration:
    """Fit the share of right objects as a rising function of mean probability.

    Parameters
    ----------
    mean : ndarray of float, shape (n,)
        Mean probability of each object.
    is_right : ndarray of bool, shape (n,)
        Whether it is a mitochondrion.

    Returns
    -------
    tuple of (float, float)
        Mean probability, rising, and the share; to interpolate between. Empty without
        objects.

    Notes
    -----
    Isotonic regression [1]_; each of its steps gives one point, at the middle of its
    objects, and counts one more object that is half right, so that few objects never
    make certainty.

    References
    ----------
    .. [1] Zadrozny and Elkan (2002), Transforming classifier scores into accurate
       multiclass probability estimates, doi:10.1145/775047.775151.
    """
    if not len(mean):
        return ()
    means, place = np.unique(np.round(mean, DIGITS), return_inverse=True)
    n = np.bincount(place)
    n_right = np.bincount(place, weights=is_right)
    steps = isotonic_regression(n_right / n, weights=n).blocks
    points = []
    for first, behind in pairwise(steps):
        part = slice(first, behind)
        middle = np.average(means[part], weights=n[part])
        share = (n_right[part].sum() + 0.5) / (n[part].sum() + 1)
        points.append((round(float(middle), DIGITS), round(float(share), DIGITS)))
    shares = np.maximum.accumulate([share for _, share in points])
    return tuple((x, float(y)) for (x, _), y in zip(points, shares, strict=True))
