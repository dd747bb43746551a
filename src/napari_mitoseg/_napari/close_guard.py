"""Ask before napari is closed while something goes on."""

from collections.abc import Callable
from weakref import WeakMethod

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMainWindow, QWidget


class CloseGuard(QObject):
    """Asks a widget whether its window may be closed.

    Parameters
    ----------
    owner : QWidget
        Deleting it ends the guard.
    may_close : callable
        A method of the owner that says so; False keeps the window open.
    """

    def __init__(self, owner: QWidget, may_close: Callable[[], bool]) -> None:
        super().__init__(owner)
        self._may_close = WeakMethod(may_close)
        self._window: QMainWindow | None = None

    def watch_window_of(self, widget: QWidget) -> None:
        """Guard the main window that a widget is in, from now on."""
        parent: QObject | None = widget
        while parent is not None and not isinstance(parent, QMainWindow):
            parent = parent.parent()
        if parent is not None and parent is not self._window:
            self._window = parent
            parent.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 - named by Qt
        """Hold a close back where the owner says so."""
        may_close = self._may_close()
        is_close = event is not None and event.type() == QEvent.Type.Close
        if is_close and watched is self._window and may_close is not None:
            is_kept = not may_close()
            if is_kept and event is not None:
                event.ignore()
            return is_kept
        return False
