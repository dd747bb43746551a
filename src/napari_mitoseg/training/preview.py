"""Pictures of what a network has learned so far, now and then."""

import time
from collections.abc import Callable

import numpy as np
from torch import Tensor

from napari_mitoseg.maps import FULL
from napari_mitoseg.models.base import Network
from napari_mitoseg.training.sparse_data import SparseData
from napari_mitoseg.training.sparse_report import Preview
from napari_mitoseg.training.validate import predict_plane

EVERY = 10.0
"""Seconds between previews."""
FIRST = 5.0
"""Seconds to the first one."""

Planes = Callable[[Network, int], Tensor]


class Previewer:
    """Predicts the slice that the user looks at.

    Parameters
    ----------
    watch : callable
        Tells which slice; numbers beyond the stack give its last slice.
    data : SparseData
        The stack.
    clock : callable
        Seconds; a monotonic clock.

    Attributes
    ----------
    planes : callable
        Returns the input of the network for a slice.
    """

    planes: Planes

    def __init__(
        self,
        watch: Callable[[], int],
        data: SparseData,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watch, self._data, self._clock = watch, data, clock
        self._due = clock() + FIRST

    def take(self, network: Network | None) -> Preview | None:
        """Predict the slice if it is time to.

        Parameters
        ----------
        network : Network or None
            As it is now.

        Returns
        -------
        tuple of int and ndarray of uint8, or None
            Slice and probability × 255, at the pixels of the volume.
        """
        if network is None or self._clock() < self._due:
            return None
        z = min(max(self._watch(), 0), self._data.volume.shape[0] - 1)
        device = next(network.parameters()).device
        probability = predict_plane(network, self.planes(network, z).to(device))
        plane = (probability * FULL).round().cpu().numpy().astype(np.uint8)
        self._due = self._clock() + EVERY
        return z, self._data.to_volume(plane)
