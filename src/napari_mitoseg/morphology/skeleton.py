"""The centreline of an object as a graph, from tip to tip."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cc3d
import fill_voids
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import KDTree
from skimage.morphology import skeletonize

from napari_mitoseg.morphology.centreline import Graph, Integers, Points, trace_voxels
from napari_mitoseg.morphology.field import SmoothField, resampled, smooth_field
from napari_mitoseg.morphology.mesh import Mesh, cut_field
from napari_mitoseg.morphology.pruning import pruned
from napari_mitoseg.morphology.tips import Body, finish, half_widths
from napari_mitoseg.volume import Shape, Spacing

THIN_SHARE = 0.25
"""Share of a bin from which on it is inside, where smoothing would break an object."""

SMALLEST_LOOP = 4
"""Length in voxels from which on a loop is no artefact of thinning."""

Mask = NDArray[np.bool_]


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
        Distance from each node to the surface; 0 at the tips.
    branch : ndarray of int64, shape (m,)
        Which branch each edge belongs to, from 0.
    ends, joints : ndarray of int64
        Nodes that are tips, and nodes where three or more branches meet.
    """

    nodes: Points
    edges: Integers
    radius_nm: Points
    branch: Integers
    ends: Integers
    joints: Integers

    @property
    def edge_lengths_nm(self) -> Points:
        """Length of each edge."""
        a, b = self.nodes[self.edges[:, 0]], self.nodes[self.edges[:, 1]]
        lengths: Points = np.sqrt(np.square(b - a).sum(axis=1))
        return lengths

    @property
    def length_um(self) -> float:
        """Length of all branches."""
        return float(self.edge_lengths_nm.sum() / 1e3)

    @property
    def n_branches(self) -> int:
        """Number of branches."""
        return int(self.branch.max(initial=-1)) + 1

    @property
    def n_loops(self) -> int:
        """Number of independent loops: edges - nodes + connected parts."""
        n_parts, _ = connected_components(self._graph(), directed=False)
        return len(self.edges) - len(self.nodes) + int(n_parts)

    def longest_path_nm(self) -> tuple[float, float]:
        """Find the two tips that lie farthest apart along the centreline.

        Returns
        -------
        length : float
            Length of the shortest way between them; 0 where there are no two tips.
        distance : float
            Straight distance between them.
        """
        if self.ends.size < 2:
            return 0.0, 0.0
        ways = dijkstra(self._graph(), directed=False, indices=self.ends)[:, self.ends]
        ways[np.isinf(ways)] = 0
        i, j = np.unravel_index(int(ways.argmax()), ways.shape)
        gap = self.nodes[self.ends[i]] - self.nodes[self.ends[j]]
        return float(ways[i, j]), float(np.linalg.norm(gap))

    def moved(self, offset: NDArray[np.float64]) -> "Skeleton":
        """Return the centreline moved by an offset in nm, ZYX."""
        return replace(self, nodes=self.nodes + offset)

    def _graph(self) -> coo_array:
        n = len(self.nodes)
        ends = self.edges[:, 0], self.edges[:, 1]
        return coo_array((self.edge_lengths_nm, ends), shape=(n, n)).tocsr()


def skeletonize_object(
    mask_crop: Mask, spacing: Spacing, origin_voxels: Shape = (0, 0, 0)
) -> Skeleton:
    """Find the centreline of one object.

    Parameters
    ----------
    mask_crop : ndarray of bool, shape (Z, Y, X)
        The object in its box; not empty.
    spacing : tuple of float
        Distance between voxel centres in nm, ZYX.
    origin_voxels : tuple of int
        First voxel of the box in the volume, ZYX.

    Returns
    -------
    Skeleton
        Its centreline.

    Notes
    -----
    The object is smoothed as for its surface, interpolated to voxels as long as they
    are wide, its cavities are filled, and it is thinned [1]_. Spurs are removed, steps
    are smoothed off, and what thinning has taken from the ends is put back: from the
    centre of the last inscribed ball the line goes straight on to the surface. So the
    length is that from tip to tip. A part that is as thick as it is long, a ball, gets
    the line through its centre along its longest axis.

    References
    ----------
    .. [1] T. C. Lee, R. L. Kashyap, C. N. Chu, Building skeleton models via 3-D medial
       surface/axis thinning algorithms, CVGIP 56 (1994), doi:10.1006/cgip.1994.1042.
    """
    field = smooth_field(mask_crop, spacing)
    mesh, level = cut_field(field)
    found = skeleton_of(mask_crop, field, mesh, level)
    return found.moved(np.multiply(origin_voxels, spacing))


def skeleton_of(mask: Mask, field: SmoothField, mesh: Mesh, level: float) -> Skeleton:
    """Find the centreline of an object whose surface is known.

    Parameters
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        The object in its box.
    field, mesh, level : SmoothField, Mesh, float
        The smoothed object and its surface, where the field is cut at the level.

    Returns
    -------
    Skeleton
        Its centreline; voxel 0 of the box lies at 0 nm.
    """
    fine, level, solid = _solid(mask, field, level)
    body = Body(fine, level, solid, KDTree(mesh.vertices))
    graph = trace_voxels(_thinned(solid))
    graph.place(body.step, fine.origin)
    pruned(graph, body.radii, SMALLEST_LOOP * body.step)
    return _assembled([finish(piece, body) for piece in graph.pieces()], body)


def _solid(
    mask: Mask, field: SmoothField, level: float
) -> tuple[SmoothField, float, Mask]:
    """Interpolate an object to cubes, in as many parts as it has, cavities filled."""
    step = min(field.spacing)
    fine = resampled(field, step)
    solid = fine.values > level
    if _n_parts(solid) != _n_parts(mask):
        # Too thin in places for that much smoothing.
        spacing = tuple(field.spacing / np.array(field.bins))
        fine = resampled(smooth_field(mask, spacing, strength=0.0), step)
        level = THIN_SHARE
        solid = fine.values > level
    return fine, level, fill_voids.fill(solid)


def _thinned(solid: Mask) -> Mask:
    """Thin every part to lines, of which at least one voxel stays."""
    thin: Mask = skeletonize(solid)
    parts, _ = ndimage.label(solid, np.ones((3, 3, 3)))
    # Thinning may take away the last voxels of a part that is as good as a ball.
    for gone in np.setdiff1d(parts, np.append(parts[thin], 0)):
        part = np.argwhere(parts == gone)
        far = np.square(part - part.mean(axis=0)).sum(axis=1)
        thin[tuple(part[far.argmin()])] = True
    return thin


def _n_parts(mask: Mask) -> int:
    parts = cc3d.connected_components(mask.astype(np.uint8), connectivity=26)
    return int(parts.max(initial=0))


def _assembled(graphs: Sequence[Graph], body: Body) -> Skeleton:
    """Put the branches of all parts into arrays."""
    places: list[Points] = []
    edges, branch, ends, joints = [], [], [], []
    n = n_branches = 0
    for graph in graphs:
        number = {name: n + k for k, name in enumerate(graph.nodes)}
        places.append(np.array(list(graph.nodes.values())))
        n += len(number)
        for name, degree in graph.degrees().items():
            if degree == 1:
                ends.append(number[name])
            elif degree > 2:
                joints.append(number[name])
        for line in graph.branches:
            inner = line.points[1:-1]
            middle = range(n, n + len(inner))
            chain = [number[line.start], *middle, number[line.stop]]
            places.append(inner)
            edges.append(np.column_stack([chain[:-1], chain[1:]]))
            branch.append(np.full(len(chain) - 1, n_branches))
            n += len(inner)
            n_branches += 1
    nodes = np.concatenate(places)
    radius = half_widths(nodes, body)
    radius[ends] = 0.0
    return Skeleton(
        nodes,
        np.concatenate(edges).astype(np.int64),
        radius,
        np.concatenate(branch),
        np.array(ends, np.int64),
        np.array(joints, np.int64),
    )
