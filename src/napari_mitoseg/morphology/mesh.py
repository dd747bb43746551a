"""The surface of an object as triangles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from napari_mitoseg.volume import Shape, Spacing


@dataclass(frozen=True, eq=False)
class Mesh:
    """A closed surface of triangles.

    Attributes
    ----------
    vertices : ndarray of float32, shape (n, 3)
        Positions in nm, ZYX; the centre of voxel 0 of the volume lies at 0.
    faces : ndarray of int32, shape (m, 3)
        Vertices of each triangle, counter-clockwise seen from outside when the axes
        are drawn as x, y, z.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]

    @property
    def area_um2(self) -> float:
        """Area of the surface."""
        return float(np.linalg.norm(self._normals(), axis=1).sum() / 2e6)

    @property
    def volume_um3(self) -> float:
        """Volume inside, by the divergence theorem."""
        a = self.vertices[self.faces[:, 0]].astype(float) - self.vertices.mean(axis=0)
        return float(abs(np.einsum("ij,ij->", a, self._normals())) / 6e9)

    def _normals(self) -> NDArray[np.float64]:
        """Return normals of the triangles, twice the area long."""
        a, b, c = (self.vertices[self.faces[:, k]].astype(float) for k in range(3))
        return np.cross(b - a, c - a)


def mesh_object(
    mask_crop: NDArray[np.bool_],
    spacing: Spacing,
    origin_voxels: Shape = (0, 0, 0),
) -> Mesh:
    """Draw the surface of one object.

    Parameters
    ----------
    mask_crop : ndarray of bool, shape (Z, Y, X)
        The object in its box.
    spacing : tuple of float
        Distance between voxel centres in nm, ZYX.
    origin_voxels : tuple of int
        First voxel of the box in the volume, ZYX.

    Returns
    -------
    Mesh
        A closed surface.
    """
    field = np.pad(mask_crop, 1).astype(np.float32)
    vertices, faces, _, _ = marching_cubes(field, 0.5, spacing=spacing)
    moved = vertices + (np.array(origin_voxels) - 1) * spacing
    return Mesh(moved.astype(np.float32), faces.astype(np.int32))
