"""The centreline of an object as a graph, from tip to tip."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cc3d
import fill_voids
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import KDTree
from skimage.morphology import skeletonize

from napari_mitoseg.morphology.centreline import Graph, Integers, Points, trace_voxels
from napari_mitoseg.morphology.field import (
    SmoothField,
    resampled,
    smooth_field,
    trimmed,
)
from napari_mitoseg.morphology.mesh import Mesh, cut_field
from napari_mitoseg.morphology.pruning import pruned
from napari_mitoseg.morphology.tips import Body, finish, half_widths
from napari_mitoseg.volume import Shape, Spacing

THIN_SHARE = 0.25
"""Share of a bin from which on it is inside, where smoothing would break an object."""

CUBES_A_RADIUS = 6.0
"""Cubes of the thinned object to its radius, if it is a tube."""

COARSEST = 2.0
"""Side of a cube at most, in steps of the field: thin parts of thick objects stay."""

OTHER_SIZES = (0.93, 0.85, 0.77)
"""Sizes of the cubes that are tried next: scikit-image 0.26 thins some symmetric
objects, or arms, to nothing, 3 % of real mitochondria, but not at every size."""

FAR = 3.0
"""Radii from a line to the surface from which on something is missing."""

EVERY = 5
"""Of the vertices of the surface, each fifth shows whether a part is missing."""

SMALLEST_LOOP = 4
"""Length in voxels from which on a loop is no artefact of thinning."""

Mask = NDArray[np.bool_]
Parts = NDArray[np.uint32]


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
    length is that from tip to tip. A part that is about as thick as it is long gets the
    major axis of the ellipsoid with the same second moments.

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
    body, lines, _ = _thinned(mask, field, mesh, level)
    graph = trace_voxels(_with_centres(lines, body))
    graph.place(body.step, body.field.origin)
    pruned(graph, body.radii, SMALLEST_LOOP * body.step)
    return _assembled([finish(piece, body) for piece in graph.pieces()], body)


class _Thinned(NamedTuple):
    """An object in cubes, the lines it was thinned to, and how far they leave it."""

    body: Body
    lines: Mask
    farthest: float


def _thinned(mask: Mask, field: SmoothField, mesh: Mesh, level: float) -> _Thinned:
    """Thin an object to lines that lead through all of it."""
    surface = KDTree(mesh.vertices)
    step = _step(field, mesh)

    def attempt(factor: float) -> _Thinned:
        body = _body(mask, field, level, factor * step, surface)
        lines = skeletonize(body.parts > 0)  # type: ignore[no-untyped-call]
        return _Thinned(body, lines, _farthest(lines, body))

    found = attempt(1.0)
    for factor in OTHER_SIZES:
        if found.farthest < FAR:
            break
        found = min(found, attempt(factor), key=lambda thinned: thinned.farthest)
    return found


def _farthest(thin: Mask, body: Body) -> float:
    """Say how far the surface is from lines, in radii of the object there."""
    if not thin.any():
        return float("inf")
    lines = np.argwhere(thin) * body.step + body.field.origin
    far, nearest = KDTree(lines).query(body.surface.data[::EVERY])
    radii = body.radii(lines) + body.step
    # Where a line ends near the surface, its radius there says little.
    return float((far / np.maximum(radii[nearest], np.median(radii))).max())


def _body(
    mask: Mask, field: SmoothField, level: float, step: float, surface: KDTree
) -> Body:
    """Interpolate an object to cubes, in as many parts as it has, cavities filled."""
    fine = trimmed(resampled(field, step), level)
    parts, n = _parts(fine.values > level)
    if n != _parts(mask)[1]:
        # Too thin in places for that much smoothing.
        spacing = tuple(field.spacing / np.array(field.bins))
        finest = min(step, *field.spacing)
        level = THIN_SHARE
        raw = smooth_field(mask, spacing, strength=0.0)
        fine = trimmed(resampled(raw, finest), level)
        parts, _ = _parts(fine.values > level)
    return Body(fine, level, fill_voids.fill(parts), surface)


def _step(field: SmoothField, mesh: Mesh) -> float:
    """Choose the side of the cubes: five to a radius, if that is not too coarse."""
    radius = 2 * mesh.volume_um3 / mesh.area_um2 * 1e3
    finest = min(field.spacing)
    return float(np.clip(radius / CUBES_A_RADIUS, finest, COARSEST * finest))


def _parts(solid: Mask) -> tuple[Parts, int]:
    # As numbers, not as a binary image: see labelling.
    found, n = cc3d.connected_components(
        solid.astype(np.uint8), connectivity=26, out_dtype=np.uint32, return_N=True
    )
    return found.astype(np.uint32, copy=False), int(n)


def _with_centres(thin: Mask, body: Body) -> Mask:
    """Put a voxel into the middle of parts of which thinning has left nothing."""
    kept = np.zeros(int(body.parts.max(initial=0)) + 1, bool)
    kept[body.parts[thin]] = True
    for gone in np.flatnonzero(~kept[1:]) + 1:
        part = np.argwhere(body.parts == gone)
        far = np.square(part - part.mean(axis=0)).sum(axis=1)
        thin[tuple(part[far.argmin()])] = True
    return thin


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
