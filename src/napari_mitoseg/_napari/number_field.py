"""A field for a number of any size, or none."""

import math

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLineEdit, QWidget

from napari_mitoseg._napari.form import shrink


class NumberField(QLineEdit):
    """A number as a person writes it; empty stands for none.

    Spin boxes have a fixed number of decimals: useless where one column goes to 0.0001
    and the next to 100 000.

    Parameters
    ----------
    tip : str
        What the number is for.

    Attributes
    ----------
    edited : Signal()
        The user has given another number, or none.
    """

    edited = Signal()

    def __init__(self, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value: float | None = None
        self.setToolTip(tip)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        shrink(self)
        self.editingFinished.connect(self._on_finished)

    @property
    def value(self) -> float | None:
        """The number; None where the field is empty."""
        return self._value

    def set_value(self, value: float | None) -> None:
        """Show another number, without signalling."""
        self._value = value
        self.setText(_written(value))
        self.setCursorPosition(0)

    def _on_finished(self) -> None:
        """Take what is written; what is no number gives way to the last one."""
        text = self.text().strip().replace(",", ".")
        if text == _written(self._value):
            return
        try:
            given = float(text) if text else None
        except ValueError:
            given = math.nan
        if given is not None and not math.isfinite(given):
            self.set_value(self._value)
            return
        self.set_value(given)
        self.edited.emit()


def _written(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
