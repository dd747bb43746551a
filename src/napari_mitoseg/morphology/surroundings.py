"""What lies around an object."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.volume import Array, LazyArray, Region

MARGIN = 3
"""Voxels around the box of an object that are read too."""


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Labels and other structures in and around the box of an object.

    Attributes
    ----------
    label : int
        Number of the object.
    labels : ndarray of int, shape (Z, Y, X)
        All objects.
    layers : mapping of str to ndarray, shape (Z, Y, X)
        Other structures by name, as truth values.
    origin : ndarray of int64, shape (3,)
        First voxel read, counted from the first voxel of the object's box.
    """

    label: int
    labels: Array
    layers: Mapping[str, NDArray[np.bool_]]
    origin: NDArray[np.int64]

    def look_up(self, array: Array, voxels: NDArray[np.int64]) -> Array:
        """Return the values at voxels of the object's box, shape (n, 3); 0 outside."""
        places = voxels - self.origin
        inside = ((places >= 0) & (places < array.shape)).all(axis=1)
        found = np.zeros(len(voxels), array.dtype)
        found[inside] = array[tuple(places[inside].T)]
        return found


def read_surroundings(
    label: int,
    region: Region,
    labels: LazyArray,
    layers: Mapping[str, LazyArray] | None = None,
) -> Surroundings:
    """Read the box of an object and some voxels around it.

    Parameters
    ----------
    label : int
        Number of the object.
    region : Region
        Its box.
    labels : array of int, shape (Z, Y, X)
        All objects.
    layers : mapping of str to array, shape (Z, Y, X), optional
        Labels or masks of other structures.

    Returns
    -------
    Surroundings
        What is there.
    """
    z, y, x = (
        slice(max(0, a - MARGIN), min(n, b + MARGIN))
        for a, b, n in zip(region.start, region.stop, labels.shape, strict=True)
    )
    box = z, y, x
    first = np.subtract([z.start, y.start, x.start], region.start, dtype=np.int64)
    others = {
        name: np.asarray(layer[box]) > 0 for name, layer in (layers or {}).items()
    }
    return Surroundings(label, np.asarray(labels[box]), others, first)
