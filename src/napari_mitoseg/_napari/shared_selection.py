"""Which objects of a layer are selected: all panels that show it agree here."""

from collections.abc import Iterable
from weakref import WeakKeyDictionary, ref

from napari.layers import Labels
from napari.utils.events import EventEmitter

CLICKING = "pan_zoom"
"""The mode of a layer in which clicks select; in the others the user paints."""


class SharedSelection:
    """The selected objects of one layer.

    Parameters
    ----------
    layer : napari.layers.Labels
        The layer; its selected label becomes the last of the objects, unless the user
        paints.

    Attributes
    ----------
    labels : tuple of int
        Their numbers, in the order in which they were selected.
    is_outlined : bool
        Whether a panel outlines them in the canvas, so that no other need do so.
    changed : EventEmitter
        Others are selected, or they are outlined now, or no longer.
    """

    def __init__(self, layer: Labels) -> None:
        self.changed = EventEmitter(source=self, type_name="changed")
        self.labels: tuple[int, ...] = ()
        self.is_outlined = False
        self._layer = ref(layer)
        self._is_telling = False

    def select(self, labels: Iterable[int]) -> None:
        """Select objects, and tell the other panels.

        Parameters
        ----------
        labels : iterable of int
            Their numbers.  What a panel makes of it when it is told is left alone: it
            may not know all of them.
        """
        if self._is_telling:
            return
        wanted, layer = tuple(labels), self._layer()
        if wanted and layer is not None and str(layer.mode) == CLICKING:
            layer.selected_label = wanted[-1]
        if wanted != self.labels:
            self.labels = wanted
            self._tell()

    def outline(self, outlined: bool) -> None:
        """Say whether a panel outlines what is selected."""
        self.is_outlined = outlined
        self._tell()

    def _tell(self) -> None:
        self._is_telling = True
        self.changed()
        self._is_telling = False


_KNOWN: WeakKeyDictionary[Labels, SharedSelection] = WeakKeyDictionary()


def shared_selection(layer: Labels) -> SharedSelection:
    """Return what is selected of a layer, the same for whoever asks."""
    if layer not in _KNOWN:
        _KNOWN[layer] = SharedSelection(layer)
    return _KNOWN[layer]
