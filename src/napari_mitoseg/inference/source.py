"""The volume as the network sees it: normalized slices on the model's grid."""

from collections import OrderedDict
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.inference.grid import Grid
from napari_mitoseg.inference.resampling import resize_planes
from napari_mitoseg.models.base import Normalize
from napari_mitoseg.models.normalize import normalize_slice
from napari_mitoseg.volume import Volume

Plane = NDArray[np.float32]


class SliceSource:
    """Reads, normalizes and resamples each slice once while it is needed.

    Parameters
    ----------
    volume : Volume
        The stack.
    grid : Grid
        Where the model's voxels lie in it.
    keep : int
        Slices of the model's grid that tiles ask for again and again.
    normalize : callable
        Brings a slice to the grey scale of the network, see `Network.normalizer`.
    """

    def __init__(
        self,
        volume: Volume,
        grid: Grid,
        keep: int,
        normalize: Normalize = normalize_slice,
    ) -> None:
        self._volume = volume
        self._normalize = normalize
        self._grid = grid
        slices_each = ceil(grid.native[0] / grid.model[0])
        self._keep = max(keep * slices_each, 2)
        self._planes: OrderedDict[int, Plane] = OrderedDict()

    def plane(self, z: int) -> Plane:
        """Return one slice of the model's grid.

        Parameters
        ----------
        z : int
            Slice of the model's grid.

        Returns
        -------
        ndarray of float32, shape (Y, X) of the model's grid
            Where the grid has fewer slices than the volume, the mean of those a slice
            stands for; where it has more, interpolated between the nearest two.
        """
        n_native, n_model = self._grid.native[0], self._grid.model[0]
        if n_native == n_model:
            return self._native(z)
        if n_model < n_native:
            first = floor(z * n_native / n_model)
            last = max(ceil((z + 1) * n_native / n_model), first + 1)
            covered = [self._native(i) for i in range(first, min(last, n_native))]
            return np.mean(covered, axis=0, dtype=np.float32)
        centre = min(max(self._grid.to_native(0, z), 0.0), n_native - 1.0)
        below = floor(centre)
        share = np.float32(centre - below)
        above = self._native(min(below + 1, n_native - 1))
        return self._native(below) * (1 - share) + above * share

    def _native(self, z: int) -> Plane:
        if z in self._planes:
            self._planes.move_to_end(z)
            return self._planes[z]
        normalized = self._normalize(self._volume.read_slice(z))
        plane = resize_planes(normalized[None], self._grid.model[1:])[0]
        self._planes[z] = plane
        while len(self._planes) > self._keep:
            self._planes.popitem(last=False)
        return plane
