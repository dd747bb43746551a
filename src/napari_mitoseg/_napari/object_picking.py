"""Click an object in the canvas."""

from collections.abc import Callable, Generator
from typing import Any
from weakref import WeakMethod

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_mitoseg._napari.canvas_mouse import (
    CLICK_PX,
    LEFT_BUTTON,
    adds,
    voxels_along,
)
from napari_mitoseg._napari.editable import is_corrected
from napari_mitoseg._napari.lifetime import at_end
from napari_mitoseg._napari.shared_selection import CLICKING


class ObjectPicker(QObject):
    """Tells which label of a layer was clicked, in slices and in 3D.

    Parameters
    ----------
    viewer : ViewerModel
        Clicks into its canvas are watched, while nothing is being drawn.
    parent : QObject
        Deleting it ends the watch.

    Attributes
    ----------
    picked : Signal(object, bool)
        The label, 0 for background, and whether it comes to those that are selected.
    is_shown : callable
        Says of a label whether it can be seen: in 3D, clicks go through what cannot.
    """

    picked = Signal(object, bool)

    def __init__(self, viewer: ViewerModel, parent: QObject) -> None:
        super().__init__(parent)
        self.layer: Labels | None = None
        self.is_shown: Callable[[int], bool] = bool
        callback = _unbound(WeakMethod(self._on_pressed))
        viewer.mouse_drag_callbacks.append(callback)
        at_end(self, lambda: viewer.mouse_drag_callbacks.remove(callback))

    def _on_pressed(self, viewer: ViewerModel, event: Any) -> Generator[None]:
        """Take a press and a release in one place for a click."""
        active = viewer.layers.selection.active
        is_drawing = active is not None and str(active.mode) != CLICKING
        if self.layer not in viewer.layers or is_drawing or event.button != LEFT_BUTTON:
            return
        # Not "is": to plugins napari gives a proxy of the active layer.
        if active == self.layer and is_corrected(self.layer):
            return  # the click selects there, and from there here
        begin = np.asarray(event.pos)
        farthest = 0.0
        yield
        while event.type == "mouse_move":
            farthest = max(farthest, float(np.abs(event.pos - begin).max()))
            yield
        if farthest < CLICK_PX:
            self._pick(event)

    def _pick(self, event: Any) -> None:
        layer: Any = self.layer
        if not layer.visible:
            return
        is_solid = len(event.dims_displayed) == 3 and layer.ndim == 3
        if is_solid and isinstance(layer.data, np.ndarray):
            along = _labels_along(layer, event)
            label = next((one for one in along if one and self.is_shown(one)), 0)
        else:
            label = _label_at(layer, event)
        self.picked.emit(label, adds(event))


def _labels_along(layer: Any, event: Any) -> list[int]:
    """List the labels behind a click in 3D, from front to back, each once."""
    places = voxels_along(layer, event)
    return list(dict.fromkeys(layer.data[tuple(places.T)].tolist()))


def _label_at(layer: Any, event: Any) -> int:
    value = layer.get_value(
        event.position,
        view_direction=event.view_direction,
        dims_displayed=event.dims_displayed,
        world=True,
    )
    if isinstance(value, tuple):  # a pyramid tells the level first
        value = value[1]
    return int(value or 0)


def _unbound(method: WeakMethod[Any]) -> Callable[..., Any]:
    """Return a function that napari can keep when the owner is gone."""

    def call(viewer: ViewerModel, event: Any) -> Generator[None]:
        alive = method()
        if alive is not None:
            yield from alive(viewer, event)

    return call
