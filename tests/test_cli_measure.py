"""`napari-mitoseg measure`, as people and scripts call it."""

import csv
import json
import shutil

import numpy as np
import pytest
import tifffile

from napari_mitoseg import cli
from napari_mitoseg.io import write_labels_tiff

SPACING = (40.0, 10.0, 10.0)


@pytest.fixture
def run(capsys):
    def call(*tokens):
        status = 0
        try:
            cli.main([str(token) for token in tokens])
        except SystemExit as stop:
            status = int(stop.code or 0)
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


@pytest.fixture
def labels():
    labels = np.zeros((8, 30, 30), np.uint16)
    labels[1:7, 3:25, 3:12], labels[1:7, 3:25, 15:27] = 2, 300
    return labels


@pytest.fixture
def stored(labels, tmp_path):
    path = tmp_path / "labels.tif"
    write_labels_tiff(path, labels, SPACING)
    return path


@pytest.fixture
def table(tmp_path):
    return tmp_path / "results" / "table.csv"


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_writes_a_row_for_each_object_and_prints_the_sums(run, stored, table):
    status, said, _ = run("measure", stored, "--out", table)
    assert status == 0
    found = rows(table)
    assert [row["index"] for row in found] == ["2", "300"]
    assert float(found[0]["volume_um3"]) == pytest.approx(6 * 22 * 9 * 4e-6)
    assert float(found[0]["nearest_distance_nm"]) == 30
    assert found[1]["n_end_points"] == "2"
    assert "count                            2\n" in said
    assert "density_per_um3" in said


def test_spacing_of_the_command_overrides_that_of_the_file(run, stored, table):
    run("measure", stored, "--out", table, "--spacing", "20,5,5", "--families", "size")
    assert float(rows(table)[0]["volume_um3"]) == pytest.approx(6 * 22 * 9 * 5e-7)


def test_json_families_tissue_and_other_files(run, stored, labels, tmp_path, table):
    tissue, image, nucleus = (tmp_path / f"{n}.tif" for n in ("t", "i", "n"))
    mask = np.zeros(labels.shape, np.uint8)
    mask[:4] = 1
    write_labels_tiff(tissue, mask, SPACING)
    tifffile.imwrite(image, np.where(labels == 2, 90, 10).astype(np.uint8))
    write_labels_tiff(nucleus, (labels == 300).astype(np.uint8), SPACING)
    only = np.where(labels == 2, labels, 0)
    write_labels_tiff(stored, only, SPACING)
    status, said, _ = run(
        *("measure", stored, "--out", table, "--json", "--tissue", tissue),
        *("--image", image, "--probability", image),
        *("--contacts", f"cell nucleus={nucleus}"),
        *("--families", "intensity, neighbours"),
    )
    assert status == 0
    summary = json.loads(said)
    assert summary["reference_volume_um3"] == pytest.approx(4 * 900 * 4e-6)
    (row,) = rows(table)
    assert float(row["mean_intensity"]) == pytest.approx(90)
    assert float(row["mean_probability"]) == pytest.approx(90 / 255)
    assert float(row["contact_cell_nucleus_um2"]) == 0
    assert "surface_area_um2" not in row


def test_confidence_of_a_calibrated_model(
    run, stored, table, tmp_path, labels, model_folder
):
    path = tmp_path / "map.tif"
    tifffile.imwrite(path, np.where(labels == 2, 0.6, 0.95).astype(np.float32))
    model = shutil.copytree(model_folder, tmp_path / "model")
    told = ("--probability", path, "--families", "intensity", "--model", model)
    status, _, said = run("measure", stored, "--out", table, *told)
    assert status == 2
    assert "not calibrated" in said
    card = model / "model.json"
    known = json.loads(card.read_text()) | {"calibration": [[0.5, 0.1], [0.7, 0.5]]}
    card.write_text(json.dumps(known))
    assert run("measure", stored, "--out", table, *told)[0] == 0
    confidence = [float(row["confidence"]) for row in rows(table)]
    assert confidence == pytest.approx([0.3, 0.5])


def test_labels_without_spacing_ask_for_it(run, labels, tmp_path, table):
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, labels)
    status, _, said = run("measure", path, "--out", table)
    assert status == 2
    assert "Give --spacing Z,Y,X in nm" in said
    assert not table.parent.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--families", "sizes"], "Did you mean 'size'"),
        (["--families", ","], "give one or more"),
        (["--contacts", "nucleus"], "nucleus=nucleus.tif"),
        (["--spacing", "1,2"], "three numbers"),
        (["--tissue", "nowhere.tif"], "no file or folder"),
    ],
)
def test_bad_options(run, stored, table, options, words):
    status, _, said = run("measure", stored, "--out", table, *options)
    assert status == 2
    assert said.count("\n") == 1
    assert words in said
    assert not table.parent.exists()


def test_other_tables_are_refused(run, stored, tmp_path):
    status, _, said = run("measure", stored, "--out", tmp_path / "table.docx")
    assert status == 2
    assert ".csv" in said


def test_an_image_given_as_labels(run, tmp_path, table):
    path = tmp_path / "image.tif"
    image = np.random.default_rng(0).integers(0, 256, (6, 50, 50), np.uint8)
    tifffile.imwrite(path, image)
    status, _, said = run("measure", path, "--out", table, "--spacing", "40,8,8")
    assert status == 2
    assert "this is an image, not labels" in said


def test_probabilities_given_as_labels(run, tmp_path, table):
    path = tmp_path / "map.tif"
    tifffile.imwrite(path, np.random.default_rng(0).random((6, 50, 50), np.float32))
    status, _, said = run("measure", path, "--out", table, "--spacing", "40,8,8")
    assert status == 2
    assert "float32" in said


def test_intensity_needs_grey_values(run, stored, table):
    status, _, said = run("measure", stored, "--out", table, "--families", "intensity")
    assert status == 2
    assert "Give --image or --probability" in said
    assert not table.exists()


def test_json_of_no_objects_is_json(run, labels, tmp_path, table):
    path = tmp_path / "nothing.tif"
    write_labels_tiff(path, np.zeros_like(labels), SPACING)
    status, said, _ = run("measure", path, "--out", table, "--json")
    assert status == 0
    found = json.loads(said, parse_constant=pytest.fail)
    assert found["count"] == 0
    assert found["volume_mean_um3"] is None


@pytest.mark.parametrize(
    ("value", "words"), [(0, "holds no object"), (1, "counts as one object")]
)
def test_labels_that_are_hardly_meant_are_pointed_out(
    run, labels, tmp_path, value, words
):
    path, out = tmp_path / "mask.tif", tmp_path / "table.csv"
    write_labels_tiff(path, np.where(labels > 0, value, 0).astype(np.uint8), SPACING)
    status, _, remark = run("measure", path, "--out", out)
    assert status == 0
    assert words in remark
    assert len(out.read_text(encoding="utf-8").splitlines()) == 1 + value
