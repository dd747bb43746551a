"""Show results as layers, and update them where they are."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from napari_mitoseg._napari.image_box import MADE_BY_US
from napari_mitoseg._napari.layers import (
    as_displayed,
    displayed_slice,
    one_colour,
    placement,
)
from napari_mitoseg.maps import FULL, ProbabilityMaps
from napari_mitoseg.postprocessing import Segmentation
from napari_mitoseg.volume import Region

if TYPE_CHECKING:
    from napari_mitoseg.pipeline import Result

SEMANTIC, BOUNDARY, INSTANCES = "semantic", "boundary", "instances"
COLOURS = {SEMANTIC: "#2fd0c8", BOUNDARY: "#ffd166"}
OPACITY = 0.6
PROBABILITY, EDGE_PROBABILITY = "probability", "boundary probability"


class ResultLayers:
    """The layers of one result over one region of one image.

    Parameters
    ----------
    viewer : ViewerModel
        Where the layers go.
    image : napari.layers.Image
        What was segmented.
    region : Region
        Which part of it.
    prefix : str
        Beginning of the names of the layers.
    """

    def __init__(
        self, viewer: ViewerModel, image: Image, region: Region, prefix: str
    ) -> None:
        self._viewer = viewer
        self._image = image
        self.region = region
        self.prefix = prefix
        self._layers: dict[str, Layer] = {}

    def __getitem__(self, kind: str) -> Layer:
        """Return the layer of a kind (``"instances"``)."""
        return self._layers[kind]

    @property
    def is_whole(self) -> bool:
        """Whether the user has left all label layers where they were put."""
        wanted = (SEMANTIC, BOUNDARY, INSTANCES)
        return all(self._is_shown(kind) for kind in wanted)

    def belongs_to(self, image: Image) -> bool:
        """Say whether these are layers of this image, all where they were put."""
        return image is self._image and self.is_whole

    def covers(self, image: Image, region: Region) -> bool:
        """Say whether these are the layers of this part of this image."""
        return self.belongs_to(image) and region == self.region

    def move(self, region: Region, prefix: str) -> None:
        """Let these layers stand for another part of the same image.

        Each goes there with the next values it shows.  Layers that move need not be
        removed: napari collects all garbage with every removal, which stops the window
        for 0.2 s.

        Parameters
        ----------
        region : Region
            The other part.
        prefix : str
            Beginning of the names from then on.
        """
        self.region, self.prefix = region, prefix

    def show_filling(self, maps: ProbabilityMaps) -> None:
        """Show probability maps that a running job fills."""
        self._put_image(PROBABILITY, maps.semantic, visible=True)

    def show_probability(self, maps: ProbabilityMaps) -> None:
        """Show the probability maps of a result again, hidden as they are at first."""
        self._put_image(PROBABILITY, maps.semantic, visible=False)

    def refresh_filling(self, finished: Region) -> None:
        """Redraw the filling map if the slice on screen has just been finished.

        Parameters
        ----------
        finished : Region
            Part of the map that has become final.
        """
        layer = self._layers.get(PROBABILITY)
        if layer is None or not self._is_shown(PROBABILITY):
            return
        if self.shows(finished):
            layer.refresh(extent=False, highlight=False, thumbnail=False)

    def shows(self, part: Region) -> bool:
        """Say whether the slice on screen lies in a part of the region."""
        z = displayed_slice(self._viewer, self._layers[PROBABILITY])
        return part.start[0] <= z < part.stop[0]

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
        steps: list[Callable[[], None]] = [partial(self.show_probability, maps)]
        if maps.boundary is not None:
            steps.append(
                partial(self._put_image, EDGE_PROBABILITY, maps.boundary, visible=False)
            )
        return [*steps, *self._showing_labels(segmentation), self._activate]

    def show_labels(self, segmentation: Segmentation) -> None:
        """Put labels into the layers that show them.

        Parameters
        ----------
        segmentation : Segmentation
            Of the region of these layers.
        """
        for step in self._showing_labels(segmentation):
            step()

    def remove(self) -> None:
        """Take all these layers out of the viewer."""
        for kind in [*self._layers]:
            if self._is_shown(kind):
                self._viewer.layers.remove(self._layers[kind])
        self._layers.clear()

    def _showing_labels(self, segmentation: Segmentation) -> list[Callable[[], None]]:
        put = self._put_labels
        return [
            partial(put, SEMANTIC, segmentation.semantic, visible=False),
            partial(put, BOUNDARY, segmentation.boundary, visible=False),
            partial(put, INSTANCES, segmentation.labels, visible=True),
        ]

    def _activate(self) -> None:
        if self._is_shown(INSTANCES):
            self._viewer.layers.selection.active = self._layers[INSTANCES]

    def _is_shown(self, kind: str) -> bool:
        return kind in self._layers and self._layers[kind] in self._viewer.layers

    def _put_image(self, kind: str, array: Any, *, visible: bool) -> None:
        if self._updated(kind, array):
            self._layers[kind].visible = visible
            return
        layer = Image(
            as_displayed(self._image, array),
            colormap="inferno",
            contrast_limits=(0, FULL),
            blending="additive",
            opacity=0.6,
            visible=visible,
            **self._keywords(kind),
        )
        self._add(kind, layer)

    def _put_labels(self, kind: str, array: Any, *, visible: bool) -> None:
        if self._updated(kind, array):
            return
        layer = Labels(
            as_displayed(self._image, array), visible=visible, **self._keywords(kind)
        )
        if kind in COLOURS:
            layer.colormap = one_colour(COLOURS[kind])
        layer.opacity = OPACITY
        self._add(kind, layer)

    def _updated(self, kind: str, array: Any) -> bool:
        """Put new values into a layer that is still there; say whether it was."""
        if not self._is_shown(kind):
            return False
        layer: Any = self._layers[kind]
        shown = as_displayed(self._image, array)
        if layer.data is not shown:
            layer.data = shown
            layer.translate = placement(self._image, self.region)["translate"]
            layer.name = self._name(kind)
        return True

    def _add(self, kind: str, layer: Layer) -> None:
        self._layers[kind] = layer
        self._viewer.add_layer(layer)

    def _keywords(self, kind: str) -> dict[str, Any]:
        return {
            "name": self._name(kind),
            "metadata": {MADE_BY_US: kind},
            **placement(self._image, self.region),
        }

    def _name(self, kind: str) -> str:
        return f"{self.prefix} {kind}"
