"""Loss and held-out IoU while a network is trained, drawn as it goes.

Drawn here in a hundred lines instead of by matplotlib: that would take most of a second
to import, 30 MB to install, and margins that a narrow panel does not have.
"""

import math
from collections.abc import Sequence

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_mitoseg._napari.panel import in_words

LOSS, IOU = QColor("#7aa2f7"), QColor("#3fb68b")
GRID, TEXT = QColor("#4a505a"), QColor("#868d97")
HEIGHT, TITLE_HEIGHT, FOOT_HEIGHT = 84, 16, 14
N_BINS = 120
Point = tuple[float, float]


class TrainingCurves(QWidget):
    """Loss, from its least to its most, and IoU, from 0 to 1, over time."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.loss: list[Point] = []
        self.iou: list[Point] = []
        self.phases: list[tuple[float, str]] = []

    def begin(self) -> None:
        """Forget the curves of an earlier training."""
        self.loss.clear()
        self.iou.clear()
        self.phases.clear()
        self.update()

    def add(
        self, seconds: float, loss: float | None, iou: float | None, phase: str = ""
    ) -> None:
        """Add what a report says.

        Parameters
        ----------
        seconds : float
            Since the training began.
        loss, iou : float or None
            None where the report has none.  An IoU that is only repeated is no new
            point.
        phase : str
            What is being trained; a line marks where it changes.
        """
        if loss is not None:
            self.loss.append((seconds, loss))
        if iou is not None and (not self.iou or self.iou[-1][1] != iou):
            self.iou.append((seconds, iou))
        if phase and (not self.phases or self.phases[-1][1] != phase):
            self.phases.append((seconds, phase))
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - named by Qt
        """Return a height that shows a trend."""
        return QSize(200, HEIGHT)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - named by Qt
        """Return the same height."""
        return QSize(60, HEIGHT)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: ARG002, N802 - named by Qt
        """Draw the curves."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        area = QRectF(0, TITLE_HEIGHT, self.width() - 1, self._plot_height())
        painter.setPen(GRID)
        painter.drawRect(area)
        end = max((p[-1][0] for p in (self.loss, self.iou) if p), default=0.0) or 1.0
        self._draw_phases(painter, area, end)
        self._draw_titles(painter)
        losses = [binned(part, end) for part in self._losses()]
        least, most = range_of([value for part in losses for _, value in part])
        for part in losses:
            _draw(painter, area, part, (end, least, most), LOSS)
        _draw(painter, area, self.iou, (end, 0.0, 1.0), IOU, dots=True)
        self._draw_time(painter, end)
        painter.end()

    def _losses(self) -> list[list[Point]]:
        """Return one curve a phase: losses of different networks do not compare."""
        starts = [seconds for seconds, _ in self.phases] or [0.0]
        ends = [*starts[1:], math.inf]
        return [
            [point for point in self.loss if start <= point[0] < end]
            for start, end in zip(starts, ends, strict=True)
        ]

    def _plot_height(self) -> float:
        return self.height() - TITLE_HEIGHT - FOOT_HEIGHT - 2

    def _draw_phases(self, painter: QPainter, area: QRectF, end: float) -> None:
        painter.setPen(QPen(GRID, 1, Qt.PenStyle.DashLine))
        for seconds, _ in self.phases[1:]:
            x = area.left() + area.width() * seconds / end
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))

    def _draw_titles(self, painter: QPainter) -> None:
        """Write the last value of each curve in its colour."""
        loss = f"loss {self.loss[-1][1]:.3f}" if self.loss else "loss –"
        iou = "held-out IoU –"
        if self.iou:
            best = max(value for _, value in self.iou)
            iou = f"held-out IoU {self.iou[-1][1]:.3f}, best {best:.3f}"
        line = QRectF(0, 0, self.width(), TITLE_HEIGHT - 2)
        painter.setPen(LOSS)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, loss)
        painter.setPen(IOU)
        painter.drawText(line, Qt.AlignmentFlag.AlignRight, iou)

    def _draw_time(self, painter: QPainter, end: float) -> None:
        line = QRectF(0, self.height() - FOOT_HEIGHT, self.width(), FOOT_HEIGHT)
        painter.setPen(TEXT)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, "0")
        if self.loss or self.iou:
            painter.drawText(line, Qt.AlignmentFlag.AlignRight, in_words(end))
        if self.phases:
            name = self.phases[-1][1]
            painter.drawText(line, Qt.AlignmentFlag.AlignHCenter, name)


def binned(points: Sequence[Point], end: float) -> list[Point]:
    """Average points that would be drawn on top of one another.

    Parameters
    ----------
    points : sequence of tuple of float
        Time and value, in order of time.
    end : float
        Where the time axis ends.

    Returns
    -------
    list of tuple of float
        One point for each part of the axis that has any.

    Examples
    --------
    >>> binned([(0.0, 1.0), (0.1, 3.0), (50.0, 5.0), (100.0, 7.0)], 100.0)
    [(0.05, 2.0), (50.0, 5.0), (100.0, 7.0)]
    """
    bins: dict[int, list[Point]] = {}
    for point in points:
        bins.setdefault(int(N_BINS * point[0] / end), []).append(point)
    return [_mean(inside) for inside in bins.values()]


def range_of(values: Sequence[float]) -> tuple[float, float]:
    """Return least and most of values, apart even if they are the same."""
    least, most = min(values, default=0.0), max(values, default=1.0)
    return (least, most) if most > least else (least - 0.5, most + 0.5)


def _mean(points: Sequence[Point]) -> Point:
    n = len(points)
    return sum(x for x, _ in points) / n, sum(y for _, y in points) / n


def _draw(
    painter: QPainter,
    area: QRectF,
    points: Sequence[Point],
    limits: tuple[float, float, float],
    colour: QColor,
    *,
    dots: bool = False,
) -> None:
    end, least, most = limits
    inner = area.adjusted(2, 3, -3, -3)
    drawn = [
        QPointF(
            inner.left() + inner.width() * x / end,
            inner.bottom() - inner.height() * (y - least) / (most - least),
        )
        for x, y in points
    ]
    painter.setPen(QPen(colour, 1.6))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPolyline(QPolygonF(drawn))
    if dots:
        painter.setBrush(colour)
        for point in drawn:
            painter.drawEllipse(point, 2.0, 2.0)
