"""Sequences of named steps that a user edits and a recipe keeps as JSON.

A step is a `NamedStep` under its name in a registry; a `StepSequence` is a tuple of
steps that reads and writes ``[{"step": "threshold", "value": 0.5}, ...]``.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self, cast

from pydantic import (
    BaseModel,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    SkipValidation,
    model_serializer,
    model_validator,
)

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.params import Params, shown
from napari_mitoseg.registry import Registry

KEY = "step"


class NamedStep(Params):
    """Parameters of one step; its name goes into the JSON under ``"step"``.

    Attributes
    ----------
    name : str
        Name in the registry, as written in recipes.
    title : str
        Name on screen.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _without_name(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or KEY not in values:
            return values
        if values[KEY] != cls.name:
            given = shown(values[KEY])
            msg = f"These are the parameters of {given}, not of {cls.name!r}."
            raise ValueError(msg)
        return {key: value for key, value in values.items() if key != KEY}

    @model_serializer(mode="wrap")
    def _with_name(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {KEY: self.name, **handler(self)}


class StepSequence(Params):
    """Steps that run one after the other.

    Parameters
    ----------
    steps : sequence of NamedStep or of mappings
        The steps; a mapping names its step under ``"step"`` and may leave out
        parameters that keep their defaults.
    **other : object
        Nothing is allowed; a mapping without ``"steps"`` comes in here.

    Raises
    ------
    UnknownNameError
        If a step is not registered; lists the choices.
    InvalidParameterError
        If a parameter is unknown or out of bounds, or the order makes no sense.

    Notes
    -----
    Sequences are immutable: the editing methods return a new one, which is checked
    like any other.
    """

    registry: ClassVar[Registry[Any]]

    steps: Annotated[tuple[SerializeAsAny[NamedStep], ...], SkipValidation] = ()

    def __init__(
        self,
        steps: Sequence[NamedStep | Mapping[str, Any]] = (),
        **other: object,
    ) -> None:
        # Here, and not in a validator alone: pydantic would wrap the error.  It hands
        # over a mapping as keywords, so one without "steps" is refused here.
        resolved = self._resolved(other or steps)
        self.check(resolved)
        BaseModel.__init__(self, steps=resolved)

    @classmethod
    def check(cls, steps: Sequence[NamedStep]) -> None:
        """Raise InvalidParameterError if these steps make no sense in this order."""

    @classmethod
    def parse(cls, values: object) -> Self:
        """Build the sequence from plain values (JSON).

        Parameters
        ----------
        values : object
            List of mappings, each with ``"step"`` and the parameters of the step.

        Returns
        -------
        StepSequence
            The checked sequence.

        Raises
        ------
        UnknownNameError
            If a step is not registered.
        InvalidParameterError
            If a parameter is wrong, or the order makes no sense.
        """
        return cls(cast("Sequence[Mapping[str, Any]]", values))

    def __len__(self) -> int:
        """Count the steps."""
        return len(self.steps)

    def inserted(self, position: int, step: NamedStep) -> Self:
        """Return the sequence with a step put before `position`."""
        return self._with((*self.steps[:position], step, *self.steps[position:]))

    def removed(self, position: int) -> Self:
        """Return the sequence without the step at `position`."""
        return self._with(self.steps[:position] + self.steps[position + 1 :])

    def moved(self, position: int, to: int) -> Self:
        """Return the sequence with the step at `position` moved to `to`."""
        rest = [*self.steps]
        rest.insert(to, rest.pop(position))
        return self._with(rest)

    def replaced(self, position: int, step: NamedStep) -> Self:
        """Return the sequence with another step at `position`."""
        return self._with((*self.steps[:position], step, *self.steps[position + 1 :]))

    def _with(self, steps: Sequence[NamedStep]) -> Self:
        return type(self)(steps)

    @classmethod
    def _resolved(cls, given: object) -> tuple[NamedStep, ...]:
        if isinstance(given, str | Mapping) or not isinstance(given, Sequence):
            msg = (
                f"The {cls.registry.kind}s were given as {shown(given)}. Give a list "
                f'such as [{{"{KEY}": "{cls.registry.names()[0]}"}}].'
            )
            raise InvalidParameterError(msg)
        return tuple(cls._resolved_one(item) for item in given)

    @classmethod
    def _resolved_one(cls, item: object) -> NamedStep:
        if isinstance(item, NamedStep):
            return cast("NamedStep", cls.registry[item.name].parse(item))
        if not isinstance(item, Mapping) or not isinstance(item.get(KEY), str):
            msg = (
                f"A {cls.registry.kind} was given as {shown(item)}. Name it under "
                f'"{KEY}"; choose one of: {", ".join(cls.registry)}.'
            )
            raise InvalidParameterError(msg)
        return cast("NamedStep", cls.registry[item[KEY]].parse(item))

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, values: Any) -> Any:
        given = values.get("steps", ()) if isinstance(values, Mapping) else values
        return {"steps": cls._resolved(given)}

    @model_validator(mode="after")
    def _checked(self) -> Self:
        self.check(self.steps)
        return self

    @model_serializer(mode="plain")
    def _as_list(self) -> list[dict[str, Any]]:
        return [step.model_dump() for step in self.steps]
