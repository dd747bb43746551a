"""All slices of a stack in one strip: what is proposed, painted, complete, doubtful."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

COMPLETE, PAINTED, EMPTY = QColor("#3fb68b"), QColor("#ff9f1c"), QColor("#3a404a")
DOUBT, PROPOSED, CURRENT = QColor("#e4572e"), QColor("#c792ea"), QColor("#ffffff")
TEXT = QColor("#868d97")
DOUBT_HEIGHT, CELL_HEIGHT, MARK_HEIGHT, TEXT_HEIGHT = 22, 18, 9, 16
GAP = 1.0
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True)
class StripState:
    """What the strip shows.

    Attributes
    ----------
    n_slices : int
        Slices in the stack.
    current : int
        The slice on screen.
    proposed, painted, complete : collection of int
        Slice numbers.
    doubt : sequence of float
        One number from 0 to 1 a slice; empty while none is known.
    """

    n_slices: int = 0
    current: int = 0
    proposed: Collection[int] = ()
    painted: Collection[int] = ()
    complete: Collection[int] = ()
    doubt: Sequence[float] = ()

    def describe(self, z: int) -> str:
        """Return what is known about a slice, in words."""
        words = [
            word
            for word, holds in (
                ("complete", z in self.complete),
                ("painted in part", z in self.painted and z not in self.complete),
                ("proposed", z in self.proposed and z not in self.complete),
            )
            if holds
        ]
        if self.doubt:
            words.append(f"disagreement {self.doubt[z]:.2f}")
        return f"Slice {z}: {', '.join(words) or 'not labelled'}"


class SliceStrip(QWidget):
    """A strip with one cell a slice; a click goes to the slice.

    Attributes
    ----------
    chosen : Signal(int)
        The slice the user wants to see.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state = StripState()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName("Slices")

    def show_state(self, state: StripState) -> None:
        """Show another state."""
        taller = bool(state.doubt) != bool(self.state.doubt)
        self.state = state
        if taller:
            self.updateGeometry()
        self.update()

    def slice_at(self, x: float) -> int:
        """Return the slice under a position, the nearest one there is."""
        n, width = self.state.n_slices, max(1, self.width())
        return min(max(int(x * n / width), 0), n - 1)

    def sizeHint(self) -> QSize:  # noqa: N802 - named by Qt
        """Return the height that is needed; any width will do."""
        doubt = DOUBT_HEIGHT if self.state.doubt else 0
        return QSize(200, doubt + CELL_HEIGHT + MARK_HEIGHT + TEXT_HEIGHT)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - named by Qt
        """Return the height that is needed."""
        return QSize(60, self.sizeHint().height())

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802 - named by Qt
        """Go to the slice that was clicked."""
        if event is not None and self.state.n_slices:
            self.chosen.emit(self.slice_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802 - named by Qt
        """Go through the slices while the mouse is dragged."""
        self.mousePressEvent(event)

    def event(self, event: QEvent | None) -> bool:
        """Say what is known about the slice under the mouse."""
        if isinstance(event, QHelpEvent) and self.state.n_slices:
            text = self.state.describe(self.slice_at(event.x()))
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: ARG002, N802 - named by Qt
        """Draw the strip."""
        if not self.state.n_slices:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        top = 0
        if self.state.doubt:
            self._draw_doubt(painter)
            top = DOUBT_HEIGHT
        self._draw_cells(painter, top)
        self._draw_proposed(painter, top + CELL_HEIGHT)
        self._draw_current(painter, top)
        self._draw_numbers(painter, top + CELL_HEIGHT + MARK_HEIGHT)
        painter.end()

    def _left(self, z: float) -> float:
        return z * self.width() / self.state.n_slices

    def _cell(self, z: int, top: float, height: float) -> QRectF:
        left, right = self._left(z), self._left(z + 1)
        gap = GAP if right - left > 3 else 0.0
        return QRectF(left, top, max(right - left - gap, 1.0), height)

    def _draw_doubt(self, painter: QPainter) -> None:
        """Draw bars, the tallest as high as there is room."""
        known = [value for value in self.state.doubt if value == value]  # noqa: PLR0124 - NaN
        most = max(known, default=0.0) or 1.0
        for z, value in enumerate(self.state.doubt):
            if value > 0:
                height = max(1.0, (DOUBT_HEIGHT - 2) * value / most)
                cell = self._cell(z, DOUBT_HEIGHT - 2 - height, height)
                painter.fillRect(cell, DOUBT)

    def _draw_cells(self, painter: QPainter, top: float) -> None:
        for z in range(self.state.n_slices):
            painter.fillRect(self._cell(z, top, CELL_HEIGHT), EMPTY)
        for z in {*self.state.painted, *self.state.complete}:
            complete = z in self.state.complete
            height = CELL_HEIGHT if complete else CELL_HEIGHT / 2
            cell = self._cell(z, top + CELL_HEIGHT - height, height)
            painter.fillRect(cell, COMPLETE if complete else PAINTED)

    def _draw_proposed(self, painter: QPainter, top: float) -> None:
        """Draw a triangle below each slice that is still to be labelled."""
        painter.setBrush(PROPOSED)
        for z in self.state.proposed:
            if z not in self.state.complete:
                x = self._cell(z, 0, 1).center().x()
                peak = QPointF(x, top + 1.5)
                left, right = QPointF(x - 4, top + 8), QPointF(x + 4, top + 8)
                painter.drawPolygon(QPolygonF([peak, left, right]))

    def _draw_current(self, painter: QPainter, top: float) -> None:
        cell = self._cell(self.state.current, top, CELL_HEIGHT)
        middle, width = cell.center().x(), max(cell.width(), 5.0)
        frame = QRectF(middle - width / 2, top, width, CELL_HEIGHT)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(CURRENT)
        painter.drawRect(frame.adjusted(0.5, 0.5, -0.5, -0.5))

    def _draw_numbers(self, painter: QPainter, top: float) -> None:
        """Write the number of the slice on screen, and of the ends if there is room."""
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        painter.setPen(TEXT)
        state, last = self.state, self.state.n_slices - 1
        middle = self._cell(state.current, 0, 1).center().x()
        middle = min(max(middle, 20.0), self.width() - 20.0)
        whole = QRectF(0, top, self.width(), TEXT_HEIGHT)
        here = QRectF(middle - 20, top, 40, TEXT_HEIGHT)
        painter.drawText(here, Qt.AlignmentFlag.AlignCenter, str(state.current))
        if here.left() > 30:
            painter.drawText(whole, LEFT, "0")
        if here.right() < self.width() - 30:
            painter.drawText(whole, RIGHT, str(last))


class StripLegend(QWidget):
    """What the colours of the strip mean, in one line."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._has_doubt = False

    def set_doubt(self, *, shown: bool) -> None:
        """Say whether the strip shows how doubtful slices are."""
        self._has_doubt = shown
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - named by Qt
        """Return the height of a line of text."""
        return QSize(200, TEXT_HEIGHT)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: ARG002, N802 - named by Qt
        """Draw a square and a word for each colour."""
        entries = [(PROPOSED, "to label"), (PAINTED, "in part"), (COMPLETE, "complete")]
        if self._has_doubt:
            entries.append((DOUBT, "doubtful"))
        painter = QPainter(self)
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        x = 0
        for colour, word in entries:
            painter.fillRect(QRectF(x, 4, 9, 9), colour)
            painter.setPen(TEXT)
            painter.drawText(QPointF(x + 13, 12.5), word)
            x += 13 + painter.fontMetrics().horizontalAdvance(word) + 14
        painter.end()
