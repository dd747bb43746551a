"""Colour the objects by one of their values."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from napari.utils.colormaps import ensure_colormap
from numpy.typing import NDArray
from qtpy.QtCore import QRectF, QSize, Signal
from qtpy.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from napari_mitoseg._napari.column_words import heading_of, numeric
from napari_mitoseg._napari.form import ignore_wheel, shrink
from napari_mitoseg._napari.number_field import NumberField
from napari_mitoseg.volume import Array

NORMAL = "Colours of the layer"
COLORMAPS = ("viridis", "magma", "plasma", "turbo", "PiYG", "hsv")
ROBUST = (2, 98)
"""Percentiles that the colours span at first: one giant must not make all else dark."""

N_STOPS = 16


class Colouring(NamedTuple):
    """What the objects are coloured by.

    Attributes
    ----------
    column : str
        Name of the column.
    colormap : str
        One of napari's.
    limits : tuple of float
        Values of the first colour and of the last.
    """

    column: str
    colormap: str
    limits: tuple[float, float]


class ColourBox(QWidget):
    """Column, colormap, limits and legend.

    Attributes
    ----------
    changed : Signal()
        Something else is chosen; see `value`.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._columns: Mapping[str, NDArray[np.float64]] = {}
        self.column, self.colormap = QComboBox(), QComboBox()
        self.column.setToolTip("Value that colours the objects")
        self.colormap.setToolTip("Colours")
        self.colormap.addItems(COLORMAPS)
        self.low = NumberField("Value of the first colour")
        self.high = NumberField("Value of the last colour")
        self.legend = Legend()
        for box in (self.column, self.colormap):
            shrink(box)
            ignore_wheel(box)
        self._arrange()
        self.column.currentIndexChanged.connect(self._on_column)
        self.colormap.currentIndexChanged.connect(self._on_changed)
        self.low.edited.connect(self._on_changed)
        self.high.edited.connect(self._on_changed)
        self._show_legend()

    @property
    def value(self) -> Colouring | None:
        """What is chosen; None for the colours of the layer."""
        name, low, high = self.column.currentData(), self.low.value, self.high.value
        if name is None or low is None or high is None:
            return None
        return Colouring(name, self.colormap.currentText(), (low, high))

    def set_columns(
        self, columns: Mapping[str, Array], value: Colouring | None
    ) -> None:
        """Offer the columns of other objects, without signalling.

        Parameters
        ----------
        columns : mapping of str to ndarray
            Their measurements.
        value : Colouring or None
            How they are coloured already.
        """
        self._columns = numeric(columns)
        known = value is not None and value.column in self._columns
        for box in (self.column, self.colormap):
            box.blockSignals(True)
        self.column.clear()
        self.column.addItem(NORMAL, None)
        for name in self._columns:
            self.column.addItem(heading_of(name).text, name)
        limits: tuple[float | None, float | None] = (None, None)
        if known and value is not None:
            self.column.setCurrentIndex(self.column.findData(value.column))
            self.colormap.setCurrentText(value.colormap)
            limits = value.limits
        for box in (self.column, self.colormap):
            box.blockSignals(False)
        self._set_limits(limits)
        self._show_legend()

    def choose(self, column: str | None) -> None:
        """Colour by a column; None gives the layer its own colours back."""
        self.column.setCurrentIndex(self.column.findData(column))

    def _on_column(self) -> None:
        """Begin with limits that fit the column."""
        name = self.column.currentData()
        limits: tuple[float | None, float | None] = (None, None)
        if name is not None:
            limits = robust_limits(self._columns[name])
        self._set_limits(limits)
        self._on_changed()

    def _set_limits(self, limits: tuple[float | None, float | None]) -> None:
        self.low.set_value(limits[0])
        self.high.set_value(limits[1])

    def _on_changed(self) -> None:
        self._show_legend()
        self.changed.emit()

    def _show_legend(self) -> None:
        name = self.column.currentData()
        self._limits.setVisible(name is not None)
        self.colormap.setEnabled(name is not None)
        self.legend.show_colormap(self.colormap.currentText())
        text = "" if name is None else heading_of(name).text
        self.column.setToolTip(f"Value that colours the objects: {text or NORMAL}")

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(4)
        top.addWidget(self.column, 2)
        top.addWidget(self.colormap, 1)
        self._limits = QWidget()
        bottom = QHBoxLayout(self._limits)
        bottom.setContentsMargins(0, 0, 0, 0)
        bottom.setSpacing(4)
        bottom.addWidget(self.low, 2)
        bottom.addWidget(self.legend, 3)
        bottom.addWidget(self.high, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(top)
        layout.addWidget(self._limits)


class Legend(QWidget):
    """The colours from the first to the last."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._stops: list[tuple[float, QColor]] = []

    def show_colormap(self, name: str) -> None:
        """Show other colours."""
        places = np.linspace(0, 1, N_STOPS)
        colours = np.round(ensure_colormap(name).map(places) * 255).astype(int)
        self._stops = [
            (float(place), QColor(*colour.tolist()))
            for place, colour in zip(places, colours, strict=True)
        ]
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - named by Qt
        """Return the size of a bar."""
        return QSize(120, 14)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: ARG002, N802 - named by Qt
        """Draw the bar."""
        painter = QPainter(self)
        gradient = QLinearGradient(0, 0, self.width(), 0)
        for place, colour in self._stops:
            gradient.setColorAt(place, colour)
        painter.fillRect(QRectF(0, 0, self.width(), self.height()), gradient)
        painter.end()


def robust_limits(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return limits that a few extreme values do not stretch.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Any numbers; NaN and infinite ones are left out.

    Returns
    -------
    tuple of float
        Two percentiles; least and most where these are the same; 0 and 1 without
        values.
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    low, high = (float(one) for one in np.percentile(known, ROBUST))
    return (low, high) if high > low else (float(known.min()), float(known.max()))
