"""Edit a sequence of steps: add, remove, move, change, and nothing illegal."""

from collections.abc import Callable
from functools import partial

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_mitoseg._napari.form import ParamsForm
from napari_mitoseg._napari.section import FoldButton, Section
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.steps import NamedStep, StepSequence


class ChainEditor(QWidget):
    """Rows of steps with their forms.

    Parameters
    ----------
    default : StepSequence
        Shown first, and again after *Reset*.

    Attributes
    ----------
    changed : Signal(object)
        The new `StepSequence`, whenever the user has changed it.
    rebuilt : Signal()
        There are other steps, from whomever.
    """

    changed = Signal(object)
    rebuilt = Signal()

    def __init__(self, default: StepSequence, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._default = default
        self._sequence = default
        self.rows: list[StepRow] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self._rows_layout = QVBoxLayout()
        self._rows_layout.setSpacing(2)
        layout.addLayout(self._rows_layout)
        layout.addLayout(self._buttons())
        self._rebuild()

    @property
    def value(self) -> StepSequence:
        """The steps as edited."""
        return self._sequence

    def set_value(self, sequence: StepSequence) -> None:
        """Show other steps, without signalling.

        Parameters
        ----------
        sequence : StepSequence
            Of the same kind.
        """
        self._sequence = sequence
        self._rebuild()

    def legal_additions(self) -> dict[str, StepSequence]:
        """Return the steps that may be added, with the sequence each would give.

        Returns
        -------
        dict of str to StepSequence
            By name.  A new step goes to the last place where it is legal.
        """
        found: dict[str, StepSequence] = {}
        for name, step in self._sequence.registry.items():
            for position in range(len(self._sequence), -1, -1):
                edited = _legal(partial(self._sequence.inserted, position, step()))
                if edited is not None:
                    found[name] = edited
                    break
        return found

    def _buttons(self) -> QHBoxLayout:
        self.add_button = QPushButton("Add step")
        self.add_button.setMenu(QMenu(self.add_button))
        self.add_button.menu().aboutToShow.connect(self._fill_menu)
        self.reset_button = QPushButton("Reset")
        self.reset_button.setToolTip("Back to the default steps")
        self.reset_button.clicked.connect(self._reset)
        row = QHBoxLayout()
        row.addWidget(self.add_button, 1)
        row.addWidget(self.reset_button, 1)
        return row

    def _fill_menu(self) -> None:
        menu = self.add_button.menu()
        menu.clear()
        menu.setToolTipsVisible(True)
        for name, edited in self.legal_additions().items():
            step = self._sequence.registry[name]
            action = menu.addAction(step.title)
            action.setToolTip(summary_of(step))
            action.triggered.connect(partial(self._apply, edited))

    def _reset(self) -> None:
        self._apply(self._default)

    def _apply(self, edited: StepSequence, _checked: bool = False) -> None:
        self._sequence = edited
        self._rebuild()
        self.changed.emit(edited)

    def _rebuild(self) -> None:
        """Make the rows anew; the ones whose step stays open stay open."""
        expanded = {row.step.name for row in self.rows if row.title.is_expanded}
        for row in self.rows:
            self._rows_layout.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = [self._row(n) for n in range(len(self._sequence))]
        for row in self.rows:
            self._rows_layout.addWidget(row)
            row.title.set_expanded(row.step.name in expanded)
        self.rebuilt.emit()

    def _row(self, position: int) -> "StepRow":
        sequence = self._sequence
        row = StepRow(sequence.steps[position])
        last = len(sequence) - 1
        row.up.clicked.connect(partial(self._edit, position, "up"))
        row.down.clicked.connect(partial(self._edit, position, "down"))
        row.remove.clicked.connect(partial(self._edit, position, "remove"))
        row.up.setEnabled(position > 0 and self._edited(position, "up") is not None)
        row.down.setEnabled(
            position < last and self._edited(position, "down") is not None
        )
        row.remove.setEnabled(self._edited(position, "remove") is not None)
        row.form.changed.connect(partial(self._on_step_changed, position))
        return row

    def _edited(self, position: int, action: str) -> StepSequence | None:
        sequence = self._sequence
        edits: dict[str, Callable[[], StepSequence]] = {
            "up": partial(sequence.moved, position, position - 1),
            "down": partial(sequence.moved, position, position + 1),
            "remove": partial(sequence.removed, position),
        }
        return _legal(edits[action])

    def _edit(self, position: int, action: str, _checked: bool = False) -> None:
        edited = self._edited(position, action)
        if edited is not None:
            self._apply(edited)

    def _on_step_changed(self, position: int, step: NamedStep) -> None:
        """Take over a changed step; its row stays, so that a slider can be dragged."""
        self._sequence = self._sequence.replaced(position, step)
        self.rows[position].show_step(step)
        self.changed.emit(self._sequence)


class StepsSection(Section):
    """An editor of steps under a title that says how many there are.

    Parameters
    ----------
    title : str
        What the steps are for.
    editor : ChainEditor
        Folded away at first.
    """

    def __init__(self, title: str, editor: ChainEditor) -> None:
        super().__init__(title, editor)
        self._title, self._editor = title, editor
        editor.rebuilt.connect(self._show_number)
        self._show_number()

    def _show_number(self) -> None:
        n = len(self._editor.value)
        steps = f"{n} step{'' if n == 1 else 's'}" if n else "none"
        self.button.setText(f"{self._title}: {steps}")


class StepRow(QFrame):
    """One step: title, what it is set to, buttons, and a form to unfold."""

    def __init__(self, step: NamedStep, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.step = step
        self.values = QElidingLabel()
        self.values.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred
        )
        self.up = _small_button("▲", "Move up")
        self.down = _small_button("▼", "Move down")
        self.remove = _small_button("✕", "Remove this step")
        self.form = ParamsForm(step)
        self.title = FoldButton(step.title, self.form)
        self.title.setToolTip(summary_of(type(step)))
        self._arrange()
        self.show_step(step)

    def show_step(self, step: NamedStep) -> None:
        """Show what the step is set to beside its title."""
        self.step = step
        values = [getattr(step, name) for name in type(step).model_fields]
        self.values.setText(" · ".join(str(value) for value in values))

    def _arrange(self) -> None:
        header = QHBoxLayout()
        header.setSpacing(1)
        header.addWidget(self.title)
        header.addWidget(self.values, 1)
        for button in (self.up, self.down, self.remove):
            header.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(header)
        self.form.layout().setContentsMargins(20, 2, 4, 4)
        layout.addWidget(self.form)


def summary_of(step: type[NamedStep]) -> str:
    """Return the first line of a step's documentation."""
    return (step.__doc__ or step.title).strip().splitlines()[0]


def _small_button(text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setAutoRaise(True)
    button.setFixedSize(20, 20)
    return button


def _legal(edit: Callable[[], StepSequence]) -> StepSequence | None:
    """Return the edited sequence; None where the edit makes no sense."""
    try:
        return edit()
    except InvalidParameterError:
        return None
