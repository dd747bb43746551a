"""Masks and labels as TIFF."""

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_mitoseg.errors import InvalidParameterError, ShapeError, WriteError
from napari_mitoseg.io import read_labels, write_labels_tiff
from napari_mitoseg.io import tiff as tiff_module

LABELS = np.random.default_rng(4).integers(0, 2**32, (3, 20, 30), dtype=np.uint32)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    labels=st.sampled_from(["?", "u1", ">u2", "u4"]).flatmap(
        lambda dtype: arrays(dtype, st.tuples(*[st.integers(1, 20)] * 3))
    ),
    spacing=st.none() | st.tuples(*[st.floats(0.01, 1e4)] * 3),
)
def test_labels_and_spacing_come_back(tmp_path, labels, spacing):
    path = tmp_path / "labels.tif"
    write_labels_tiff(path, labels, spacing)
    found = read_labels(path)
    np.testing.assert_array_equal(found.read(), labels)
    expected = np.uint8 if labels.dtype == bool else labels.dtype.newbyteorder("=")
    assert found.dtype == expected
    if spacing is None:
        assert found.spacing is None
    else:
        assert found.spacing == pytest.approx(spacing, rel=1e-6)


def test_usual_spacings_come_back_exactly(tmp_path):
    write_labels_tiff(tmp_path / "a.tif", LABELS, (40.0, 5.9, 4.6))
    assert read_labels(tmp_path / "a.tif").spacing == (40.0, 5.9, 4.6)


def test_imagej_finds_its_words(tmp_path):
    path = tmp_path / "a.tif"
    write_labels_tiff(path, LABELS, (40.0, 5.0, 4.0))
    with tifffile.TiffFile(path) as file:
        assert file.is_imagej
        metadata = file.imagej_metadata
        first = file.pages.first
        assert first.tags.valueof("XResolution") == (1, 4)
        assert first.tags.valueof("YResolution") == (1, 5)
        assert first.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert not file.is_bigtiff
    wanted = {"images": 3, "slices": 3, "unit": "nm", "spacing": 40.0}
    assert metadata.items() >= wanted.items()


def test_large_volumes_are_bigtiff(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff_module, "CLASSIC", LABELS.nbytes - 1)
    write_labels_tiff(tmp_path / "a.tif", LABELS, None)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.is_bigtiff
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif").read(), LABELS)


def test_int64_labels_become_uint32(tmp_path):
    write_labels_tiff(tmp_path / "a.tif", LABELS.astype(np.int64), None)
    found = read_labels(tmp_path / "a.tif")
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found.read(), LABELS)


def test_one_slice_at_a_time_is_read(tmp_path):
    class Lazy:
        shape, dtype = LABELS.shape, LABELS.dtype

        def __getitem__(self, key):
            assert isinstance(key, int)
            return LABELS[key]

    write_labels_tiff(tmp_path / "a.tif", Lazy(), None)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif").read(), LABELS)


@pytest.mark.parametrize(
    ("labels", "error"),
    [
        (LABELS.astype(float), InvalidParameterError),
        (np.array([[[0, -1]]]), InvalidParameterError),
        (np.array([[[0, 2**32]]]), InvalidParameterError),
        (LABELS[0], ShapeError),
        (LABELS[:0], ShapeError),
    ],
    ids=["float", "negative", "large", "2d", "empty"],
)
def test_what_cannot_be_written_leaves_the_old_file(tmp_path, labels, error):
    path = tmp_path / "a.tif"
    path.write_text("old")
    with pytest.raises(error):
        write_labels_tiff(path, labels, None)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk(tmp_path, monkeypatch):
    def write(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile.TiffWriter, "write", write)
    with pytest.raises(WriteError, match=r"No space left on device.*Free some space"):
        write_labels_tiff(tmp_path / "new" / "a.tif", LABELS, None)
    assert not list(tmp_path.iterdir())
