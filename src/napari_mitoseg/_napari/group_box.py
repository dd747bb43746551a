"""Compare layers that were measured, alone or in groups."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from napari.components import ViewerModel
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_mitoseg._napari.column_words import heading_of, numeric
from napari_mitoseg._napari.form import ignore_wheel, shrink
from napari_mitoseg._napari.plot_box import FIRST, fill_columns
from napari_mitoseg._napari.plot_canvas import PlotCanvas
from napari_mitoseg._napari.plots import Group, Style, draw_groups
from napari_mitoseg.volume import Array

HEADERS = ("Layer", "Group")
ROW_HEIGHT, N_SHOWN = 24, 3
ADVICE = (
    "Layers with the same group are put together; large dots are then the medians of "
    "the layers. Hidden objects are left out."
)


class Entry(NamedTuple):
    """A layer that was measured: what it is called, and its columns."""

    name: str
    columns: Mapping[str, Array]


class GroupBox(QWidget):
    """One row a measured layer, and a plot of groups of them side by side.

    Parameters
    ----------
    viewer : ViewerModel
        Its theme gives the colours.

    Attributes
    ----------
    saving : Signal()
        The figure is to be saved.
    """

    saving = Signal()

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: list[Entry] = []
        self.layers = _table()
        self.column = QComboBox()
        self.column.setToolTip("Column that is compared")
        self.log = QCheckBox("log")
        self.log.setToolTip("Logarithmic axis; leaves out values of 0 and below")
        self.canvas = PlotCanvas(viewer)
        self.save_button = QPushButton("Save figure…")
        self.save_button.setToolTip("Save as PNG, SVG or PDF, black on white")
        shrink(self.column)
        ignore_wheel(self.column)
        self._arrange()
        self.layers.itemChanged.connect(self.draw)
        self.column.currentIndexChanged.connect(self.draw)
        self.log.toggled.connect(self.draw)
        self.save_button.clicked.connect(self.saving)

    def set_entries(self, entries: Sequence[Entry]) -> None:
        """Compare other layers; groups and ticks of those that stay are kept.

        Parameters
        ----------
        entries : sequence of Entry
            All layers that were measured.
        """
        known = {
            self._cell(row, 0).text(): (
                self._cell(row, 0).checkState(),
                self._cell(row, 1).text(),
            )
            for row in range(self.layers.rowCount())
        }
        self._entries = [*entries]
        self.layers.blockSignals(True)
        self.layers.setRowCount(len(entries))
        for row, entry in enumerate(entries):
            fresh = (Qt.CheckState.Checked, entry.name)
            state, group = known.get(entry.name, fresh)
            name = QTableWidgetItem(entry.name)
            name.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            name.setCheckState(state)
            name.setToolTip(entry.name)
            self.layers.setItem(row, 0, name)
            self.layers.setItem(row, 1, QTableWidgetItem(group))
        self.layers.blockSignals(False)
        shared: dict[str, Any] = {}
        for entry in entries:
            shared |= numeric(entry.columns)
        fill_columns(self.column, shared, FIRST)
        self.draw()

    def groups(self) -> list[Group]:
        """Return the ticked layers that have the chosen column, by group."""
        column = self.column.currentData()
        found: dict[str, list[Any]] = {}
        for row, entry in enumerate(self._entries):
            ticked = self._cell(row, 0).checkState() == Qt.CheckState.Checked
            if ticked and column in entry.columns:
                values = np.asarray(entry.columns[column], float)
                group = found.setdefault(self._cell(row, 1).text(), [])
                group.append(values[np.isfinite(values)])
        return [Group(name, tuple(layers)) for name, layers in found.items()]

    def draw(self, *_: Any) -> None:
        """Draw what is chosen."""
        groups, log = self.groups(), self.log.isChecked()
        if not groups:
            self.canvas.plot(None)
            return
        title = heading_of(self.column.currentData()).text

        def draw(axes: Any, style: Style) -> None:
            draw_groups(axes, groups, title, style, log=log)

        self.canvas.plot(draw)

    def _cell(self, row: int, column: int) -> QTableWidgetItem:
        item = self.layers.item(row, column)
        return item if item is not None else QTableWidgetItem()

    def _arrange(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.column, 1)
        row.addWidget(self.log)
        advice = QLabel(ADVICE)
        advice.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.layers)
        layout.addLayout(row)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(advice)
        layout.addWidget(self.save_button)


def _table() -> QTableWidget:
    table = QTableWidget(0, len(HEADERS))
    table.setHorizontalHeaderLabels(HEADERS)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
    table.horizontalHeader().setStretchLastSection(True)
    table.setColumnWidth(0, 200)
    table.setFixedHeight((N_SHOWN + 1) * ROW_HEIGHT)
    table.setToolTip("Measured layers; write a group beside each")
    return table
