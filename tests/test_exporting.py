"""Whole volumes, crops, surfaces and centrelines of real objects into files."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import tifffile
import trimesh

from napari_mitoseg.errors import (
    InvalidParameterError,
    ShapeError,
    UnknownNameError,
    WriteError,
)
from napari_mitoseg.exporting import (
    ExportSettings,
    export_labels,
    export_objects,
    object_formats,
)
from napari_mitoseg.io import read_labels, read_volume
from napari_mitoseg.io.label_files import label_formats
from napari_mitoseg.io.meshes import mesh_formats
from napari_mitoseg.jobs import drain
from napari_mitoseg.volume import Volume

SPACING = (40.0, 10.0, 10.0)
BOX_UM3 = 4 * 0.04 * 10 * 0.01 * 20 * 0.01


def volume(spacing: Any = SPACING) -> Volume:
    """Return two boxes, 3 and 70 000, with one voxel of background between them."""
    labels = np.zeros((8, 30, 40), np.uint32)
    labels[2:6, 5:15, 10:30] = 3
    labels[2:6, 16:26, 10:30] = 70_000
    return Volume(labels, spacing, "my: cells")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def loaded(path: Path) -> list[trimesh.Trimesh]:
    return list(trimesh.load_mesh(path, process=True).split())


@pytest.mark.parametrize("name", label_formats)
def test_all_objects_in_one_volume(tmp_path, name):
    out = tmp_path / f"a{label_formats[name].extensions[0]}"
    assert drain(export_labels(volume(), out)) == (out,)
    found = read_labels(out)
    np.testing.assert_array_equal(found.read(), volume().read())
    assert found.spacing == SPACING


def test_some_objects_in_one_volume(tmp_path):
    out = tmp_path / "a.nii.gz"
    drain(export_labels(volume(), out, ExportSettings(objects=(3,))))
    found = np.asarray(nibabel.load(out).dataobj).T
    np.testing.assert_array_equal(found, 3 * (volume().read() == 3))
    assert found.dtype == np.uint8


@pytest.mark.parametrize("name", mesh_formats)
def test_all_surfaces_in_one_file(tmp_path, name):
    out = tmp_path / f"a{mesh_formats[name].extensions[0]}"
    drain(export_labels(volume(), out))
    parts = loaded(out)
    assert len(parts) == 2
    for part in parts:
        assert part.is_watertight
        assert part.volume == pytest.approx(BOX_UM3, rel=0.05)
    low = min(part.bounds[0].tolist() for part in parts)
    # Surfaces run half a voxel outside of the first voxel centre, x, y, z in µm.
    assert low == pytest.approx([0.095, 0.045, 0.06], abs=0.006)


def test_surfaces_in_nanometres(tmp_path):
    settings = ExportSettings(unit="nanometre", objects=(70_000,))
    drain(export_labels(volume(), tmp_path / "a.stl", settings))
    (part,) = loaded(tmp_path / "a.stl")
    assert part.volume == pytest.approx(BOX_UM3 * 1e9, rel=0.05)


def test_all_centrelines_in_one_file(tmp_path):
    drain(export_labels(volume(), tmp_path / "a.swc"))
    rows = np.loadtxt(tmp_path / "a.swc", ndmin=2)
    assert (rows[:, 6] == -1).sum() == 2
    low, high = rows[:, 2:5].min(axis=0), rows[:, 2:5].max(axis=0)
    assert (low >= [0.09, 0.04, 0.07]).all()
    assert (high <= [0.30, 0.26, 0.21]).all()


@pytest.mark.parametrize("kind", object_formats())
def test_one_file_an_object(tmp_path, kind):
    written = drain(export_objects(volume(), tmp_path / "new", kind))
    ending = object_formats()[kind]
    wanted = [f"my-cells_00003{ending}", f"my-cells_70000{ending}"]
    others = ["crops.csv"] if kind in label_formats else []
    assert names(tmp_path / "new") == sorted([*others, *wanted])
    assert sorted(path.name for path in written) == names(tmp_path / "new")


def test_a_surface_alone(tmp_path):
    drain(export_objects(volume(), tmp_path, "ply"))
    (part,) = loaded(tmp_path / "my-cells_70000.ply")
    assert part.volume == pytest.approx(BOX_UM3, rel=0.05)


def test_crops_say_where_they_lie(tmp_path):
    settings = ExportSettings(margin=3)
    drain(export_objects(volume(), tmp_path, "nrrd", settings))
    crop = read_labels(tmp_path / "my-cells_00003.nrrd")
    assert (crop.spacing, crop.shape) == (SPACING, (8, 16, 26))
    whole = volume().read()[0:8, 2:18, 7:33]
    np.testing.assert_array_equal(crop.read(), np.where(whole == 3, 3, 0))
    lines = (tmp_path / "crops.csv").read_text().splitlines()
    assert lines == [
        "index,file,z_start,z_stop,y_start,y_stop,x_start,x_stop",
        "3,my-cells_00003.nrrd,0,8,2,18,7,33",
        "70000,my-cells_70000.nrrd,0,8,13,29,7,33",
    ]


def test_crops_with_neighbours_and_image(tmp_path):
    labels = volume()
    image = Volume(np.arange(9600, dtype=np.uint16).reshape(labels.shape), None, "em")
    settings = ExportSettings(margin=2, neighbours=True, objects=(3,))
    drain(export_objects(labels, tmp_path, "hdf5", settings, image))
    assert names(tmp_path) == [
        "crops.csv",
        "my-cells_3.h5",
        "my-cells_3_image.tif",
    ]
    crop = read_labels(tmp_path / "my-cells_3.h5").read()
    assert set(np.unique(crop)) == {0, 3, 70_000}
    beside = read_volume(tmp_path / "my-cells_3_image.tif")
    assert beside.spacing == SPACING
    np.testing.assert_array_equal(beside.read(), image.read()[0:8, 3:17, 8:32])


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize("name", ["a.ply", "a.obj", "a.stl", "a.swc"])
def test_lengths_need_a_spacing(tmp_path, name):
    with pytest.raises(InvalidParameterError, match=r"no spacing.*--spacing"):
        drain(export_labels(volume(None), tmp_path / name))
    kind = name[-3:]
    with pytest.raises(InvalidParameterError, match=r"no spacing"):
        drain(export_objects(volume(None), tmp_path, kind))
    assert not names(tmp_path)


def test_voxels_need_none(tmp_path):
    drain(export_labels(volume(None), tmp_path / "a.nrrd"))
    assert read_labels(tmp_path / "a.nrrd").spacing is None


@pytest.mark.parametrize("name", ["a.tif", "a.ply", "a.swc"])
def test_objects_that_are_not_there(tmp_path, name):
    settings = ExportSettings(objects=(3, 4))
    with pytest.raises(InvalidParameterError, match=r"no object 4; .*2 objects"):
        drain(export_labels(volume(), tmp_path / name, settings))
    assert not names(tmp_path)


def test_objects_count_from_one():
    with pytest.raises(InvalidParameterError, match="from 1; 0 was given"):
        ExportSettings.parse({"objects": [5, 0]})


@pytest.mark.parametrize("kind", ["ply", "swc", "nifti"])
def test_labels_without_an_object(tmp_path, kind):
    empty = Volume(np.zeros((2, 3, 4), np.uint8), SPACING)
    with pytest.raises(InvalidParameterError, match="hold no object"):
        drain(export_objects(empty, tmp_path / "new", kind))
    assert not names(tmp_path)
    drain(export_labels(empty, tmp_path / "a.nii.gz"))
    with pytest.raises(InvalidParameterError, match="hold no object"):
        drain(export_labels(empty, tmp_path / "a.ply"))


def test_an_image_of_another_shape(tmp_path):
    image = Volume(np.zeros((2, 3, 4), np.uint8))
    with pytest.raises(ShapeError, match="image that the labels belong to"):
        drain(export_objects(volume(), tmp_path, "nrrd", None, image))


def test_unknown_formats_list_the_known(tmp_path):
    with pytest.raises(InvalidParameterError, match=r"nrrd.*obj, \.ply, \.stl.*swc"):
        drain(export_labels(volume(), tmp_path / "a.glb"))
    with pytest.raises(UnknownNameError, match=r"obj, ply, stl, swc, hdf5"):
        drain(export_objects(volume(), tmp_path, "glb"))


@pytest.mark.parametrize("kind", ["ply", "swc", "imagej-tiff"])
def test_stopping_half_way_leaves_nothing(tmp_path, kind):
    job = export_objects(volume(), tmp_path / "new", kind)
    while "70000" not in next(job).message:
        pass
    job.close()
    assert not names(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(WriteError, match="choose another name"):
        drain(export_objects(volume(), tmp_path / "taken", "ply"))


def test_progress_rises_to_the_end(tmp_path):
    fractions: list[float] = []
    job = export_labels(volume(), tmp_path / "a.ply")
    drain(job, lambda progress: fractions.append(progress.fraction))
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


# ------------------------------------------------------------------ real shapes


@pytest.mark.realdata
def test_real_mitochondria(data_folder, tmp_path):
    path = data_folder / "urocell_masks" / "fib1-0-0-0.tif"
    labels = read_labels(path, spacing=(15, 16, 16))
    drain(export_labels(labels, tmp_path / "a.ply"))
    expected = np.count_nonzero(tifffile.imread(path)) * 15 * 16 * 16 / 1e9
    found = trimesh.load_mesh(tmp_path / "a.ply", process=False)
    assert found.volume == pytest.approx(expected, rel=0.03)
