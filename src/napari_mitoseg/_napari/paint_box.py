"""Brushes, help to start a slice, and what comes next."""

from qtpy.QtCore import Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_mitoseg._napari.form import shrink
from napari_mitoseg.annotation.encoding import BACKGROUND, MITOCHONDRION, UNLABELLED

BRUSHES = (
    (MITOCHONDRION, "Mitochondrion", "A", "#ff9f1c", "Paint mitochondria"),
    (BACKGROUND, "Background", "S", "#3b82f6", "Paint background"),
    (UNLABELLED, "Erase", "D", "#6b7280", "Make pixels unlabelled again"),
)
"""Value, word, key, colour and help of each brush."""

ROOM = 3
"""Letters that fit beside the text of a button."""

NEXT_KEY, COMPLETE_KEY = "N", "C"
NEIGHBOUR, BETWEEN, MODEL = "neighbour", "between", "model"
STARTS = (
    (NEIGHBOUR, "Nearest labelled slice"),
    (BETWEEN, "Shapes between two labelled slices"),
    (MODEL, "Prediction of the model"),
)
DONE, REOPEN = f"Mark complete ({COMPLETE_KEY})", f"Reopen slice ({COMPLETE_KEY})"


class PaintBox(QWidget):
    """Buttons for everything that is done while painting.

    Attributes
    ----------
    brush : Signal(int)
        Take the brush for this value.
    starting : Signal(str)
        Start the slice on screen from `NEIGHBOUR`, `BETWEEN` or `MODEL`.
    completing, going : Signal()
        Mark the slice complete, or reopen it; go to the next slice to label.
    """

    brush = Signal(int)
    starting = Signal(str)
    completing = Signal()
    going = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.brushes = {value: _brush(*rest) for value, *rest in BRUSHES}
        self._group = QButtonGroup(self)
        for value, button in self.brushes.items():
            self._group.addButton(button, value)
        self._group.idClicked.connect(self.brush)
        self.start = QPushButton("Start this slice from")
        self.start.setToolTip(
            "Paint what is probably mitochondrion where nothing is painted yet. "
            "Correct it, then mark the slice complete. Ctrl+Z takes it back."
        )
        self.start.setMenu(self._start_menu())
        self.complete = QPushButton(DONE)
        self.complete.clicked.connect(self.completing)
        self.next = QPushButton(f"Next slice ({NEXT_KEY})")
        self.next.setToolTip("Go to the next slice that is proposed and not complete")
        self.next.clicked.connect(self.going)
        self._arrange()
        self.show_complete(complete=False)

    def show_brush(self, value: int | None) -> None:
        """Show which brush is taken; None where none is."""
        self._group.setExclusive(False)
        for own, button in self.brushes.items():
            button.setChecked(own == value)
        self._group.setExclusive(value is not None)

    def show_complete(self, *, complete: bool) -> None:
        """Offer to complete the slice on screen, or to reopen it."""
        self.complete.setText(REOPEN if complete else DONE)
        self.complete.setToolTip(
            "Its background becomes unlabelled again. Ctrl+Z takes it back."
            if complete
            else "What is not painted in this slice becomes background. Ctrl+Z takes "
            "it back."
        )

    def _start_menu(self) -> QMenu:
        menu = QMenu(self)
        for kind, text in STARTS:
            action = menu.addAction(text)
            action.triggered.connect(
                lambda _=False, kind=kind: self.starting.emit(kind)
            )
        return menu

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for buttons in (
            (*self.brushes.values(),),
            (self.complete, self.next),
            (self.start,),
        ):
            row = QHBoxLayout()
            row.setSpacing(4)
            for button in buttons:
                shrink(button)
                row.addWidget(button, len(button.text()) + ROOM)
            column.addLayout(row)


def _brush(word: str, key: str, colour: str, tip: str) -> QPushButton:
    swatch = QPixmap(12, 12)
    swatch.fill(QColor(colour))
    button = QPushButton(QIcon(swatch), f"{word} ({key})")
    button.setCheckable(True)
    button.setToolTip(f"{tip} (key {key} while the annotation layer is selected)")
    button.setStyleSheet(
        "QPushButton { padding: 2px 0px; border: 2px solid transparent; }"
        f"QPushButton:checked {{ border: 2px solid {colour}; }}"
    )
    return button
