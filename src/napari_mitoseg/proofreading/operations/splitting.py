"""What all operations share that make several objects of one."""

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.proofreading.operations.operation import Edit
from napari_mitoseg.proofreading.workspace import Crop, Workspace
from napari_mitoseg.volume import Array


def divided(workspace: Workspace, crop: Crop, parts: Array, n: int) -> Edit:
    """Give each part of an object a number of its own.

    Parameters
    ----------
    workspace : Workspace
        Says which numbers are unused.
    crop : Crop
        The object.
    parts : ndarray of int, shape of the crop
        Part 1 keeps the number of the object, as does what has no part, 0.
    n : int
        Number of parts.

    Returns
    -------
    Edit
        The object divided.
    """
    numbers = np.array([crop.label, crop.label, *workspace.new_labels(n - 1)])
    values = numbers.astype(crop.labels.dtype)[parts]
    return Edit(crop.region, crop.labels, np.where(crop.mask, values, crop.labels))


def largest_first(parts: Array, n: int) -> Array:
    """Give parts their rank by size, the largest 1.

    Parameters
    ----------
    parts : ndarray of int
        Parts from 1 to n; 0 is none.
    n : int
        Number of parts.

    Returns
    -------
    ndarray of int64
        The same parts; of equal ones the first stays first.

    Examples
    --------
    >>> largest_first(np.array([0, 1, 2, 2]), 2).tolist()
    [0, 2, 1, 1]
    """
    size = np.bincount(parts.ravel(), minlength=n + 1)[1:]
    rank: NDArray[np.int64] = np.zeros(n + 1, np.int64)
    rank[1 + np.argsort(-size, kind="stable")] = np.arange(1, n + 1)
    return rank[parts]
