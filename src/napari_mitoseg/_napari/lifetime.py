"""Tidy up when Qt deletes a widget, or napari closes its dock."""

from collections.abc import Callable
from typing import Any
from weakref import WeakMethod

from qtpy.QtCore import QEvent, QObject, Slot
from qtpy.QtWidgets import QWidget

_WAITING: set["_AtEnd"] = set()


class _AtEnd(QObject):
    """Calls one function, once.

    An object of its own that is kept alive here: a lambda in the garbage together with
    the widget would be emptied by the collector before Qt calls it.
    """

    def __init__(self, action: Callable[[], None]) -> None:
        super().__init__()
        self._action = action

    @Slot()
    def run(self) -> None:
        """Call the function."""
        _WAITING.discard(self)
        self._action()


def at_end(owner: QObject, action: Callable[[], None]) -> None:
    """Call a function when Qt deletes an object.

    Parameters
    ----------
    owner : QObject
        Its deletion is waited for.
    action : callable
        Must hold no reference to `owner`.
    """
    end = _AtEnd(action)
    _WAITING.add(end)
    owner.destroyed.connect(end.run)


def follow(owner: QObject, emitter: Any, callback: Callable[..., None]) -> None:
    """Connect to an event of napari until the owner is deleted.

    Parameters
    ----------
    owner : QObject
        The widget whose method is called; napari would call it even when Qt has
        deleted it.
    emitter : napari.utils.events.EventEmitter
        What to listen to.
    callback : callable
        A method of the owner that takes the event.
    """
    emitter.connect(callback)
    method = WeakMethod(callback)

    def stop() -> None:
        alive = method()
        if alive is not None:
            emitter.disconnect(alive)

    at_end(owner, stop)


def is_taken_out(widget: QWidget, event: QEvent | None) -> bool:
    """Say whether napari takes a widget out of its dock: the dock was closed.

    Parameters
    ----------
    widget : QWidget
        It may live on until Python finds it in the garbage.
    event : QEvent or None
        That has come to it.

    Returns
    -------
    bool
        Whether it has lost its parent.
    """
    changes = event is not None and event.type() == QEvent.Type.ParentChange
    return changes and widget.parent() is None
