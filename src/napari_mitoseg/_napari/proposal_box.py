"""Choose which slices are to be labelled."""

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QGridLayout,
    QLineEdit,
    QSpinBox,
    QStackedWidget,
    QWidget,
)

from napari_mitoseg._napari.form import ignore_wheel, problem_label, shrink
from napari_mitoseg._napari.section import row_label
from napari_mitoseg.annotation.proposal import (
    DEFAULT_EVERY,
    every_kth,
    listed_slices,
    worth_labelling,
)
from napari_mitoseg.errors import InvalidParameterError

EVERY, LISTED, DOUBTFUL = "Every k-th", "A list", "Doubtful"
N_DOUBTFUL = 3


class ProposalBox(QWidget):
    """Every k-th slice, a list of slices, or those where training was in doubt.

    Attributes
    ----------
    changed : Signal()
        Other slices are proposed.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._n_slices = 0
        self._doubt: Sequence[float] = ()
        self._complete: frozenset[int] = frozenset()
        self.proposed: tuple[int, ...] = ()
        self.mode = QComboBox()
        self.mode.setToolTip("Which slices to label")
        self.every = _number(1, 1000, DEFAULT_EVERY, "Distance between the slices")
        self.every.setPrefix("k = ")
        self.listed = QLineEdit()
        self.listed.setPlaceholderText("0, 5, 10-12")
        self.listed.setToolTip("Numbers and ranges of slices, between commas")
        self.n_doubtful = _number(1, 100, N_DOUBTFUL, "How many slices to propose")
        self.n_doubtful.setSuffix(" slices")
        self._problem = problem_label()
        self._arrange()
        self._offer_modes()
        self.mode.currentIndexChanged.connect(self._on_mode)
        self.every.valueChanged.connect(self.propose)
        self.listed.editingFinished.connect(self.propose)
        self.n_doubtful.valueChanged.connect(self.propose)

    @property
    def doubt(self) -> Sequence[float]:
        """One number a slice; empty before a training."""
        return self._doubt

    @property
    def notes(self) -> dict[str, object]:
        """What to write into a journal, for `restore`."""
        return {
            "mode": self.mode.currentText(),
            "every": self.every.value(),
            "listed": self.listed.text(),
            "doubt": [float(value) for value in self._doubt],
        }

    def set_stack(self, n_slices: int) -> None:
        """Propose slices of another stack."""
        self._n_slices = n_slices
        self._doubt, self._complete = (), frozenset()
        self._offer_modes()
        self.propose()

    def restore(self, notes: dict[str, object], complete: frozenset[int]) -> None:
        """Show what was chosen in an earlier session.

        Parameters
        ----------
        notes : dict
            As `notes` gave them; what is missing stays.
        complete : frozenset of int
            Slices that are labelled already.
        """
        self.every.setValue(int(str(notes.get("every", self.every.value()))))
        self.listed.setText(str(notes.get("listed", "")))
        doubt = notes.get("doubt", [])
        if isinstance(doubt, list) and len(doubt) == self._n_slices:
            self.set_doubt(doubt, complete)
        self.mode.setCurrentText(str(notes.get("mode", EVERY)))
        self.propose()

    def set_doubt(self, doubt: Sequence[float], complete: frozenset[int]) -> None:
        """Propose the slices a training was most in doubt about.

        Parameters
        ----------
        doubt : sequence of float
            One number a slice.
        complete : frozenset of int
            Slices that were labelled then.
        """
        self._doubt, self._complete = doubt, complete
        self._offer_modes()
        self.mode.setCurrentText(DOUBTFUL)
        self.propose()

    def next_after(self, z: int, complete: set[int]) -> int | None:
        """Return the proposed slice to label next.

        Parameters
        ----------
        z : int
            Slice on screen.
        complete : set of int
            Slices that are labelled already.

        Returns
        -------
        int or None
            The most doubtful one, or else the next in the stack, beginning again at
            its end; None where all are complete.
        """
        left = [one for one in self.proposed if one not in complete]
        if self.mode.currentText() == DOUBTFUL:
            others = [one for one in left if one != z]
            return next(iter(others or left), None)
        behind = [one for one in left if one > z]
        return min(behind or left, default=None)

    def propose(self) -> None:
        """Work out the proposed slices anew."""
        self._problem.hide()
        try:
            self.proposed = self._slices()
        except InvalidParameterError as error:
            self._problem.setText(str(error))
            self._problem.show()
            return
        self.changed.emit()

    def _slices(self) -> tuple[int, ...]:
        mode = self.mode.currentText()
        if mode == LISTED:
            return listed_slices(self.listed.text(), self._n_slices)
        if mode == DOUBTFUL:
            n = self.n_doubtful.value()
            return worth_labelling(self._doubt, n, complete=self._complete)
        return every_kth(self._n_slices, self.every.value())

    def _offer_modes(self) -> None:
        """Offer the doubtful slices once they are known."""
        chosen = self.mode.currentText()
        self.mode.blockSignals(True)
        self.mode.clear()
        self.mode.addItems([EVERY, LISTED, *([DOUBTFUL] if len(self._doubt) else [])])
        self.mode.setCurrentIndex(max(self.mode.findText(chosen), 0))
        self.mode.blockSignals(False)
        self._show_page()

    def _on_mode(self) -> None:
        self._show_page()
        self.propose()

    def _show_page(self) -> None:
        self._pages.setCurrentIndex(self.mode.currentIndex())

    def _arrange(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(2, 1)
        shrink(self.mode)
        ignore_wheel(self.mode)
        self._pages = QStackedWidget()
        shrink(self._pages)
        for page in (self.every, self.listed, self.n_doubtful):
            self._pages.addWidget(page)
        grid.addWidget(row_label("Label", "Slices that are proposed"), 0, 0)
        grid.addWidget(self.mode, 0, 1)
        grid.addWidget(self._pages, 0, 2)
        grid.addWidget(self._problem, 1, 1, 1, 2)


def _number(low: int, high: int, value: int, tip: str) -> QSpinBox:
    box = QSpinBox()
    box.setRange(low, high)
    box.setValue(value)
    box.setKeyboardTracking(False)
    box.setToolTip(tip)
    shrink(box)
    ignore_wheel(box)
    return box
