"""Three numbers for the distance between voxel centres."""

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QWidget

from napari_mitoseg._napari.form import ignore_wheel, shrink
from napari_mitoseg._napari.layers import AXES
from napari_mitoseg.volume import Spacing

UNKNOWN = 0.0
"""Value of a box that is still to be filled in."""


class SpacingBox(QWidget):
    """The spacing in nanometres, z, y and x; what is not known is asked for.

    Attributes
    ----------
    edited : Signal(object)
        The spacing, once the user has given all three numbers.
    """

    edited = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.boxes = [self._box(axis) for axis in AXES]
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for box in self.boxes:
            row.addWidget(box, 1)
        row.addWidget(QLabel("nm"))

    @property
    def value(self) -> Spacing | None:
        """The spacing in nm, ZYX; None while a number is missing."""
        z, y, x = (box.value() for box in self.boxes)
        return None if UNKNOWN in {z, y, x} else (z, y, x)

    def show_spacing(self, spacing: Spacing | None, *, enabled: bool) -> None:
        """Show a spacing, without signalling.

        Parameters
        ----------
        spacing : tuple of float or None
            In nm, ZYX; None where it is not known.
        enabled : bool
            Whether it may be edited.
        """
        for box, value in zip(self.boxes, spacing or (UNKNOWN,) * 3, strict=True):
            box.blockSignals(True)
            box.setEnabled(enabled)
            box.setValue(value)
            box.blockSignals(False)

    def _box(self, axis: str) -> QDoubleSpinBox:
        box = _ShortSpinBox()
        box.setRange(UNKNOWN, 1e6)
        box.setDecimals(3)
        box.setPrefix(f"{axis} ")
        box.setSpecialValueText(f"{axis} ?")
        box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        box.setKeyboardTracking(False)
        box.setToolTip(f"Distance between voxel centres along {axis}, in nanometres")
        box.setAlignment(Qt.AlignmentFlag.AlignRight)
        shrink(box)
        ignore_wheel(box)
        box.valueChanged.connect(self._on_edited)
        return box

    def _on_edited(self) -> None:
        if (spacing := self.value) is not None:
            self.edited.emit(spacing)


class _ShortSpinBox(QDoubleSpinBox):
    """Shows no more decimals than a number has."""

    def textFromValue(self, value: float) -> str:  # noqa: N802 - named by Qt
        return f"{value:g}"
