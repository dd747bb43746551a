"""The slices that were proposed, worst first, to jump to and to mark."""

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QWidget
from qtpy.QtWidgets import QTableWidgetItem as Item

from napari_mitoseg.inference.noisy_slices import MOST, NoisySlice

HEADERS = ("Slice", "Score", "What seems to be wrong")
N_SHOWN = 4
"""Rows that are seen without scrolling."""


class NoisyTable(QTableWidget):
    """One row a proposed slice.

    Attributes
    ----------
    chosen : Signal(object)
        The `NoisySlice` of the row the user went to.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(HEADERS), parent)
        self.found: list[NoisySlice] = []
        self.setHorizontalHeaderLabels(HEADERS)
        self.verticalHeader().hide()
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setWordWrap(False)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        height = self.verticalHeader().defaultSectionSize()
        self.setFixedHeight((N_SHOWN + 1) * height)
        self.currentCellChanged.connect(self._on_current)

    def show_found(self, found: Sequence[NoisySlice]) -> None:
        """Show other proposals, worst first."""
        self.found = sorted(found, key=lambda one: (-one.score, one.z))
        self.blockSignals(True)
        self.setRowCount(len(self.found))
        for row, one in enumerate(self.found):
            for column, text in enumerate(_cells(one)):
                item = Item(text)
                item.setToolTip(one.reason)
                if column < 2:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                self.setItem(row, column, item)
        self.setCurrentCell(-1, -1)
        self.blockSignals(False)

    def selected(self) -> list[NoisySlice]:
        """Return the proposals of the selected rows; all where none is."""
        rows = sorted({index.row() for index in self.selectedIndexes()})
        return [self.found[row] for row in rows] or list(self.found)

    def _on_current(self, row: int, *_: int) -> None:
        if 0 <= row < len(self.found):
            self.chosen.emit(self.found[row])


def _cells(one: NoisySlice) -> tuple[str, str, str]:
    score = "–" if one.score >= MOST else f"{one.score:.1f}"
    many = f"{len(one.boxes)} regions: " if len(one.boxes) > 1 else ""
    return str(one.z), score, f"{many}{one.reason}"
