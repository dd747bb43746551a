"""Rank objects, go from one to the next, and say what is right."""

from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_mitoseg._napari.edit_keys import CORRECT, FIXED, NEXT, PREVIOUS, shown
from napari_mitoseg._napari.editable import is_offered
from napari_mitoseg._napari.form import shrink
from napari_mitoseg._napari.layer_choice import LayerChoice
from napari_mitoseg._napari.layers import GREY_DIMENSIONS
from napari_mitoseg._napari.review_table import COLOURS, ReviewTable
from napari_mitoseg._napari.section import Section, heading, row_label
from napari_mitoseg.proofreading import Suspicion, suspicions

FILES = "Reviews (*.json);;All files (*)"
NONE = "none"
OBJECTS, SLICE = "objects", "slice"
ANNOTATIONS = (
    (OBJECTS, "Objects marked correct or fixed, background around them"),
    (SLICE, "The slice on screen: all that is in it is right"),
)
MARKS = (
    ("correct", "Correct", CORRECT, "It is right: go to the next one"),
    ("fixed", "Fixed", FIXED, "It has been put right: go to the next one"),
    ("delete", "Delete", "", "It is no object: delete it and go to the next one"),
)
"""State, word, key and help of the buttons that decide; D deletes what is selected."""


class ReviewBox(QWidget):
    """Choices, buttons and the table of a review.

    Parameters
    ----------
    viewer : ViewerModel
        Its layers can be compared with.

    Attributes
    ----------
    ranking : Signal()
        Rank all objects anew.
    marking : Signal(str)
        A state for the object that is looked at.
    going : Signal(int)
        1 to the next open object, -1 to the one before.
    chosen : Signal(object)
        Label of an object to look at.
    opening, saving : Signal(object)
        The path of a review.
    annotating : Signal(str)
        `OBJECTS` or `SLICE` are to become annotation.
    decisions : QWidget
        The buttons that decide, for the panel to put where they are always seen.
    """

    ranking = Signal()
    marking = Signal(str)
    going = Signal(int)
    chosen = Signal(object)
    opening = Signal(object)
    saving = Signal(object)
    annotating = Signal(str)

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.probability = LayerChoice(
            viewer,
            Image,
            "Probability of mitochondrion: objects of which the model was unsure",
            _is_grey,
            NONE,
        )
        self.others = LayerChoice(
            viewer,
            Labels,
            "Labels by another model or person: objects on which they disagree",
            is_offered,
            NONE,
        )
        self.reasons = {name: _check(kind) for name, kind in suspicions.items()}
        self.rank = QPushButton("Rank objects")
        self.rank.setToolTip("Look at all objects; list the most suspicious first")
        self.open = QPushButton("Open…")
        self.open.setToolTip("Go on with a review that was saved")
        self.save = QPushButton("Save…")
        self.progress = QProgressBar()
        self.progress.setFormat("%v of %m reviewed")
        self.table = ReviewTable()
        self.marks = {state: _mark_button(*rest) for state, *rest in MARKS}
        self.marks["delete"].setToolTip(
            f"{MARKS[-1][3]} (key D deletes what is marked)"
        )
        self.next = _mark_button("Next", NEXT, "Go to the next open object")
        self.previous = _mark_button("Back", PREVIOUS, "Go to the object before")
        self.annotate = QPushButton("To annotation")
        self.annotate.setToolTip(
            "Make a layer of annotation, 0, 1 and 2, from what was reviewed: the "
            "Annotate widget takes it to fine-tune a model"
        )
        self.annotate.setMenu(self._menu())
        self._arrange()
        self._connect()

    def wanted(self) -> list[Suspicion]:
        """Return what to look for."""
        return [
            suspicions[name]() for name, box in self.reasons.items() if box.isChecked()
        ]

    def show_state(self, *, begun: bool, reviewing: bool) -> None:
        """Enable what can be done now.

        Parameters
        ----------
        begun : bool
            Whether labels are being corrected.
        reviewing : bool
            Whether there is a review.
        """
        self.setEnabled(begun)
        self.decisions.setEnabled(begun)
        for shown_widget in (self.progress, self.table, self.decisions):
            shown_widget.setVisible(reviewing)
        self._filler.setVisible(not reviewing)
        self.save.setEnabled(reviewing)

    def show_progress(self, n_done: int, n_objects: int) -> None:
        """Show how far the review is."""
        self.progress.setMaximum(max(n_objects, 1))
        self.progress.setValue(n_done)
        self.progress.setFormat(f"{n_done:,} of {n_objects:,} reviewed")

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        for kind, text in ANNOTATIONS:
            action = menu.addAction(text)
            action.triggered.connect(
                lambda _=False, kind=kind: self.annotating.emit(kind)
            )
        return menu

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        top = QHBoxLayout()
        top.addWidget(heading("Review"), 1)
        top.addWidget(self.rank)
        column.addLayout(top)
        column.addWidget(Section("What to look for; files", self._more()))
        column.addWidget(self.progress)
        column.addWidget(self.table, 1)
        self._filler = QWidget()
        column.addWidget(self._filler, 1)
        self.decisions = QWidget()
        rows = QVBoxLayout(self.decisions)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(4)
        rows.addLayout(_row(*self.marks.values()))
        rows.addLayout(_row(self.previous, self.next, self.annotate))
        for part in (self, self.decisions):
            for button in part.findChildren(QPushButton):
                # Keys must go on reaching the canvas after a click.
                button.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def _more(self) -> QWidget:
        content = QWidget()
        grid = QGridLayout(content)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(2, 1)
        rows = {"Probability": self.probability, "Other labels": self.others}
        for n, (title, box) in enumerate(rows.items()):
            grid.addWidget(row_label(title, box.toolTip()), n, 0)
            grid.addWidget(box, n, 1, 1, 2)
        for n, check in enumerate(self.reasons.values()):
            row, right = divmod(n, 2)
            if right:
                grid.addWidget(check, len(rows) + row, 2)
            else:
                grid.addWidget(check, len(rows) + row, 0, 1, 2)
        grid.addLayout(_row(self.open, self.save), grid.rowCount(), 0, 1, 3)
        return content

    def _connect(self) -> None:
        self.rank.clicked.connect(self.ranking)
        self.open.clicked.connect(self._ask_open)
        self.save.clicked.connect(self._ask_save)
        self.table.chosen.connect(self.chosen)
        self.next.clicked.connect(lambda: self.going.emit(1))
        self.previous.clicked.connect(lambda: self.going.emit(-1))
        for state, button in self.marks.items():
            button.clicked.connect(lambda _=False, s=state: self.marking.emit(s))

    def _ask_open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open review", "", FILES)
        if path:
            self.opening.emit(Path(path))

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save review", "labels.review.json", FILES
        )
        if path:
            self.saving.emit(Path(path))


def _row(*buttons: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(4)
    for button in buttons:
        shrink(button)
        row.addWidget(button, 1)
    return row


def _mark_button(word: str, key: str, tip: str) -> QPushButton:
    button = QPushButton(f"{word} {shown(key)}" if key else word)
    button.setToolTip(f"{tip} (key {shown(key)})" if key else tip)
    if word.lower() in COLOURS:
        colour = COLOURS[word.lower()]
        button.setStyleSheet(f"QPushButton {{ border-bottom: 3px solid {colour}; }}")
    return button


def _check(kind: type[Suspicion]) -> QCheckBox:
    box = QCheckBox(kind.title)
    box.setChecked(True)
    box.setToolTip((kind.__doc__ or kind.title).strip().splitlines()[0])
    return box


def _is_grey(layer: Layer) -> bool:
    return layer.ndim in GREY_DIMENSIONS and not getattr(layer, "rgb", False)
