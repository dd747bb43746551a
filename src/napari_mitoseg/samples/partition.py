"""Which neurite each voxel belongs to, and how far its membrane is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from napari_mitoseg.samples.grid import Floats, Grid, Points, smooth_field
from napari_mitoseg.samples.neurites import Neurites

BLOCK = 64.0  # nm: voxels in a block share their list of nearby spheres
N_NEARBY = 10
DEEP = 2000.0  # nm: stands for "no membrane nearby"
FOLDS = (
    (700.0, 170.0),
    (260.0, 42.0),
    (120.0, 12.0),
)  # length and amplitude of the warp, nm


@dataclass(frozen=True, eq=False)
class Partition:
    """The tissue, voxel by voxel.

    Attributes
    ----------
    cells : ndarray of int32, shape (Z, Y, X)
        Number of the neurite, from 1.
    depth : ndarray of float32, shape (Z, Y, X)
        Distance to the nearest contact with another neurite in nm.
    tilt : ndarray of float32, shape (Z, Y, X)
        How obliquely that contact is cut: 0 upright, 1 in the plane of the section.
    warp : ndarray of float32, shape (3, Z, Y, X)
        Displacement that folds the tissue, nm, ZYX.
    """

    cells: NDArray[np.int32]
    depth: Floats
    tilt: Floats
    warp: Floats

    def unfold(self, grid: Grid, points: Points) -> Points:
        """Move points (nm) of the unfolded tissue to where the stack shows them."""
        found = points
        for _ in range(3):
            found = points - np.column_stack(
                [w[grid.voxel_at(found)] for w in self.warp]
            )
        return found


def partition(grid: Grid, neurites: Neurites, rng: np.random.Generator) -> Partition:
    """Divide the tissue among the neurites.

    Parameters
    ----------
    grid : Grid
        The stack.
    neurites : Neurites
        Spheres that seed the partition.
    rng : numpy.random.Generator
        Source of the folds.

    Returns
    -------
    Partition
        Power diagram of the spheres in folded space; membranes are at its faces.

    Notes
    -----
    Each face of a power diagram is a plane, so the distance to it follows from the
    two spheres alone and needs no distance transform.
    """
    warp = np.stack([_fold(grid, rng) for _ in range(3)])
    result = Partition(
        np.zeros(grid.shape, np.int32),
        np.full(grid.shape, DEEP, np.float32),
        np.zeros(grid.shape, np.float32),
        warp,
    )
    search = _Search(neurites)
    for z in range(grid.shape[0]):
        _divide_slice(grid, search, result, z)
    return result


def _fold(grid: Grid, rng: np.random.Generator) -> Floats:
    parts = [amp * smooth_field(grid, length, rng) for length, amp in FOLDS]
    return np.asarray(sum(parts), dtype=np.float32)


class _Search:
    """Nearest spheres by power distance: Euclidean with a fourth coordinate."""

    def __init__(self, neurites: Neurites) -> None:
        self.neurites = neurites
        squares = neurites.radii**2
        lift = np.sqrt(squares.max() - squares)
        self.tree = KDTree(np.column_stack([neurites.centres, lift]))
        self.count = min(N_NEARBY, len(squares))

    def nearby(self, points: Points) -> NDArray[np.intp]:
        """Return the spheres near each point, shape (N, count)."""
        lifted = np.column_stack([points, np.zeros(len(points))])
        _, found = self.tree.query(lifted, k=np.arange(1, self.count + 1))
        return np.asarray(found, dtype=np.intp)


def _divide_slice(grid: Grid, search: _Search, result: Partition, z: int) -> None:
    """Fill one slice, block by block of pixels."""
    box = (slice(z, z + 1), *grid.everything[1:])
    axes = np.broadcast_arrays(*(a[0] for a in grid.axes(box)))
    place = np.stack(axes) + result.warp[:, z]
    n_y, n_x = (max(1, round(BLOCK / s)) for s in grid.spacing[1:])
    blocks = _to_blocks(place, n_y, n_x)
    middle = blocks[:, :, n_y // 2, :, n_x // 2].reshape(3, -1).T
    found = search.nearby(middle.astype(np.float64))
    found = found.reshape(blocks.shape[1], 1, blocks.shape[3], 1, -1)
    cells, depth, tilt = _nearest_faces(blocks, found, search.neurites)
    result.cells[z] = _from_blocks(cells, grid.shape)
    result.depth[z] = _from_blocks(depth, grid.shape)
    result.tilt[z] = _from_blocks(tilt, grid.shape)


def _to_blocks(place: Floats, n_y: int, n_x: int) -> Floats:
    """(3, Y, X) to (3, blocks, n_y, blocks, n_x), the border repeated."""
    _, height, width = place.shape
    pad = ((0, 0), (0, -height % n_y), (0, -width % n_x))
    padded = np.pad(place, pad, mode="edge")
    rows, columns = padded.shape[1] // n_y, padded.shape[2] // n_x
    return padded.reshape(3, rows, n_y, columns, n_x)


def _from_blocks(blocks: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    rows, n_y, columns, n_x = blocks.shape
    return blocks.reshape(rows * n_y, columns * n_x)[: shape[1], : shape[2]]


def _nearest_faces(
    place: Floats, found: NDArray[np.intp], neurites: Neurites
) -> tuple[NDArray[np.int32], Floats, Floats]:
    """Return cell, distance to its nearest face and the face's tilt."""
    count = found.shape[-1]
    powers = _powers(place, found, neurites)
    best = powers.argmin(axis=0)
    own_power = powers.min(axis=0)
    closeness, tilts = _faces(found, neurites)
    # Tables are per block: this is where each voxel's row for its own sphere starts.
    row = np.arange(found[..., 0].size).reshape(found.shape[:-1]) * count + best
    depth = np.full(best.shape, DEEP, np.float32)
    nearest = np.zeros(best.shape, np.intp)
    for k in range(count):
        close = closeness[:, k][row]
        distance = np.where(close > 0, (powers[k] - own_power) * close, DEEP)
        nearest[distance < depth] = k
        np.minimum(depth, distance, out=depth)
    own = found.reshape(-1)[row]
    return neurites.cells[own], depth, tilts.reshape(-1)[row * count + nearest]


def _powers(place: Floats, found: NDArray[np.intp], neurites: Neurites) -> Floats:
    """Power distance of every voxel to each nearby sphere, spheres first."""
    powers = np.empty((found.shape[-1], *place.shape[1:]), np.float32)
    seeds = neurites.centres.astype(np.float32)
    squares = (neurites.radii**2).astype(np.float32)
    for k in range(len(powers)):
        sphere = found[..., k]
        powers[k] = -squares[sphere]
        for axis in range(3):
            powers[k] += (place[axis] - seeds[sphere, axis]) ** 2
    return powers


def _faces(found: NDArray[np.intp], neurites: Neurites) -> tuple[Floats, Floats]:
    """Describe the face between each two of a block's spheres.

    Returns the factor from a difference of powers to a distance, 0 where both
    spheres are of one neurite, and the tilt; both of shape (blocks * count, count).
    """
    count = found.shape[-1]
    spheres = found.reshape(-1, count)
    centres = neurites.centres.astype(np.float32)[spheres]
    apart = centres[:, :, None] - centres[:, None]
    length = np.linalg.norm(apart, axis=-1) + np.float32(1e-3)
    cells = neurites.cells[spheres]
    is_face = cells[:, :, None] != cells[:, None]
    closeness = np.where(is_face, 1 / (2 * length), 0).astype(np.float32)
    tilt = np.abs(apart[..., 0]) / length
    return closeness.reshape(-1, count), tilt.reshape(-1, count)
