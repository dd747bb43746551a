"""Parameters declared once.

A frozen pydantic model with bounds, unit and help in each field gives the
validation, the form in napari, the command-line option, the JSON in a recipe and
the row in the documentation.
"""

import difflib
import reprlib
from collections.abc import Collection, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from napari_mitoseg.errors import InvalidParameterError, MitoSegError

LONGEST_NAME = 80
"""Characters of a name that a message repeats."""

FINDINGS = 5
"""Findings that a message tells."""

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80
_SHORT.maxlevel = 3


class Params(BaseModel):
    """Base of every group of parameters: immutable and strict about names."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

    @classmethod
    def parse(cls, values: object) -> Self:
        """Validate plain values (JSON) into parameters.

        Parameters
        ----------
        values : object
            Mapping of field names to values.

        Returns
        -------
        Params
            The validated parameters.

        Raises
        ------
        InvalidParameterError
            If a field is unknown or out of bounds; says which, what was given and
            what is allowed.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise InvalidParameterError(describe(error, cls.model_fields)) from error


def param(
    default: Any = ...,
    *,
    description: str,
    unit: str | None = None,
    advanced: bool = False,
    **bounds: Any,
) -> Any:
    """Declare one parameter.

    Parameters
    ----------
    default : object, optional
        Value when none is given; required when absent.
    description : str
        Help, shown as tooltip, in ``--help`` and in the docs.
    unit : str, optional
        Physical unit shown behind the number.
    advanced : bool
        Whether forms fold the field away.
    **bounds
        Passed to `pydantic.Field` (``ge``, ``le``, ``multiple_of`` ...).

    Returns
    -------
    pydantic.fields.FieldInfo
        The field.
    """
    extra: JsonDict = {"unit": unit, "advanced": advanced}
    return Field(default, description=description, json_schema_extra=extra, **bounds)


def unit_of(field: FieldInfo) -> str | None:
    """Return the physical unit of a field declared with `param`."""
    extra = field.json_schema_extra
    unit = extra.get("unit") if isinstance(extra, dict) else None
    return unit if isinstance(unit, str) else None


def is_advanced(field: FieldInfo) -> bool:
    """Say whether forms fold this field away."""
    extra = field.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("advanced"))


def shown(value: object) -> str:
    """Return what was given, shortened to fit into a line.

    Parameters
    ----------
    value : object
        Anything, from a file for example.

    Returns
    -------
    str
        As Python writes it, with ``...`` for what is too long or nested too deeply.

    Examples
    --------
    >>> shown("a" * 1000)[-10:]
    "aaaaaaaaa'"
    """
    return _SHORT.repr(value)


def describe(error: ValidationError, names: Collection[str] = ()) -> str:
    """Say in one line what a validation found wrong.

    Parameters
    ----------
    error : pydantic.ValidationError
        What pydantic raised.
    names : collection of str
        The fields there are, to choose from where one is given that is not.

    Returns
    -------
    str
        One sentence a finding: field, what was given, what is allowed.
    """
    found = error.errors()
    told = [_finding(error.title, item, names) for item in found[:FINDINGS]]
    rest = [f"And {len(found) - FINDINGS} more."] if len(found) > FINDINGS else []
    return " ".join(told + rest)


def _finding(title: str, item: Mapping[str, Any], names: Collection[str]) -> str:
    own = item.get("ctx", {}).get("error")
    if isinstance(own, MitoSegError):
        return str(own)
    place = ".".join(map(str, item["loc"]))[:LONGEST_NAME] or "value"
    if item["type"] == "extra_forbidden":
        # Deeper down other names are allowed, which are not known here.
        return _unknown(title, place, names if len(item["loc"]) == 1 else ())
    return f"{title} {place}: {item['msg']} (given: {shown(item['input'])})."


def _unknown(title: str, name: str, names: Collection[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    choice = f" Choose from: {', '.join(names)}." if names else ""
    return f"{title} has no setting {name!r}.{hint}{choice}"
