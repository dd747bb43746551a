"""The table of errors: filter, sort, and jump from row to row."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_mitoseg._napari.form import ignore_wheel
from napari_mitoseg._napari.table_rows import set_up_rows
from napari_mitoseg.evaluation import ErrorClass, ErrorTable

COLOURS = {
    ErrorClass.MATCHED: "#009e73",
    ErrorClass.MISSED: "#d55e00",
    ErrorClass.SPURIOUS: "#f0e442",
    ErrorClass.SPLIT: "#56b4e9",
    ErrorClass.MERGED: "#cc79a7",
}
"""Of each class, told apart by the colour-blind as well."""

HEADINGS = {
    "class": ("Error", "What has become of the object"),
    "side": ("Of", "Whether it is an object of the truth or of the prediction"),
    "index": ("Label", "Its label"),
    "partners": ("With", "Labels of the other layer it belongs with"),
    "iou": ("IoU", "The highest with any object of the other layer"),
    "n_voxels": ("Voxels", "Its size"),
    "centroid_z": ("z", "Mean position in voxels"),
    "centroid_y": ("y", "Mean position in voxels"),
    "centroid_x": ("x", "Mean position in voxels"),
}
COLUMNS = tuple(HEADINGS)
ICON = 10
ERRORS, EVERYTHING = "Errors", "Everything"

Order = Qt.SortOrder
Role = Qt.ItemDataRole


class ErrorModel(QAbstractTableModel):
    """Rows of an `ErrorTable`, filtered and sorted here: there may be 50 000."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._columns: dict[str, NDArray[Any]] = {}
        self._rows: NDArray[np.int64] = np.zeros(0, np.int64)
        self._kind = ERRORS
        self._sorting = (COLUMNS.index("n_voxels"), Order.DescendingOrder)

    def set_table(self, table: ErrorTable | None) -> None:
        """Show another table; none empties it."""
        columns = {} if table is None else table.columns
        self._columns = {name: np.asarray(values) for name, values in columns.items()}
        self._arrange()

    def show_kind(self, kind: str) -> None:
        """Show only the rows of one class, all errors, or everything."""
        self._kind = kind
        self._arrange()

    def count(self, kind: str) -> int:
        """Count the rows of a kind."""
        return int(np.count_nonzero(self._is_of(kind)))

    def value(self, row: int, name: str) -> Any:
        """Return a value of a row on screen."""
        return self._columns[name][self._rows[row]]

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - named by Qt
        """Count the rows."""
        return 0 if parent is not None and parent.isValid() else self._rows.size

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - named by Qt
        """Count the columns."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def data(self, index: QModelIndex, role: int = Role.DisplayRole) -> Any:
        """Return text, colour or alignment of a cell."""
        name = COLUMNS[index.column()]
        if role in {Role.DisplayRole, Role.ToolTipRole}:
            return _text(name, self.value(index.row(), name))
        if role == Role.DecorationRole and name == "class":
            word = str(self.value(index.row(), name))
            return QColor(COLOURS[ErrorClass[word.upper()]])
        if role == Role.TextAlignmentRole and name not in {"class", "side", "partners"}:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(  # noqa: N802 - named by Qt
        self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole
    ) -> Any:
        """Return the heading of a column."""
        if orientation == Qt.Orientation.Horizontal:
            title, tip = HEADINGS[COLUMNS[section]]
            return {Role.DisplayRole: title, Role.ToolTipRole: tip}.get(Role(role))
        return None

    def sort(self, column: int, order: Qt.SortOrder = Order.AscendingOrder) -> None:
        """Sort by a column."""
        self._sorting = (column, order)
        self._arrange()

    def _is_of(self, kind: str) -> NDArray[np.bool_]:
        classes = self._columns.get("class", np.zeros(0, str))
        if kind == EVERYTHING:
            return np.ones(classes.size, bool)
        matched: NDArray[np.bool_] = classes == ErrorClass.MATCHED.word
        return ~matched if kind == ERRORS else classes == kind.lower()

    def _arrange(self) -> None:
        self.beginResetModel()
        rows = np.flatnonzero(self._is_of(self._kind))
        column, order = self._sorting
        if rows.size:
            _, rank = np.unique(
                self._columns[COLUMNS[column]][rows], return_inverse=True
            )
            sign = 1 if order == Order.AscendingOrder else -1
            rows = rows[np.argsort(sign * rank, kind="stable")]
        self._rows = rows
        self.endResetModel()


class ErrorList(QWidget):
    """The table under a choice of what it shows.

    Attributes
    ----------
    jumped : Signal(str, int)
        Side and label of the object whose row has been clicked, or reached by keys.
    """

    jumped = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = ErrorModel(self)
        self.kind = QComboBox()
        self.kind.setToolTip("What the table shows")
        self.view = _view(self.model)
        ignore_wheel(self.kind)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.kind)
        layout.addWidget(self.view, 1)
        self.kind.currentIndexChanged.connect(self._on_kind)
        self.view.clicked.connect(self._on_reached)
        selection = self.view.selectionModel()
        if selection is not None:
            selection.currentRowChanged.connect(self._on_reached)
        self.set_table(None)

    def set_table(self, table: ErrorTable | None) -> None:
        """Show another table; none empties it."""
        self.model.set_table(table)
        self.view.resizeColumnsToContents()
        self._name_kinds()

    def _name_kinds(self) -> None:
        """Offer what there is to show, with how much there is of it."""
        chosen = max(self.kind.currentIndex(), 0)
        words = [one.word.capitalize() for one in (*ErrorClass,)[1:]]
        self.kind.blockSignals(True)
        self.kind.clear()
        for kind in (ERRORS, *words, EVERYTHING):
            self.kind.addItem(f"{kind}: {self.model.count(kind)}", kind)
        self.kind.setCurrentIndex(chosen)
        self.kind.blockSignals(False)

    def _on_kind(self) -> None:
        self.model.show_kind(self.kind.currentData())

    def _on_reached(self, index: QModelIndex) -> None:
        if index.isValid():
            row = index.row()
            side, label = (self.model.value(row, name) for name in ("side", "index"))
            self.jumped.emit(str(side), int(label))


def _view(model: ErrorModel) -> QTableView:
    view = QTableView()
    view.setModel(model)
    view.setToolTip("Click a row to see the object in its slice")
    set_up_rows(view)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    view.setMinimumHeight(160)
    view.setSortingEnabled(True)
    view.sortByColumn(COLUMNS.index("n_voxels"), Order.DescendingOrder)
    view.setIconSize(QSize(ICON, ICON))
    if (titles := view.horizontalHeader()) is not None:
        titles.setStretchLastSection(True)
        # The last column may be wide: its title would be out of sight in the middle.
        titles.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        titles.setStyleSheet("QHeaderView::section { padding: 2px; }")
    return view


def _text(name: str, value: Any) -> str:
    if name == "iou":
        return f"{value:.2f}"
    return f"{value:.0f}" if name.startswith("centroid") else str(value)
