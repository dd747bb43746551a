"""Measurements by hand."""

import csv

import numpy as np
import pytest

from napari_mitoseg import labelling
from napari_mitoseg.errors import InvalidParameterError, ShapeError
from napari_mitoseg.io.tables import write_table_csv
from napari_mitoseg.jobs import drain
from napari_mitoseg.morphology import Context, MeasurementSettings, measure_labels

SPACING = (40.0, 10.0, 5.0)


def measured(labels, spacing=SPACING):
    labels = np.asarray(labels)
    labels.setflags(write=False)
    return drain(measure_labels(labels, spacing))


def two_objects():
    labels = np.zeros((6, 10, 12), np.uint32)
    labels[1:4, 2:4, 5:9] = 3
    labels[2, 2, 5] = 0
    labels[0, 0, 0] = labels[2, 0, 0] = 70_000
    return labels


def test_rows_by_hand():
    table = measured(two_objects())
    assert len(table) == 2
    columns = table.columns
    assert columns["index"].tolist() == [3, 70_000]
    assert columns["n_voxels"].tolist() == [23, 2]
    assert columns["n_slices"].tolist() == [3, 2]
    assert columns["touches_border"].tolist() == [False, True]
    np.testing.assert_allclose(columns["volume_um3"], [23 * 2e-6, 2 * 2e-6])
    ball = np.pi / 6 * columns["equivalent_diameter_nm"] ** 3 / 1e9
    np.testing.assert_allclose(ball, columns["volume_um3"])
    np.testing.assert_allclose(columns["centroid_z_nm"], [2 * 40, 1 * 40])
    np.testing.assert_allclose(
        columns["centroid_y_nm"], [(12 * 3 + 11 * 2) / 23 * 10, 0]
    )
    np.testing.assert_allclose(columns["centroid_x_nm"], [(6.5 * 24 - 5) / 23 * 5, 0])
    box = [columns[f"{a}_{end}"][0] for a in "zyx" for end in ("start", "stop")]
    assert box == [1, 4, 2, 4, 5, 9]


def test_nothing_physical_without_spacing():
    table = measured(two_objects(), None)
    assert not [name for name in table.columns if name.endswith(("_nm", "_um3"))]
    assert table.columns["n_voxels"].tolist() == [23, 2]


def test_slabs_do_not_change_the_table(monkeypatch):
    whole = measured(two_objects())
    monkeypatch.setattr(labelling, "SLAB_VOXELS", 100)
    cut = measured(two_objects())
    for name, values in whole.columns.items():
        np.testing.assert_allclose(cut.columns[name], values)


def test_no_object():
    table = measured(np.zeros((2, 3, 4), np.uint8))
    assert len(table) == 0
    assert "volume_um3" in table.columns


def test_single_slice_has_no_border_in_z():
    labels = np.zeros((1, 5, 5), np.uint16)
    labels[0, 2, 2], labels[0, 4, 4] = 1, 2
    assert measured(labels).columns["touches_border"].tolist() == [False, True]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint64, np.int32, ">u4"])
def test_any_whole_numbers(dtype):
    labels = np.array([[[0, 5, 5]]], dtype)
    assert measured(labels).columns["index"].tolist() == [5]


def test_large_numbers_side_by_side_are_told_apart():
    labels = np.array([[[2**53, 2**53 + 1]]], np.uint64)
    context = Context(intensity=np.array([[[10, 30]]], np.uint8))
    settings = MeasurementSettings(families=("size", "intensity"))
    table = drain(measure_labels(labels, SPACING, settings, context=context))
    assert table.columns["index"].tolist() == [2**53, 2**53 + 1]
    assert table.columns["mean_intensity"].tolist() == [10, 30]


@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        (np.zeros((1, 2, 2, 2), np.uint8), ShapeError, "three axes"),
        (np.zeros((1, 2, 2), np.float32), InvalidParameterError, "float32"),
        (np.full((1, 2, 2), -1, np.int8), InvalidParameterError, "below 0"),
        (np.full((1, 2, 2), 2**63, np.uint64), InvalidParameterError, "Renumber"),
    ],
)
def test_what_cannot_be_measured(labels, error, words):
    with pytest.raises(error, match=words):
        measured(labels)


def test_reports_progress():
    reports = list(measure_labels(two_objects(), SPACING))
    assert [r.done for r in reports] == [1]
    assert reports[-1].fraction == 1


def test_table_reads_back_from_csv(tmp_path):
    table = measured(two_objects())
    path = tmp_path / "measurements.csv"
    write_table_csv(path, table.columns)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(table.columns)
    assert [int(row["index"]) for row in rows] == [3, 70_000]
    assert rows[1]["touches_border"] == "True"
    for row, volume in zip(rows, table.columns["volume_um3"], strict=True):
        assert float(row["volume_um3"]) == volume


def test_columns_of_different_length_leave_no_file(tmp_path):
    with pytest.raises(ValueError, match="shorter"):
        write_table_csv(tmp_path / "t.csv", {"a": [1, 2], "b": [1]})
    assert not list(tmp_path.iterdir())


def test_a_million_objects():
    labels = np.arange(1, 10**6 + 1, dtype=np.uint32).reshape(100, 100, 100)
    table = measured(labels)
    assert len(table) == 10**6
    assert (table.columns["n_voxels"] == 1).all()
    z, y, x = (table.columns[f"{axis}_start"][123_456] for axis in "zyx")
    assert (z, y, x) == (12, 34, 56)


def test_slices_larger_than_a_slab(monkeypatch):
    monkeypatch.setattr(labelling, "SLAB_VOXELS", 30)
    labels = two_objects()
    assert measured(labels).columns["n_slices"].tolist() == [3, 2]


def test_rows_can_be_chosen_and_sorted():
    table = measured(two_objects())
    order = np.argsort(-table.columns["index"])
    turned = table.select(order)
    assert turned.columns["index"].tolist() == [70_000, 3]
    assert turned.columns["n_voxels"].tolist() == [2, 23]
    assert len(table.select(table.columns["touches_border"])) == 1
    assert turned.spacing == SPACING
