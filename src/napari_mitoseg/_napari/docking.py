"""Panels that are open together lie on one another, as tabs."""

from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget


def tab_with_others(panel: QWidget, kind: type[QWidget]) -> None:
    """Lay the dock of a panel on those of other panels beside the same edge.

    Parameters
    ----------
    panel : QWidget
        One that is in a dock; it comes to the front.
    kind : type of QWidget
        Of the panels that share a place.

    Notes
    -----
    napari puts every new dock below the others: three panels of which each wants the
    whole height would have a third of it.
    """
    dock = _dock_of(panel)
    if dock is None or dock.isFloating():
        return
    window = dock.parentWidget()
    if not isinstance(window, QMainWindow):
        return
    area, placed = window.dockWidgetArea(dock), window.tabifiedDockWidgets(dock)
    others = [
        one
        for one in map(_dock_of, window.findChildren(kind))
        if one not in {None, dock, *placed}
        and not one.isFloating()
        and window.dockWidgetArea(one) == area
    ]
    if others:
        window.tabifyDockWidget(others[-1], dock)
    if others or placed:
        dock.raise_()


def _dock_of(panel: QWidget) -> QDockWidget | None:
    """Return the dock that a widget is in; None where it is in none."""
    above = panel.parentWidget()
    while above is not None and not isinstance(above, QDockWidget):
        above = above.parentWidget()
    return above
