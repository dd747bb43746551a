"""Sequences of steps and their JSON."""

from typing import ClassVar

import pytest

from napari_mitoseg.errors import InvalidParameterError, UnknownNameError
from napari_mitoseg.params import Params, param
from napari_mitoseg.registry import Registry
from napari_mitoseg.steps import NamedStep, StepSequence

REGISTRY: Registry[type[NamedStep]] = Registry("test step")


@REGISTRY.register("add")
class Add(NamedStep):
    name: ClassVar[str] = "add"
    title: ClassVar[str] = "Add"
    amount: int = param(1, ge=0, description="How much.")


@REGISTRY.register("negate")
class Negate(NamedStep):
    name: ClassVar[str] = "negate"
    title: ClassVar[str] = "Negate"


class Steps(StepSequence):
    registry: ClassVar[Registry[type[NamedStep]]] = REGISTRY

    @classmethod
    def check(cls, steps):
        if len(steps) > 3:
            msg = "More than three steps."
            raise InvalidParameterError(msg)


class Holder(Params):
    steps: Steps = Steps()
    after: int = 0


def test_json_round_trip():
    given = [{"step": "add", "amount": 3}, {"step": "negate"}, {"step": "add"}]
    steps = Steps.parse(given)
    assert steps.steps == (Add(amount=3), Negate(), Add())
    assert steps.model_dump() == [*given[:2], {"step": "add", "amount": 1}]
    assert Steps.parse(steps.model_dump(mode="json")) == steps
    assert Steps.model_validate_json(steps.model_dump_json()) == steps


def test_json_round_trip_inside_other_parameters():
    holder = Holder(steps=Steps([Add(amount=2)]), after=1)
    text = holder.model_dump_json()
    assert text == '{"steps":[{"step":"add","amount":2}],"after":1}'
    again = Holder.model_validate_json(text)
    assert again == holder
    assert isinstance(again.steps.steps[0], Add)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([{"step": "add", "amount": -1}], "amount.*greater than or equal to 0.*-1"),
        ([{"step": "add", "sum": 1}], "sum"),
        ([{"amount": 1}], 'Name it under "step".*add, negate'),
        ([3], "given as 3"),
        ({"step": "add"}, "Give a list"),
        ("add", "Give a list"),
        (None, "Give a list"),
        ([{"step": "add"}] * 4, "More than three"),
    ],
)
def test_wrong_steps_are_refused(given, words):
    with pytest.raises(InvalidParameterError, match=words):
        Steps.parse(given)
    with pytest.raises(InvalidParameterError, match=words):
        Holder.parse({"steps": given})


def test_unknown_step_lists_the_choices():
    for parse in (Steps.parse, lambda given: Holder.parse({"steps": given})):
        with pytest.raises(UnknownNameError, match=r"mean 'negate'.*add, negate"):
            parse([{"step": "negat"}])


def test_step_refuses_the_name_of_another():
    assert Add.parse({"step": "add", "amount": 4}) == Add(amount=4)
    with pytest.raises(InvalidParameterError, match="'negate', not of 'add'"):
        Add.parse({"step": "negate"})


def test_editing_gives_new_sequences():
    steps = Steps([Add(amount=1), Add(amount=2)])
    assert steps.inserted(1, Negate()).steps == (Add(amount=1), Negate(), Add(amount=2))
    assert steps.removed(0).steps == (Add(amount=2),)
    assert steps.moved(0, 1).steps == (Add(amount=2), Add(amount=1))
    assert steps.replaced(1, Negate()).steps == (Add(amount=1), Negate())
    assert len(steps) == 2
    assert steps.steps == (Add(amount=1), Add(amount=2))
    with pytest.raises(InvalidParameterError, match="More than three"):
        steps.inserted(0, Negate()).inserted(0, Negate())
