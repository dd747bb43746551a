"""What every family of descriptors keeps to, whatever it measures."""

import re

import numpy as np
import pytest

from napari_mitoseg.errors import InvalidParameterError, ShapeError, UnknownNameError
from napari_mitoseg.jobs import drain
from napari_mitoseg.morphology import (
    ALL_FAMILIES,
    CHEAP_FAMILIES,
    Context,
    MeasurementSettings,
    column_info,
    families,
    measure_labels,
)

SPACING = (40.0, 8.0, 8.0)
UNITS = {"nm": "nm", "um": "µm", "um2": "µm²", "um3": "µm³", "deg": "°"}


def measured(labels, names, spacing=SPACING, context=None):
    labels.setflags(write=False)
    settings = MeasurementSettings(families=names)
    return drain(measure_labels(labels, spacing, settings, context=context))


def three_objects():
    labels = np.zeros((9, 40, 40), np.uint16)
    labels[2:8, 5:30, 4:20] = 4
    labels[1:8, 5:30, 22:36] = 700
    labels[8, 39, 39] = 9
    return labels


@pytest.fixture(params=ALL_FAMILIES)
def name(request):
    return request.param


def context_for(labels):
    image = np.arange(labels.size, dtype=np.uint16).reshape(labels.shape) % 251
    probability = (image / 251).astype(np.float32)
    calibration = ((0.2, 0.1), (0.9, 0.95))
    return Context(image, probability, {"ER": labels == 700}, calibration)


def test_all_families_are_listed_in_the_order_of_columns():
    assert set(ALL_FAMILIES) == set(families)
    assert set(CHEAP_FAMILIES) < set(ALL_FAMILIES)


def test_columns_explain_themselves(name):
    family = families[name]
    assert family.name == name
    for column in (*family.columns, *family.flat_columns):
        assert column.title
        assert column.tip.endswith(".") or "doi" in column.tip, column.name
        assert column_info(column.name).unit == column.unit
        suffix = column.name.rpartition("_")[2]
        if "_per_" not in column.name:
            assert column.unit == UNITS.get(suffix, ""), column.name
        assert re.fullmatch("[a-z0-9_]+", column.name)


def test_no_column_belongs_to_two_families():
    for kind in ("columns", "flat_columns"):
        names = [c.name for n in families for c in getattr(families[n], kind)]
        assert len(names) == len(set(names))


def test_measures_its_columns_and_no_others(name):
    labels = three_objects()
    context = context_for(labels)
    table = measured(labels, (name,), context=context)
    wanted = [column.name for column in families[name].columns]
    if name == "neighbours":
        wanted.append("contact_er_um2")
    assert list(table.columns) == ["index", *wanted]
    assert table.columns["index"].tolist() == [4, 9, 700]
    for column, values in table.columns.items():
        assert values.shape == (3,)
        # The third object is a single voxel: not everything is known of it.
        assert np.isfinite(values[[0, 2]].astype(float)).all(), column


def test_no_object(name):
    labels = np.zeros((3, 4, 5), np.uint8)
    assert len(measured(labels, (name,))) == 0


@pytest.mark.parametrize("size", [(1, 1, 1), (1, 1, 3), (3, 1, 1), (1, 2, 2)])
def test_smallest_objects(name, size):
    labels = np.zeros((5, 6, 7), np.uint8)
    labels[tuple(slice(1, 1 + n) for n in size)] = 1
    assert len(measured(labels, (name,))) == 1


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (3, 1), (2, 2)])
def test_smallest_flat_objects(name, size):
    labels = np.zeros((6, 7), np.uint8)
    labels[tuple(slice(1, 1 + n) for n in size)] = 1
    assert len(measured(labels, (name,))) == 1


def test_single_images(name):
    labels = three_objects()[4]
    table = measured(labels, (name,), context=context_for(labels))
    wanted = [column.name for column in families[name].flat_columns]
    assert list(table.columns) == ["index", *wanted]
    assert np.isfinite([values[0] for values in table.columns.values()]).all()


def test_a_stack_of_one_slice_is_a_single_image(name):
    labels = three_objects()[4]
    flat = measured(labels, (name,)).columns
    stack = measured(labels[None], (name,)).columns
    assert set(flat) <= set(stack)
    for column, values in flat.items():
        np.testing.assert_array_equal(stack[column], values)


def test_nothing_physical_without_spacing(name):
    labels = three_objects()
    table = measured(labels, (name,), spacing=None, context=context_for(labels))
    assert not any(column_info(column).needs_spacing for column in table.columns)


def test_numbers_do_not_matter(name):
    labels = three_objects()
    other = labels.astype(np.int64)
    other[labels == 700] = 2**40
    first, second = measured(labels, (name,)), measured(other, (name,))
    for column in set(first.columns) - {"index", "nearest_label"}:
        np.testing.assert_array_equal(first.columns[column], second.columns[column])


def test_lazy_labels(name, tmp_path):
    zarr = pytest.importorskip("zarr")
    labels = three_objects()
    stored = zarr.create_array(tmp_path / "l.zarr", data=labels, chunks=(4, 16, 16))
    settings = MeasurementSettings(families=(name,))
    lazy = drain(measure_labels(stored, SPACING, settings))
    for column, values in measured(labels, (name,)).columns.items():
        np.testing.assert_array_equal(lazy.columns[column], values)


def test_position_in_the_volume_does_not_matter(name):
    labels = three_objects()
    moved = np.zeros((14, 60, 60), np.uint16)
    moved[3:12, 11:51, 15:55] = labels
    first = measured(labels, (name,)).columns
    second = measured(moved, (name,)).columns
    position = ("centroid", "touches", "x_st", "y_st", "z_st")
    for column, values in first.items():
        if not column.startswith(position):
            np.testing.assert_allclose(second[column], values, rtol=1e-4, atol=1e-6)


def test_unknown_family():
    with pytest.raises(UnknownNameError, match="Did you mean 'surface'"):
        MeasurementSettings.parse({"families": ["surfaces"]})
    with pytest.raises(InvalidParameterError, match="No family"):
        MeasurementSettings.parse({"families": []})


def test_families_are_measured_once():
    settings = MeasurementSettings(families=("size", "shape", "size"))
    assert settings.families == ("size", "shape")


@pytest.mark.parametrize("shape", [(9, 40), (9, 40, 41)])
def test_context_of_another_shape(shape):
    with pytest.raises(ShapeError, match=r"image has shape \(9, 40"):
        measured(three_objects(), ("intensity",), context=Context(np.zeros(shape)))


@pytest.mark.parametrize("names", [("ER", "er"), ("nucleus", "[]")])
def test_names_of_layers_that_make_no_columns(names):
    labels = three_objects()
    context = Context(contacts=dict.fromkeys(names, labels))
    with pytest.raises(InvalidParameterError, match="a name of its own"):
        measured(labels, ("neighbours",), context=context)


def test_an_image_is_refused():
    image = np.random.default_rng(0).integers(0, 256, (8, 64, 64), np.uint8)
    with pytest.raises(InvalidParameterError, match="this is an image"):
        measured(image, ("size",))


def test_a_unit_of_an_unknown_column_is_not_guessed():
    assert column_info("my_score").unit == ""
    assert column_info("contact_nuclear_envelope_um2").title == (
        "Contact with nuclear envelope"
    )


@pytest.mark.parametrize("names", [CHEAP_FAMILIES, ("shape",), ALL_FAMILIES])
def test_progress_goes_from_0_to_1_and_never_back(names):
    labels = three_objects()
    settings = MeasurementSettings(families=names)
    context = context_for(labels)
    job = measure_labels(labels, SPACING, settings, context=context)
    fractions = [progress.fraction for progress in job]
    assert fractions == sorted(fractions)
    assert fractions[0] < 1 or len(fractions) == 1
    assert fractions[-1] == 1


def test_closing_early_leaves_no_thread(name):
    import threading

    before = threading.active_count()
    settings = MeasurementSettings(families=(name,))
    job = measure_labels(three_objects(), SPACING, settings)
    next(job)
    job.close()
    assert threading.active_count() == before
