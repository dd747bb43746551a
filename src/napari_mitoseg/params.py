"""Parameters declared once.

A frozen pydantic model with bounds, unit and help in each field gives the
validation, the form in napari, the command-line option, the JSON in a recipe and
the row in the documentation.
"""

import difflib
from collections.abc import Collection, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from napari_mitoseg.errors import InvalidParameterError, MitoSegError


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
    return " ".join(_finding(error.title, item, names) for item in error.errors())


def _finding(title: str, item: Mapping[str, Any], names: Collection[str]) -> str:
    own = item.get("ctx", {}).get("error")
    if isinstance(own, MitoSegError):
        return str(own)
    place = ".".join(map(str, item["loc"])) or "value"
    if item["type"] == "extra_forbidden":
        # Deeper down other names are allowed, which are not known here.
        return _unknown(title, place, names if len(item["loc"]) == 1 else ())
    return f"{title} {place}: {item['msg']} (given: {item['input']!r})."


def _unknown(title: str, name: str, names: Collection[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    choice = f" Choose from: {', '.join(names)}." if names else ""
    return f"{title} has no setting {name!r}.{hint}{choice}"
