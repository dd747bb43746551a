"""Hide objects by their values, and bring them back."""

from collections.abc import Mapping
from dataclasses import replace

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_mitoseg._napari.column_words import heading_of, numeric
from napari_mitoseg._napari.form import ignore_wheel, shrink
from napari_mitoseg._napari.number_field import NumberField
from napari_mitoseg._napari.object_filter import ObjectFilter, Range
from napari_mitoseg.volume import Array

ADD = "Add a range…"


class FilterBox(QWidget):
    """Ranges of columns, each with an undo.

    Attributes
    ----------
    changed : Signal(object)
        Another `ObjectFilter`.
    wants_selected : Signal()
        Only what is selected is to be shown.
    """

    changed = Signal(object)
    wants_selected = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.value = ObjectFilter()
        self._before: list[ObjectFilter] = []
        self.rows: dict[str, _RangeRow] = {}
        self._columns: Mapping[str, Array] = {}
        self.add = QComboBox()
        self.add.setToolTip("Show only objects with this value in a range")
        shrink(self.add)
        ignore_wheel(self.add)
        self.only = QPushButton("Only selected")
        self.only.setToolTip("Hide everything that is not selected")
        self.undo_button = QPushButton("Undo")
        self.undo_button.setToolTip("Take back the last change of the filter")
        self.all_button = QPushButton("Show all")
        self.all_button.setToolTip("Bring all hidden objects back")
        self._arrange()
        self.add.activated.connect(self._on_added)
        self.only.clicked.connect(self.wants_selected)
        self.undo_button.clicked.connect(self.undo)
        self.all_button.clicked.connect(self.show_all)
        self._enable()

    def set_columns(self, columns: Mapping[str, Array], value: ObjectFilter) -> None:
        """Filter other objects; what was done before cannot be undone any more.

        Parameters
        ----------
        columns : mapping of str to ndarray
            Their measurements.
        value : ObjectFilter
            How they are filtered already.
        """
        self._columns = numeric(columns)
        self.add.clear()
        self.add.addItem(ADD, None)
        for name in self._columns:
            self.add.addItem(heading_of(name).text, name)
        self._before.clear()
        self._show(value)

    def set_filter(self, value: ObjectFilter) -> None:
        """Filter in another way; this can be undone."""
        if value != self.value:
            self._before.append(self.value)
            self._show(value)
            self.changed.emit(value)

    def undo(self) -> None:
        """Take back the last change."""
        if self._before:
            self._show(self._before.pop())
            self.changed.emit(self.value)

    def show_all(self) -> None:
        """Show all objects; this can be undone."""
        self.set_filter(ObjectFilter())

    def _show(self, value: ObjectFilter) -> None:
        self.value = value
        wanted = {one.column: one for one in value.ranges}
        for name in [*self.rows]:
            if name not in wanted:
                row = self.rows.pop(name)
                self._list.removeWidget(row)
                row.deleteLater()
        for name, one in wanted.items():
            if name not in self.rows:
                self.rows[name] = self._new_row(name)
            self.rows[name].show_range(one)
        self._enable()

    def _new_row(self, name: str) -> "_RangeRow":
        row = _RangeRow(name, self._columns.get(name))
        row.edited.connect(
            lambda wanted: self.set_filter(self.value.with_range(wanted))
        )
        row.removed.connect(lambda: self.set_filter(self.value.without(name)))
        self._list.addWidget(row)
        return row

    def _on_added(self) -> None:
        name = self.add.currentData()
        self.add.setCurrentIndex(0)
        if name is not None and name not in self.rows:
            self.set_filter(self.value.with_range(Range(name)))
            self.rows[name].low.setFocus()

    def pick(self, labels: frozenset[int]) -> None:
        """Show only some labels, and of these only what the ranges let through."""
        self.set_filter(replace(self.value, only=labels))

    def _enable(self) -> None:
        self.undo_button.setEnabled(bool(self._before))
        self.all_button.setEnabled(self.value != ObjectFilter())

    def _arrange(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        self._list = QVBoxLayout()
        self._list.setSpacing(2)
        layout.addWidget(self.add)
        layout.addLayout(self._list)
        row = QHBoxLayout()
        row.setSpacing(4)
        for button in (self.only, self.undo_button, self.all_button):
            shrink(button)
            row.addWidget(button, 1)
        layout.addLayout(row)


class _RangeRow(QWidget):
    """Bounds of one column."""

    edited = Signal(object)
    removed = Signal()

    def __init__(self, name: str, values: Array | None) -> None:
        super().__init__()
        self._name = name
        heading = heading_of(name)
        title = QElidingLabel(heading.text)
        title.setToolTip(heading.tip)
        shrink(title)
        self.low, self.high = NumberField("At least"), NumberField("At most")
        known = [] if values is None else values[values == values]  # noqa: PLR0124 - not NaN
        if len(known):
            self.low.setPlaceholderText(f"{known.min():.2g}")
            self.high.setPlaceholderText(f"{known.max():.2g}")
        remove = QToolButton()
        remove.setText("×")
        remove.setToolTip("Remove this range")
        remove.setAutoRaise(True)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        parts = (title, self.low, QLabel("to"), self.high, remove)
        for n, part in enumerate(parts):
            grid.addWidget(part, 0, n)
        grid.setColumnStretch(0, 2)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        self.low.edited.connect(self._on_edited)
        self.high.edited.connect(self._on_edited)
        remove.clicked.connect(self.removed)

    def show_range(self, one: Range) -> None:
        """Show bounds."""
        self.low.set_value(one.low)
        self.high.set_value(one.high)

    def _on_edited(self) -> None:
        self.edited.emit(Range(self._name, self.low.value, self.high.value))
