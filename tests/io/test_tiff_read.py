"""TIFF stacks: every variety read, every damage named."""

import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_mitoseg.errors import InvalidParameterError, ReadError, ShapeError
from napari_mitoseg.io import read_labels, read_volume

SPACING = (40.0, 5.9, 5.9)
RANDOM = np.random.default_rng(0)
STACK = RANDOM.integers(0, 200, (5, 40, 50)).astype(np.uint8)
GREY = {"photometric": "minisblack"}
TYPES = ["u1", "<u2", ">u2", "<i2", ">i2", "<f4", ">f4"]


def write(path: Path, array: np.ndarray, **options: object) -> Path:
    tifffile.imwrite(path, array, **options)
    return path


@pytest.fixture
def tif(tmp_path):
    return tmp_path / "stack.tif"


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"compression": "zlib"},
        {"compression": "lzw", "predictor": True, "metadata": None},
        {"compression": "zstd", "tile": (16, 32)},
        {"rowsperstrip": 7, "metadata": None},
        {"bigtiff": True, "tile": (32, 16)},
        {"truncate": True},
    ],
    ids=lambda layout: "-".join(map(str, layout)) or "plain",
)
def test_every_layout_and_type_is_read(tif, dtype, layout):
    array = (STACK.astype(np.int16) - 20 * ("i" in dtype)).astype(dtype)
    volume = read_volume(write(tif, array, **GREY, **layout))
    assert volume.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(volume.read(), array)
    np.testing.assert_array_equal(volume.data[3, 10:30, 17:40], array[3, 10:30, 17:40])


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    array=st.sampled_from(TYPES).flatmap(
        lambda dtype: arrays(
            dtype,
            st.tuples(st.integers(1, 4), st.integers(1, 40), st.integers(1, 40)),
            elements={"allow_nan": False} if "f" in dtype else None,
            fill=st.just(1),
        )
    ),
    compression=st.sampled_from([None, "zlib", "lzw"]),
    tile=st.sampled_from([None, (16, 16)]),
)
def test_any_shape_comes_back(tmp_path, array, compression, tile):
    path = tmp_path / "any.tif"
    write(path, array, **GREY, compression=compression, tile=tile, metadata=None)
    np.testing.assert_array_equal(read_volume(path).read(), array)


def test_a_2d_image_is_one_slice(tif):
    assert read_volume(write(tif, STACK[0])).shape == (1, 40, 50)


def test_pages_written_one_by_one_are_one_stack(tif):
    with tifffile.TiffWriter(tif) as file:
        for plane in STACK:
            file.write(plane)
    np.testing.assert_array_equal(read_volume(tif).read(), STACK)


def test_reduced_copies_are_no_slices(tif):
    with tifffile.TiffWriter(tif) as file:
        file.write(STACK[0], metadata=None)
        file.write(STACK[0, ::2, ::2], metadata=None, subfiletype=1)
    np.testing.assert_array_equal(read_volume(tif).read(), STACK[:1])


def test_slices_stored_like_channels_are_slices_if_the_file_says_so(tif):
    write(tif, STACK[:3], photometric="rgb", planarconfig="separate", metadata=None)
    with pytest.raises(ShapeError, match="channel"):
        read_volume(tif)
    description = '{"shape": [3, 40, 50], "axes": "ZYX"}'
    options = {"photometric": "rgb", "planarconfig": "separate"}
    write(tif, STACK[:3], metadata=None, description=description, **options)
    np.testing.assert_array_equal(read_volume(tif).read(), STACK[:3])


def test_float64_becomes_float32(tif):
    volume = read_volume(write(tif, STACK.astype(float), **GREY))
    assert volume.dtype == np.float32
    np.testing.assert_array_equal(volume.read(), STACK)


def test_the_name_has_no_endings(tmp_path):
    assert read_volume(write(tmp_path / "a.b.ome.tif", STACK[0])).name == "a.b"


# ----------------------------------------------------------------- spacing


@pytest.mark.parametrize(
    ("unit", "z", "yx"),
    [("nm", 40, 5.9), ("µm", 0.04, 0.0059), ("mm", 4e-5, 5.9e-6)],
)
def test_spacing_from_ome(tif, unit, z, yx):
    metadata = {"axes": "ZYX", "PhysicalSizeZ": z, "PhysicalSizeZUnit": unit}
    for axis in "XY":
        metadata |= {f"PhysicalSize{axis}": yx, f"PhysicalSize{axis}Unit": unit}
    volume = read_volume(write(tif, STACK, ome=True, metadata=metadata))
    assert volume.spacing == pytest.approx(SPACING, rel=1e-9)


@pytest.mark.parametrize(
    ("unit", "nm"),
    [("micron", 1e3), ("\\u00B5m", 1e3), ("um", 1e3), ("nm", 1.0), ("nanometer", 1.0)],
)
def test_spacing_from_imagej(tif, unit, nm):
    metadata = {"axes": "ZYX", "spacing": 40 / nm, "unit": unit}
    resolution = (nm / 5.9, nm / 5.9)
    write(tif, STACK, imagej=True, resolution=resolution, metadata=metadata)
    assert read_volume(tif).spacing == pytest.approx(SPACING, rel=1e-6)


@pytest.mark.parametrize(
    "metadata",
    [
        {"unit": "nm"},
        {"spacing": 40},
        {"spacing": 40, "unit": "pixel"},
        {"spacing": 0, "unit": "nm"},
        {"spacing": float("nan"), "unit": "nm"},
    ],
)
def test_incomplete_calibration_is_no_spacing(tif, metadata):
    metadata = {"axes": "ZYX", **metadata}
    write(tif, STACK, imagej=True, resolution=(0.2, 0.2), metadata=metadata)
    assert read_volume(tif).spacing is None


def test_ome_without_z_is_no_spacing(tif):
    metadata = {"axes": "ZYX", "PhysicalSizeX": 5.9, "PhysicalSizeY": 5.9}
    assert read_volume(write(tif, STACK, ome=True, metadata=metadata)).spacing is None


def test_the_callers_spacing_wins(tif):
    metadata = {"axes": "ZYX", "spacing": 1, "unit": "nm"}
    write(tif, STACK, imagej=True, resolution=(1, 1), metadata=metadata)
    assert read_volume(tif, spacing=SPACING).spacing == SPACING
    with pytest.raises(InvalidParameterError, match="three numbers"):
        read_volume(tif, spacing=(1, 2))


# ---------------------------------------------------------------- channels


HYPERSTACK = RANDOM.integers(0, 255, (2, 4, 3, 20, 30)).astype(np.uint8)


@pytest.mark.parametrize("kind", ["ome", "imagej"])
def test_channel_and_time_are_chosen(tif, kind):
    metadata = {"axes": "TZCYX"}
    write(tif, HYPERSTACK, **{kind: True}, **GREY, metadata=metadata)
    volume = read_volume(tif, channel=2, time=1)
    np.testing.assert_array_equal(volume.read(), HYPERSTACK[1, :, 2])


@pytest.mark.parametrize(
    ("choice", "error", "words"),
    [
        ({}, ShapeError, "time axis of length 2"),
        ({"time": 0}, ShapeError, "channel axis of length 3"),
        ({"time": 2, "channel": 0}, InvalidParameterError, "choose 0 to 1"),
        ({"time": 0, "channel": -1}, InvalidParameterError, "choose 0 to 2"),
    ],
)
def test_channels_and_times_need_a_choice(tif, choice, error, words):
    write(tif, HYPERSTACK, imagej=True, metadata={"axes": "TZCYX"})
    with pytest.raises(error, match=words):
        read_volume(tif, **choice)


def test_a_choice_where_there_is_none_is_an_error(tif):
    with pytest.raises(InvalidParameterError, match="channel=1"):
        read_volume(write(tif, STACK), channel=1)
    assert read_volume(tif, channel=0).shape == STACK.shape


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("layout", [{}, {"compression": "zlib", "metadata": None}])
def test_a_channel_of_colour_pages(tif, planar, layout):
    colour = RANDOM.integers(0, 255, (4, 20, 30, 3)).astype(np.uint8)
    array = colour if planar == "contig" else np.moveaxis(colour, -1, 1)
    write(tif, array, photometric="rgb", planarconfig=planar, **layout)
    with pytest.raises(ShapeError, match="channel axis of length 3"):
        read_volume(tif)
    np.testing.assert_array_equal(read_volume(tif, channel=1).read(), colour[..., 1])


def test_several_images_in_one_file(tif):
    with tifffile.TiffWriter(tif, ome=True) as file:
        file.write(STACK)
        file.write(STACK[:, :20])
    with pytest.raises(ShapeError, match="holds 2 images"):
        read_volume(tif)


# ------------------------------------------------------------------ errors


def test_a_missing_path():
    with pytest.raises(ReadError, match="no file or folder"):
        read_volume("nowhere/stack.tif")


@pytest.mark.parametrize("name", ["notes.txt", "stack.tif", "empty.tif"])
def test_not_an_image(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"" if "empty" in name else b"Dear diary")
    with pytest.raises(ReadError, match=r"is no (image|TIFF)"):
        read_volume(path)


def test_sizes_that_differ(tif):
    with tifffile.TiffWriter(tif) as file:
        for plane in (*STACK[:4], STACK[4, :30]):
            file.write(plane, metadata=None)
    with pytest.raises(ShapeError, match=r"slice 0 is 40 × 50.*slice 4 is 30 × 50"):
        read_volume(tif)


@pytest.mark.parametrize("dtype", ["u4", "i4", "?", "c8"])
def test_types_that_are_no_image(tif, dtype):
    with pytest.raises(ReadError, match="uint8, uint16, int16, float32 are read"):
        read_volume(write(tif, STACK.astype(dtype), **GREY))


@pytest.mark.parametrize(
    "options",
    [
        {"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 4.0}},
        {"imagej": True, "metadata": {"axes": "ZYX", "unit": "nm"}},
        {"imagej": True, "truncate": True, "metadata": {"axes": "ZYX"}},
        {"truncate": True},
        {"compression": "zlib", "metadata": None},
        {"compression": "lzw", "tile": (16, 16), "bigtiff": True},
    ],
)
def test_cut_anywhere_a_file_is_refused_or_whole(tif, options):
    data = write(tif, STACK, **GREY, **options).read_bytes()
    cuts = [*range(1, len(data), len(data) // 60), len(data) - 1]
    n_refused = 0
    for end in cuts:
        tif.write_bytes(data[:end])
        try:
            np.testing.assert_array_equal(read_volume(tif).read(), STACK)
        except ReadError:
            n_refused += 1
    assert n_refused >= len(cuts) - 1


def test_overwritten_bytes_are_refused_when_read(tif):
    data = bytearray(write(tif, STACK, compression="zlib", metadata=None).read_bytes())
    with tifffile.TiffFile(tif) as file:
        start = file.pages[2].dataoffsets[0]
    data[start + 8 : start + 200] = b"\xff" * 192
    tif.write_bytes(data)
    volume = read_volume(tif)
    np.testing.assert_array_equal(volume.read_slice(1), STACK[1])
    with pytest.raises(ReadError, match=r"slice 2 of .*damaged"):
        volume.read_slice(2)


def test_a_file_that_shrinks_after_opening(tif):
    volume = read_volume(write(tif, STACK, metadata=None))
    tif.write_bytes(tif.read_bytes()[:500])
    with pytest.raises(ReadError, match="become shorter"):
        volume.read_slice(4)


@pytest.mark.parametrize("size", [100_000, 10_000_000])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_an_absurd_size_in_the_header(tif, size, compression):
    write(tif, STACK[0], metadata=None, compression=compression)
    with tifffile.TiffFile(tif, mode="r+") as file:
        for tag in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            file.pages.first.tags[tag].overwrite(size, dtype="I")
    with pytest.raises(ReadError, match="claims"):
        read_volume(tif)


def test_empty_strips(tif):
    write(tif, STACK, metadata=None)
    with tifffile.TiffFile(tif, mode="r+") as file:
        file.pages[3].tags["StripOffsets"].overwrite(0)
    with pytest.raises(ReadError, match="not written completely"):
        read_volume(tif)


def test_fewer_pages_than_described(tif):
    description = "ImageJ=1.54f\nimages=9\nslices=9\n"
    options = {"compression": "zlib", "metadata": None}
    write(tif, STACK, **GREY, **options, description=description)
    with pytest.raises(ReadError, match="claims 9 slices and holds 5"):
        read_volume(tif)


# --------------------------------------------------------- laziness, threads


def test_one_slice_decodes_one_page(tif, monkeypatch):
    stack = RANDOM.integers(0, 9, (200, 32, 32)).astype(np.uint8)
    write(tif, stack, compression="zlib", rowsperstrip=16)
    decoded = []
    original = tifffile.TIFF.DECOMPRESSORS[8]

    def counting(*args, **kwargs):
        decoded.append(1)
        return original(*args, **kwargs)

    monkeypatch.setitem(tifffile.TIFF.DECOMPRESSORS._codecs, 8, counting)
    volume = read_volume(tif)
    assert not decoded
    np.testing.assert_array_equal(volume.read_slice(150), stack[150])
    assert len(decoded) == 2
    volume.data[150, :10]
    assert len(decoded) == 3


def test_no_handle_is_kept(tif):
    volume = read_volume(write(tif, STACK, compression="zlib"))
    volume.read_slice(2)
    handles = Path("/proc/self/fd")
    if not handles.exists():
        pytest.skip("needs /proc")
    targets = [h.resolve(strict=False) for h in handles.iterdir()]
    assert tif.resolve() not in targets


def test_many_threads_read_at_once(tif):
    volume = read_volume(write(tif, STACK, compression="zlib", rowsperstrip=5))
    wrong = []

    def read(seed):
        order = np.random.default_rng(seed).integers(0, 5, 40)
        wrong.extend(
            z for z in order if not np.array_equal(volume.read_slice(z), STACK[z])
        )

    threads = [threading.Thread(target=read, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_hyperstack_beyond_4_gib(tif):
    # ImageJ writes one page and the other planes behind it; a sparse file has the
    # size without the bytes.
    n, height, width = 70, 8192, 8192
    description = f"ImageJ=1.54f\nimages={n}\nslices={n}\nunit=nm\nspacing=2.0\n"
    options = {"description": description, "metadata": None, "resolution": (0.5, 0.5)}
    write(tif, np.zeros((64, width), np.uint8), **options)
    with tifffile.TiffFile(tif, mode="r+") as file:
        first = file.pages.first
        start = first.dataoffsets[0]
        for tag in ("ImageLength", "RowsPerStrip"):
            first.tags[tag].overwrite(height, dtype="I")
        first.tags["StripByteCounts"].overwrite(height * width, dtype="I")
    with tif.open("r+b") as handle:
        handle.truncate(start + n * height * width)
        for z, y, x, value in [(0, 5, 7, b"\3"), (n - 1, 8190, 9, b"\7")]:
            handle.seek(start + (z * height + y) * width + x)
            handle.write(value)
    volume = read_volume(tif)
    assert volume.shape == (n, height, width)
    assert volume.spacing == (2.0, 2.0, 2.0)
    assert volume.data[0, 5, 7] == 3
    assert np.flatnonzero(volume.data[n - 1, 8000:]).tolist() == [190 * width + 9]


# ------------------------------------------------------------------ labels


@pytest.mark.parametrize("dtype", ["u1", ">u2", "i4", "u4", "i8"])
def test_labels_of_any_integer_type(tif, dtype):
    volume = read_labels(write(tif, STACK.astype(dtype), **GREY))
    np.testing.assert_array_equal(volume.read(), STACK)


def test_a_mask_of_bits_is_numbers(tif):
    volume = read_labels(write(tif, STACK > 99, **GREY))
    assert volume.dtype == np.uint8
    np.testing.assert_array_equal(volume.read(), STACK > 99)


def test_labels_are_whole_numbers(tif):
    with pytest.raises(ReadError, match="float32 values; labels are whole"):
        read_labels(write(tif, STACK.astype("f4") + 0.5, **GREY))
