"""Tables of measurements as CSV."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.io.atomic import staged

Columns = Mapping[str, Sequence[Any] | NDArray[Any]]


def write_table_csv(path: str | Path, columns: Columns) -> None:
    """Write a table of measurements.

    Parameters
    ----------
    path : str or Path
        File to write; replaced if it exists.
    columns : mapping of str to sequence
        Columns of equal length by name.

    Raises
    ------
    WriteError
        If the file cannot be written; what was there before stays.

    Notes
    -----
    UTF-8, comma-separated, a header line, a point as decimal mark; numbers are written
    so that they read back as the same numbers, truth values as ``True`` and ``False``.
    """
    path = Path(path)
    rows = zip(*(_plain(values) for values in columns.values()), strict=True)
    with (
        staged(path.parent, [path.name]) as files,
        files[path.name].open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _plain(values: Sequence[Any] | NDArray[Any]) -> Sequence[Any]:
    """Return Python numbers, whose text is the shortest that reads back."""
    plain: Sequence[Any] = values.tolist() if isinstance(values, np.ndarray) else values
    return plain
