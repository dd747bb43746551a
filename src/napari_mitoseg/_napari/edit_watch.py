"""Notice when labels are edited."""

from typing import Any

from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_mitoseg._napari.lifetime import follow

EDITS = ("paint", "labels_update", "data", "scale", "units")


class EditWatch(QObject):
    """Counts what is done to a layer of labels that changes its measurements.

    Parameters
    ----------
    layer : napari.layers.Labels
        Watched from now on.
    parent : QObject
        Deleting it ends the watch.

    Attributes
    ----------
    edited : Signal()
        Labels or spacing have changed.
    """

    edited = Signal()

    def __init__(self, layer: Labels, parent: QObject) -> None:
        super().__init__(parent)
        self.n_edits = 0
        self._layer = layer
        self._history = self._depths()
        for name in EDITS:
            follow(self, getattr(layer.events, name), self._on_edited)
        follow(self, layer.events.set_data, self._on_drawn)

    def _on_edited(self, _event: Any = None) -> None:
        self.n_edits += 1
        self._history = self._depths()
        self.edited.emit()

    def _on_drawn(self, _event: Any = None) -> None:
        """Notice undo and redo, which draw anew and move a step between two lists."""
        before, now = self._history, self._depths()
        self._history = now
        if now != before and sum(now) == sum(before):
            self._on_edited()

    def _depths(self) -> tuple[int, int]:
        # napari 0.9 has no public sign of an undo.
        return len(self._layer._undo_history), len(self._layer._redo_history)
