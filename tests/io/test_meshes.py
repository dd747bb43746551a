"""Surfaces: read back by trimesh with the same corners, the same way round."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import trimesh

from napari_mitoseg.errors import InvalidParameterError, WriteError
from napari_mitoseg.io.meshes import as_surface, colour_of, mesh_formats, write_meshes


@dataclass(frozen=True)
class Made:
    vertices: Any
    faces: Any


def tetrahedron(offset: float = 0.0, *, inside_out: bool = False) -> Made:
    """Return a corner of a cube: 100 nm along z, 200 along y, 300 along x."""
    vertices = np.array([[0, 0, 0], [100, 0, 0], [0, 200, 0], [0, 0, 300]], np.float32)
    faces = np.array([[0, 2, 1], [0, 3, 2], [0, 1, 3], [1, 2, 3]], np.int32)
    return Made(vertices + np.float32(offset), faces[:, ::-1] if inside_out else faces)


MESHES = {7: tetrahedron(), 70_000: tetrahedron(1000, inside_out=True)}
VOLUME_UM3 = 0.1 * 0.2 * 0.3 / 6


def load(path: Any) -> trimesh.Trimesh:
    return trimesh.load_mesh(path, process=True)


@pytest.mark.parametrize("name", mesh_formats)
@pytest.mark.parametrize("inside_out", [False, True])
def test_a_surface_comes_back_right_side_out(tmp_path, name, inside_out):
    path = tmp_path / f"a{mesh_formats[name].extensions[0]}"
    write_meshes(path, {1: tetrahedron(inside_out=inside_out)})
    found = load(path)
    assert found.is_watertight
    assert found.volume == pytest.approx(VOLUME_UM3, rel=1e-6)
    assert found.bounds.tolist() == [[0, 0, 0], pytest.approx([0.3, 0.2, 0.1])]


@pytest.mark.parametrize("name", mesh_formats)
def test_several_objects_in_one_file(tmp_path, name):
    path = tmp_path / f"a{mesh_formats[name].extensions[0]}"
    write_meshes(path, MESHES, "nanometre")
    parts = load(path).split()
    assert sorted(part.volume for part in parts) == pytest.approx([1e6, 1e6])
    low = sorted(part.bounds[0].tolist() for part in parts)
    assert low == [[0, 0, 0], [1000, 1000, 1000]]


def test_obj_names_its_objects(tmp_path):
    write_meshes(tmp_path / "a.obj", MESHES)
    scene = trimesh.load_scene(tmp_path / "a.obj", split_objects=True)
    assert len(scene.geometry) == 2
    text = (tmp_path / "a.obj").read_text()
    assert "o label_7\n" in text
    assert "o label_70000\n" in text
    assert "micrometres" in text.splitlines()[0]


def test_ply_keeps_labels_and_colours(tmp_path):
    write_meshes(tmp_path / "a.ply", MESHES)
    found = trimesh.load_mesh(tmp_path / "a.ply", process=False)
    labels = found.metadata["_ply_raw"]["vertex"]["data"]["label"]
    assert np.ravel(labels).tolist() == [7] * 4 + [70_000] * 4
    colours = found.visual.vertex_colors[:, :3].tolist()
    assert colours == [list(colour_of(7))] * 4 + [list(colour_of(70_000))] * 4
    assert colour_of(7) != colour_of(8)


def test_stl_has_normals_outward(tmp_path):
    write_meshes(tmp_path / "a.stl", {1: tetrahedron()}, "nanometre")
    content = (tmp_path / "a.stl").read_bytes()
    assert not content.startswith(b"solid")
    assert len(content) == 80 + 4 + 4 * 50
    normals = [np.frombuffer(content, "<f4", 3, 84 + 50 * k) for k in range(4)]
    expected = {(0, 0, -1), (0, -1, 0), (-1, 0, 0)}
    found = {tuple(n.astype(int).tolist()) for n in normals if 1 in abs(n)}
    assert found == expected
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, rtol=1e-6)


def test_triangles_without_area_have_no_normal(tmp_path):
    flat = Made(np.zeros((3, 3), np.float32), np.array([[0, 1, 2]]))
    write_meshes(tmp_path / "a.stl", {1: flat})
    assert np.frombuffer((tmp_path / "a.stl").read_bytes(), "<f4", 3, 84).tolist() == [
        0,
        0,
        0,
    ]


def test_large_coordinates_keep_their_digits():
    mesh = tetrahedron(123_456)
    found = as_surface(mesh, "micrometre").vertices[:, ::-1] * 1e3
    np.testing.assert_allclose(found, mesh.vertices, atol=0.02)


@pytest.mark.parametrize("name", mesh_formats)
def test_without_objects_nothing_is_written(tmp_path, name):
    path = tmp_path / f"a{mesh_formats[name].extensions[0]}"
    with pytest.raises(InvalidParameterError, match="labels are empty"):
        write_meshes(path, {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", mesh_formats)
def test_a_failure_leaves_the_old_file(tmp_path, name, monkeypatch):
    path = tmp_path / f"a{mesh_formats[name].extensions[0]}"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(
        mesh_formats._entries,
        name,
        type(mesh_formats[name])(
            "", mesh_formats[name].extensions, "", fail, keeps_objects=True
        ),
    )
    with pytest.raises(WriteError, match="No space left"):
        write_meshes(path, MESHES)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_unknown_ending_lists_the_known(tmp_path):
    with pytest.raises(InvalidParameterError, match=r"\.obj, \.ply, \.stl"):
        write_meshes(tmp_path / "a.glb", MESHES)
