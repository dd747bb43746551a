"""Choose the labels of an image, and gather several images with labels."""

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QGridLayout,
    QListWidget,
    QPushButton,
    QWidget,
)

from napari_mitoseg._napari.annotation_layer import ANNOTATION
from napari_mitoseg._napari.form import ignore_wheel, shrink
from napari_mitoseg._napari.image_box import MADE_BY_US, ImageBox
from napari_mitoseg._napari.layers import layers_of, spacing_of, volume_of
from napari_mitoseg._napari.lifetime import follow
from napari_mitoseg._napari.section import row_label
from napari_mitoseg.volume import Volume

Pair = tuple[Image, Labels]
LIST_HEIGHT = 54


class PairsBox(QWidget):
    """The labels of the chosen image, and a list of images with labels.

    Parameters
    ----------
    viewer : ViewerModel
        Its labels layers are offered, but for sparse annotations.
    image : ImageBox
        Where the image is chosen.

    Attributes
    ----------
    changed : Signal()
        Other labels, or another list.
    """

    changed = Signal()

    def __init__(
        self, viewer: ViewerModel, image: ImageBox, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._image = viewer, image
        self._added: list[Pair] = []
        self.choice = QComboBox()
        self.choice.setToolTip(
            "Labels layer of the image: 0 background, mitochondria above 0"
        )
        shrink(self.choice)
        ignore_wheel(self.choice)
        self.add_button = QPushButton("Add")
        self.add_button.setToolTip("Train on several images: add this one to the list")
        self.remove_button = QPushButton("Remove")
        self.list = QListWidget()
        self.list.setFixedHeight(LIST_HEIGHT)
        off = Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.list.setHorizontalScrollBarPolicy(off)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        shrink(self.list)
        self._arrange()
        self._connect()
        self._refresh()

    @property
    def chosen(self) -> Pair | None:
        """The image and labels chosen now, if they belong together."""
        image, labels = self._image.usable, self.choice.currentData()
        if self.problem_of_choice or image is None or labels is None:
            return None
        return image, labels

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """What is to be trained on: the list, or what is chosen if it is empty."""
        if self._added:
            return tuple(self._added)
        return () if self.chosen is None else (self.chosen,)

    @property
    def problem_of_choice(self) -> str:
        """What is wrong with what is chosen, in words."""
        if self._image.problem:
            return self._image.problem
        image, labels = self._image.usable, self.choice.currentData()
        if image is None or labels is None:
            return "Choose the labels of this image: open them, or segment it first."
        shapes = [volume_of(layer).shape for layer in (image, labels)]
        if shapes[0] != shapes[1]:
            return (
                f"The labels have shape {shapes[1]}, the image {shapes[0]}. Choose "
                "labels made on this image."
            )
        return ""

    @property
    def problem(self) -> str:
        """What keeps a training from being started, in words."""
        return "" if self._added else self.problem_of_choice

    def volumes(self) -> tuple[tuple[Volume, Volume], ...]:
        """Return images and labels as they are now: painting may go on."""
        return tuple((volume_of(i), _captured(labels)) for i, labels in self.pairs)

    def add(self) -> None:
        """Add what is chosen to the list."""
        pair = self.chosen
        if pair is not None and pair not in self._added:
            self._added.append(pair)
            self._show()

    def remove(self) -> None:
        """Take the selected pair from the list, or the last one."""
        row = self.list.currentRow()
        if self._added:
            self._added.pop(row if row >= 0 else -1)
            self._show()

    def _arrange(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        grid.setColumnStretch(1, 1)
        grid.addWidget(row_label("Labels", self.choice.toolTip()), 0, 0)
        grid.addWidget(self.choice, 0, 1)
        grid.addWidget(self.add_button, 0, 2)
        grid.addWidget(self.list, 1, 1)
        grid.addWidget(self.remove_button, 1, 2)

    def _connect(self) -> None:
        self._image.changed.connect(self._show)
        self.choice.currentIndexChanged.connect(self._show)
        self.add_button.clicked.connect(self.add)
        self.remove_button.clicked.connect(self.remove)
        follow(self, self._viewer.layers.events.inserted, self._refresh)
        follow(self, self._viewer.layers.events.removed, self._refresh)

    def _refresh(self, _event: Any = None) -> None:
        """Offer the labels layers there are now; forget pairs of which one is gone."""
        chosen = self.choice.currentData()
        layers = self._viewer.layers
        self._added = [(i, k) for i, k in self._added if i in layers and k in layers]
        offered = [
            layer
            for layer in layers_of(self._viewer, Labels)
            if layer.metadata.get(MADE_BY_US) != ANNOTATION
        ]
        self.choice.blockSignals(True)
        self.choice.clear()
        for layer in offered:
            self.choice.addItem(layer.name, layer)
        kept = [number for number, layer in enumerate(offered) if layer is chosen]
        self.choice.setCurrentIndex(kept[0] if kept else min(0, len(offered) - 1))
        self.choice.blockSignals(False)
        self._show()

    def _show(self) -> None:
        pair = self.chosen
        self.add_button.setEnabled(pair is not None and pair not in self._added)
        self.list.clear()
        for number, (image, labels) in enumerate(self._added):
            self.list.addItem(f"{image.name} + {labels.name}")
            self.list.item(number).setToolTip(f"{image.name}\n{labels.name}")
        for widget in (self.list, self.remove_button):
            widget.setVisible(bool(self._added))
        self.changed.emit()


def _captured(labels: Labels) -> Volume:
    """Return labels that later painting does not change."""
    volume = volume_of(labels)
    if isinstance(volume.data, np.ndarray):
        return Volume(volume.data.copy(), spacing_of(labels), labels.name)
    return volume
