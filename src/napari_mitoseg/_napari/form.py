"""Forms made from parameters: one row a field, nothing declared twice."""

import json
from collections.abc import Callable
from enum import Enum
from typing import Any, Literal, NamedTuple, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MultipleOf
from pydantic.fields import FieldInfo
from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from superqt import QLabeledDoubleSlider

from napari_mitoseg._napari.section import Section, row_label
from napari_mitoseg.documents import parse_json
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.params import Params, is_advanced, unit_of

LARGEST = 2**31 - 1
LARGEST_FLOAT = 1e9


class Editor(NamedTuple):
    """A widget for one value, and how to read, set and watch it."""

    widget: QWidget
    get: Callable[[], Any]
    set: Callable[[Any], None]
    changed: Any


class ParamsForm(QWidget):
    """A form for any group of parameters.

    Parameters
    ----------
    params : Params
        Shown first; its class decides the rows.  Fields for which there is no editor
        keep their values.

    Attributes
    ----------
    changed : Signal(object)
        A new, valid `Params`, whenever the user has changed a value.
    """

    changed = Signal(object)

    def __init__(self, params: Params, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._params = params
        self._editors: dict[str, Editor] = {}
        self._problem = problem_label()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        fields = type(params).model_fields
        plain = {n: f for n, f in fields.items() if not is_advanced(f)}
        layout.addLayout(self._rows(plain))
        folded = {n: f for n, f in fields.items() if is_advanced(f)}
        if folded:
            layout.addWidget(self._folded(folded))
        layout.addWidget(self._problem)

    @property
    def value(self) -> Params:
        """The last valid parameters."""
        return self._params

    def set_value(self, params: Params) -> None:
        """Show other parameters of the same class, without signalling.

        Parameters
        ----------
        params : Params
            What to show.
        """
        self._params = params
        self._problem.hide()
        for name, editor in self._editors.items():
            editor.widget.blockSignals(True)
            editor.set(getattr(params, name))
            editor.widget.blockSignals(False)

    def editor(self, name: str) -> QWidget:
        """Return the widget of a field."""
        return self._editors[name].widget

    def has_row(self, name: str) -> bool:
        """Say whether there is an editor for a field."""
        return name in self._editors

    def show_row(self, name: str, *, shown: bool) -> None:
        """Show or hide the row of a field.

        Parameters
        ----------
        name : str
            The field.
        shown : bool
            Whether its row is there.
        """
        widget = self._editors[name].widget
        for form in self.findChildren(QFormLayout):
            if form.indexOf(widget) >= 0:
                form.setRowVisible(widget, shown)

    def _rows(self, fields: dict[str, FieldInfo]) -> QFormLayout:
        rows = QFormLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(4)
        grow = QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow
        rows.setFieldGrowthPolicy(grow)
        for name, field in fields.items():
            editor = make_editor(field, getattr(self._params, name))
            if editor is None:
                continue
            self._editors[name] = editor
            editor.widget.setToolTip(field.description or "")
            editor.changed.connect(self._on_edited)
            label = row_label(title_of(name, field), field.description or "")
            rows.addRow(label, editor.widget)
        return rows

    def _folded(self, fields: dict[str, FieldInfo]) -> Section:
        content = QWidget()
        content.setLayout(self._rows(fields))
        return Section("More", content)

    def _on_edited(self) -> None:
        """Validate what the form holds and signal it."""
        edited = {name: editor.get() for name, editor in self._editors.items()}
        kept = {n: getattr(self._params, n) for n in type(self._params).model_fields}
        try:
            params = type(self._params).parse({**kept, **edited})
        except InvalidParameterError as error:
            self._problem.setText(str(error))
            self._problem.show()
            return
        self._problem.hide()
        if params != self._params:
            self._params = params
            self.changed.emit(params)


def problem_label() -> QLabel:
    """Return a hidden label for what is wrong, that never widens its panel."""
    label = QLabel()
    label.setObjectName("problem")
    label.setWordWrap(True)
    label.setStyleSheet("color: #ffb454;")
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    label.hide()
    return label


def title_of(name: str, field: FieldInfo) -> str:
    """Name a field in words.

    Parameters
    ----------
    name : str
        As in code.
    field : FieldInfo
        Its declaration; the editor shows the unit already.

    Returns
    -------
    str
        Title of its row.

    Examples
    --------
    >>> from napari_mitoseg.params import param
    >>> title_of("min_depth_nm", param(0.0, unit="nm", description=""))
    'Min depth'
    >>> title_of("n_parts", param(2, description=""))
    'Parts'
    """
    words = name.removesuffix(f"_{unit_of(field)}").removeprefix("n_")
    return words.replace("_", " ").capitalize()


def make_editor(field: FieldInfo, value: Any) -> Editor | None:
    """Return the editor of a field.

    Parameters
    ----------
    field : pydantic.fields.FieldInfo
        Declares type, bounds and unit.
    value : object
        Shown first.

    Returns
    -------
    Editor or None
        None where the type has no editor.
    """
    kind = field.annotation
    if get_origin(kind) is Literal:
        return _choice({str(option): option for option in get_args(kind)}, value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _choice({str(option.value): option for option in kind}, value)
    if get_origin(kind) is tuple and get_args(kind)[-1] is Ellipsis:
        return _listed(value)
    makers: dict[Any, Callable[[FieldInfo, Any], Editor]] = {
        bool: _check,
        int: _integer,
        float: _number,
        str: _text,
    }
    return makers[kind](field, value) if kind in makers else None


def _choice(options: dict[str, Any], value: Any) -> Editor:
    box = QComboBox()
    shrink(box)
    ignore_wheel(box)
    for text, option in options.items():
        box.addItem(text, option)
    names, values = list(options), list(options.values())

    def choose(wanted: Any) -> None:
        box.setCurrentIndex(values.index(wanted))

    choose(value)
    return Editor(
        box, lambda: options[names[box.currentIndex()]], choose, box.currentIndexChanged
    )


def _check(_field: FieldInfo, value: bool) -> Editor:
    box = QCheckBox()
    box.setChecked(value)
    return Editor(box, box.isChecked, box.setChecked, box.toggled)


def _text(_field: FieldInfo, value: str) -> Editor:
    line = QLineEdit(value)
    return Editor(line, line.text, line.setText, line.editingFinished)


def _listed(value: tuple[Any, ...]) -> Editor:
    """Return an editor of values with commas between them, written as in JSON."""
    line = QLineEdit()

    def read() -> Any:
        try:
            return parse_json(f"[{line.text()}]")
        except ValueError:
            return line.text()  # refused where the other values are checked

    def show(values: tuple[Any, ...]) -> None:
        line.setText(json.dumps(values)[1:-1])

    show(value)
    return Editor(line, read, show, line.editingFinished)


def _integer(field: FieldInfo, value: int) -> Editor:
    low, high, step = bounds_of(field)
    box = QSpinBox()
    box.setRange(int(_or(low, -LARGEST)), min(int(_or(high, LARGEST)), LARGEST))
    box.setSingleStep(int(step or 1))
    return _spin(box, field, value)


def _number(field: FieldInfo, value: float) -> Editor:
    low, high, _ = bounds_of(field)
    if low is not None and high is not None and high - low <= 1:
        return _slider(low, high, value)
    box = QDoubleSpinBox()
    box.setDecimals(_decimals(value))
    box.setRange(_or(low, -LARGEST_FLOAT), _or(high, LARGEST_FLOAT))
    box.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
    return _spin(box, field, value)


def _spin(box: Any, field: FieldInfo, value: float) -> Editor:
    box.setKeyboardTracking(False)
    unit = unit_of(field)
    box.setSuffix(f" {unit}" if unit else "")
    box.setValue(value)
    shrink(box)
    ignore_wheel(box)
    return Editor(box, box.value, box.setValue, box.valueChanged)


def _slider(low: float, high: float, value: float) -> Editor:
    slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
    slider.setRange(low, high)
    slider.setDecimals(2)
    # superqt declares int here, and takes a fraction.
    slider.setSingleStep(0.01)  # type: ignore[arg-type]
    slider.setValue(value)
    ignore_wheel(slider)
    return Editor(
        slider, lambda: round(slider.value(), 4), slider.setValue, slider.valueChanged
    )


def bounds_of(field: FieldInfo) -> tuple[float | None, float | None, float | None]:
    """Return lower bound, upper bound and step of a field; None where there is none.

    Parameters
    ----------
    field : pydantic.fields.FieldInfo
        Declared with ``ge``, ``gt``, ``le``, ``lt``, ``multiple_of``.

    Returns
    -------
    tuple of float or None
        Low, high, step.
    """
    low = high = step = None
    for rule in field.metadata:
        match rule:
            case Ge(ge=bound) | Gt(gt=bound):
                low = bound
            case Le(le=bound) | Lt(lt=bound):
                high = bound
            case MultipleOf(multiple_of=bound):
                step = bound
            case _:
                continue
    return low, high, step  # type: ignore[return-value]


def shrink(widget: QWidget) -> None:
    """Let a widget be narrower than its contents, so that nothing is cut off."""
    policy = widget.sizePolicy()
    policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
    widget.setSizePolicy(policy)
    widget.setMinimumWidth(60)


class _IgnoreWheel(QObject):
    """An event filter that leaves the wheel to the scroll area."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 - named by Qt
        if event is not None and event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def ignore_wheel(widget: QWidget) -> None:
    """Leave the wheel to the scroll area: scrolling must not change a value."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_IgnoreWheel(widget))


def _or(bound: float | None, otherwise: float) -> float:
    return otherwise if bound is None else bound


def _decimals(value: float) -> int:
    """Return enough decimals for a value and fine steps around it."""
    text = f"{value:.10f}".rstrip("0")
    return max(2, len(text.partition(".")[2]) + 1)
