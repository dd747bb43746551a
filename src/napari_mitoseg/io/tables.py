"""Tables of measurements as CSV, Parquet and Excel."""

import csv
import errno
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.io.atomic import staged
from napari_mitoseg.io.endings import format_of
from napari_mitoseg.registry import Registry

Columns = Mapping[str, Sequence[Any] | NDArray[Any]]

EXCEL_ROWS = 2**20
"""Rows of a sheet, the header among them."""

WIDEST = 28
"""Characters of a column name that widen the column in Excel."""


@dataclass(frozen=True)
class TableFormat:
    """A way to keep a table in a file.

    Attributes
    ----------
    title : str
        Name on screen.
    extensions : tuple of str
        Endings of file names, the usual one first.
    write : callable
        Takes path and columns; what was there before stays if it fails.
    """

    title: str
    extensions: tuple[str, ...]
    write: Callable[[str | Path, Columns], None]


table_formats: Registry[TableFormat] = Registry("table format")


def write_table(path: str | Path, columns: Columns) -> None:
    """Write a table in the format that the ending of the path says.

    Parameters
    ----------
    path : str or Path
        ``.csv``, ``.parquet`` or ``.xlsx``; replaced if it exists.
    columns : mapping of str to sequence
        Columns of equal length by name; units are part of the names.

    Raises
    ------
    InvalidParameterError
        If the ending is another, or the table too long for the format.
    WriteError
        If the file cannot be written; what was there before stays.
    """
    table_format_of(path).write(path, columns)


def table_format_of(path: str | Path) -> TableFormat:
    """Return the format that the ending of a path says.

    Parameters
    ----------
    path : str or Path
        Where a table is to be written.

    Returns
    -------
    TableFormat
        The format.

    Raises
    ------
    InvalidParameterError
        If no format has the ending; the message lists them.

    Examples
    --------
    >>> table_format_of("objects.XLSX").title
    'Excel'
    """
    return table_formats[format_of(table_formats, path, "a table")]


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
    with (
        staged(path.parent, [path.name]) as files,
        files[path.name].open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(_rows(columns))


def write_table_parquet(path: str | Path, columns: Columns) -> None:
    """Write a table of measurements as Parquet, compressed.

    Parameters
    ----------
    path : str or Path
        File to write; replaced if it exists.
    columns : mapping of str to sequence
        Columns of equal length by name; each keeps its type.

    Raises
    ------
    WriteError
        If the file cannot be written; what was there before stays.
    """
    import pyarrow as pa  # noqa: PLC0415 - a third of a second
    from pyarrow import parquet  # noqa: PLC0415

    path = Path(path)
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    with staged(path.parent, [path.name]) as files:
        parquet.write_table(table, files[path.name], compression="zstd")


def write_table_excel(path: str | Path, columns: Columns) -> None:
    """Write a table of measurements as a sheet of Excel.

    Parameters
    ----------
    path : str or Path
        File to write; replaced if it exists.
    columns : mapping of str to sequence
        Columns of equal length by name, which stand in the first row and stay in
        view.  Numbers that are none (NaN, infinite) leave their cell empty.

    Raises
    ------
    InvalidParameterError
        If there are more rows than a sheet has.
    WriteError
        If the file cannot be written; what was there before stays.
    """
    rows = list(_rows(columns))
    if len(rows) >= EXCEL_ROWS:
        msg = (
            f"The table has {len(rows)} rows; a sheet of Excel has {EXCEL_ROWS - 1} "
            "below its header. Write .csv or .parquet."
        )
        raise InvalidParameterError(msg)
    path = Path(path)
    with staged(path.parent, [path.name]) as files:
        _write_sheet(files[path.name], list(columns), rows)


def _write_sheet(path: Path, names: list[str], rows: list[tuple[Any, ...]]) -> None:
    from openpyxl import Workbook  # noqa: PLC0415 - a quarter of a second
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    book = Workbook(write_only=True)
    sheet = book.create_sheet("objects")
    sheet.freeze_panes = "B2"
    for number, name in enumerate(names, 1):
        width = min(len(name), WIDEST) + 2
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.append(_cells(sheet, names, bold=True))
    try:
        for row in rows:
            sheet.append(_cells(sheet, row))
        book.save(path)
    except _lxml_errors() as error:
        # All that lxml says of a full disk is IO_ENOSPC.
        code = getattr(errno, str(error).removeprefix("IO_"), errno.EIO)
        raise OSError(code, os.strerror(code)) from error


def _lxml_errors() -> tuple[type[Exception], ...]:
    """Return what lxml raises, if openpyxl has found it to write with."""
    etree = sys.modules.get("lxml.etree")
    return () if etree is None else (etree.LxmlError,)


def _cells(sheet: Any, values: Sequence[Any], *, bold: bool = False) -> list[Any]:
    """Return what stands in the cells of a row; a text is never a formula."""
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415
    from openpyxl.styles import Font  # noqa: PLC0415

    cells: list[Any] = []
    for value in values:
        if not isinstance(value, str):
            is_missing = isinstance(value, float) and not np.isfinite(value)
            cells.append(None if is_missing else value)
            continue
        cell = WriteOnlyCell(sheet, value)
        cell.data_type = "s"
        if bold:
            cell.font = Font(bold=True)
        cells.append(cell)
    return cells


def _rows(columns: Columns) -> "zip[tuple[Any, ...]]":
    return zip(*(_plain(values) for values in columns.values()), strict=True)


def _plain(values: Sequence[Any] | NDArray[Any]) -> Sequence[Any]:
    """Return Python numbers, whose text is the shortest that reads back."""
    plain: Sequence[Any] = values.tolist() if isinstance(values, np.ndarray) else values
    return plain


for _name, _format in {
    "csv": TableFormat("CSV", (".csv",), write_table_csv),
    "parquet": TableFormat("Parquet", (".parquet",), write_table_parquet),
    "excel": TableFormat("Excel", (".xlsx",), write_table_excel),
}.items():
    table_formats.register(_name)(_format)
