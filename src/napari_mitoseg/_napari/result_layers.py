"""Show results as layers, and update them where they are."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray

from napari_mitoseg._napari.layer_group import LayerGroup
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.postprocessing import Segmentation
from napari_mitoseg.volume import Region

if TYPE_CHECKING:
    from napari_mitoseg.pipeline import Result

SEMANTIC, BOUNDARY, INSTANCES = "semantic", "boundary", "instances"
COLOURS = {SEMANTIC: "#2fd0c8", BOUNDARY: "#ffd166"}
PROBABILITY, EDGE_PROBABILITY = "probability", "boundary probability"
CALIBRATION = "napari-mitoseg calibration"
"""Key in the metadata of a probability layer: what its values are worth."""


class ResultLayers(LayerGroup):
    """The layers of one result over one region of one image."""

    @property
    def is_whole(self) -> bool:
        """Whether the user has left all label layers where they were put."""
        wanted = (SEMANTIC, BOUNDARY, INSTANCES)
        return all(self.is_shown(kind) for kind in wanted)

    def belongs_to(self, image: Image | Labels) -> bool:
        """Say whether these are layers of this image, all where they were put."""
        return super().belongs_to(image) and self.is_whole

    def show_filling(self, maps: ProbabilityMaps) -> None:
        """Show probability maps that a running job fills."""
        self.put_probability(PROBABILITY, maps.semantic, visible=True)

    def show_probability(self, maps: ProbabilityMaps) -> None:
        """Show the probability maps of a result again, hidden as they are at first."""
        self._put_hidden(PROBABILITY, maps.semantic)

    def refresh_filling(self, finished: Region) -> None:
        """Redraw the filling map if the slice on screen has just been finished.

        Parameters
        ----------
        finished : Region
            Part of the map that has become final.
        """
        self.refresh(PROBABILITY, finished)

    def showing(self, result: "Result") -> list[Callable[[], None]]:
        """Return what shows a result, layer by layer.

        Parameters
        ----------
        result : Result
            Of the region of these layers.

        Returns
        -------
        list of callable
            To be called in order.  Each takes napari about 0.1 s for a new layer, so
            the window should be let work in between.
        """
        maps, segmentation = result.maps, result.segmentation
        instances, *masks = self._showing_labels(segmentation)
        steps: list[Callable[[], None]] = [partial(self.show_probability, maps)]
        if maps.boundary is not None:
            steps.append(partial(self._put_hidden, EDGE_PROBABILITY, maps.boundary))
        steps.append(partial(self.note, PROBABILITY, CALIBRATION, result.calibration))
        return [instances, *steps, *masks, partial(self.activate, INSTANCES)]

    def show_labels(self, segmentation: Segmentation) -> None:
        """Put labels into the layers that show them.

        Parameters
        ----------
        segmentation : Segmentation
            Of the region of these layers.
        """
        for step in self._showing_labels(segmentation):
            step()

    def _put_hidden(self, kind: str, array: NDArray[np.uint8]) -> None:
        self.put_probability(kind, array, visible=False, below=INSTANCES)

    def _showing_labels(self, segmentation: Segmentation) -> list[Callable[[], None]]:
        """Return what shows the labels; what the user waits for comes first, on top."""
        masks = {SEMANTIC: segmentation.semantic, BOUNDARY: segmentation.boundary}
        put = self.put_labels
        return [
            partial(put, INSTANCES, segmentation.labels, visible=True),
            *(
                partial(
                    put,
                    kind,
                    mask,
                    visible=False,
                    colour=COLOURS[kind],
                    below=INSTANCES,
                )
                for kind, mask in masks.items()
            ),
        ]
