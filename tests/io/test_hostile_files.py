"""Files that mean harm, or are damaged so that they do."""

import bz2
import gzip
import json
import lzma
import os
import pickle
import struct
import zlib
from pathlib import Path
from typing import Any

import h5py
import numcodecs
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_mitoseg.errors import ReadError
from napari_mitoseg.io import bounded, limits, planes, read_labels, read_volume
from napari_mitoseg.io.planes import PlaneStack
from napari_mitoseg.volume import Volume

STACK = np.random.default_rng(0).integers(0, 200, (2, 32, 48)).astype(np.uint8)
GREY = {"photometric": "minisblack", "metadata": None}
AXES = [{"name": axis, "type": "space"} for axis in "zyx"]
ZEROS = bytes(2**24)


def write_zarr(path: Path, version: int = 2, **options: Any) -> Path:
    group = zarr.open_group(path, mode="w", zarr_format=version)
    known = {"multiscales": [{"axes": AXES, "datasets": [{"path": "s0"}]}]}
    group.attrs.update(known if version == 2 else {"ome": known})
    given = {"shape": STACK.shape, "chunks": STACK.shape, "dtype": "u1", **options}
    array = group.create_array("s0", **given)
    if array.shape == STACK.shape:
        array[:] = STACK
    return path


def chunks(path: Path) -> list[Path]:
    files = (path / "s0").rglob("*")
    names = (".zarray", ".zattrs", "zarr.json")
    return [file for file in files if file.is_file() and file.name not in names]


def edit(path: Path, **changes: object) -> None:
    """Change the description of an array of zarr 2."""
    described = json.loads((path / "s0/.zarray").read_text())
    (path / "s0/.zarray").write_text(json.dumps({**described, **changes}))


# ------------------------------------------------------- codecs and bombs


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("place", ["compressor", "filters"])
@pytest.mark.parametrize("dtype", ["|u1", "|O"])
def test_no_chunk_is_unpickled(tmp_path, place, dtype):
    path = write_zarr(tmp_path / "a.zarr", compressors=None)
    codec = {"id": "pickle"}
    edit(path, dtype=dtype, **{place: codec if place == "compressor" else [codec]})
    for chunk in chunks(path):
        chunk.write_bytes(pickle.dumps(Evil(tmp_path / "evil")))
    for read in (read_volume, read_labels):
        with pytest.raises(ReadError):
            read(path).read()
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("codec", [{"id": "json2"}, {"id": "base64"}])
def test_a_codec_that_is_not_known_is_not_run(tmp_path, codec):
    path = write_zarr(tmp_path / "a.zarr", compressors=None)
    edit(path, filters=[codec])
    with pytest.raises(ReadError):
        read_volume(path).read()


def test_an_unusual_compressor_is_named(tmp_path):
    path = write_zarr(tmp_path / "a.zarr", compressors=None)
    edit(path, compressor={"id": "zfpy_like"})
    with pytest.raises(ReadError, match="zfpy_like"):
        read_volume(path)
    edit(path, compressor={"id": "crc32"})
    with pytest.raises(ReadError, match=r"compressed with 'crc32'; read are: lzma, bl"):
        read_volume(path)


COMPRESSORS = {
    "blosc": numcodecs.Blosc("zstd"),
    "bz2": numcodecs.BZ2(1),
    "gzip": numcodecs.GZip(1),
    "lz4": numcodecs.LZ4(),
    "lzma": numcodecs.LZMA(preset=0),
    "zlib": numcodecs.Zlib(1),
    "zstd": numcodecs.Zstd(1),
}


@pytest.mark.parametrize("name", COMPRESSORS)
def test_every_compressor_is_read_and_bounded(tmp_path, name):
    codec = COMPRESSORS[name]
    path = write_zarr(tmp_path / "a.zarr", compressors=codec)
    np.testing.assert_array_equal(read_volume(path).read(), STACK)
    for chunk in chunks(path):
        chunk.write_bytes(codec.encode(ZEROS))
    with pytest.raises(ReadError, match="damaged"):
        read_volume(path).read()


@pytest.mark.parametrize(
    "codec",
    [
        zarr.codecs.BloscCodec(),
        zarr.codecs.GzipCodec(),
        zarr.codecs.ZstdCodec(checksum=True),
    ],
    ids=lambda codec: type(codec).__name__,
)
@pytest.mark.parametrize("shards", [None, (2, 32, 48)])
def test_every_compressor_of_zarr_3_is_read_and_bounded(tmp_path, codec, shards):
    options = {"chunks": (1, 16, 16), "compressors": codec, "shards": shards}
    path = write_zarr(tmp_path / "a.zarr", 3, **options)
    np.testing.assert_array_equal(read_volume(path).read(), STACK)
    name = type(codec).__name__.removesuffix("Codec").lower()
    bomb = bytes(COMPRESSORS[name].encode(ZEROS))
    if shards is not None:
        return
    for chunk in chunks(path):
        chunk.write_bytes(bomb)
    with pytest.raises(ReadError, match="damaged"):
        read_volume(path).read()


@pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr")
def test_zarr_3_runs_no_codec_that_is_not_known(tmp_path):
    path = write_zarr(tmp_path / "a.zarr", 3, compressors=zarr.codecs.GzipCodec())
    described = json.loads((path / "s0/zarr.json").read_text())
    for codec in ("numcodecs.crc32", "numcodecs.delta"):
        described["codecs"][-1] = {"name": codec, "configuration": {"dtype": "u1"}}
        (path / "s0/zarr.json").write_text(json.dumps(described))
        with pytest.raises(ReadError):
            read_volume(path)
    described["codecs"][-1] = {"name": "numcodecs.gzip", "configuration": {"level": 1}}
    (path / "s0/zarr.json").write_text(json.dumps(described))
    np.testing.assert_array_equal(read_volume(path).read(), STACK)


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("zlib", zlib.compress(ZEROS)),
        ("gzip", gzip.compress(ZEROS)),
        ("bz2", bz2.compress(ZEROS)),
        ("zstd", bytes(numcodecs.Zstd(1).encode(ZEROS))),
    ],
)
def test_unpacking_stops_at_the_limit(name, packed):
    unpack = bounded.UNPACKERS[name]
    assert unpack(packed, len(ZEROS)) == ZEROS
    with pytest.raises(ValueError, match=r"at most|more than"):
        unpack(packed, len(ZEROS) - 1)


def test_streams_one_behind_the_other_are_one():
    packed = gzip.compress(b"ab") + gzip.compress(b"cd") + bytes(9)
    assert bounded.UNPACKERS["gzip"](packed, 4) == b"abcd"
    with pytest.raises(ValueError, match="more than the 3"):
        bounded.UNPACKERS["gzip"](packed, 3)
    with pytest.raises(ValueError, match="truncated"):
        bounded.UNPACKERS["gzip"](packed[:-15], 4)


def test_lzma_keeps_its_filters():
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 1}]
    codec = numcodecs.LZMA(format=lzma.FORMAT_RAW, filters=filters)
    unpack = bounded.unpacker_of(codec, "a.zarr")
    assert unpack(bytes(codec.encode(b"abc")), 3) == b"abc"


def test_a_jpeg_larger_than_its_tile(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0], compression="jpeg", **GREY)
    assert read_volume(path).read().shape == (1, 32, 48)
    content = bytearray(path.read_bytes())
    struct.pack_into(">HH", content, content.index(b"\xff\xc0\0") + 5, 40_000, 40_000)
    path.write_bytes(content)
    with pytest.raises(ReadError, match="JPEG of 40000 × 40000"):
        read_volume(path).read()


def test_pictures_in_a_tiff_that_say_their_own_size(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0], compression="png", **GREY)
    with pytest.raises(ReadError, match=r"compressed with PNG; read are LZW"):
        read_volume(path)


def test_a_picture_that_claims_gigabytes(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(STACK[0]).save(path)
    content = bytearray(path.read_bytes())
    struct.pack_into(">II", content, 16, 60_000, 60_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    with pytest.raises(ReadError, match="claims 60000 × 60000"):
        read_volume(path)


def test_what_is_skipped_takes_no_memory(tmp_path, monkeypatch):
    """The voxels of a compressed NIfTI may begin behind a great many zeros."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 4, 3, 2, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 2, 8)
    struct.pack_into("<f", header, 108, 2.0**25)
    header[344:348] = b"n+1\0"
    path = tmp_path / "a.nii.gz"
    voxels = bytes(range(24))
    path.write_bytes(gzip.compress(header + bytes(2**25 - 352) + voxels))
    monkeypatch.setattr("napari_mitoseg.io.streams.BLOCK", 2**20)
    np.testing.assert_array_equal(read_labels(path).read().ravel(), range(24))


@pytest.mark.parametrize("code", [128, 2304, 32, 1792])
def test_nifti_of_colours_or_complex_numbers_that_are_scaled(tmp_path, code):
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 4, 3, 2, 1, 1, 1, 1)
    struct.pack_into("<h", header, 70, code)
    struct.pack_into("<3f", header, 108, 352.0, 2.0, 1.0)
    header[344:348] = b"n+1\0"
    (tmp_path / "a.nii").write_bytes(header + bytes(24 * 16))
    for read in (read_volume, read_labels):
        with pytest.raises(ReadError, match=r"a\.nii holds .* values"):
            read(tmp_path / "a.nii")


# ------------------------------------------------------------- other files


def test_labels_outside_the_group_are_not_opened(tmp_path):
    write_zarr(tmp_path / "secret")
    inside = tmp_path / "a.zarr"
    group = zarr.open_group(inside, mode="w", zarr_format=2)
    group.create_group("labels").attrs["labels"] = ["../../secret"]
    for name in (None, "../../secret"):
        with pytest.raises(ReadError):
            read_labels(inside, name=name)


@pytest.mark.parametrize("elsewhere", ["../secret/s0", "/secret/s0", "s0/../../secret"])
def test_arrays_outside_the_group_are_not_opened(tmp_path, elsewhere):
    write_zarr(tmp_path / "secret")
    path = write_zarr(tmp_path / "a.zarr")
    group = zarr.open_group(path, mode="r+")
    group.attrs["multiscales"] = [{"axes": AXES, "datasets": [{"path": elsewhere}]}]
    with pytest.raises(ReadError):
        read_volume(path)


def test_an_address_in_the_metadata_is_a_name(tmp_path):
    path = write_zarr(tmp_path / "a.zarr")
    group = zarr.open_group(path, mode="r+")
    url = "http://192.0.2.1/s0"
    group.attrs["multiscales"] = [{"axes": AXES, "datasets": [{"path": url}]}]
    with pytest.raises(ReadError, match="lacks its array"):
        read_volume(path)
    with pytest.raises(ReadError, match="no file or folder"):
        read_volume(url)


@pytest.mark.parametrize("kind", ["external", "virtual", "link"])
def test_hdf5_does_not_follow_to_other_files(tmp_path, kind):
    (tmp_path / "secret.bin").write_bytes(STACK.tobytes())
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["main"] = STACK
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        if kind == "external":
            stored = [(str(tmp_path / "secret.bin"), 0, STACK.nbytes)]
            file.create_dataset("main", STACK.shape, "u1", external=stored)
        elif kind == "virtual":
            layout = h5py.VirtualLayout(STACK.shape, "u1")
            source = h5py.VirtualSource(tmp_path / "secret.h5", "main", STACK.shape)
            layout[:] = source
            file.create_virtual_dataset("main", layout)
        else:
            file["main"] = h5py.ExternalLink(tmp_path / "secret.h5", "main")
    with pytest.raises(ReadError, match="refers to other files"):
        read_volume(path)


def ome_of(file_name: str, *, declared: str = "") -> str:
    tiff_data = f'<TiffData IFD="0"><UUID FileName="{file_name}">urn:uuid:1</UUID>'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{declared}'
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" '
        'Type="uint8" SizeX="48" SizeY="32" SizeZ="1" SizeC="1" SizeT="1">'
        f"{tiff_data}</TiffData></Pixels></Image></OME>"
    )


@pytest.mark.parametrize(
    "name", ["../secret.tif", "/etc/passwd", "..\\secret.tif", "C:\\secret.tif", "a/b"]
)
def test_ome_tiff_opens_only_files_beside_it(tmp_path, name):
    inside = tmp_path / "inside"
    inside.mkdir()
    tifffile.imwrite(tmp_path / "secret.tif", STACK[0], **GREY)
    path = inside / "a.ome.tif"
    tifffile.imwrite(path, STACK[0], description=ome_of(name), **GREY)
    with pytest.raises(ReadError, match="only files beside it are opened"):
        read_volume(path)
    tifffile.imwrite(path, STACK[0], description=ome_of("a.ome.tif"), **GREY)
    np.testing.assert_array_equal(read_volume(path).read(), STACK[:1])


def test_ome_xml_that_grows_is_not_parsed(tmp_path):
    path = tmp_path / "a.ome.tif"
    levels = [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)]
    declared = f'<!DOCTYPE x [<!ENTITY a0 "lol">{"".join(levels)}]>'
    text = ome_of("&a9;", declared=declared)
    tifffile.imwrite(path, STACK[0], description=text, **GREY)
    with pytest.raises(ReadError, match="declares entities"):
        read_volume(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.h5", "a.nii", "a.nrrd"])
def test_a_pipe_is_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(ReadError, match="neither a file nor a folder"):
        read_volume(tmp_path / name)


# ------------------------------------------------------------------ claims


@pytest.fixture
def little_memory(monkeypatch):
    """A gigabyte is free, whatever the computer has."""
    for module in (limits, planes):
        monkeypatch.setattr(module, "free_memory", lambda: 2**30)


def test_a_chunk_beyond_memory(tmp_path, little_memory):
    shape = (2, 30_000, 40_000)
    path = write_zarr(tmp_path / "a.zarr", shape=shape, chunks=shape)
    with pytest.raises(ReadError, match=r"takes 4\.8 GB, and 1\.1 GB of memory are"):
        read_volume(path)


def test_a_sparse_volume_opens_and_reads_in_parts(tmp_path, little_memory):
    """A trillion voxels of which none is stored: no harm as long as few are read."""
    shape = (2**10, 2**15, 2**15)
    path = write_zarr(tmp_path / "a.zarr", shape=shape, chunks=(1, 512, 512))
    volume = read_volume(path)
    assert not volume.data[5, 100:130, 7:9].any()
    with pytest.raises(ReadError, match=r"Reading 1 × 32768 × 32768 voxels .* 2\.1 GB"):
        volume.read_slice(0)
    with pytest.raises(ReadError, match="Choose a smaller region"):
        volume.read()


@pytest.mark.parametrize(
    ("shape", "chunk"),
    [((1, 100, 100), (1, 1, 1)), ((9, 10**5, 10**5), (9, 64, 64))],
)
def test_chunks_without_number(tmp_path, shape, chunk):
    options = {"shape": shape, "chunks": chunk}
    with pytest.raises(ReadError, match=" × ".join(map(str, chunk))):
        read_volume(write_zarr(tmp_path / "a.zarr", **options))


def test_small_chunks_of_large_slices_are_usual(tmp_path):
    options = {"shape": (64, 20_000, 20_000), "chunks": (64, 64, 64)}
    volume = read_volume(write_zarr(tmp_path / "a.zarr", **options))
    assert volume.data[3, :9, 777].tolist() == [0] * 9


def test_slices_without_number(tmp_path):
    options = {"shape": (10**12, 8, 8), "chunks": (1, 8, 8)}
    for read in (read_volume, read_labels):
        with pytest.raises(ReadError, match="claims 1,000,000,000,000 slices"):
            read(write_zarr(tmp_path / "a.zarr", **options))


def test_a_small_read_does_not_ask_for_memory(monkeypatch):
    def ask() -> int:
        raise AssertionError

    monkeypatch.setattr(planes, "free_memory", ask)
    stack = PlaneStack((3, 4, 5), "u1", lambda z, y, x: np.full((4, 5), z)[y, x])
    assert Volume(stack).read().shape == (3, 4, 5)
