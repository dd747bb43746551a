"""Buttons for all operations, their settings, and undo."""

from collections.abc import Callable

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_mitoseg._napari.edit_keys import (
    APPLY,
    BRUSH,
    CANCEL,
    Offer,
    offers,
    shown,
)
from napari_mitoseg._napari.form import ParamsForm, shrink
from napari_mitoseg._napari.panel import RUN_STYLE
from napari_mitoseg._napari.section import heading
from napari_mitoseg.params import Params
from napari_mitoseg.proofreading import Operation, operations

DRAW = "Draw"
TOOL_STYLE = """
QPushButton { padding: 3px 1px; border: 1px solid transparent; }
QPushButton:checked { border: 1px solid #e6e8eb; background-color: #3f5fd0; }
"""


class OperationBox(QWidget):
    """One button an operation; the chosen one shows its settings.

    Attributes
    ----------
    chosen : Signal(str)
        Name of an operation that is wanted now.
    changed : Signal(object)
        The `Operation` with other settings.
    applying, cancelling, undoing, redoing, painting : Signal()
        Buttons; *painting* is the one for a new object.
    """

    chosen = Signal(str)
    changed = Signal(object)
    applying = Signal()
    cancelling = Signal()
    undoing = Signal()
    redoing = Signal()
    painting = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.selected = _line()
        self.wanted = _line()
        self.buttons = {one.name: _tool_button(one) for one in offers()}
        self.brush = _button("Brush", BRUSH, "Paint a new object with napari's brush")
        self.brush.setStyleSheet(TOOL_STYLE)
        self.apply = _button("Apply", APPLY, "Do what is previewed")
        self.apply.setStyleSheet(RUN_STYLE)
        self.cancel = _button("Cancel", CANCEL, "Leave everything as it is")
        self.undo = QPushButton("Undo")
        self.redo = QPushButton("Redo")
        self.undo.setToolTip("Take the last stroke or operation back (Ctrl+Z)")
        self.redo.setToolTip("Make it again (Ctrl+Shift+Z)")
        self._forms: dict[str, ParamsForm] = {}
        self._settings = QVBoxLayout()
        self._arrange()
        self._connect()
        self.show_tool(None)

    def settings(self, name: str) -> Operation:
        """Return an operation as its form has it.

        Parameters
        ----------
        name : str
            In the registry of operations.

        Returns
        -------
        Operation
            What is picked in the image is not in it.
        """
        value = self._form(name).value
        if not isinstance(value, Operation):
            raise TypeError(name)
        return value

    def show_tool(self, name: str | None) -> None:
        """Show the settings of the operation in use; None where there is none."""
        for own, button in self.buttons.items():
            button.setChecked(own == name)
        if name is not None:
            self._form(name)
        for own, form in self._forms.items():
            form.setVisible(own == name)
        self.apply.setVisible(name is not None)
        self.cancel.setVisible(name is not None)
        self.wanted.setVisible(name is not None)

    def show_wanted(self, text: str, *, ready: bool) -> None:
        """Say what is to be clicked, or what the preview shows."""
        self.wanted.setText(text)
        self.apply.setEnabled(ready)

    def show_history(self, n_undo: int, n_redo: int) -> None:
        """Show how much can be undone and redone."""
        self.undo.setText(f"Undo ({n_undo})" if n_undo else "Undo")
        self.redo.setText(f"Redo ({n_redo})" if n_redo else "Redo")
        self.undo.setEnabled(n_undo > 0)
        self.redo.setEnabled(n_redo > 0)

    def _form(self, name: str) -> ParamsForm:
        """Return the form of an operation, made when it is first wanted."""
        if name not in self._forms:
            kind = operations[name]
            form = ParamsForm(kind())
            for field in kind.picks:
                if form.has_row(field):
                    form.show_row(field, shown=False)
            form.changed.connect(self._on_form)
            form.hide()  # operations that need nothing more never show theirs
            self._forms[name] = form
            self._settings.addWidget(form)
        return self._forms[name]

    def _on_form(self, value: Params) -> None:
        self.changed.emit(value)

    def _connect(self) -> None:
        for name, button in self.buttons.items():
            button.clicked.connect(_emitting(self.chosen.emit, name))
        self.brush.clicked.connect(self.painting)
        self.apply.clicked.connect(self.applying)
        self.cancel.clicked.connect(self.cancelling)
        self.undo.clicked.connect(self.undoing)
        self.redo.clicked.connect(self.redoing)

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        top = QHBoxLayout()
        top.addWidget(heading("Correct"), 1)
        for button in (self.undo, self.redo):
            button.setStyleSheet(TOOL_STYLE)
            top.addWidget(button)
        column.addLayout(top)
        column.addWidget(self.selected)
        column.addLayout(self._grid())
        column.addWidget(self.wanted)
        column.addLayout(self._settings)
        last = QHBoxLayout()
        last.setSpacing(4)
        for button in (self.cancel, self.apply):
            last.addWidget(button, 1)
        column.addLayout(last)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        for button in self.findChildren(QPushButton):
            # Keys must go on reaching the canvas after a click.
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def _grid(self) -> QGridLayout:
        """Arrange the buttons in rows, one a group."""
        grid = QGridLayout()
        grid.setSpacing(3)
        grid.setColumnStretch(1, 1)
        groups: dict[str, list[QPushButton]] = {}
        for offer in offers():
            groups.setdefault(offer.group, []).append(self.buttons[offer.name])
        groups.setdefault(DRAW, []).insert(0, self.brush)
        for row, (title, buttons) in enumerate(groups.items()):
            grid.addWidget(QLabel(title), row, 0)
            line = QHBoxLayout()
            line.setSpacing(3)
            for button in buttons:
                shrink(button)
                button.setMinimumWidth(30)
                line.addWidget(button, button.sizeHint().width())
            grid.addLayout(line, row, 1)
        return grid


def _tool_button(offer: Offer) -> QPushButton:
    kind = operations[offer.name]
    help_of = (kind.__doc__ or kind.title).strip().splitlines()[0]
    button = _button(offer.word, offer.key, help_of)
    button.setCheckable(True)
    button.setStyleSheet(TOOL_STYLE)
    return button


def _button(title: str, key: str, tip: str) -> QPushButton:
    button = QPushButton(f"{title} {shown(key)}" if key else title)
    where = f" (key {shown(key)} while the layer is selected)" if key else ""
    button.setToolTip(f"{tip}{where}")
    return button


def _line() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    shrink(label)
    return label


def _emitting(emit: Callable[[str], None], name: str) -> Callable[..., None]:
    """Return a slot that emits a name, whatever it is called with."""

    def send(*_: object) -> None:
        emit(name)

    return send
