"""The command `export`."""

from pathlib import Path

import numpy as np
import pytest

from napari_mitoseg import cli
from napari_mitoseg.io import read_labels, write_labels

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


def test_a_report_and_its_table(labels, tmp_path, capsys):
    out, table = tmp_path / "r.html", tmp_path / "t.xlsx"
    assert (
        call("report", labels, "--out", out, "--image", labels, "--table", table) == 0
    )
    assert "<h2>In space</h2>" in out.read_text(encoding="utf-8")
    assert table.stat().st_size > 1000
    assert f"2 objects of cells, reported in {out}" in capsys.readouterr().out


def test_a_report_is_a_page(labels, tmp_path, capsys):
    assert call("report", labels, "--out", tmp_path / "r.pdf") == 2
    assert "for example report.html" in capsys.readouterr().err
    tokens = ("--out", tmp_path / "r.html", "--table", tmp_path / "t.ods")
    assert call("report", labels, *tokens) == 2
    assert list(tmp_path.iterdir()) == [labels]
