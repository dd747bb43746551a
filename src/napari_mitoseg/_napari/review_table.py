"""The objects that are to be looked at, the most suspicious first."""

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from napari_mitoseg._napari.table_rows import ROW_HEIGHT, set_up_rows
from napari_mitoseg.proofreading import ReviewItem

COLOURS = {
    "open": "#6b7280",
    "correct": "#009e73",
    "fixed": "#56b4e9",
    "delete": "#d55e00",
}
"""Of each state, told apart by the colour-blind as well."""

HEADINGS = (
    ("Label", "Its number in the layer"),
    ("Score", "How suspicious it is: 0 not at all, 1 very"),
    ("Why", "What is suspicious about it"),
)
SCORE, WHY = 1, 2
N_SHOWN = 3
Role = Qt.ItemDataRole


class ReviewModel(QAbstractTableModel):
    """Rows in the order of the review; there may be many thousands."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: Sequence[ReviewItem] = ()

    def set_rows(self, rows: Sequence[ReviewItem]) -> None:
        """Show other objects, or the same ones in other states."""
        same = [row.label for row in rows] == [row.label for row in self.rows]
        if same and rows:
            self.rows = rows
            last = self.index(len(rows) - 1, len(HEADINGS) - 1)
            self.dataChanged.emit(self.index(0, 0), last)
            return
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - named by Qt
        """Count the objects."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - named by Qt
        """Count the columns."""
        return 0 if parent is not None and parent.isValid() else len(HEADINGS)

    def data(self, index: QModelIndex, role: int = Role.DisplayRole) -> Any:
        """Return text, colour or alignment of a cell."""
        row, column = self.rows[index.row()], index.column()
        if role == Role.DisplayRole:
            return (str(row.label), f"{row.score:.2f}", "; ".join(row.reasons))[column]
        if role == Role.ToolTipRole:
            return f"{row.label}, {row.state}: {'; '.join(row.reasons)}"
        if role == Role.DecorationRole and column == 0:
            return QColor(COLOURS[row.state])
        if role == Role.TextAlignmentRole and column == SCORE:
            return Qt.AlignmentFlag.AlignCenter
        return None

    def headerData(  # noqa: N802 - named by Qt
        self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole
    ) -> Any:
        """Return the heading of a column."""
        if orientation == Qt.Orientation.Horizontal:
            title, tip = HEADINGS[section]
            return {Role.DisplayRole: title, Role.ToolTipRole: tip}.get(Role(role))
        return None


class ReviewTable(QTableView):
    """The review, to jump through.

    Attributes
    ----------
    chosen : Signal(int)
        Label of the object whose row was clicked, or reached by keys.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = ReviewModel(self)
        self.setModel(self.rows)
        set_up_rows(self)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setMinimumHeight((N_SHOWN + 1) * ROW_HEIGHT + 4)
        titles = self.horizontalHeader()
        titles.setStyleSheet("QHeaderView::section { padding: 2px; }")
        titles.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        titles.resizeSection(0, 68)
        titles.resizeSection(SCORE, 48)
        titles.setStretchLastSection(True)
        self.clicked.connect(self._on_reached)

    def sizeHint(self) -> QSize:  # noqa: N802 - named by Qt
        """Ask for few rows: the table takes what room is left."""
        return QSize(super().sizeHint().width(), self.minimumHeight())

    def show_rows(self, rows: Sequence[ReviewItem], current: int | None) -> None:
        """Show a review, and which of its objects is looked at.

        Parameters
        ----------
        rows : sequence of ReviewItem
            In order.
        current : int or None
            A label.
        """
        self.rows.set_rows(rows)
        place = next((n for n, one in enumerate(rows) if one.label == current), None)
        if place is None:
            self.clearSelection()
            return
        if place != self.currentIndex().row():
            self.selectRow(place)
        centre = QAbstractItemView.ScrollHint.PositionAtCenter
        self.scrollTo(self.rows.index(place, 0), centre)

    def _on_reached(self, index: QModelIndex) -> None:
        if index.isValid():
            self.chosen.emit(self.rows.rows[index.row()].label)
