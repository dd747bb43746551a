"""From centres and offsets to the borders between the instances of a slice."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_mitoseg.models.foreign.config import Grouping

Plane = NDArray[np.float32]


def group_by_centres(
    semantic: Plane, centre: Plane, offsets: Plane, settings: Grouping
) -> NDArray[np.int32]:
    """Give each pixel of the foreground the centre it points to.

    Parameters
    ----------
    semantic : ndarray of float32, shape (Y, X)
        Probability.
    centre : ndarray of float32, shape (Y, X)
        How likely a centre is here.
    offsets : ndarray of float32, shape (2, Y, X)
        From each pixel to its centre, along y and x, in pixels.
    settings : Grouping
        Thresholds.

    Returns
    -------
    ndarray of int32, shape (Y, X)
        Instances from 1; 0 is background.  Without any centre all of the foreground
        is one.

    Notes
    -----
    A centre is a pixel above the threshold that nothing in its window exceeds; of
    several equal ones each is a centre.  A pixel belongs to the centre nearest to
    where its offset points [1]_.

    References
    ----------
    .. [1] Cheng et al. (2020), Panoptic-DeepLab, section 3.2,
       doi:10.48550/arXiv.1911.10194.
    """
    labels = np.zeros(semantic.shape, np.int32)
    foreground = np.nonzero(semantic > settings.confidence)
    if foreground[0].size == 0:
        return labels
    peaks = find_centres(centre, settings)
    if len(peaks) == 0:
        labels[foreground] = 1
        return labels
    targets = np.stack(foreground, axis=1) + offsets[:, foreground[0], foreground[1]].T
    _, nearest = cKDTree(peaks).query(targets)
    labels[foreground] = nearest + 1
    return labels


def find_centres(centre: Plane, settings: Grouping) -> NDArray[np.intp]:
    """Return the pixels that are centres.

    Parameters
    ----------
    centre : ndarray of float32, shape (Y, X)
        How likely a centre is here.
    settings : Grouping
        Threshold and window.

    Returns
    -------
    ndarray of int, shape (n, 2)
        Row and column of each.
    """
    highest = ndimage.maximum_filter(centre, settings.window, mode="nearest")
    return np.argwhere((centre == highest) & (centre > settings.threshold))


def draw_borders(labels: NDArray[np.int32]) -> Plane:
    """Draw the lines along which two instances touch.

    Parameters
    ----------
    labels : ndarray of int32, shape (Y, X)
        Instances; 0 is background.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        1 in pixels of one instance beside (edge to edge) a pixel of another, else 0.

    Examples
    --------
    >>> draw_borders(np.array([[1, 1, 2, 2], [1, 0, 0, 2]], np.int32)).tolist()
    [[0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    """
    border = np.zeros(labels.shape, bool)
    for first, second in (
        (np.s_[:-1], np.s_[1:]),
        (np.s_[:, :-1], np.s_[:, 1:]),
    ):
        one, other = labels[first], labels[second]
        touch = (one != other) & (one > 0) & (other > 0)
        border[first] |= touch
        border[second] |= touch
    return border.astype(np.float32)
