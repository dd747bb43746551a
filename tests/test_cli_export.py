"""The command `export`, and the files of `measure`."""

from pathlib import Path

import numpy as np
import openpyxl
import pytest

from napari_mitoseg import cli
from napari_mitoseg.io import read_labels, write_labels
from napari_mitoseg.recipe import Recipe

SPACING = (40.0, 10.0, 10.0)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    data = np.zeros((6, 20, 30), np.uint16)
    data[1:4, 2:8, 3:20], data[2:5, 10:16, 3:20] = 1, 300
    path = tmp_path / "cells.tif"
    write_labels(path, data, SPACING)
    return path


def call(*tokens: object) -> int:
    try:
        cli.main([str(token) for token in tokens])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_a_volume_in_another_format(labels, tmp_path, capsys):
    out = tmp_path / "new" / "cells.nii.gz"
    assert call("export", labels, "--out", out, "--spacing", "30,5,5") == 0
    found, given = read_labels(out), read_labels(labels)
    np.testing.assert_array_equal(found.read(), given.read())
    assert found.spacing == (30.0, 5.0, 5.0)
    assert capsys.readouterr().out == f"cells written to {out}\n"


def test_one_crop_an_object(labels, tmp_path, capsys):
    out = tmp_path / "crops"
    tokens = ("--each", "nrrd", "--objects", "300", "--margin", "1", "--image", labels)
    assert call("export", labels, "--out", out, *tokens) == 0
    names = sorted(path.name for path in out.iterdir())
    assert names == ["cells_300.nrrd", "cells_300_image.tif", "crops.csv"]
    assert read_labels(out / "cells_300.nrrd").shape == (5, 8, 19)
    assert "3 files of cells" in capsys.readouterr().out


def test_the_labels_themselves_are_not_replaced(labels, capsys):
    before = labels.read_bytes()
    assert call("export", labels, "--out", labels, "--objects", "300") == 2
    assert "the labels themselves" in capsys.readouterr().err
    assert labels.read_bytes() == before


def test_an_image_is_no_labels(tmp_path, capsys):
    noise = np.random.default_rng(0).integers(0, 255, (4, 40, 40)).astype(np.uint8)
    write_labels(tmp_path / "em.tif", noise, SPACING)
    out = tmp_path / "out.nrrd"
    assert call("export", tmp_path / "em.tif", "--out", out) == 2
    assert "looks like an image" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["--out", "a.glb"], "no ending that says how to write labels"),
        (["--out", "a.ply", "--objects", "1;2"], "--objects was given as '1;2'"),
        (["--out", "a.ply", "--objects", "7"], "There is no object 7"),
        (["--out", "a", "--each", "glb"], "no format 'glb' of one file an object"),
        (["--out", "a", "--each", "nrrd", "--margin", "-1"], "margin"),
    ],
)
def test_bad_input_says_what_to_do(
    labels, tmp_path, monkeypatch, capsys, tokens, words
):
    monkeypatch.chdir(tmp_path)
    assert call("export", labels, *tokens) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == [labels]


def test_a_table_for_excel_and_a_report(labels, tmp_path, capsys):
    page, table = tmp_path / "r.html", tmp_path / "t.xlsx"
    recipe = tmp_path / "recipe.json"
    recipe.write_text(Recipe().as_json())
    options = ("--image", labels, "--recipe", recipe, "--families", "shape")
    assert call("measure", labels, "--out", table, "--report", page, *options) == 0
    text = page.read_text(encoding="utf-8")
    assert "<h2>In space</h2>" in text
    assert "seeded-watershed" in text
    sheet = openpyxl.load_workbook(table).active
    assert [row[0] for row in sheet.iter_rows(values_only=True)] == ["index", 1, 300]
    assert "density_per_um3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("table", "page", "words"),
    [("t.ods", "r.html", ".csv, .parquet, .xlsx"), ("t.csv", "r.pdf", "ends in .html")],
)
def test_endings_are_checked_first(labels, tmp_path, capsys, table, page, words):
    tokens = ("--out", tmp_path / table, "--report", tmp_path / page)
    assert call("measure", labels, *tokens) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [labels]
