"""What the columns of a table of measurements mean."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class ColumnInfo:
    """What one column holds.

    Attributes
    ----------
    name : str
        Name in the table and in files, the unit last: ``volume_um3``.
    title : str
        Name on screen, without the unit.
    unit : str
        Unit as it is printed (``"µm³"``); empty for pure numbers.
    tip : str
        What it is, with its equation, in a sentence or two.
    source : str
        Where the definition comes from; empty where it goes without saying.
    needs_spacing : bool
        Whether the column is left out where the spacing is not known.
    """

    name: str
    title: str
    unit: str
    tip: str
    source: str = ""
    needs_spacing: bool = True

    @property
    def heading(self) -> str:
        """Title, and the unit in brackets."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


def column_word(name: str) -> str:
    """Turn the name of a layer into a part of the name of a column.

    Parameters
    ----------
    name : str
        Any name.

    Returns
    -------
    str
        Small letters, digits and single underscores.

    Examples
    --------
    >>> column_word("Nuclear envelope [1]")
    'nuclear_envelope_1'
    """
    return re.sub("[^a-z0-9]+", "_", name.lower()).strip("_")
