"""A canvas of matplotlib in the colours of napari."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from napari.components import ViewerModel
from napari.utils.theme import get_theme
from qtpy.QtCore import QSize
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_mitoseg._napari.lifetime import follow
from napari_mitoseg._napari.plots import PRINTED, Style
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.io import staged

HEIGHT = 170
PRINTED_INCHES = (4.5, 3.4)
PRINTED_DPI = 300
KEPT_AS_TEXT: Any = {"svg.fonttype": "none", "pdf.fonttype": 42}
"""So that words in a figure can still be edited."""

Draw = Callable[[Any, Style], None]


class PlotCanvas(QWidget):
    """Draws one plot, when it is looked at.

    matplotlib is imported with the first plot that is seen: it takes half a second.

    Parameters
    ----------
    viewer : ViewerModel
        Its theme gives the colours.
    """

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._draw: Draw | None = None
        self._ready: Callable[[Any], Any] | None = None
        self._selector: Any = None
        self.canvas: Any = None
        self.axes: Any = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(HEIGHT)
        follow(self, viewer.events.theme, self._on_theme)

    def plot(
        self, draw: Draw | None, ready: Callable[[Any], Any] | None = None
    ) -> None:
        """Draw something else.

        Parameters
        ----------
        draw : callable or None
            Takes empty axes and the style; None leaves the canvas empty.
        ready : callable, optional
            Takes the axes that were drawn on and returns what lets the user select in
            them.
        """
        self._draw, self._ready = draw, ready
        if self.isVisible():
            self.redraw()

    def redraw(self) -> None:
        """Draw what is to be seen."""
        if self.canvas is None:
            self._make_canvas()
        style = self.style_now()
        if self._selector is not None:
            self._selector.disconnect_events()
            self._selector = None
        figure = self.canvas.figure
        figure.clear()
        figure.set_facecolor(style.background)
        self.axes = figure.add_subplot()
        if self._draw is None:
            self.axes.set_axis_off()
        else:
            self._draw(self.axes, style)
            if self._ready is not None:
                self._selector = self._ready(self.axes)
        self.canvas.draw_idle()

    def save(self, path: Path) -> None:
        """Write the plot as it is printed: black on white.

        Parameters
        ----------
        path : Path
            Its extension says how: png, svg, pdf ...

        Raises
        ------
        InvalidParameterError
            If the extension is of no kind of picture.
        WriteError
            If the file cannot be written; what was there before stays.
        """
        from matplotlib import rc_context  # noqa: PLC0415
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415

        if self._draw is None:
            return
        with rc_context(KEPT_AS_TEXT):
            figure = Figure(figsize=PRINTED_INCHES, layout="constrained")
            self._draw(figure.add_subplot(), PRINTED)
            kinds = FigureCanvasAgg(figure).get_supported_filetypes()
            if path.suffix[1:].lower() not in kinds:
                raise InvalidParameterError(_unknown_kind(path, kinds))
            with staged(path.parent, [path.name]) as files:
                figure.savefig(files[path.name], dpi=PRINTED_DPI)

    def style_now(self) -> Style:
        """Return the colours of the window."""
        theme = get_theme(self._viewer.theme)
        return Style(theme.text.as_hex(), theme.background.as_hex())

    def sizeHint(self) -> QSize:  # noqa: N802 - named by Qt
        """Return a modest size: the canvas of matplotlib alone would want 480 rows."""
        return QSize(200, HEIGHT)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - named by Qt
        """Draw what has been asked for meanwhile."""
        super().showEvent(event)
        self.redraw()

    def _make_canvas(self) -> None:
        from matplotlib.backends.backend_qtagg import (  # noqa: PLC0415
            FigureCanvasQTAgg,
        )
        from matplotlib.figure import Figure  # noqa: PLC0415

        make: Any = FigureCanvasQTAgg  # has no annotations
        canvas = make(Figure(layout="constrained"))
        canvas.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.layout().addWidget(canvas)
        self.canvas = canvas

    def _on_theme(self, _event: Any = None) -> None:
        if self.isVisible():
            self.redraw()


def _unknown_kind(path: Path, kinds: Iterable[str]) -> str:
    return (
        f"{path.name} does not say which kind of picture it is. End the name with one "
        f"of: {', '.join(sorted(kinds))}."
    )
