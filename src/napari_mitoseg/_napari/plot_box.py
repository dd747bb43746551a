"""Plot one or two columns, and select objects in the plot."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from napari.components import ViewerModel
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_mitoseg._napari.column_words import heading_of, numeric
from napari_mitoseg._napari.form import ignore_wheel, shrink
from napari_mitoseg._napari.object_selection import ObjectSelection
from napari_mitoseg._napari.plot_canvas import Draw, PlotCanvas
from napari_mitoseg._napari.plots import (
    Style,
    draw_histogram,
    draw_scatter,
    is_drawn,
)
from napari_mitoseg.volume import Array

HISTOGRAM, SCATTER = "Histogram", "Scatter plot"
ADVICE = {
    HISTOGRAM: "Drag over a range to select its objects.",
    SCATTER: "Draw a loop around points to select them.",
}
FIRST = ("volume_um3", "area_um2", "n_voxels")
SECOND = ("surface_area_um2", "skeleton_length_um", "n_slices", "perimeter_um")


class PlotBox(QWidget):
    """Histogram of a column, or scatter plot of two; only of what is shown.

    Parameters
    ----------
    viewer : ViewerModel
        Its theme gives the colours.
    selection : ObjectSelection
        What is selected, here and elsewhere.

    Attributes
    ----------
    saving : Signal()
        The figure is to be saved.
    """

    saving = Signal()

    def __init__(
        self,
        viewer: ViewerModel,
        selection: ObjectSelection,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._selection = selection
        self._columns: Mapping[str, NDArray[np.float64]] = {}
        self._shown: NDArray[np.bool_] = np.zeros(0, bool)
        self._colours: Any = None
        self.kind, self.along, self.up = QComboBox(), QComboBox(), QComboBox()
        self.kind.addItems([HISTOGRAM, SCATTER])
        self.log_along, self.log_up = QCheckBox("log"), QCheckBox("log")
        self.canvas = PlotCanvas(viewer)
        self.advice = QLabel()
        self.save_button = QPushButton("Save figure…")
        self.save_button.setToolTip("Save as PNG, SVG or PDF, black on white")
        self._arrange()
        self._connect()
        self._on_kind()

    def set_columns(self, columns: Mapping[str, Array]) -> None:
        """Plot other objects, all of them."""
        self._columns = numeric(columns)
        self._shown = np.ones(len(next(iter(columns.values()), ())), bool)
        self._colours = None
        for box, wanted in ((self.along, FIRST), (self.up, SECOND)):
            fill_columns(box, self._columns, wanted)
        self.draw()

    def show_objects(self, shown: NDArray[np.bool_], colours: Any = None) -> None:
        """Plot only some objects.

        Parameters
        ----------
        shown : ndarray of bool, shape (n,)
            Which.
        colours : ndarray of float, shape (n, 4), optional
            Of each in the scatter plot.
        """
        self._shown, self._colours = shown, colours
        self.draw()

    def draw(self, *_: Any) -> None:
        """Draw what is chosen."""
        x, y = self.along.currentData(), self.up.currentData()
        if x not in self._columns or not self._shown.any():
            self.canvas.plot(None)
            return
        is_scatter = self.kind.currentText() == SCATTER
        draw = self._scatter(x, y) if is_scatter else self._histogram(x)
        self.canvas.plot(draw, self._lasso if is_scatter else self._span)

    def select_span(self, low: float, high: float) -> None:
        """Select the objects in a range of the histogram."""
        values = self._columns[self.along.currentData()]
        inside = self._shown & (values >= low) & (values <= high)
        self._selection.select(np.flatnonzero(inside))

    def select_inside(self, corners: Sequence[tuple[float, float]]) -> None:
        """Select the objects inside a loop in the scatter plot.

        Parameters
        ----------
        corners : sequence of tuple of float
            Values along x and y.
        """
        from matplotlib.path import Path as Outline  # noqa: PLC0415

        if len(corners) < 3:
            self._selection.clear()
            return
        points = self._points()
        drawn = self._shown & is_drawn(points[:, 0], log=self.log_along.isChecked())
        drawn &= is_drawn(points[:, 1], log=self.log_up.isChecked())
        rows = np.flatnonzero(drawn)
        on_screen = self.canvas.axes.transData.transform
        outline = Outline(on_screen(np.array(corners)))
        inside = outline.contains_points(on_screen(points[rows]))
        self._selection.select(rows[inside])

    def _points(self) -> NDArray[np.float64]:
        chosen = self.along.currentData(), self.up.currentData()
        return np.column_stack([self._columns[name] for name in chosen])

    def _is_selected(self) -> NDArray[np.bool_]:
        selected = np.zeros(self._shown.size, bool)
        selected[self._selection.rows] = True
        return selected[self._shown]

    def _histogram(self, name: str) -> Draw:
        values, selected = self._columns[name][self._shown], self._is_selected()
        title, log = heading_of(name).text, self.log_along.isChecked()

        def draw(axes: Any, style: Style) -> None:
            draw_histogram(axes, values, selected, title, style, log=log)

        return draw

    def _scatter(self, x: str, y: str) -> Draw:
        points, selected = self._points()[self._shown], self._is_selected()
        colours = None if self._colours is None else self._colours[self._shown]
        titles = heading_of(x).text, heading_of(y).text
        log = self.log_along.isChecked(), self.log_up.isChecked()

        def draw(axes: Any, style: Style) -> None:
            draw_scatter(axes, points, selected, colours, titles, style, log=log)

        return draw

    def _lasso(self, axes: Any) -> Any:
        from matplotlib.widgets import LassoSelector  # noqa: PLC0415

        return LassoSelector(axes, self.select_inside)

    def _span(self, axes: Any) -> Any:
        from matplotlib.widgets import SpanSelector  # noqa: PLC0415

        style = {"alpha": 0.3, "facecolor": self.canvas.style_now().selected}
        span: Any = SpanSelector
        return span(axes, self.select_span, "horizontal", useblit=True, props=style)

    def _on_kind(self) -> None:
        kind = self.kind.currentText()
        for widget in (self.up, self.log_up, self._up_label):
            widget.setVisible(kind == SCATTER)
        self.advice.setText(ADVICE[kind])
        self.draw()

    def _connect(self) -> None:
        self.kind.currentIndexChanged.connect(self._on_kind)
        for box in (self.along, self.up):
            box.currentIndexChanged.connect(self.draw)
        for check in (self.log_along, self.log_up):
            check.toggled.connect(self.draw)
        self._selection.changed.connect(self.draw)
        self.save_button.clicked.connect(self.saving)

    def _arrange(self) -> None:
        grid = QGridLayout()
        grid.setSpacing(4)
        grid.setColumnStretch(1, 1)
        self._up_label = QLabel("Up")
        grid.addWidget(self.kind, 0, 0, 1, 3)
        grid.addWidget(QLabel("Along"), 1, 0)
        grid.addWidget(self._up_label, 2, 0)
        for row, (box, check) in enumerate(
            ((self.along, self.log_along), (self.up, self.log_up)), start=1
        ):
            box.setToolTip("Column")
            check.setToolTip("Logarithmic axis; leaves out values of 0 and below")
            grid.addWidget(box, row, 1)
            grid.addWidget(check, row, 2)
        for box in (self.kind, self.along, self.up):
            shrink(box)
            ignore_wheel(box)
        self.advice.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(grid)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self.advice)
        layout.addWidget(self.save_button)


def fill_columns(
    box: QComboBox, columns: Mapping[str, Any], wanted: Sequence[str]
) -> None:
    """Offer columns, keeping what is chosen if it is there; without signalling.

    Parameters
    ----------
    box : QComboBox
        The choice.
    columns : mapping of str to object
        By name.
    wanted : sequence of str
        Which to choose at first, in order of preference.
    """
    chosen = [box.currentData(), *wanted]
    box.blockSignals(True)
    box.clear()
    for name in columns:
        box.addItem(heading_of(name).text, name)
    found = (box.findData(name) for name in chosen if name in columns)
    box.setCurrentIndex(next(found, 0))
    box.blockSignals(False)
