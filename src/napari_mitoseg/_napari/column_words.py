"""What a column of measurements is called on screen, and how its values are written."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from napari_mitoseg.morphology import column_info
from napari_mitoseg.volume import Array

NOTHING = "–"

BOX_ENDS = ("_start", "_stop")
"""Ends of the names of columns that lead to an object, and say nothing to a reader."""


class Heading(NamedTuple):
    """Name, words and help of a column."""

    name: str
    text: str
    tip: str


def heading_of(name: str) -> Heading:
    """Return what stands over a column.

    Parameters
    ----------
    name : str
        Name of the column in the table and in files.

    Returns
    -------
    Heading
        Title with the unit in brackets, and what it means; a column that is not known
        keeps its name.
    """
    info = column_info(name)
    source = f" [{info.source}]" if info.source else ""
    return Heading(name, info.heading, f"{name}: {info.tip}{source}")


def cell_text(value: Any) -> str:
    """Write a value as briefly as a table wants it.

    Parameters
    ----------
    value : object
        A number, a truth value or a word.

    Returns
    -------
    str
        Four figures of a fraction.

    Examples
    --------
    >>> [cell_text(one) for one in (0.123456, 12, np.bool_(True), float("nan"))]
    ['0.1235', '12', 'yes', '–']
    """
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{value:.4g}" if np.isfinite(value) else NOTHING
    return str(value)


def presented(columns: Mapping[str, Array]) -> dict[str, Array]:
    """Return the columns that are shown; files have all of them."""
    return {
        name: np.asarray(values)
        for name, values in columns.items()
        if not name.endswith(BOX_ENDS)
    }


def numeric(columns: Mapping[str, Array]) -> dict[str, Array]:
    """Return the columns that can be plotted, without the labels.

    Parameters
    ----------
    columns : mapping of str to ndarray
        All columns.

    Returns
    -------
    dict of str to ndarray of float
        Truth values as 0 and 1.
    """
    return {
        name: np.asarray(values, float)
        for name, values in presented(columns).items()
        if name != "index" and values.dtype.kind in "fiub"
    }
