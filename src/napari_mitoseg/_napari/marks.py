"""Marks of what is to be restored: rectangles in a shapes layer, each in one slice."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Shapes
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_mitoseg._napari.layers import layers_of, placement, volume_of
from napari_mitoseg._napari.lifetime import follow
from napari_mitoseg.inference.noisy_slices import NoisySlice
from napari_mitoseg.preprocessing import Restore
from napari_mitoseg.volume import PlaneBox, Region

NAME = "to restore"
EDGE, FACE = "#ff5c8a", "#ff5c8a1a"
SliceBox = tuple[int, int, int, int, int]


class Marks(QObject):
    """The shapes layer of an image in which the user marks noise.

    Parameters
    ----------
    viewer : ViewerModel
        Where the layer goes.
    parent : QObject
        Deleting it ends the watch.

    Attributes
    ----------
    changed : Signal()
        Something has been marked, moved or removed.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layers: dict[Image, Shapes] = {}
        follow(self, viewer.layers.events.removed, self._on_changed)

    def layer_of(self, image: Image) -> Shapes | None:
        """Return the marks of an image; None where nothing was marked yet."""
        layer = self._layers.get(image)
        return layer if layer in layers_of(self._viewer, Shapes) else None

    def show(self, image: Image) -> Shapes:
        """Return the marks of an image, in a layer that is made if there is none."""
        layer = self.layer_of(image)
        if layer is None:
            whole = Region.whole(volume_of(image).shape)
            layer = Shapes(
                name=f"{image.name} {NAME}",
                ndim=image.ndim,
                edge_color=EDGE,
                face_color=FACE,
                edge_width=2,
                **placement(image, whole),
            )
            self._viewer.add_layer(layer)
            self._layers[image] = layer
            follow(self, layer.events.data, self._on_changed)
        return layer

    def draw(self, image: Image) -> None:
        """Let the user draw rectangles."""
        layer = self.show(image)
        self._viewer.layers.selection.active = layer
        layer.mode = "add_rectangle"

    def add(self, image: Image, found: Iterable[NoisySlice]) -> None:
        """Mark what was proposed.

        Parameters
        ----------
        image : napari.layers.Image
            The stack.
        found : iterable of NoisySlice
            Slices and regions; what is marked already is not marked again.
        """
        _, height, width = volume_of(image).shape
        whole = (0, 0, height, width)
        slices, boxes = self.marked(image)
        known = {*boxes, *((z, *whole) for z in slices)}
        wanted = [(one.z, *box) for one in found for box in one.boxes or (whole,)]
        corners = [_rectangle(z, box) for z, *box in wanted if (z, *box) not in known]
        if corners:
            self.show(image).add_rectangles(
                corners, edge_color=EDGE, face_color=FACE, edge_width=2
            )
        self.changed.emit()

    def marked(self, image: Image) -> tuple[tuple[int, ...], tuple[SliceBox, ...]]:
        """Return what is marked in an image, in voxels.

        Parameters
        ----------
        image : napari.layers.Image
            The stack.

        Returns
        -------
        slices : tuple of int
            Those that a shape covers as a whole.
        boxes : tuple of tuple of int
            Around the other shapes: slice, first y and x, past-the-end y and x.
        """
        layer = self.layer_of(image)
        if layer is None:
            return (), ()
        _, height, width = volume_of(image).shape
        found = {_box(layer, image, np.asarray(shape)) for shape in layer.data}
        whole = {
            box
            for box in found
            if box[1] <= 0 and box[2] <= 0 and box[3] >= height and box[4] >= width
        }
        slices = tuple(sorted({box[0] for box in whole}))
        return slices, tuple(sorted(found - whole))

    def step(self, image: Image, model: str) -> Restore:
        """Return the step that restores what is marked in an image."""
        slices, boxes = self.marked(image)
        return Restore(model=model, slices=slices, boxes=boxes)

    def _on_changed(self, _event: Any = None) -> None:
        self.changed.emit()


def _rectangle(z: int, box: Iterable[int]) -> NDArray[np.float64]:
    """Return the corners of a box, at the edges of its pixels."""
    y0, x0, y1, x1 = (value - 0.5 for value in box)
    return np.array([(z, y0, x0), (z, y0, x1), (z, y1, x1), (z, y1, x0)])


def _box(shapes: Shapes, image: Image, corners: NDArray[Any]) -> SliceBox:
    """Return the box around a shape in voxels of an image."""
    voxels = np.stack(
        [image.world_to_data(shapes.data_to_world(point)) for point in corners]
    )
    z = round(float(voxels[:, 0].mean()))
    low = np.floor(voxels[:, 1:].min(axis=0) + 0.5).astype(int)
    high = np.floor(voxels[:, 1:].max(axis=0) + 0.5).astype(int)
    return z, int(low[0]), int(low[1]), int(high[0]), int(high[1])


def whole_slice(z: int) -> NoisySlice:
    """Return a slice that the user says is bad."""
    boxes: tuple[PlaneBox, ...] = ()
    return NoisySlice(z, 0.0, boxes, "marked by hand")
