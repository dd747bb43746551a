"""Layers that lie on a part of one image, updated where they are."""

from typing import Any

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from napari_mitoseg._napari.image_box import MADE_BY_US
from napari_mitoseg._napari.layers import (
    as_displayed,
    displayed_slice,
    one_colour,
    placement,
)
from napari_mitoseg.maps import FULL
from napari_mitoseg.volume import Region

OPACITY = 0.6


class LayerGroup:
    """Layers over one region of one image, each of its own kind.

    Parameters
    ----------
    viewer : ViewerModel
        Where the layers go.
    image : napari.layers.Image or napari.layers.Labels
        What they belong to.
    region : Region
        Which part of it.
    prefix : str
        Beginning of the names of the layers; the kind follows.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        image: Image | Labels,
        region: Region,
        prefix: str,
    ) -> None:
        self._viewer = viewer
        self._image = image
        self.region = region
        self.prefix = prefix
        self._layers: dict[str, Layer] = {}

    def __getitem__(self, kind: str) -> Layer:
        """Return the layer of a kind (``"instances"``)."""
        return self._layers[kind]

    def is_shown(self, kind: str) -> bool:
        """Say whether the layer of a kind is in the viewer."""
        return kind in self._layers and self._layers[kind] in self._viewer.layers

    def belongs_to(self, image: Image | Labels) -> bool:
        """Say whether these are layers of this image."""
        return image is self._image

    def covers(self, image: Image | Labels, region: Region) -> bool:
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

    def refresh(self, kind: str, finished: Region) -> None:
        """Redraw a layer if the slice on screen has just been changed.

        Parameters
        ----------
        kind : str
            Which layer.
        finished : Region
            Part of the region whose values have changed.
        """
        if self.is_shown(kind) and self.shows(kind, finished):
            layer = self._layers[kind]
            layer.refresh(extent=False, highlight=False, thumbnail=False)

    def shows(self, kind: str, part: Region) -> bool:
        """Say whether the slice on screen lies in a part of the region."""
        z = displayed_slice(self._viewer, self._layers[kind])
        return part.start[0] <= z < part.stop[0]

    def put_probability(
        self, kind: str, array: Any, *, visible: bool, below: str = ""
    ) -> None:
        """Show probabilities × 255, in the layer of this kind if it is still there.

        Parameters
        ----------
        kind : str
            End of the name of the layer.
        array : ndarray of uint8, shape (Z, Y, X)
            Values of the region.
        visible : bool
            Whether the layer is shown.
        below : str
            Kind of the layer that a new one is put under; on top where this is empty.
        """
        if self._updated(kind, array):
            self._layers[kind].visible = visible
            return
        layer = Image(
            as_displayed(self._image, array),
            colormap="inferno",
            contrast_limits=(0, FULL),
            blending="additive",
            opacity=OPACITY,
            visible=visible,
            **self._keywords(kind),
        )
        self._add(kind, layer, below)

    def put_labels(
        self,
        kind: str,
        array: Any,
        *,
        visible: bool,
        colour: str = "",
        below: str = "",
    ) -> None:
        """Show labels, in the layer of this kind if it is still there.

        Parameters
        ----------
        kind : str
            End of the name of the layer.
        array : ndarray of int, shape (Z, Y, X)
            Values of the region.
        visible : bool
            Whether a new layer is shown.
        colour : str
            Of a mask; each label has its own where this is empty.
        below : str
            Kind of the layer that a new one is put under; on top where this is empty.
        """
        if self._updated(kind, array):
            return
        layer = Labels(
            as_displayed(self._image, array), visible=visible, **self._keywords(kind)
        )
        if colour:
            layer.colormap = one_colour(colour)
        layer.opacity = OPACITY
        self._add(kind, layer, below)

    def activate(self, kind: str) -> None:
        """Select the layer of a kind, if it is still there."""
        if self.is_shown(kind):
            self._viewer.layers.selection.active = self._layers[kind]

    def note(self, kind: str, key: str, value: Any) -> None:
        """Put something into the metadata of a layer, if it is still there."""
        if self.is_shown(kind):
            self._layers[kind].metadata[key] = value

    def remove(self) -> None:
        """Take all these layers out of the viewer."""
        for kind in [*self._layers]:
            if self.is_shown(kind):
                self._viewer.layers.remove(self._layers[kind])
        self._layers.clear()

    def _updated(self, kind: str, array: Any) -> bool:
        """Put new values into a layer that is still there; say whether it was."""
        if not self.is_shown(kind):
            return False
        layer: Any = self._layers[kind]
        shown = as_displayed(self._image, array)
        if layer.data is not shown:
            layer.data = shown
            layer.translate = placement(self._image, self.region)["translate"]
            layer.name = self._name(kind)
        return True

    def _add(self, kind: str, layer: Layer, below: str) -> None:
        self._layers[kind] = layer
        layers = self._viewer.layers
        on_top = not self.is_shown(below)
        at = len(layers) if on_top else layers.index(self._layers[below])
        layers.insert(at, layer)

    def _keywords(self, kind: str) -> dict[str, Any]:
        return {
            "name": self._name(kind),
            "metadata": {MADE_BY_US: kind},
            **placement(self._image, self.region),
        }

    def _name(self, kind: str) -> str:
        return f"{self.prefix} {kind}"
