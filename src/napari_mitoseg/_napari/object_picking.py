"""Click an object in the canvas."""

from collections.abc import Callable, Generator
from typing import Any
from weakref import WeakMethod

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtCore import QObject, Signal

from napari_mitoseg._napari.lifetime import at_end

STILL = 4
"""Pixels the mouse may move between press and release of a click."""

PAN_ZOOM = "pan_zoom"
SHIFT = "Shift"


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
    """

    picked = Signal(object, bool)

    def __init__(self, viewer: ViewerModel, parent: QObject) -> None:
        super().__init__(parent)
        self.layer: Layer | None = None
        callback = _unbound(WeakMethod(self._on_pressed))
        viewer.mouse_drag_callbacks.append(callback)
        at_end(self, lambda: viewer.mouse_drag_callbacks.remove(callback))

    def _on_pressed(self, viewer: ViewerModel, event: Any) -> Generator[None]:
        """Take a press and a release in one place for a click."""
        active = viewer.layers.selection.active
        is_drawing = active is not None and str(active.mode) != PAN_ZOOM
        if self.layer not in viewer.layers or is_drawing or event.button != 1:
            return
        begin = np.asarray(event.pos)
        farthest = 0.0
        yield
        while event.type == "mouse_move":
            farthest = max(farthest, float(np.abs(event.pos - begin).max()))
            yield
        if farthest <= STILL:
            self._pick(event)

    def _pick(self, event: Any) -> None:
        layer: Any = self.layer
        value: Any = layer.get_value(
            event.position,
            view_direction=event.view_direction,
            dims_displayed=event.dims_displayed,
            world=True,
        )
        if isinstance(value, tuple):  # a pyramid tells the level first
            value = value[1]
        if layer.visible:
            self.picked.emit(int(value or 0), SHIFT in event.modifiers)


def _unbound(method: WeakMethod[Any]) -> Callable[..., Any]:
    """Return a function that napari can keep when the owner is gone."""

    def call(viewer: ViewerModel, event: Any) -> Generator[None]:
        alive = method()
        if alive is not None:
            yield from alive(viewer, event)

    return call
