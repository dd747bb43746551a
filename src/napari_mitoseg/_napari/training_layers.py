"""Show what a training from sparse labels says about its stack."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg._napari.layer_group import LayerGroup
from napari_mitoseg.volume import Region

if TYPE_CHECKING:
    from napari_mitoseg.training.sparse_report import SparseResult

COARSE, FILTERED, FINAL = "coarse (S_c)", "filtered (S_f)", "trained prediction"
PREVIEW = "prediction so far"


class TrainingLayers(LayerGroup):
    """Predictions during a training, and its results."""

    def show_preview(self, z: int, probability: NDArray[np.uint8]) -> None:
        """Show the probability of one slice, as the network gives it now.

        Parameters
        ----------
        z : int
            Slice number.
        probability : ndarray of uint8, shape (Y, X)
            × 255.
        """
        if not self.is_shown(PREVIEW):
            self._filling = np.zeros(self.region.shape, np.uint8)
            self.put_probability(PREVIEW, self._filling, visible=True)
        self._filling[z] = probability
        _, height, width = self.region.shape
        self.refresh(PREVIEW, Region((z, 0, 0), (z + 1, height, width)))

    def drop_preview(self) -> None:
        """Take the predictions during the training away."""
        if self.is_shown(PREVIEW):
            self._viewer.layers.remove(self._layers.pop(PREVIEW))

    def showing(self, result: "SparseResult") -> list[Callable[[], None]]:
        """Return what shows a result, layer by layer; see `ResultLayers.showing`."""
        put = self.put_probability
        return [
            partial(put, COARSE, result.coarse, visible=False),
            partial(put, FILTERED, result.filtered, visible=False),
            partial(put, FINAL, result.final, visible=True),
            self.drop_preview,
        ]
