"""Choose a layer of one kind."""

from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QWidget

from napari_mitoseg._napari.form import ignore_wheel, shrink
from napari_mitoseg._napari.layers import layers_of
from napari_mitoseg._napari.lifetime import follow

LONGEST = 26
"""Characters of a name that are shown."""

ALTERATIONS = ("scale", "units", "data")


class LayerChoice(QComboBox):
    """Offers the layers of one kind, topmost first, and keeps up with them.

    Parameters
    ----------
    viewer : ViewerModel
        Its layers are offered.
    kind : type of Layer
        Which of them.
    tip : str
        What the layer is for.
    offers : callable
        Says of a layer of this kind whether it is offered.
    otherwise : str
        What stands for no layer; there is no such choice where this is empty.

    Attributes
    ----------
    changed : Signal()
        Another layer is chosen, or the chosen one has another name.
    altered : Signal()
        The chosen layer has another spacing, or other data.
    """

    changed = Signal()
    altered = Signal()

    def __init__(
        self,
        viewer: ViewerModel,
        kind: type[Layer],
        tip: str,
        offers: Callable[[Layer], bool],
        otherwise: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._kind = kind
        self._tip = tip
        self._offers = offers
        self._otherwise = otherwise
        self._watched: Any = None
        shrink(self)
        ignore_wheel(self)
        self.currentIndexChanged.connect(self._on_chosen)
        for name in ("inserted", "removed", "renamed"):
            follow(self, getattr(viewer.layers.events, name), self._refresh)
        self._refresh()

    @property
    def layer(self) -> Any:
        """The chosen layer; None where there is none."""
        layer = self.currentData()
        return layer if layer in self._viewer.layers else None

    def choose(self, layer: Layer) -> None:
        """Choose a layer that is offered."""
        self.setCurrentIndex(max(self._index_of(layer), 0))

    def layers(self) -> list[Layer]:
        """Return the layers that are offered."""
        found = [self.itemData(n) for n in range(self.count())]
        return [layer for layer in found if layer is not None]

    def _refresh(self, _event: Any = None) -> None:
        chosen = self.currentData()
        self.blockSignals(True)
        self.clear()
        if self._otherwise:
            self.addItem(self._otherwise, None)
        for layer in layers_of(self._viewer, self._kind):
            if self._offers(layer):
                self.addItem(_short(layer.name), layer)
        self.setCurrentIndex(max(self._index_of(chosen), 0))
        self.blockSignals(False)
        self._on_chosen()

    def _index_of(self, layer: Layer | None) -> int:
        """Return where a layer is offered; -1 where it is not."""
        offered = [self.itemData(n) for n in range(self.count())]
        return next((n for n, one in enumerate(offered) if one is layer), -1)

    def _on_chosen(self) -> None:
        layer = self.layer
        self._watch(layer)
        self.setToolTip(self._tip if layer is None else f"{self._tip}: {layer.name}")
        self.changed.emit()

    def _watch(self, layer: Any) -> None:
        if layer is self._watched:
            return
        before, self._watched = self._watched, layer
        for name in ALTERATIONS:
            if before is not None:
                getattr(before.events, name).disconnect(self._on_altered)
            if layer is not None:
                follow(self, getattr(layer.events, name), self._on_altered)

    def _on_altered(self, _event: Any = None) -> None:
        self.altered.emit()


def _short(name: str) -> str:
    """Leave out the middle of a long name: layers of one image differ at the end."""
    if len(name) <= LONGEST:
        return name
    head = LONGEST // 3
    return f"{name[:head]}…{name[head + 1 - LONGEST :]}"
