"""Tables: every format reads back as the same numbers, by other programs."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from pyarrow import parquet

from napari_mitoseg.errors import InvalidParameterError, WriteError
from napari_mitoseg.io import tables
from napari_mitoseg.io.tables import table_formats, write_table

COLUMNS: dict[str, Any] = {
    "index": np.array([3, 70_000, 2**32 - 1], np.uint32),
    "volume_um3": np.array([0.1, 1e-9, 1 / 3]),
    "touches_border": np.array([True, False, True]),
    "class": ["matched", "=1+1", "µm, „quoted“"],
}
FORMATS = [pytest.param(one, id=name) for name, one in table_formats.items()]


def read_csv(path: Path) -> dict[str, list[Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    texts = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}
    casts = {"index": int, "volume_um3": float, "touches_border": "True".__eq__}
    return {
        name: [casts.get(name, str)(v) for v in texts.get(name, ())] for name in names
    }


def read_parquet(path: Path) -> dict[str, list[Any]]:
    return parquet.read_table(path).to_pydict()


def read_excel(path: Path) -> dict[str, list[Any]]:
    sheet = openpyxl.load_workbook(path)["objects"]
    assert sheet.freeze_panes == "B2"
    names, *rows = sheet.iter_rows(values_only=True)
    return {name: [row[n] for row in rows] for n, name in enumerate(names)}


READERS = {"csv": read_csv, "parquet": read_parquet, "excel": read_excel}


@pytest.mark.parametrize("name", table_formats)
def test_tables_come_back(tmp_path, name):
    path = tmp_path / f"objects{table_formats[name].extensions[0]}"
    write_table(path, COLUMNS)
    expected = {
        key: values.tolist() if isinstance(values, np.ndarray) else values
        for key, values in COLUMNS.items()
    }
    assert READERS[name](path) == expected


def test_pandas_reads_all_of_them(tmp_path):
    pandas = pytest.importorskip("pandas")
    readers = {
        ".csv": pandas.read_csv,
        ".parquet": pandas.read_parquet,
        ".xlsx": pandas.read_excel,
    }
    for ending, read in readers.items():
        write_table(tmp_path / f"a{ending}", COLUMNS)
        frame = read(tmp_path / f"a{ending}")
        assert list(frame) == list(COLUMNS)
        assert frame["volume_um3"].tolist() == COLUMNS["volume_um3"].tolist()
        assert frame["index"].tolist() == COLUMNS["index"].tolist()


@pytest.mark.parametrize("name", table_formats)
def test_without_objects_the_columns_stay(tmp_path, name):
    path = tmp_path / f"objects{table_formats[name].extensions[0]}"
    write_table(path, {"index": np.zeros(0, int), "volume_um3": np.zeros(0)})
    assert READERS[name](path) == {"index": [], "volume_um3": []}


def test_no_number_leaves_the_cell_empty_in_excel(tmp_path):
    lengths = np.array([1.5, np.nan, np.inf])
    write_table(tmp_path / "a.xlsx", {"index": [1, 2, 3], "length_um": lengths})
    found = read_excel(tmp_path / "a.xlsx")
    assert found == {"index": [1, 2, 3], "length_um": [1.5, None, None]}


def test_a_sheet_has_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "EXCEL_ROWS", 4)
    write_table(tmp_path / "a.xlsx", {"index": [1, 2, 3]})
    with pytest.raises(InvalidParameterError, match=r"4 rows.*\.csv or \.parquet"):
        write_table(tmp_path / "b.xlsx", {"index": [1, 2, 3, 4]})
    assert not (tmp_path / "b.xlsx").exists()


@pytest.mark.parametrize("kind", FORMATS)
def test_columns_of_different_length_leave_the_old_file(tmp_path, kind):
    path = tmp_path / f"a{kind.extensions[0]}"
    path.write_text("old")
    with pytest.raises(ValueError, match=r"(?i)shorter|longer|length"):
        kind.write(path, {"index": [1, 2], "volume_um3": [0.5]})
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("kind", FORMATS)
def test_a_folder_that_is_a_file(tmp_path, kind):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(WriteError, match="has the name of the folder"):
        kind.write(tmp_path / "taken" / f"a{kind.extensions[0]}", COLUMNS)


def test_an_unknown_ending_lists_the_known(tmp_path):
    with pytest.raises(InvalidParameterError, match=r"a\.ods .*\.csv, \.parquet, \.x"):
        write_table(tmp_path / "a.ods", COLUMNS)
