"""Choose the image and say how far apart its voxels are."""

from pathlib import Path
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QMenu,
    QPushButton,
    QWidget,
)
from superqt import QElidingLabel

from napari_mitoseg._napari.form import shrink
from napari_mitoseg._napari.layers import (
    PATH,
    calibrate,
    layers_of,
    spacing_of,
    volume_of,
    why_unusable,
)
from napari_mitoseg._napari.lifetime import follow
from napari_mitoseg._napari.section import row_label
from napari_mitoseg._napari.spacing_box import SpacingBox
from napari_mitoseg._napari.tasks import OpenedStack
from napari_mitoseg.volume import Spacing, Volume

MADE_BY_US = "napari-mitoseg"
"""Key in the metadata of layers that hold results."""


class ImageBox(QWidget):
    """Image layer, *Open stack*, and the spacing.

    Parameters
    ----------
    viewer : ViewerModel
        Its image layers are offered.

    Attributes
    ----------
    changed : Signal()
        Another image, or another spacing.
    opening : Signal(object)
        The path of a stack that the user wants to open.
    """

    changed = Signal()
    opening = Signal(object)

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._watched: list[Any] = []
        self.choice = QComboBox()
        self.choice.setToolTip("Image layer to segment")
        shrink(self.choice)
        self.open_button = QPushButton("Open…")
        self.open_button.setToolTip("Open a stack from a file, a folder or an OME-Zarr")
        self.open_button.setMenu(self._open_menu())
        self.spacing_box = SpacingBox()
        self.spacing_box.edited.connect(self._on_spacing_edited)
        self.about = QElidingLabel()
        shrink(self.about)
        self._arrange()
        self.choice.currentIndexChanged.connect(self._on_chosen)
        follow(self, viewer.layers.events.inserted, self._refresh)
        follow(self, viewer.layers.events.removed, self._refresh)
        self._refresh()

    @property
    def layer(self) -> Image | None:
        """The chosen layer; None where there is none."""
        layer = self.choice.currentData()
        return layer if layer in self._viewer.layers else None

    @property
    def usable(self) -> Image | None:
        """The chosen layer if it can be segmented."""
        layer = self.layer
        return None if layer is None or why_unusable(layer) else layer

    @property
    def spacing(self) -> Spacing | None:
        """The spacing of the chosen layer in nm, ZYX; None where it is not known."""
        layer = self.usable
        return None if layer is None else spacing_of(layer)

    @property
    def problem(self) -> str:
        """What keeps the image from being segmented, in words."""
        layer = self.layer
        if layer is None:
            return "Open a stack, or choose an image layer."
        if unusable := why_unusable(layer):
            return unusable
        if self.spacing is None:
            return "This image has no spacing. Enter its voxel size in nanometres."
        return ""

    def volume(self) -> Volume:
        """Return the chosen image as a volume; see `problem` first."""
        layer = self.usable
        if layer is None:
            raise LookupError(self.problem)
        return volume_of(layer)

    def add(self, opened: OpenedStack) -> Image:
        """Show a stack that was opened, and choose it.

        Parameters
        ----------
        opened : OpenedStack
            The stack.

        Returns
        -------
        napari.layers.Image
            Its new layer.
        """
        data, keywords, _ = opened.layer
        layer = Image(data, multiscale=False, **keywords)
        layer.metadata[PATH] = str(opened.path)
        self._viewer.add_layer(layer)
        self.choose(layer)
        if self.spacing is None:
            self.spacing_box.boxes[0].setFocus()
        return layer

    def choose(self, layer: Image) -> None:
        """Choose a layer of the viewer."""
        self.choice.setCurrentIndex(self._index_of(layer))

    def open_file(self) -> None:
        """Ask for a file and open it."""
        kinds = "Image stacks (*.tif *.tiff *.png *.jpg *.jpeg *.bmp);;All files (*)"
        path, _ = QFileDialog.getOpenFileName(self, "Open stack", "", kinds)
        if path:
            self.opening.emit(Path(path))

    def open_folder(self) -> None:
        """Ask for a folder or OME-Zarr and open it."""
        path = QFileDialog.getExistingDirectory(self, "Open folder or OME-Zarr")
        if path:
            self.opening.emit(Path(path))

    def _open_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction("TIFF stack…", self.open_file)
        menu.addAction("Folder of images or OME-Zarr…", self.open_folder)
        return menu

    def _arrange(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        grid.setColumnStretch(1, 1)
        grid.addWidget(row_label("Image"), 0, 0)
        grid.addWidget(self.choice, 0, 1)
        grid.addWidget(self.open_button, 0, 2)
        grid.addWidget(row_label("Spacing"), 1, 0)
        grid.addWidget(self.spacing_box, 1, 1, 1, 2)
        grid.addWidget(self.about, 2, 1, 1, 2)

    def _refresh(self, _event: Any = None) -> None:
        """Offer the image layers there are now, keeping the choice."""
        chosen = self.choice.currentData()
        self.choice.blockSignals(True)
        self.choice.clear()
        for layer in layers_of(self._viewer, Image):
            if MADE_BY_US not in layer.metadata:
                self.choice.addItem(layer.name, layer)
        self.choice.setCurrentIndex(max(self._index_of(chosen), 0))
        self.choice.blockSignals(False)
        if self.choice.currentData() is not chosen or chosen is None:
            self._on_chosen()

    def _index_of(self, layer: Image | None) -> int:
        """Return where a layer is offered; -1 where it is not."""
        offered = [self.choice.itemData(n) for n in range(self.choice.count())]
        return next((n for n, one in enumerate(offered) if one is layer), -1)

    def _on_chosen(self) -> None:
        self._watch(self.layer)
        self._show()
        self.changed.emit()

    def _watch(self, layer: Image | None) -> None:
        """Follow what happens to the chosen layer from elsewhere."""
        for emitter in self._watched:
            emitter.disconnect(self._on_layer_changed)
        self._watched.clear()
        if layer is None:
            return
        for name in ("scale", "units", "data", "name"):
            emitter = getattr(layer.events, name)
            follow(self, emitter, self._on_layer_changed)
            self._watched.append(emitter)

    def _on_layer_changed(self, _event: Any = None) -> None:
        layer = self.layer
        if layer is not None:
            self.choice.setItemText(self.choice.currentIndex(), layer.name)
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        """Show spacing and size of the chosen layer."""
        layer, usable = self.layer, self.usable
        self.spacing_box.show_spacing(self.spacing, enabled=usable is not None)
        self.choice.setToolTip(layer.name if layer is not None else "")
        self.about.setText("" if usable is None else _about(usable))

    def _on_spacing_edited(self, spacing: Spacing) -> None:
        """Calibrate the layer once all three numbers are known."""
        layer = self.usable
        if layer is not None and spacing != self.spacing:
            layer.events.scale.block(self._on_layer_changed)
            calibrate(self._viewer, layer, spacing)
            layer.events.scale.unblock(self._on_layer_changed)
            self._on_layer_changed()


def _about(layer: Image) -> str:
    volume = volume_of(layer)
    size = " × ".join(str(n) for n in volume.shape)
    return f"{size} voxels, {volume.dtype}"
