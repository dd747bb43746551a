"""Every format of labels: written here, read here and by somebody else's reader."""

import errno
import gzip
import struct
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import nibabel
import nrrd
import numpy as np
import pytest
import SimpleITK
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_mitoseg.errors import (
    InvalidParameterError,
    ReadError,
    ShapeError,
    WriteError,
)
from napari_mitoseg.io import nifti as nifti_module
from napari_mitoseg.io import read_labels, read_volume, write_labels
from napari_mitoseg.io.label_files import LabelFormat, label_formats
from napari_mitoseg.io.label_types import PackedLabels

SPACING = (40.0, 5.9, 4.6)
FORMATS = [pytest.param(one, id=name) for name, one in label_formats.items()]


def made_up(largest: int = 300) -> np.ndarray[Any, Any]:
    """Return labels without any symmetry: a mirrored axis is noticed."""
    labels = np.zeros((5, 20, 31), np.uint32)
    labels[1:3, 2:9, 3:20] = 1
    labels[4, 15:, 25:] = 2
    labels[0, 0, 30] = largest
    return labels


class Found(NamedTuple):
    """What another program sees: values and voxel size in µm, both ZYX."""

    labels: np.ndarray[Any, Any]
    size_um: tuple[float, ...] | None


def seen_by_tifffile(path: Path) -> Found:
    with tifffile.TiffFile(path) as file:
        words = file.imagej_metadata
        page = file.pages.first
        pixels = [page.tags.valueof(f"{axis}Resolution") for axis in "YX"]
        assert page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        labels = file.asarray()
    if "unit" not in words:
        return Found(labels, None)
    assert words["unit"] == "nm"
    y, x = (units / n for n, units in pixels)
    return Found(labels, (words["spacing"] / 1e3, y / 1e3, x / 1e3))


def seen_in_ome_xml(path: Path) -> Found:
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        pixels = ET.fromstring(file.ome_metadata).find(".//{*}Pixels")
        labels = file.asarray()
    assert pixels.get("Type") == labels.dtype.name
    names = [f"PhysicalSize{axis}" for axis in "ZYX"]
    if pixels.get(names[0]) is None:
        return Found(labels, None)
    assert {pixels.get(f"{name}Unit") for name in names} == {"nm"}
    return Found(labels, tuple(float(pixels.get(name)) / 1e3 for name in names))


def seen_by_zarr(path: Path) -> Found:
    group = zarr.open_group(path / "labels" / "cells", mode="r")
    assert zarr.open_group(path / "labels").attrs["labels"] == ["cells"]
    assert "image-label" in group.attrs
    (image,) = group.attrs["multiscales"]
    assert [axis["name"] for axis in image["axes"]] == ["z", "y", "x"]
    units = {axis.get("unit") for axis in image["axes"]}
    scale = image["datasets"][0]["coordinateTransformations"][0]["scale"]
    size = None if units == {None} else tuple(value / 1e3 for value in scale)
    assert units <= {None, "nanometer"}
    array = group[image["datasets"][0]["path"]]
    assert array.compressors
    return Found(array[:], size)


def seen_by_h5py(path: Path) -> Found:
    with h5py.File(path) as file:
        main = file["main"]
        assert main.compression == "gzip"
        size = main.attrs.get("element_size_um")
        return Found(main[:], None if size is None else tuple(size))


def seen_by_nibabel(path: Path) -> Found:
    image = nibabel.load(path)
    labels = np.asarray(image.dataobj).T
    assert image.header.get_intent()[0] == "label"
    unit = image.header.get_xyzt_units()[0]
    if unit == "unknown":
        return Found(labels, None)
    assert unit == "micron"
    np.testing.assert_allclose(
        image.affine, np.diag([-0.0046, -0.0059, 0.04, 1]), atol=1e-9
    )
    return Found(labels, tuple(image.header.get_zooms()[::-1]))


def seen_by_itk(path: Path, to_um: float) -> Found:
    image = SimpleITK.ReadImage(str(path))
    assert image.GetOrigin() == (0, 0, 0)
    assert image.GetDirection() == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    size = image.GetSpacing()[::-1]
    known = None if size == (1, 1, 1) else tuple(value * to_um for value in size)
    return Found(SimpleITK.GetArrayFromImage(image), known)


def seen_by_pynrrd(path: Path) -> Found:
    values, header = nrrd.read(str(path))
    assert header["encoding"] == "gzip"
    if "space units" not in header:
        return Found(values.T, None)
    assert header["space units"] == ["um"] * 3
    directions = header["space directions"]
    assert (directions == np.diag(np.diag(directions))).all()
    return Found(values.T, tuple(np.diag(directions)[::-1]))


OTHERS: dict[str, list[Callable[[Path], Found]]] = {
    "hdf5": [seen_by_h5py],
    "imagej-tiff": [seen_by_tifffile],
    # ITK converts the unit of NIfTI to mm and takes that of NRRD for mm.
    "nifti": [seen_by_nibabel, lambda path: seen_by_itk(path, 1e3)],
    "nrrd": [seen_by_pynrrd, lambda path: seen_by_itk(path, 1)],
    "ome-tiff": [seen_in_ome_xml],
    "ome-zarr": [seen_by_zarr],
}


def path_for(folder: Path, kind: LabelFormat, n: int = 0) -> Path:
    return folder / f"cells{kind.extensions[n]}"


# ------------------------------------------------------------------ round trips


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("spacing", [None, SPACING], ids=["plain", "calibrated"])
@pytest.mark.parametrize(
    ("largest", "dtype"), [(255, "u1"), (256, "u2"), (65_535, "u2"), (65_536, "u4")]
)
def test_labels_come_back(tmp_path, kind, spacing, largest, dtype):
    path, labels = path_for(tmp_path, kind), made_up(largest)
    kind.write(path, labels, spacing, "cells")
    found = read_labels(path)
    np.testing.assert_array_equal(found.read(), labels)
    assert (found.spacing, found.dtype, found.name) == (spacing, dtype, "cells")


@pytest.mark.parametrize("name", label_formats)
@pytest.mark.parametrize("spacing", [None, SPACING], ids=["plain", "calibrated"])
@pytest.mark.parametrize("largest", [255, 65_536])
def test_others_read_the_same(tmp_path, name, spacing, largest):
    path, labels = path_for(tmp_path, label_formats[name]), made_up(largest)
    write_labels(path, labels, spacing, "cells")
    assert OTHERS[name]
    for look in OTHERS[name]:
        found = look(path)
        np.testing.assert_array_equal(found.labels, labels)
        assert found.labels.dtype.itemsize == (1 if largest == 255 else 4)
        if spacing is None:
            assert found.size_um is None
        else:
            wanted = [value / 1e3 for value in spacing]
            assert found.size_um == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("kind", FORMATS)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    labels=st.sampled_from(["?", "u1", ">u2", "i4"]).flatmap(
        lambda dtype: arrays(
            dtype,
            st.tuples(*[st.integers(1, 9)] * 3),
            elements=None if dtype in "?u1>u2" else st.integers(0, 2**24),
        )
    ),
    spacing=st.none() | st.tuples(*[st.floats(0.01, 1e4)] * 3),
)
def test_whatever_the_shape_and_type(tmp_path, kind, labels, spacing):
    path = path_for(tmp_path, kind)
    kind.write(path, labels, spacing)
    found = read_labels(path)
    np.testing.assert_array_equal(found.read(), labels)
    if spacing is None:
        assert found.spacing is None
    else:
        assert found.spacing == pytest.approx(spacing, rel=1e-6)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_plane_is_one_slice(tmp_path, kind):
    path, plane = path_for(tmp_path, kind), made_up()[1]
    kind.write(path, plane, SPACING)
    np.testing.assert_array_equal(read_labels(path).read(), plane[None])
    assert read_labels(path).spacing == SPACING


@pytest.mark.parametrize("kind", FORMATS)
def test_labels_without_an_object(tmp_path, kind):
    path = path_for(tmp_path, kind)
    kind.write(path, np.zeros((3, 4, 5), np.uint32), SPACING)
    found = read_labels(path)
    assert found.dtype == np.uint8
    assert not found.read().any()


@pytest.mark.parametrize(
    ("kind", "n"),
    [
        pytest.param(one, n, id=ending)
        for one in map(label_formats.__getitem__, label_formats)
        for n, ending in enumerate(one.extensions)
    ],
)
def test_every_ending_is_read(tmp_path, kind, n):
    path = path_for(tmp_path, kind, n)
    write_labels(path, made_up(), SPACING)
    np.testing.assert_array_equal(read_labels(path).read(), made_up())
    assert read_labels(path).spacing == SPACING


@pytest.mark.parametrize("kind", FORMATS)
def test_the_volume_is_never_read_as_a_whole(tmp_path, kind):
    labels = made_up()

    class Lazy:
        shape, dtype = labels.shape, labels.dtype

        def __getitem__(self, key):
            deep = isinstance(key, slice) and key.stop - key.start > 32
            assert isinstance(key, int | slice)
            assert not deep
            return labels[key]

    path = path_for(tmp_path, kind)
    kind.write(path, Lazy(), None)
    np.testing.assert_array_equal(read_labels(path).read(), labels)


@pytest.mark.parametrize("kind", FORMATS)
def test_read_only_labels_stay_as_they_are(tmp_path, kind):
    labels = made_up()
    labels.setflags(write=False)
    kind.write(path_for(tmp_path, kind), labels, SPACING)
    np.testing.assert_array_equal(labels, made_up())


@pytest.mark.parametrize("name", ["nifti", "nrrd"])
def test_the_same_labels_give_the_same_file(tmp_path, name):
    one, other = (tmp_path / f"{n}{label_formats[name].extensions[0]}" for n in "ab")
    for path in (one, other):
        write_labels(path, made_up(), SPACING)
    assert one.read_bytes() == other.read_bytes()


def test_long_volumes_are_nifti_2(tmp_path):
    labels = np.zeros((1, 2, nifti_module.LONGEST + 1), np.uint8)
    labels[0, 1, -1] = 7
    write_labels(tmp_path / "a.nii", labels, SPACING)
    image = nibabel.load(tmp_path / "a.nii")
    assert isinstance(image, nibabel.Nifti2Image)
    np.testing.assert_array_equal(np.asarray(image.dataobj).T, labels)
    found = read_labels(tmp_path / "a.nii")
    np.testing.assert_array_equal(found.read(), labels)
    assert found.spacing == pytest.approx(SPACING)


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("labels", "error"),
    [
        (np.zeros((2, 3, 4)), InvalidParameterError),
        (np.array([[[0, -1]]]), InvalidParameterError),
        (np.array([[[0, 2**32]]]), InvalidParameterError),
        (np.zeros((2, 0, 4), np.uint8), ShapeError),
        (np.zeros((1, 1, 1, 1), np.uint8), ShapeError),
    ],
    ids=["float", "negative", "large", "empty", "4d"],
)
def test_what_cannot_be_written_leaves_the_old_file(tmp_path, kind, labels, error):
    path = path_for(tmp_path, kind)
    path.write_text("old")
    with pytest.raises(error, match=r"(?i)labels"):
        kind.write(path, labels)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("kind", FORMATS)
def test_a_spacing_of_zero_is_refused(tmp_path, kind):
    with pytest.raises(InvalidParameterError, match="three numbers above zero"):
        kind.write(path_for(tmp_path, kind), made_up(), (0, 1, 1))
    assert not list(tmp_path.iterdir())


def test_imagej_would_change_labels_beyond_float32(tmp_path):
    path, exact = tmp_path / "a.tif", made_up(2**24)
    write_labels(path, exact)
    np.testing.assert_array_equal(read_labels(path).read(), exact)
    with pytest.raises(InvalidParameterError, match=r"16777217 .*\.ome\.tif"):
        write_labels(path, made_up(2**24 + 1))
    write_labels(tmp_path / "a.ome.tif", made_up(2**32 - 1))


@pytest.mark.parametrize("kind", FORMATS)
def test_a_full_disk_leaves_nothing(tmp_path, kind, monkeypatch):
    """Labels that cannot be read on stand for a disk that is full half way."""
    labels = made_up()

    class Failing:
        shape, dtype, n_read = labels.shape, labels.dtype, 0

        def __getitem__(self, key):
            self.n_read += 1
            if self.n_read > len(labels):
                raise OSError(errno.ENOSPC, "No space left on device")
            return labels[key]

    path = path_for(tmp_path / "new", kind)
    with pytest.raises(WriteError, match=r"No space left.*Free some space"):
        kind.write(path, Failing(), SPACING)
    assert not list(tmp_path.iterdir())


def test_an_unknown_ending_lists_the_known(tmp_path):
    with pytest.raises(InvalidParameterError, match=r"a\.jpg .*\.nii\.gz.*\.ome\.tif"):
        write_labels(tmp_path / "a.jpg", made_up())


def test_packed_labels_convert_what_is_read():
    packed = PackedLabels(np.array([[[0, 3]], [[256, 1]]]))
    assert (packed.dtype, packed.largest, packed.shape) == (np.uint16, 256, (2, 1, 2))
    assert packed[1].tolist() == [[256, 1]]
    assert packed[0:1].dtype == np.uint16


# ------------------------------------------------------------------ foreign files

IMAGE = np.arange(60, dtype=np.int16).reshape(3, 4, 5) - 30


def test_nifti_from_elsewhere(tmp_path):
    image = nibabel.Nifti1Image(IMAGE.T, np.diag([0.5, 0.25, 2, 1]))
    image.header.set_xyzt_units("mm")
    for name in ("a.nii", "a.nii.gz"):
        nibabel.save(image, tmp_path / name)
        found = read_volume(tmp_path / name)
        assert found.spacing == (2e6, 0.25e6, 0.5e6)
        np.testing.assert_array_equal(found.read(), IMAGE)


def test_nifti_without_a_unit_has_no_spacing(tmp_path):
    nibabel.save(nibabel.Nifti1Image(IMAGE.T, np.eye(4)), tmp_path / "a.nii")
    assert read_volume(tmp_path / "a.nii").spacing is None


def test_scaled_nifti_is_floating(tmp_path):
    image = nibabel.Nifti1Image(IMAGE.T, np.eye(4))
    image.header.set_slope_inter(0.5, 3)
    nibabel.save(image, tmp_path / "a.nii")
    stored = nibabel.load(tmp_path / "a.nii")
    found = read_volume(tmp_path / "a.nii")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.read(), stored.get_fdata().T, rtol=1e-6)
    with pytest.raises(ReadError, match="labels are whole numbers"):
        read_labels(tmp_path / "a.nii")


def test_whole_floating_numbers_are_labels(tmp_path):
    """ImageJ saves labels above 65 535 like this, with whatever it did to them."""
    labels = made_up(70_000).astype(np.float32)
    options = {"imagej": True, "metadata": {"axes": "ZYX"}}
    tifffile.imwrite(tmp_path / "a.tif", labels, **options)
    found = read_labels(tmp_path / "a.tif")
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found.read(), made_up(70_000))
    for value in (0.5, -1, np.nan, np.inf, 2.0**32):
        labels[0, 3, 3] = value
        tifffile.imwrite(tmp_path / "b.tif", labels, **options)
        broken = read_labels(tmp_path / "b.tif")
        assert broken.read_slice(1).max() == 1
        with pytest.raises(ReadError, match=r"b\.tif .* labels are whole numbers"):
            broken.read()
        labels[2, 3, 3] = value
        tifffile.imwrite(tmp_path / "c.tif", labels, **options)
        with pytest.raises(ReadError, match=r"c\.tif .* labels are whole numbers"):
            read_labels(tmp_path / "c.tif")
        labels[2, 3, 3] = 0


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_several_times_of_nifti_need_a_choice(tmp_path, name):
    both = np.stack([IMAGE, IMAGE + 7])
    nibabel.save(nibabel.Nifti1Image(both.T, np.eye(4)), tmp_path / name)
    with pytest.raises(ShapeError, match="time axis of length 2"):
        read_volume(tmp_path / name)
    np.testing.assert_array_equal(read_volume(tmp_path / name, time=1).read(), both[1])


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2"])
@pytest.mark.parametrize("endian", ["little", "big"])
def test_nrrd_from_elsewhere(tmp_path, encoding, endian):
    header = {
        "encoding": encoding,
        "endian": endian,
        "spacings": [5.0, 4.0, 0.1],
        "units": ["nm", "nm", "um"],
    }
    nrrd.write(str(tmp_path / "a.nrrd"), IMAGE.T, header)
    found = read_volume(tmp_path / "a.nrrd")
    assert found.spacing == (100.0, 4.0, 5.0)
    np.testing.assert_array_equal(found.read(), IMAGE)


def test_oblique_nrrd_has_the_lengths_of_its_directions(tmp_path):
    header = {
        "space": "scanner-xyz",
        "space directions": np.array([[3, 4, 0], [-4, 3, 0], [0, 0, -2.0]]),
        "space units": ["um"] * 3,
    }
    nrrd.write(str(tmp_path / "a.nrrd"), IMAGE.T, header)
    assert read_volume(tmp_path / "a.nrrd").spacing == (2000.0, 5000.0, 5000.0)


def test_itk_nrrd_without_a_unit_has_no_spacing(tmp_path):
    image = SimpleITK.GetImageFromArray(IMAGE)
    image.SetSpacing((5.0, 4.0, 0.1))
    SimpleITK.WriteImage(image, str(tmp_path / "a.nrrd"))
    found = read_volume(tmp_path / "a.nrrd")
    assert found.spacing is None
    np.testing.assert_array_equal(found.read(), IMAGE)


def test_channels_of_nrrd_need_a_choice(tmp_path):
    both = np.stack([IMAGE, IMAGE + 7])
    header = {"kinds": ["domain", "domain", "domain", "list"]}
    nrrd.write(str(tmp_path / "a.nrrd"), both.T, header)
    with pytest.raises(ShapeError, match="channel axis of length 2"):
        read_volume(tmp_path / "a.nrrd")
    found = read_volume(tmp_path / "a.nrrd", channel=1)
    np.testing.assert_array_equal(found.read(), both[1])


def test_detached_nrrd_is_refused(tmp_path):
    nrrd.write(str(tmp_path / "a.nhdr"), IMAGE.T)
    (tmp_path / "a.nhdr").rename(tmp_path / "a.nrrd")
    with pytest.raises(ReadError, match="in another file"):
        read_volume(tmp_path / "a.nrrd")


@pytest.mark.parametrize("chunks", [None, (2, 3, 4)])
def test_hdf5_from_elsewhere(tmp_path, chunks):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("volumes/labels/ids", data=IMAGE, chunks=chunks)
        file["names"] = [1, 2]
    np.testing.assert_array_equal(read_volume(tmp_path / "a.h5").read(), IMAGE)
    assert read_volume(tmp_path / "a.h5").spacing is None


def test_several_datasets_need_main(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["one"], file["two"] = IMAGE, IMAGE + 1
    with pytest.raises(ReadError, match=r"'main'; there are: /one, /two"):
        read_volume(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["main"] = IMAGE + 2
    np.testing.assert_array_equal(read_volume(tmp_path / "a.h5").read(), IMAGE + 2)


def test_hdf5_without_a_volume(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["main"] = "a word"
    with pytest.raises(ShapeError, match=r"/main .* two to five axes"):
        read_volume(tmp_path / "a.h5")


def test_hdf5_of_words_is_no_volume(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("main", (2, 2, 2), h5py.string_dtype())
    for read in (read_volume, read_labels):
        with pytest.raises(ReadError, match=r"a\.h5 holds object values"):
            read(tmp_path / "a.h5")


# ------------------------------------------------------------------ damage


def read_all(path: Path) -> None:
    read_labels(path).read()


@pytest.mark.parametrize("name", ["a.h5", "a.nii", "a.nii.gz", "a.nrrd"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.97])
def test_truncated_files_are_named(tmp_path, name, share):
    path, noise = tmp_path / name, np.random.default_rng(1)
    write_labels(path, noise.integers(0, 9, (4, 40, 50)), SPACING)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ReadError, match=rf"{name}"):
        read_all(path)


@pytest.mark.parametrize("name", ["a.h5", "a.nii", "a.nii.gz", "a.nrrd"])
def test_foreign_content_is_named(tmp_path, name):
    path = tmp_path / name
    for content in (b"hello", bytes(1000), b"NRRD0004\n\x00\xff:", b"NRRD0004\nno\n\n"):
        path.write_bytes(content)
        with pytest.raises(ReadError, match=rf"{name}"):
            read_all(path)


@pytest.mark.parametrize("name", ["a.h5", "a.nii", "a.nii.gz", "a.nrrd"])
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(at=st.integers(0, 700), value=st.integers(0, 255))
def test_an_overwritten_byte_never_surprises(tmp_path, name, at, value):
    """Whatever is in the header: it is read, or refused with a message of ours."""
    path = tmp_path / name
    write_labels(path, made_up(), SPACING)
    content = bytearray(path.read_bytes())
    if name.endswith(".gz"):
        inner = bytearray(gzip.decompress(bytes(content)))
        inner[at % len(inner)] = value
        content = bytearray(gzip.compress(bytes(inner)))
    else:
        content[at % len(content)] = value
    path.write_bytes(content)
    try:
        read_all(path)
    except (ReadError, ShapeError):
        return


def test_a_lying_nifti_header_takes_no_memory(tmp_path):
    path = tmp_path / "a.nii.gz"
    write_labels(path, made_up(), SPACING)
    content = bytearray(gzip.decompress(path.read_bytes()))
    struct.pack_into("<4h", content, 40, 3, 30_000, 30_000, 30_000)
    path.write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(ReadError, match="claims 30000 × 30000 × 30000 voxels"):
        read_labels(path)
    (tmp_path / "a.nii").write_bytes(bytes(content))
    with pytest.raises(ReadError, match=r"a\.nii"):
        read_labels(tmp_path / "a.nii")


def test_a_lying_nrrd_header_takes_no_memory(tmp_path):
    path = tmp_path / "a.nrrd"
    write_labels(path, made_up(), SPACING)
    content = path.read_bytes().replace(b"sizes: 31 20 5", b"sizes: 31000 20000 5000")
    path.write_bytes(content)
    with pytest.raises(ReadError, match="claims 5000 × 20000 × 31000 voxels"):
        read_labels(path)


def test_a_lying_hdf5_header_takes_no_memory(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("main", (10**5, 10**5, 10**5), "u1", chunks=(1, 64, 64))
    with pytest.raises(ReadError, match="its header is damaged"):
        read_labels(tmp_path / "a.h5")
