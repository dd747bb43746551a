"""A form for any group of parameters."""

from enum import Enum
from typing import Any, Literal

import pytest
from pydantic import model_validator
from qtpy.QtWidgets import QComboBox, QLabel

from napari_mitoseg._napari.form import ParamsForm
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.params import Params, param
from napari_mitoseg.postprocessing import steps as post_steps
from napari_mitoseg.preprocessing import steps as pre_steps


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Everything(Params):
    flag: bool = param(True, description="A switch.")
    count: int = param(3, description="How many.", ge=1, le=9, unit="voxels")
    share: float = param(0.5, description="How much.", ge=0, le=1)
    length: float = param(12.5, description="How long.", ge=0, unit="nm")
    mode: Literal["fast", "slow"] = param("fast", description="Which.")
    colour: Colour = param(Colour.RED, description="Which colour.")
    note: str = param("hello", description="Anything.")
    hidden: int = param(7, description="Rare.", advanced=True)
    kept: tuple[int, int] = param((1, 2), description="Has no editor.")

    @model_validator(mode="after")
    def _check(self) -> "Everything":
        if self.count == 9 and self.mode == "slow":
            msg = "nine are too many when slow"
            raise ValueError(msg)
        return self


@pytest.fixture
def form(qtbot: Any) -> ParamsForm:
    widget = ParamsForm(Everything())
    qtbot.addWidget(widget)
    return widget


def edit(form: ParamsForm, name: str, value: Any) -> None:
    widget: Any = form.editor(name)
    if isinstance(widget, QComboBox):
        widget.setCurrentText(str(getattr(value, "value", value)))
    elif hasattr(widget, "setChecked"):
        widget.setChecked(value)
    elif hasattr(widget, "setValue"):
        widget.setValue(value)
    else:
        widget.setText(value)
        widget.editingFinished.emit()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("flag", False),
        ("count", 5),
        ("share", 0.25),
        ("length", 80.0),
        ("mode", "slow"),
        ("colour", Colour.BLUE),
        ("note", "bye"),
        ("hidden", 8),
    ],
)
def test_edit_gives_new_parameters(
    form: ParamsForm, qtbot: Any, name: str, value: Any
) -> None:
    before = form.value
    with qtbot.waitSignal(form.changed) as changed:
        edit(form, name, value)
    assert changed.args == [Everything(**{name: value})]
    assert form.value == changed.args[0]
    assert before == Everything()  # frozen


def test_bounds_unit_and_help_come_from_the_field(form: ParamsForm) -> None:
    count: Any = form.editor("count")
    assert (count.minimum(), count.maximum()) == (1, 9)
    assert count.suffix() == " voxels"
    assert count.toolTip() == "How many."


def test_what_is_rare_is_folded_away(form: ParamsForm) -> None:
    assert form.editor("flag").isVisibleTo(form)
    assert not form.editor("hidden").isVisibleTo(form)


def test_bad_combination_is_explained_and_not_signalled(
    form: ParamsForm, qtbot: Any
) -> None:
    edit(form, "mode", "slow")
    with qtbot.assertNotEmitted(form.changed):
        edit(form, "count", 9)
    (problem,) = form.findChildren(QLabel, "problem")
    assert problem.isVisibleTo(form)
    assert "nine are too many when slow" in problem.text()
    assert form.value == Everything(mode="slow")
    edit(form, "count", 8)
    assert not problem.isVisibleTo(form)


def test_set_value_shows_without_signalling(form: ParamsForm, qtbot: Any) -> None:
    other = Everything(flag=False, count=2, share=0.75, mode="slow", kept=(3, 4))
    with qtbot.assertNotEmitted(form.changed):
        form.set_value(other)
    edit(form, "note", "x")
    assert form.value == other.model_copy(update={"note": "x"})


ALL_STEPS = [*post_steps.items(), *pre_steps.items()]


@pytest.mark.parametrize(
    "step", [s for _, s in ALL_STEPS], ids=[n for n, _ in ALL_STEPS]
)
def test_every_field_of_every_step_has_an_editor(
    qtbot: Any, step: type[Params]
) -> None:
    widget = ParamsForm(step())
    qtbot.addWidget(widget)
    for name in step.model_fields:
        assert widget.editor(name).toolTip()


class Listed(Params):
    slices: tuple[int, ...] = param((), description="Some slices.")


def test_lists_are_written_with_commas(qtbot: Any) -> None:
    widget = ParamsForm(Listed(slices=(3, 5)))
    qtbot.addWidget(widget)
    line: Any = widget.editor("slices")
    assert line.text() == "3, 5"
    edit(widget, "slices", "7,8, 9")
    assert widget.value == Listed(slices=(7, 8, 9))
    edit(widget, "slices", "7,8,x")
    assert widget.value == Listed(slices=(7, 8, 9))
    edit(widget, "slices", "")
    assert widget.value == Listed()


def test_settings_of_the_network_have_editors(qtbot: Any) -> None:
    widget = ParamsForm(InferenceSettings())
    qtbot.addWidget(widget)
    edit(widget, "augmentation", 8)
    assert widget.value == InferenceSettings(augmentation=8)
