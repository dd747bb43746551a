"""Choose by eye how large the network is shown the image."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QImage, QPixmap
from qtpy.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_mitoseg._napari.result_layers import COLOURS, SEMANTIC
from napari_mitoseg._napari.tasks import Trial

SIDE = 300
"""Of a picture, in pixels of the screen."""

STRENGTH = 0.45
"""Of the colour on what was found."""


class ZoomDialog(QDialog):
    """Pictures of what was found at several sizes; a click chooses one.

    Parameters
    ----------
    trials : sequence of Trial
        What was found, in the order of the pictures.
    limits : tuple of float
        Grey values that are shown black and white.
    current : float
        The zoom that is set now.

    Attributes
    ----------
    chosen : Signal(float)
        The zoom of the picture that was clicked.
    """

    chosen = Signal(float)

    def __init__(
        self,
        trials: Sequence[Trial],
        limits: tuple[float, float],
        current: float,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Try scales")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        note = QLabel(
            "The part that is on screen, shown to the network at several sizes. Click "
            "where the mitochondria are found best; try again from there."
        )
        note.setWordWrap(True)
        self.buttons = [_button(trial, limits, current) for trial in trials]
        row = QHBoxLayout()
        for trial, button in zip(trials, self.buttons, strict=True):
            button.clicked.connect(lambda _=False, zoom=trial.zoom: self._choose(zoom))
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.addWidget(note)
        layout.addLayout(row)

    def _choose(self, zoom: float) -> None:
        self.chosen.emit(zoom)
        self.accept()


def overlaid(
    plane: NDArray[np.generic], mask: NDArray[np.bool_], limits: tuple[float, float]
) -> NDArray[np.uint8]:
    """Colour what was found on a slice.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        Grey values.
    mask : ndarray of bool, shape (Y, X)
        What was found.
    limits : tuple of float
        Grey values that are shown black and white.

    Returns
    -------
    ndarray of uint8, shape (Y, X, 3)
        Red, green, blue.
    """
    low, high = limits
    grey = np.clip((plane.astype(np.float32) - low) / max(high - low, 1e-9), 0, 1)
    colours = np.repeat(255 * grey[..., None], 3, axis=2)
    colour = np.array(QColor(COLOURS[SEMANTIC]).getRgb()[:3], np.float32)
    colours[mask] += STRENGTH * (colour - colours[mask])
    return colours.astype(np.uint8)


def _button(trial: Trial, limits: tuple[float, float], current: float) -> QToolButton:
    button = QToolButton()
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
    button.setIcon(QIcon(_picture(overlaid(trial.plane, trial.mask, limits))))
    button.setIconSize(QSize(SIDE, SIDE))
    noun = "mitochondrion" if trial.n_objects == 1 else "mitochondria"
    now = " (now)" if trial.zoom == current else ""
    button.setText(f"Zoom {trial.zoom:g}{now}: {trial.n_objects} {noun}")
    button.setToolTip(f"Show the network the image at {trial.zoom:g} times its size")
    return button


def _picture(colours: NDArray[np.uint8]) -> QPixmap:
    height, width, _ = colours.shape
    data = np.ascontiguousarray(colours).tobytes()
    image = QImage(data, width, height, 3 * width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image).scaled(
        SIDE,
        SIDE,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
