"""The layers that were measured, and what was done to them since."""

from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_mitoseg._napari.edit_watch import EditWatch
from napari_mitoseg._napari.group_box import Entry
from napari_mitoseg._napari.lifetime import at_end
from napari_mitoseg._napari.measure_tasks import Measured
from napari_mitoseg._napari.measured_layer import MeasuredLayer


class MeasuredLayers(QObject):
    """What is known of each layer; tables of layers that are gone are kept.

    Parameters
    ----------
    viewer : ViewerModel
        Where the layers are.
    parent : QObject
        Deleting it gives the layers their own colours back.

    Attributes
    ----------
    known : dict of Labels to MeasuredLayer
        The layers that are there.
    edited : Signal()
        Labels or spacing of a watched layer have changed.
    """

    edited = Signal()

    def __init__(self, viewer: ViewerModel, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.known: dict[Labels, MeasuredLayer] = {}
        self._watches: dict[Labels, EditWatch] = {}
        self._gone: list[Entry] = []
        known = self.known
        at_end(self, lambda: _restore(known))

    def watch(self, layer: Labels) -> EditWatch:
        """Return what counts the edits of a layer, from the first call on."""
        if layer not in self._watches:
            watch = EditWatch(layer, self)
            watch.edited.connect(self.edited)
            self._watches[layer] = watch
        return self._watches[layer]

    def add(self, layer: Labels, measured: Measured, n_edits: int) -> MeasuredLayer:
        """Take what was found; filter and colours of an earlier measurement stay.

        Parameters
        ----------
        layer : napari.layers.Labels
            What was measured.
        measured : Measured
            What was found.
        n_edits : int
            How many edits there were when the measurement began.

        Returns
        -------
        MeasuredLayer
            What is known now.
        """
        before = self.known.get(layer)
        if before is not None:
            before.appearance.restore()
        known = MeasuredLayer(layer, measured, self.watch(layer), n_edits)
        self.known[layer] = known
        if before is not None:
            known.set_filter(before.filter)
            known.set_colouring(before.colouring)
        return known

    def holds(self, one: MeasuredLayer) -> bool:
        """Say whether this is the newest that is known of a layer that is there."""
        return self.known.get(one.layer) is one

    def leave_removed(self) -> None:
        """Let go of layers that are gone; their tables can still be compared."""
        for layer in [one for one in self._watches if one not in self._viewer.layers]:
            self._watches.pop(layer).deleteLater()
            known = self.known.pop(layer, None)
            if known is not None:
                self._gone.append(Entry(known.name, known.shown_columns))

    def entries(self) -> list[Entry]:
        """Return what is shown of each layer, those that are gone first."""
        known = self.known.values()
        return [*self._gone, *(Entry(one.name, one.shown_columns) for one in known)]

    def restore(self) -> None:
        """Give all layers their own colours back, and what was hidden."""
        _restore(self.known)


def _restore(known: dict[Labels, MeasuredLayer]) -> None:
    for one in known.values():
        one.appearance.restore()
