"""Surfaces of objects as OBJ, STL and PLY."""

import colorsys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.io.atomic import staged
from napari_mitoseg.io.endings import format_of
from napari_mitoseg.registry import Registry

MeshUnit = Literal["micrometre", "nanometre"]

NANOMETRES: dict[MeshUnit, float] = {"micrometre": 1e3, "nanometre": 1.0}
GOLDEN = 0.618034
"""Share of the colour circle between one label and the next."""


class TriangleMesh(Protocol):
    """A closed surface of triangles."""

    @property
    def vertices(self) -> NDArray[np.float32]:
        """Positions in nm, ZYX, shape (n, 3)."""

    @property
    def faces(self) -> NDArray[np.int32]:
        """Vertices of each triangle, shape (m, 3)."""


class Surface(NamedTuple):
    """A surface as it goes into a file.

    Attributes
    ----------
    vertices : ndarray of float32, shape (n, 3)
        Positions, XYZ, in the unit of the file.
    faces : ndarray of int32, shape (m, 3)
        Vertices of each triangle, counter-clockwise seen from outside.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]


Surfaces = Mapping[int, Surface]
Writer = Callable[[BinaryIO, Surfaces, MeshUnit], None]


@dataclass(frozen=True)
class MeshFormat:
    """A way to keep surfaces in a file.

    Attributes
    ----------
    title : str
        Name on screen.
    extensions : tuple of str
        Endings of file names, the usual one first.
    opened_by : str
        Programs that open it, for the tip.
    writer : callable
        Takes an open file, surfaces by label, and the unit.
    keeps_objects : bool
        Whether objects in one file can still be told apart.
    """

    title: str
    extensions: tuple[str, ...]
    opened_by: str
    writer: Writer
    keeps_objects: bool


mesh_formats: Registry[MeshFormat] = Registry("mesh format")


def write_meshes(
    path: str | Path, meshes: Mapping[int, TriangleMesh], unit: MeshUnit = "micrometre"
) -> None:
    """Write the surfaces of objects into one file.

    Parameters
    ----------
    path : str or Path
        ``.obj``, ``.stl`` or ``.ply``; replaced if it exists, once the new one is
        complete.
    meshes : mapping of int to TriangleMesh
        Surfaces by label.
    unit : {"micrometre", "nanometre"}
        What a length of 1 in the file means; none of the formats keeps a unit but in
        a remark.

    Raises
    ------
    InvalidParameterError
        If the ending is another, or there is no surface.
    WriteError
        If the file cannot be written; what was there before stays.

    Notes
    -----
    Coordinates are x, y, z with the centre of the first voxel at 0.  Triangles are
    counter-clockwise seen from outside, whatever they were: their order is turned
    round where a surface encloses a negative volume.
    """
    path = Path(path)
    kind = mesh_formats[mesh_format_of(path)]
    if not meshes:
        msg = f"There is no object to write into {path.name}: the labels are empty."
        raise InvalidParameterError(msg)
    surfaces = {label: as_surface(mesh, unit) for label, mesh in meshes.items()}
    with (
        staged(path.parent, [path.name]) as files,
        files[path.name].open("wb") as file,
    ):
        kind.writer(file, surfaces, unit)


def mesh_format_of(path: str | Path) -> str:
    """Return the name of the format that the ending of a path says.

    Parameters
    ----------
    path : str or Path
        Where surfaces are to be written.

    Returns
    -------
    str
        Name in `mesh_formats`.

    Raises
    ------
    InvalidParameterError
        If no format has the ending; the message lists them.
    """
    return format_of(mesh_formats, path, "surfaces")


def as_surface(mesh: TriangleMesh, unit: MeshUnit) -> Surface:
    """Turn a surface into what files hold.

    Parameters
    ----------
    mesh : TriangleMesh
        Vertices in nm, ZYX.
    unit : {"micrometre", "nanometre"}
        Unit of the result.

    Returns
    -------
    Surface
        Vertices XYZ, triangles counter-clockwise seen from outside.
    """
    vertices = np.asarray(mesh.vertices, float)[:, ::-1] / NANOMETRES[unit]
    faces = np.asarray(mesh.faces, np.int32)
    a, b, c = (vertices[faces[:, k]] - vertices.mean(axis=0) for k in range(3))
    is_outward = np.einsum("ij,ij->", a, np.cross(b, c)) >= 0
    return Surface(vertices.astype(np.float32), faces if is_outward else faces[:, ::-1])


def colour_of(label: int) -> tuple[int, int, int]:
    """Return the colour of a label: neighbouring numbers differ much.

    Parameters
    ----------
    label : int
        Number of the object.

    Returns
    -------
    tuple of int
        Red, green and blue, 0 to 255.
    """
    share = colorsys.hsv_to_rgb(label * GOLDEN % 1, 0.65, 0.95)
    red, green, blue = (round(255 * part) for part in share)
    return red, green, blue


def _file_under(
    name: str, title: str, extension: str, opened_by: str, *, keeps_objects: bool
) -> Callable[[Writer], Writer]:
    """Return a decorator that makes a function the writer of a new format."""

    def register(writer: Writer) -> Writer:
        entry = MeshFormat(title, (extension,), opened_by, writer, keeps_objects)
        mesh_formats.register(name)(entry)
        return writer

    return register


@_file_under("obj", "OBJ", ".obj", "Blender, MeshLab, ParaView", keeps_objects=True)
def _write_obj(file: BinaryIO, surfaces: Surfaces, unit: MeshUnit) -> None:
    """Write one group an object; nine digits keep a 32-bit number."""
    file.write(f"# napari-mitoseg, x y z in {unit}s\n".encode())
    first = 1
    for label, (vertices, faces) in surfaces.items():
        lines = [f"o label_{label}"]
        lines += ["v {:.9g} {:.9g} {:.9g}".format(*row) for row in vertices.tolist()]
        lines += ["f {} {} {}".format(*row) for row in (faces + first).tolist()]
        file.write(("\n".join(lines) + "\n").encode())
        first += len(vertices)


@_file_under(
    "stl", "STL", ".stl", "3D printing, 3D Slicer, Blender", keeps_objects=False
)
def _write_stl(file: BinaryIO, surfaces: Surfaces, unit: MeshUnit) -> None:
    triangle = np.dtype(
        [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")]
    )
    file.write(f"napari-mitoseg, x y z in {unit}s".encode().ljust(80))
    n_faces = sum(len(surface.faces) for surface in surfaces.values())
    file.write(np.uint32(n_faces).astype("<u4").tobytes())
    for vertices, faces in surfaces.values():
        found = np.zeros(len(faces), triangle)
        found["corners"] = vertices[faces]
        found["normal"] = _normals(found["corners"])
        file.write(found.tobytes())


@_file_under(
    "ply", "PLY", ".ply", "MeshLab, Blender, ParaView, CloudCompare", keeps_objects=True
)
def _write_ply(file: BinaryIO, surfaces: Surfaces, unit: MeshUnit) -> None:
    """Write label and colour with each vertex."""
    point = np.dtype([("xyz", "<f4", 3), ("rgb", "u1", 3), ("label", "<u4")])
    triangle = np.dtype([("n", "u1"), ("corners", "<i4", 3)])
    file.write(_ply_header(surfaces, unit).encode())
    for label, (vertices, _) in surfaces.items():
        points = np.zeros(len(vertices), point)
        points["xyz"], points["label"] = vertices, label
        points["rgb"] = colour_of(label)
        file.write(points.tobytes())
    first = 0
    for vertices, faces in surfaces.values():
        triangles = np.zeros(len(faces), triangle)
        triangles["n"], triangles["corners"] = 3, faces + first
        file.write(triangles.tobytes())
        first += len(vertices)


def _ply_header(surfaces: Surfaces, unit: MeshUnit) -> str:
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment napari-mitoseg, x y z in {unit}s",
        f"element vertex {sum(len(one.vertices) for one in surfaces.values())}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {colour}" for colour in ("red", "green", "blue")),
        "property uint label",
        f"element face {sum(len(one.faces) for one in surfaces.values())}",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    return "\n".join(lines) + "\n"


def _normals(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return normals of length one; zero for a triangle without area."""
    a, b, c = (corners[:, k].astype(float) for k in range(3))
    normals = np.cross(b - a, c - a)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.divide(normals, length, where=length > 0, out=np.zeros_like(normals))
