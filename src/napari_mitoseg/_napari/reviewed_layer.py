"""The layer of annotation that comes of a review."""

from typing import Any

from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_mitoseg._napari.annotation_layer import ANNOTATION, COLOURS, OPACITY
from napari_mitoseg._napari.image_box import MADE_BY_US
from napari_mitoseg._napari.layers import as_displayed, placement
from napari_mitoseg.volume import Array, Region


class ReviewedLayer:
    """Annotation on labels that were reviewed; what is added comes to what is there.

    Parameters
    ----------
    viewer : ViewerModel
        Where the layer goes.
    reviewed : napari.layers.Labels
        What was reviewed.
    """

    def __init__(self, viewer: ViewerModel, reviewed: Labels) -> None:
        self._viewer = viewer
        self.reviewed = reviewed
        self._layer: Labels | None = None

    @property
    def layer(self) -> Any:
        """The layer; None while it is not in the viewer."""
        return self._layer if self._layer in self._viewer.layers else None

    @property
    def labels(self) -> Array | None:
        """What was annotated before, shape (Z, Y, X); None where nothing was."""
        if self.layer is None:
            return None
        data: Array = self.layer.data
        return data[None] if self.reviewed.ndim == 2 else data

    def show(self, labels: Array) -> None:
        """Show more annotation, in the layer that is there or in a new one.

        Parameters
        ----------
        labels : ndarray of uint8, shape (Z, Y, X)
            0 unlabelled, 1 background, 2 mitochondrion.
        """
        shown = as_displayed(self.reviewed, labels)
        if self.layer is not None:
            self.layer.data = shown
            return
        active = self._viewer.layers.selection.active
        self._layer = Labels(
            shown,
            name=f"{self.reviewed.name} {ANNOTATION}",
            metadata={MADE_BY_US: ANNOTATION},
            colormap=DirectLabelColormap(color_dict=COLOURS),
            opacity=OPACITY,
            **placement(self.reviewed, Region.whole(labels.shape)),
        )
        layers = self._viewer.layers
        layers.insert(layers.index(self.reviewed), self._layer)
        layers.selection.active = active
