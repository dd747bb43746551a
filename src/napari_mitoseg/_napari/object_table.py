"""The table of measured objects: any column, a million rows, sorted and filtered."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QItemSelectionRange,
    QModelIndex,
    Qt,
    Signal,
)
from qtpy.QtWidgets import QAbstractItemView, QTableView, QWidget

from napari_mitoseg._napari.column_words import (
    Heading,
    cell_text,
    heading_of,
    presented,
)
from napari_mitoseg._napari.object_selection import ObjectSelection, Rows
from napari_mitoseg._napari.table_rows import set_up_rows
from napari_mitoseg.volume import Array

MOST_MARKED = 2000
"""Rows that are marked when they are selected elsewhere: Qt takes seconds for more."""

LOOKED_AT = 100
"""Rows that decide how wide a column is."""

RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
Order = Qt.SortOrder
Role = Qt.ItemDataRole
Flag = QItemSelectionModel.SelectionFlag


class ObjectModel(QAbstractTableModel):
    """Columns of numbers, filtered and sorted by numpy.

    Rows are counted twice: `rows` on screen, and objects in the columns.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.columns: dict[str, Array] = {}
        self.rows: Rows = np.zeros(0, np.int64)
        self._headings: list[Heading] = []
        self._shown: NDArray[np.bool_] | None = None
        self._sorting = (0, Order.AscendingOrder)

    def set_columns(self, columns: Mapping[str, Array]) -> None:
        """Show other objects, all of them."""
        self.columns = presented(columns)
        self._headings = [heading_of(name) for name in self.columns]
        self._shown = None
        self._arrange()

    def show_objects(self, shown: NDArray[np.bool_]) -> None:
        """Show only some objects; their number is that of the columns."""
        self._shown = shown
        self._arrange()

    def object_of(self, row: int) -> int:
        """Return the object of a row on screen."""
        return int(self.rows[row])

    def rows_of(self, objects: ArrayLike) -> Rows:
        """Return the rows on screen of objects, ascending; hidden ones have none."""
        wanted = np.asarray(objects, np.int64)
        return np.flatnonzero(np.isin(self.rows, wanted)).astype(np.int64)

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - named by Qt
        """Count the rows."""
        return 0 if parent is not None and parent.isValid() else int(self.rows.size)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - named by Qt
        """Count the columns."""
        return 0 if parent is not None and parent.isValid() else len(self._headings)

    def data(self, index: QModelIndex, role: int = Role.DisplayRole) -> Any:
        """Return text or alignment of a cell."""
        if role == Role.DisplayRole:
            name = self._headings[index.column()].name
            return cell_text(self.columns[name][self.rows[index.row()]])
        if role == Role.TextAlignmentRole:
            return RIGHT
        return None

    def headerData(  # noqa: N802 - named by Qt
        self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole
    ) -> Any:
        """Return the heading of a column."""
        if orientation == Qt.Orientation.Horizontal:
            one = self._headings[section]
            return {Role.DisplayRole: one.text, Role.ToolTipRole: one.tip}.get(
                Role(role)
            )
        return None

    def sort(self, column: int, order: Qt.SortOrder = Order.AscendingOrder) -> None:
        """Sort by a column; objects without a value come last."""
        self._sorting = (column, order)
        self._arrange()

    def _arrange(self) -> None:
        self.beginResetModel()
        size = len(next(iter(self.columns.values()), ()))
        shown = np.ones(size, bool) if self._shown is None else self._shown
        rows = np.flatnonzero(shown)
        column, order = self._sorting
        if rows.size and column < len(self._headings):
            values = sortable(self.columns[self._headings[column].name][rows])
            sign = 1 if order == Order.AscendingOrder else -1
            rows = rows[np.argsort(sign * values, kind="stable")]
        self.rows = rows
        self.endResetModel()


class ObjectTable(QTableView):
    """The table; selecting in it selects objects everywhere, and the other way round.

    Parameters
    ----------
    selection : ObjectSelection
        What is selected.

    Attributes
    ----------
    reached : Signal(int)
        The object of a row the user has gone to.
    """

    reached = Signal(int)

    def __init__(
        self, selection: ObjectSelection, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.objects = ObjectModel(self)
        self._selection = selection
        self.setModel(self.objects)
        self._set_up()
        self.selectionModel().selectionChanged.connect(self._on_rows_selected)
        self.objects.modelReset.connect(self._mark)
        self.clicked.connect(self._on_clicked)
        selection.changed.connect(self._on_selection)

    def set_columns(self, columns: Mapping[str, Array]) -> None:
        """Show other objects."""
        self.objects.set_columns(columns)
        self.resizeColumnsToContents()

    def _set_up(self) -> None:
        self.setToolTip("Click a row to see the object; Shift and Ctrl select several")
        set_up_rows(self)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setMinimumHeight(120)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Order.AscendingOrder)
        style = "QHeaderView::section { padding: 2px 4px; }"
        self.horizontalHeader().setStyleSheet(style)
        self.horizontalHeader().setResizeContentsPrecision(LOOKED_AT)

    def _on_rows_selected(self, *_: QItemSelection) -> None:
        chosen = [
            self.objects.rows[one.top() : one.bottom() + 1]
            for one in self.selectionModel().selection()
        ]
        objects = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
        self._selection.select(objects, by=self)
        if np.unique(objects).size == 1:
            self.reached.emit(int(objects[0]))

    def _on_clicked(self, index: QModelIndex) -> None:
        """Go to an object once more that is selected already."""
        if index.isValid() and self._selection.rows.size == 1:
            self.reached.emit(self.objects.object_of(index.row()))

    def _on_selection(self, by: Any) -> None:
        if by is not self:
            self._mark()

    def _mark(self) -> None:
        """Mark the rows of what is selected elsewhere, and show the first."""
        rows = self.objects.rows_of(self._selection.rows)
        model = self.selectionModel()
        model.blockSignals(True)
        model.clear()
        if rows.size:
            wanted = Flag.Select | Flag.Rows
            model.select(self._ranges(rows[:MOST_MARKED]), wanted)
            first = self.objects.index(int(rows[0]), 0)
            model.setCurrentIndex(first, Flag.NoUpdate)
            self.scrollTo(first, QAbstractItemView.ScrollHint.PositionAtCenter)
        model.blockSignals(False)
        self.viewport().update()

    def _ranges(self, rows: Rows) -> QItemSelection:
        """Return rows as few ranges."""
        found, last = QItemSelection(), self.objects.columnCount() - 1
        for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
            top = self.objects.index(int(run[0]), 0)
            found.append(
                QItemSelectionRange(top, self.objects.index(int(run[-1]), last))
            )
        return found


def sortable(values: Array) -> NDArray[Any]:
    """Return numbers in the order of values; NaN where there is none.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Numbers, truth values or words.

    Returns
    -------
    ndarray of float, shape (n,)
        Numbers themselves, else ranks.

    Examples
    --------
    >>> sortable(np.array(["b", "a", "b"])).tolist()
    [1.0, 0.0, 1.0]
    """
    if values.dtype.kind in "fiub":
        return values.astype(float)
    return np.unique(values, return_inverse=True)[1].astype(float)
