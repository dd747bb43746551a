"""OME-Zarr: both versions read, results written."""

import shutil
from typing import ClassVar

import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from napari_mitoseg.errors import InvalidParameterError, ReadError, ShapeError
from napari_mitoseg.io import read_labels, read_volume, write_result_zarr
from napari_mitoseg.io.multiscales import describe_multiscales, parse_multiscales
from napari_mitoseg.io.ome_zarr import labels_path, open_levels
from napari_mitoseg.io.pyramid import coarse_shape, mean, nearest
from napari_mitoseg.io.read import labels_origin
from napari_mitoseg.io.slabs import SlabReader
from napari_mitoseg.volume import Volume

SPACING = (40.0, 5.9, 5.9)
STACK = np.random.default_rng(2).integers(0, 255, (9, 40, 50)).astype(np.uint8)
AXES = [{"name": n, "type": "space", "unit": "nanometer"} for n in "zyx"]


def scale(*values):
    return [{"type": "scale", "scale": list(values)}]


def write(path, version, arrays, axes=AXES, scales=None, overall=None, **options):
    """Write an image as OME-Zarr without the code under test."""
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    datasets = []
    for level, array in enumerate(arrays):
        kept = group.create_array(
            f"s{level}", shape=array.shape, dtype=array.dtype, **options
        )
        kept[...] = array
        given = scales[level] if scales else (40.0, 5.9 * 2**level, 5.9 * 2**level)
        datasets.append(
            {"path": f"s{level}", "coordinateTransformations": scale(*given)}
        )
    image = {"axes": axes, "datasets": datasets, "version": version}
    if overall:
        image["coordinateTransformations"] = scale(*overall)
    ngff = {"version": version, "multiscales": [image]}
    group.attrs.update(ngff if version == "0.4" else {"ome": ngff})
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("dtype", ["u1", ">u2", "<u2", "<i2", "<f4", ">f4"])
def test_the_finest_level_is_read(tmp_path, version, dtype):
    array = STACK.astype(dtype)
    path = write(tmp_path / "a.ome.zarr", version, [array, array[:, ::2, ::2]])
    volume = read_volume(path)
    assert volume.spacing == SPACING
    assert volume.name == "a"
    assert volume.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(volume.read(), array)
    np.testing.assert_array_equal(volume.data[3, 5:9, 7], array[3, 5:9, 7])


def test_scales_multiply_and_units_convert(tmp_path):
    axes = [{"name": n, "type": "space", "unit": "micrometer"} for n in "zyx"]
    options = {"scales": [(0.02, 0.00295, 0.00295)], "overall": (2, 2, 2)}
    path = write(tmp_path / "a.zarr", "0.4", [STACK], axes, **options)
    assert read_volume(path).spacing == pytest.approx(SPACING)


@pytest.mark.parametrize("unit", [None, "pixel", "second"])
def test_without_a_unit_there_is_no_spacing(tmp_path, unit):
    axes = [
        {"name": n, "type": "space"} | ({"unit": unit} if unit else {}) for n in "zyx"
    ]
    assert read_volume(write(tmp_path / "a", "0.5", [STACK], axes)).spacing is None


def test_channels_and_times_need_a_choice(tmp_path):
    array = np.stack([STACK, STACK + 1, STACK + 2])[None].repeat(2, axis=0)
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}, *AXES]
    scales = [(1.0, 1.0, *SPACING)]
    path = write(tmp_path / "a.zarr", "0.5", [array], axes, scales)
    with pytest.raises(ShapeError, match="time axis of length 2"):
        read_volume(path)
    volume = read_volume(path, channel=2, time=1)
    np.testing.assert_array_equal(volume.read(), STACK + 2)
    assert volume.spacing == SPACING


def test_a_2d_image_is_one_slice(tmp_path):
    path = write(tmp_path / "a.zarr", "0.4", [STACK[0]], AXES[1:], [(5.9, 5.9)])
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.read(), STACK[:1])
    assert volume.spacing is None


def test_the_only_image_of_bioformats2raw(tmp_path):
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    write(tmp_path / "a.zarr" / "0", "0.4", [STACK])
    np.testing.assert_array_equal(read_volume(tmp_path / "a.zarr").read(), STACK)
    write(tmp_path / "a.zarr" / "1", "0.4", [STACK])
    with pytest.raises(ReadError, match=r"holds 2 images.*a\.zarr.0"):
        read_volume(tmp_path / "a.zarr")


def test_missing_chunks_are_fill(tmp_path):
    path = write(tmp_path / "a.zarr", "0.5", [STACK], chunks=(3, 40, 50))
    shutil.rmtree(path / "s0" / "c" / "1")
    expected = STACK.copy()
    expected[3:6] = 0
    np.testing.assert_array_equal(read_volume(path).read(), expected)


# ------------------------------------------------------------------ errors


def test_a_group_without_multiscales(tmp_path):
    zarr.open_group(tmp_path / "a.zarr", mode="w")
    with pytest.raises(ReadError, match="no readable OME-Zarr multiscales"):
        read_volume(tmp_path / "a.zarr")


@pytest.mark.parametrize(
    "image", [{}, {"datasets": []}, {"datasets": [{"path": "gone"}]}, {"datasets": 3}]
)
def test_broken_multiscales(tmp_path, image):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.attrs["multiscales"] = [image]
    with pytest.raises(ReadError, match=r"a\.zarr"):
        read_volume(tmp_path / "a.zarr")


def test_a_bare_array(tmp_path):
    zarr.save_array(tmp_path / "a.zarr", STACK)
    with pytest.raises(ReadError, match="no OME-Zarr image"):
        read_volume(tmp_path / "a.zarr")


def test_an_empty_folder_called_zarr(tmp_path):
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(ReadError, match="no OME-Zarr image"):
        read_volume(tmp_path / "a.zarr")


@pytest.mark.parametrize("end", [0, 7, 100, -1])
@pytest.mark.parametrize(
    ("version", "compressor"),
    [
        ("0.4", numcodecs.Blosc("lz4")),
        ("0.4", numcodecs.Zlib(1)),
        ("0.4", None),
        ("0.5", zarr.codecs.BloscCodec()),
        ("0.5", zarr.codecs.ZstdCodec()),
        ("0.5", None),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_chunk_cut_short(tmp_path, version, compressor, end):
    options = {"chunks": (9, 40, 50), "compressors": compressor}
    path = write(tmp_path / "a.zarr", version, [STACK], **options)
    np.testing.assert_array_equal(read_volume(path).read(), STACK)
    files = (f for f in (path / "s0").rglob("*") if f.is_file())
    chunk = max(files, key=lambda f: f.stat().st_size)
    chunk.write_bytes(chunk.read_bytes()[:end])
    with pytest.raises(ReadError, match="damaged"):
        read_volume(path).read()


def test_an_absurd_size(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.create_array("s0", shape=(2, 10**7, 10**7), dtype="u1", chunks=(1, 99, 99))
    group.attrs["multiscales"] = [{"axes": AXES, "datasets": [{"path": "s0"}]}]
    with pytest.raises(ReadError, match="claims slices of 10000000"):
        read_volume(tmp_path / "a.zarr")


# ------------------------------------------------------------------- slabs


class Counting:
    """A chunked array that counts what is read of it."""

    chunks = (4, 16, 16)
    shape, dtype = STACK.shape, STACK.dtype
    reads: ClassVar[list] = []

    def __getitem__(self, key):
        self.reads.append(key)
        return STACK[key]


def test_each_chunk_is_decoded_once_slice_by_slice():
    Counting.reads.clear()
    reader = SlabReader(Counting(), (slice(None),) * 3)
    for z in range(9):
        part = reader.read(z, slice(3, 40), slice(20, 33))
        np.testing.assert_array_equal(part, STACK[z, 3:40, 20:33])
    assert [key[0] for key in Counting.reads] == [slice(0, 4), slice(4, 8), slice(8, 9)]
    assert Counting.reads[0][1:] == (slice(0, 40), slice(16, 48))


def test_only_so_much_is_kept(monkeypatch):
    monkeypatch.setattr("napari_mitoseg.io.slabs.KEPT", 4 * 40 * 50)
    Counting.reads.clear()
    reader = SlabReader(Counting(), (slice(None),) * 3)
    for z in (0, 4, 0, 1):
        reader.read(z, slice(0, 40), slice(0, 50))
    assert len(Counting.reads) == 3


# ----------------------------------------------------------------- writing


LABELS = np.random.default_rng(3).integers(0, 2**32, (5, 1030, 520), dtype=np.uint32)


def test_a_result_comes_back(tmp_path):
    path = tmp_path / "result.ome.zarr"
    labels = {"semantic": LABELS > 9, "boundary": LABELS > 8, "instances": LABELS}
    write_result_zarr(path, None, labels, SPACING, {"recipe": "x"})
    found = read_labels(path)
    assert found.spacing == SPACING
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found.read(), LABELS)
    semantic = read_labels(path / "labels" / "semantic")
    assert semantic.dtype == np.uint8
    np.testing.assert_array_equal(semantic.read(), LABELS > 9)
    np.testing.assert_array_equal(read_labels(path, name="semantic").read(), LABELS > 9)
    assert zarr.open_group(path, mode="r").attrs["mitoseg"] == {"recipe": "x"}
    with pytest.raises(ReadError, match="only labels"):
        read_volume(path)


def test_which_labels(tmp_path):
    path = tmp_path / "r.zarr"
    write_result_zarr(path, None, {"a": LABELS[:1], "b": LABELS[:1]}, None)
    with pytest.raises(ReadError, match="labels a, b; choose one"):
        read_labels(path)
    with pytest.raises(ReadError, match="none is called 'c'"):
        read_labels(path, name="c")
    assert read_labels(path / "labels", name="b").spacing is None


def test_coarse_labels_hold_only_what_was_there(tmp_path):
    path = tmp_path / "r.zarr"
    write_result_zarr(path, None, {"instances": LABELS}, SPACING)
    group = zarr.open_group(path / "labels" / "instances", mode="r")
    np.testing.assert_array_equal(group["1"][:], LABELS[:, ::2, ::2])
    np.testing.assert_array_equal(group["2"][:], LABELS[:, ::4, ::4])
    (image,) = group.attrs["multiscales"]
    assert image["datasets"][1]["coordinateTransformations"] == scale(40.0, 11.8, 11.8)
    assert [axis["unit"] for axis in image["axes"]] == ["nanometer"] * 3


def test_coarse_images_are_means_at_their_centres(tmp_path):
    stack = (LABELS >> 24).astype(np.uint8)
    path = tmp_path / "r.zarr"
    write_result_zarr(path, Volume(stack, name="em"), {}, (10.0, 10.0, 10.0))
    np.testing.assert_array_equal(read_volume(path).read(), stack)
    group = zarr.open_group(path, mode="r")
    coarse = group["1"]
    assert coarse.shape == (3, 515, 260)
    assert coarse[0, 7, 9] == np.rint(stack[:2, 14:16, 18:20].mean())
    assert coarse[2, 7, 9] == np.rint(stack[4, 14:16, 18:20].mean())
    shift = group.attrs["multiscales"][0]["datasets"][1]["coordinateTransformations"][1]
    assert shift == {"type": "translation", "translation": [5.0, 5.0, 5.0]}


def test_the_metadata_is_valid_ome_zarr(tmp_path):
    models = pytest.importorskip("ome_zarr_models.v04")
    path = tmp_path / "r.zarr"
    image = Volume(LABELS.astype(np.float32), name="em")
    write_result_zarr(path, image, {"instances": LABELS}, SPACING)
    models.Image.from_zarr(zarr.open_group(path, mode="r"))
    models.ImageLabel.from_zarr(
        zarr.open_group(path / "labels" / "instances", mode="r")
    )


def test_shapes_that_differ_write_nothing(tmp_path):
    labels = {"a": LABELS, "b": LABELS[:2]}
    with pytest.raises(ShapeError, match="one shape"):
        write_result_zarr(tmp_path / "r.zarr", None, labels, None)
    assert not list(tmp_path.iterdir())


def test_labels_that_do_not_fit_write_nothing(tmp_path):
    labels = {"a": np.full((1, 2, 2), -1)}
    with pytest.raises(InvalidParameterError, match="Labels range from -1"):
        write_result_zarr(tmp_path / "r.zarr", None, labels, None)
    assert not list(tmp_path.iterdir())


@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    factor=st.tuples(*[st.integers(1, 4)] * 3),
)
def test_levels_have_the_shape_that_is_announced(shape, factor):
    values = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    assert nearest(values, factor).shape == coarse_shape(shape, factor)
    assert mean(values, factor).shape == coarse_shape(shape, factor)


# ------------------------------------------------------------------ placing


def test_a_part_says_where_it_lies(tmp_path):
    path = tmp_path / "r.zarr"
    image = Volume((LABELS >> 24).astype(np.uint8), name="em")
    labels = {"instances": LABELS}
    write_result_zarr(path, image, labels, SPACING, origin=(3, 0, 100))
    levels = open_levels(labels_path(path))
    assert levels.origin == (3.0, 0.0, 100.0)
    assert levels.spacing == SPACING
    shift = [3 * SPACING[0], 0.0, 100 * SPACING[2]]
    for name, middle in (("labels/instances", 0.0), (".", 0.5)):
        group = zarr.open_group(path / name, mode="r")
        for level in group.attrs["multiscales"][0]["datasets"]:
            scale, place = level["coordinateTransformations"]
            fine = np.array(scale["scale"]) - SPACING
            assert place["translation"] == pytest.approx(shift + middle * fine)
    assert labels_origin(path) == (3.0, 0.0, 100.0)
    models = pytest.importorskip("ome_zarr_models.v04")
    models.ImageLabel.from_zarr(
        zarr.open_group(path / "labels" / "instances", mode="r")
    )


@pytest.mark.parametrize(
    ("level", "whole", "origin"),
    [
        ([40.0, 0.0, 20.0], None, (2.0, 0.0, 4.0)),
        # The whole is twice as large, and lies somewhere else.
        ([40.0, 0.0, 20.0], ([2.0, 2.0, 2.0], [80.0, 5.0, 0.0]), (4.0, 0.5, 4.0)),
        ([40.0, 0.0], None, (0.0, 0.0, 0.0)),
        ([float("nan"), float("inf"), 10.0], None, (0.0, 0.0, 2.0)),
        (None, None, (0.0, 0.0, 0.0)),
    ],
)
def test_places_are_read_as_they_are_stated(level, whole, origin):
    def stated(scale_, translation):
        found = [{"type": "scale", "scale": scale_}]
        if translation is not None:
            found.append({"type": "translation", "translation": translation})
        return found

    image = describe_multiscales("m", None, [(1, 1, 1)], averaged=False)
    (described,) = image["multiscales"]
    described["datasets"][0]["coordinateTransformations"] = stated(
        [20.0, 5.0, 5.0], level
    )
    if whole is not None:
        described["coordinateTransformations"] = stated(*whole)
    assert parse_multiscales(image, "m").origin(0) == origin
