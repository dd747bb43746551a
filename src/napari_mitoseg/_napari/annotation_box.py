"""Begin, resume, load and save an annotation."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari.layers import Labels
from qtpy.QtCore import Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QWidget,
)

from napari_mitoseg._napari.form import shrink
from napari_mitoseg._napari.panel import RUN_STYLE
from napari_mitoseg._napari.section import row_label
from napari_mitoseg.annotation.journal import JournalContent

N_LISTED = 8
TIGHT = "QPushButton { padding: 3px 2px; }"
FILES = "Annotations (*.tif *.tiff);;All files (*)"


class AnnotationBox(QWidget):
    """Four buttons in a row.

    Attributes
    ----------
    beginning : Signal()
        A new, empty annotation is wanted.
    resuming, discarding : Signal(object)
        The path of a journal to go on with, or to throw away.
    loading, saving : Signal(object)
        The path of a file.
    adopting : Signal(object)
        A labels layer that holds an annotation.
    """

    beginning = Signal()
    resuming = Signal(object)
    discarding = Signal(object)
    loading = Signal(object)
    saving = Signal(object)
    adopting = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.new = QPushButton("New")
        self.new.setToolTip("Begin to annotate this image")
        self.resume = QPushButton("Resume")
        self._earlier = QMenu(self)
        self.resume.setMenu(self._earlier)
        self.load = QPushButton("Load")
        self._sources = QMenu(self)
        self.load.setMenu(self._sources)
        self.save = QPushButton("Save…")
        self.save.setToolTip("Save the annotation as a TIFF stack with its spacing")
        self.new.clicked.connect(self.beginning)
        self.save.clicked.connect(self._ask_save)
        for button in (self.new, self.load, self.save):
            button.setStyleSheet(TIGHT)
        self._arrange()
        self.offer([])
        self.offer_layers([])

    @property
    def has_earlier(self) -> bool:
        """Whether an earlier annotation of the image can be resumed."""
        return self._has_journals

    def offer(self, found: Sequence[JournalContent]) -> None:
        """Offer earlier annotations of the image.

        Parameters
        ----------
        found : sequence of JournalContent
            The last one first.
        """
        self._earlier.clear()
        self._list(self._earlier, found, self.resuming)
        if found:
            unwanted = QMenu("Move to the bin", self._earlier)
            self._list(unwanted, found, self.discarding)
            self._earlier.addSeparator()
            self._earlier.addMenu(unwanted)
        self._has_journals = bool(found)
        self.resume.setToolTip(
            "Go on with an annotation of this image, as it was when napari was closed"
            if found
            else "There is no earlier annotation of this image"
        )
        self.resume.setStyleSheet(TIGHT + (RUN_STYLE if found else ""))

    def offer_layers(self, layers: Sequence[Labels]) -> None:
        """Offer layers that hold an annotation, beside files.

        Parameters
        ----------
        layers : sequence of napari.layers.Labels
            Of the review of a segmentation, for example.
        """
        self._sources.clear()
        self._sources.addAction("From a file…", self._ask_load)
        for layer in layers:
            action = self._sources.addAction(layer.name)
            action.triggered.connect(_emitting(self.adopting, layer))

    def layer_actions(self) -> list[QAction]:
        """Return the entries of the menu that stand for layers."""
        return self._sources.actions()[1:]

    def set_state(self, *, usable: bool, begun: bool) -> None:
        """Enable what can be done now.

        Parameters
        ----------
        usable : bool
            Whether there is an image that can be annotated.
        begun : bool
            Whether it is being annotated.
        """
        self.new.setEnabled(usable and not begun)
        self.resume.setEnabled(usable and not begun and self._has_journals)
        self.load.setEnabled(usable and not begun)
        self.save.setEnabled(begun)
        tip = "Load an annotation of this image from a file or a layer"
        if begun:
            tip = "To load another annotation, remove the annotation layer first"
        self.load.setToolTip(tip)

    @staticmethod
    def _list(menu: QMenu, found: Sequence[JournalContent], chosen: Any) -> None:
        """List journals in a menu; choosing one emits a signal with its path."""
        for content in found[:N_LISTED]:
            action = menu.addAction(describe_journal(content))
            action.triggered.connect(_emitting(chosen, content.path))

    def _ask_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load annotation", "", FILES)
        if path:
            self.loading.emit(Path(path))

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save annotation", "annotation.tif", FILES
        )
        if path:
            self.saving.emit(Path(path))

    def _arrange(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        grid.setColumnStretch(1, 1)
        row = QHBoxLayout()
        row.setSpacing(4)
        for button in (self.new, self.resume, self.load, self.save):
            shrink(button)
            button.setMinimumWidth(40)
            row.addWidget(button, button.sizeHint().width())
        grid.addWidget(row_label("Annotate"), 0, 0)
        grid.addLayout(row, 0, 1)


def _emitting(signal: Any, value: object) -> Callable[..., None]:
    """Return a slot that emits a value, whatever it is called with."""

    def emit(*_: Any) -> None:
        signal.emit(value)

    return emit


def describe_journal(content: JournalContent) -> str:
    """Say when and what was painted in an earlier session.

    Parameters
    ----------
    content : JournalContent
        Its journal.

    Returns
    -------
    str
        One line for a menu.
    """
    when = content.changed.astimezone()
    slices = content.painted
    many = f"{len(slices)} slice{'' if len(slices) == 1 else 's'}"
    shown = ", ".join(map(str, slices[:6])) + (" …" if len(slices) > 6 else "")
    name = f"{content.header.name}: " if content.header.name else ""
    return f"{name}{when:%d %b %Y, %H:%M} – {many} painted ({shown})"
