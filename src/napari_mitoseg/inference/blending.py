"""Overlapping predictions become one map."""

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]


def ramp(size: int, overlap: int, *, rises: bool, falls: bool) -> NDArray[np.float32]:
    """Return the weight of a tile along one axis.

    Parameters
    ----------
    size : int
        Voxels kept of the tile.
    overlap : int
        Voxels over which the weight changes.
    rises, falls : bool
        Whether there is a neighbour before and behind the tile.

    Returns
    -------
    ndarray of float32, shape (size,)
        Above 0, at most 1; linear over the overlap, so that the weights of two
        neighbours add up to 1.

    Examples
    --------
    >>> ramp(5, 2, rises=True, falls=False).tolist()
    [0.25, 0.75, 1.0, 1.0, 1.0]
    """
    weight = np.ones(size, dtype=np.float32)
    width = min(overlap, size)
    slope = (np.arange(width, dtype=np.float32) + 0.5) / max(overlap, 1)
    if rises:
        weight[:width] = slope
    if falls:
        weight[size - width :] = np.minimum(weight[size - width :], slope[::-1])
    return weight


class Blender:
    """Weighted mean of overlapping blocks, kept only for slices not yet final.

    Parameters
    ----------
    n_maps : int
        Output maps of the network.
    plane : tuple of int
        Size of a slice, (Y, X).
    """

    def __init__(self, n_maps: int, plane: tuple[int, int]) -> None:
        self._shape = (n_maps, *plane)
        self._sums: dict[int, Map] = {}
        self._weights: dict[int, Map] = {}

    def add(self, z: int, where: tuple[slice, slice], values: Map, weight: Map) -> None:
        """Add one predicted piece of one slice.

        Parameters
        ----------
        z : int
            Slice.
        where : tuple of slice
            Place in the plane.
        values : ndarray of float32, shape (n_maps, y, x)
            Probabilities.
        weight : ndarray of float32, shape (y, x)
            Above 0.
        """
        if z not in self._sums:
            self._sums[z] = np.zeros(self._shape, dtype=np.float32)
            self._weights[z] = np.zeros(self._shape[1:], dtype=np.float32)
        self._sums[z][(slice(None), *where)] += values * weight
        self._weights[z][where] += weight

    def take(self, z: int) -> Map:
        """Return the mean of a slice and forget it.

        Parameters
        ----------
        z : int
            A slice to which something was added.

        Returns
        -------
        ndarray of float32, shape (n_maps, Y, X)
            Probabilities; 0 where nothing was added.
        """
        weight = self._weights.pop(z)
        weight[weight == 0] = 1
        total: Map = self._sums.pop(z)
        total /= weight
        return total
