"""What is to be measured."""

import re

from pydantic import field_validator

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.morphology import descriptors
from napari_mitoseg.morphology.columns import ColumnInfo
from napari_mitoseg.morphology.descriptors.neighbours import layer_column
from napari_mitoseg.morphology.family import INDEX, families
from napari_mitoseg.params import Params, param

ALL_FAMILIES: tuple[str, ...] = (*descriptors.ORDER,)
"""Every family of descriptors, in the order of columns."""

CHEAP_FAMILIES: tuple[str, ...] = ("size",)
"""What one pass over the labels tells."""

LAYER = re.compile("contact_(.+)_um2")
"""Columns of the contact with other layers."""


class MeasurementSettings(Params):
    """What is to be measured of each object."""

    families: tuple[str, ...] = param(
        CHEAP_FAMILIES, description="Families of descriptors, by name."
    )

    @field_validator("families")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            _ = families[name]
        if not names:
            msg = (
                "No family of descriptors was given; give one or more of: "
                f"{', '.join(families)}."
            )
            raise InvalidParameterError(msg)
        return tuple(dict.fromkeys(names))


def all_columns() -> tuple[ColumnInfo, ...]:
    """Return every column that a table may have, without those of named layers."""
    found: dict[str, ColumnInfo] = {INDEX.name: INDEX}
    for family in map(families.__getitem__, ALL_FAMILIES):
        for column in (*family.columns, *family.flat_columns):
            found.setdefault(column.name, column)
    return tuple(found.values())


def column_info(name: str) -> ColumnInfo:
    """Say what a column means.

    Parameters
    ----------
    name : str
        Name of a column of a table.

    Returns
    -------
    ColumnInfo
        Title, unit and definition; of an unknown column, only its name.

    Examples
    --------
    >>> column_info("volume_um3").unit
    'µm³'
    """
    known = {column.name: column for column in all_columns()}
    layer = LAYER.fullmatch(name)
    if layer and name not in known:
        return layer_column(layer[1].replace("_", " "))
    return known.get(name, ColumnInfo(name, name, "", "", needs_spacing=False))
