"""The centreline of an object as a graph."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.volume import Shape, Spacing


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A centreline.

    Attributes
    ----------
    nodes : ndarray of float64, shape (n, 3)
        Positions in nm, ZYX; the centre of voxel 0 of the volume lies at 0.
    edges : ndarray of int64, shape (m, 2)
        Pairs of nodes that are joined by a straight line.
    radius_nm : ndarray of float64, shape (n,)
        Distance from each node to the surface.
    """

    nodes: NDArray[np.float64]
    edges: NDArray[np.int64]
    radius_nm: NDArray[np.float64]

    @property
    def length_um(self) -> float:
        """Length of all lines."""
        a, b = self.nodes[self.edges[:, 0]], self.nodes[self.edges[:, 1]]
        return float(np.linalg.norm(b - a, axis=1).sum() / 1e3)


def skeletonize_object(
    mask_crop: NDArray[np.bool_],
    spacing: Spacing,
    origin_voxels: Shape = (0, 0, 0),
) -> Skeleton:
    """Find the centreline of one object.

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
    Skeleton
        Its centreline.
    """
    points = np.argwhere(mask_crop) * np.array(spacing)
    centre = points.mean(axis=0)
    axis = np.linalg.svd(points - centre, full_matrices=False)[2][0]
    reach = (points - centre) @ axis
    nodes = centre + np.outer([reach.min(), reach.max()], axis)
    nodes += np.array(origin_voxels) * spacing
    return Skeleton(nodes, np.array([[0, 1]]), np.zeros(2))
