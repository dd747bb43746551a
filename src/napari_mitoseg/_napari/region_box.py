"""Choose the part of the stack to segment."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Shapes
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QWidget,
)

from napari_mitoseg._napari.form import ignore_wheel, shrink
from napari_mitoseg._napari.layers import (
    bounding_region,
    displayed_slice,
    layers_of,
    placement,
    volume_of,
)
from napari_mitoseg._napari.lifetime import follow
from napari_mitoseg._napari.section import row_label
from napari_mitoseg.volume import Region

WHOLE = "Whole stack"
SLICE = "Current slice"
RANGE = "Slices…"
RECTANGLE = "Rectangle…"


class RegionBox(QWidget):
    """Whole stack, current slice, a range of slices, or a drawn rectangle.

    Parameters
    ----------
    viewer : ViewerModel
        Gives the current slice and the shapes.

    Attributes
    ----------
    changed : Signal()
        The region is another.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._image: Image | None = None
        self._drawn: Shapes | None = None
        self.mode = QComboBox()
        self.mode.addItems([WHOLE, SLICE, RANGE, RECTANGLE])
        shrink(self.mode)
        self.first, self.last = _slice_box("First slice"), _slice_box("Last slice")
        self.draw = QPushButton("Draw")
        self.draw.setToolTip("Draw the rectangle on the image")
        self._arrange()
        self.mode.currentIndexChanged.connect(self._on_mode)
        self.first.valueChanged.connect(self._on_edited)
        self.last.valueChanged.connect(self._on_edited)
        self.draw.clicked.connect(self._on_draw)
        follow(self, viewer.dims.events.current_step, self._on_step)
        follow(self, viewer.layers.events.removed, self._on_edited)
        self._on_mode()

    @property
    def problem(self) -> str:
        """What is missing for a region, in words."""
        if self.mode.currentText() == RECTANGLE and self._rectangle() is None:
            return "Draw a rectangle on the image first."
        return ""

    def set_image(self, image: Image | None) -> None:
        """Say which image the region is of; its slices become the range."""
        self._image = image
        if image is None:
            return
        depth = volume_of(image).shape[0]
        for box, value in ((self.first, 0), (self.last, depth - 1)):
            box.blockSignals(True)
            box.setRange(0, depth - 1)
            box.setValue(value)
            box.blockSignals(False)

    def region(self) -> Region | None:
        """Return the region in voxels of the image, not clipped.

        Returns
        -------
        Region or None
            None stands for the whole image.
        """
        mode = self.mode.currentText()
        if self._image is None or mode == WHOLE:
            return None
        if mode == SLICE:
            return slice_region(self._image, displayed_slice(self._viewer, self._image))
        box = self._rectangle() if mode == RECTANGLE else None
        whole = Region.whole(volume_of(self._image).shape)
        _, y0, x0 = (box or whole).start
        _, y1, x1 = (box or whole).stop
        first, last = sorted((self.first.value(), self.last.value()))
        return Region((first, y0, x0), (last + 1, y1, x1))

    def _rectangle(self) -> Region | None:
        layer = self._shapes()
        if layer is None or self._image is None:
            return None
        return bounding_region(layer, self._image)

    def _shapes(self) -> Shapes | None:
        """Return the shapes layer in use: the active one, else the topmost."""
        active = self._viewer.layers.selection.active
        if isinstance(active, Shapes):
            return active
        return next(iter(layers_of(self._viewer, Shapes)), None)

    def _on_draw(self) -> None:
        """Let the user draw a rectangle, in a layer of shapes made for it."""
        if self._image is None:
            return
        layer = self._shapes()
        if layer is None:
            keywords = placement(self._image, Region((0, 0, 0), (1, 1, 1)))
            layer = Shapes(
                name="Region to segment",
                ndim=self._image.ndim,
                edge_color="#ffb454",
                face_color="transparent",
                edge_width=4,
                **keywords,
            )
            self._viewer.add_layer(layer)
        self._follow(layer)
        self._viewer.layers.selection.active = layer
        layer.mode = "add_rectangle"

    def _follow(self, layer: Shapes) -> None:
        if layer is not self._drawn:
            follow(self, layer.events.data, self._on_edited)
            self._drawn = layer

    def _on_mode(self) -> None:
        mode = self.mode.currentText()
        ranged = mode in {RANGE, RECTANGLE}
        self._range.setVisible(ranged)
        self.draw.setVisible(mode == RECTANGLE)
        shapes = self._shapes()
        if mode == RECTANGLE and shapes is not None:
            self._follow(shapes)
        self.changed.emit()

    def _on_step(self, _event: Any = None) -> None:
        if self.mode.currentText() == SLICE:
            self.changed.emit()

    def _on_edited(self, _event: Any = None) -> None:
        if self.mode.currentText() != WHOLE:
            self.changed.emit()

    def _arrange(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        grid.setColumnStretch(1, 1)
        grid.addWidget(row_label("Region"), 0, 0)
        grid.addWidget(self.mode, 0, 1)
        self._range = QWidget()
        row = QHBoxLayout(self._range)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for text, box in (("z", self.first), ("to", self.last)):
            row.addWidget(QLabel(text))
            row.addWidget(box, 1)
        row.addWidget(self.draw)
        grid.addWidget(self._range, 1, 1)


def in_words(region: Region, shape: Sequence[int]) -> str:
    """Name a region as the box does: slices and pixels from 0, the last one included.

    Parameters
    ----------
    region : Region
        Part of an image.
    shape : sequence of int
        Size of the image, ZYX.

    Returns
    -------
    str
        ``"the whole image"``, ``"slice 3"``, ``"slices 3–6, y 10–99, x 0–49"``.

    Examples
    --------
    >>> in_words(Region((3, 0, 20), (4, 64, 30)), (8, 64, 64))
    'slice 3, x 20–29'
    """
    z, y, x = (
        "" if (a, b) == (0, n) else f"{a}" if b == a + 1 else f"{a}–{b - 1}"
        for a, b, n in zip(region.start, region.stop, shape, strict=True)
    )
    slices = f"slice{'s' if '–' in z else ''} {z}" if z else ""
    parts = (slices, f"y {y}" if y else "", f"x {x}" if x else "")
    return ", ".join(part for part in parts if part) or "the whole image"


def slice_region(image: Image, z: int) -> Region:
    """Return the region of one slice of an image, the nearest one there is."""
    depth, height, width = volume_of(image).shape
    z = min(max(z, 0), depth - 1)
    return Region((z, 0, 0), (z + 1, height, width))


def region_on_screen(viewer: ViewerModel, image: Image, most: int) -> Region:
    """Return the part of a slice that is on screen.

    Parameters
    ----------
    viewer : ViewerModel
        Says which slice.
    image : napari.layers.Image
        The image.
    most : int
        Voxels along y and x from which on only the middle is taken.

    Returns
    -------
    Region
        One slice deep; of the whole slice where the view says nothing.
    """
    whole = slice_region(image, displayed_slice(viewer, image))
    first, last = np.asarray(image.corner_pixels)[:, -2:]
    if image.multiscale:
        # Its corners are those of the resolution on screen.
        factors = np.asarray(image.downsample_factors)[image.data_level][-2:]
        first, last = (np.rint(one * factors).astype(int) for one in (first, last))
    if viewer.dims.ndisplay != 2 or (first >= last).any():
        first, last = np.array(whole.start[1:]), np.array(whole.stop[1:]) - 1
    middle, size = (first + last + 1) // 2, np.minimum(last - first + 1, most)
    start = np.maximum(middle - size // 2, 0)
    z = whole.start[0]
    region = Region((z, *start.tolist()), (z + 1, *(start + size).tolist()))
    return region.within((z + 1, *whole.stop[1:]))


def _slice_box(tip: str) -> QSpinBox:
    box = QSpinBox()
    box.setToolTip(tip)
    box.setKeyboardTracking(False)
    box.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
    shrink(box)
    ignore_wheel(box)
    return box
