"""Mitochondria: bent, sometimes branched tubes that run along neurites."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_mitoseg.samples.grid import Box, Floats, Points
from napari_mitoseg.samples.neurites import unit
from napari_mitoseg.samples.scene import Scene, inside_cell
from napari_mitoseg.samples.tubes import Tube, tube_depth

RADIUS = (100.0, 140.0, 250.0)  # nm: least, usual, most
RADIUS_IN_NEURITE = 0.72  # at most this part of the neurite's radius
LENGTH_MEDIAN = 1300.0  # nm, of the axis
LENGTH_SPREAD = 0.55  # standard deviation of the logarithm
LENGTH_BOUNDS = (200.0, 2800.0)  # nm, of the axis; both caps come on top
BRANCH_LENGTH = (250.0, 800.0)  # nm
PATH_STEP = 60.0  # nm between points of an axis
WOBBLE = 25.0  # nm by which an axis strays from the neurite's
THICKENING = 0.1  # relative change of the radius along the axis
MEMBRANE_GAP = 22.0  # nm between a mitochondrion and the cell membrane
ROUNDING = 22.0  # nm: radius of the sharpest edges
ROUNDED = (-50.0, 80.0)  # nm: depths that take part in the rounding
ROUGHNESS = 9.0  # nm by which the surface strays from a tube's
MIN_RADIUS = 90.0  # nm; thinner neurites have none
MIN_VOLUME = 0.006  # µm³ shown in the stack
MIN_AREA = 0.012  # µm² a slice, for a stack of few slices
MAX_TRIES = 3000
MANY_FAILURES = 200
WHOLE = 0.6  # a tube that loses more to membranes and neighbours is dropped
NEIGHBOUR_GAP = 28.0  # nm between two organelles, in the plane of the section
TOUCHING = np.ones((3, 3, 3), bool)


@dataclass(frozen=True, eq=False)
class Mitochondrion:
    """One mitochondrion as far as the stack shows it.

    Attributes
    ----------
    box : tuple of slice
        The voxels around it.
    depth : ndarray of float32, shape of the box
        Depth below its surface in nm.
    mask : ndarray of bool, shape of the box
        Its voxels.
    """

    box: Box
    depth: Floats
    mask: NDArray[np.bool_]


def place_mitochondria(scene: Scene, rng: np.random.Generator) -> list[Mitochondrion]:
    """Put mitochondria into the neurites.

    Parameters
    ----------
    scene : Scene
        The tissue; its ``taken`` voxels are extended.
    rng : numpy.random.Generator
        Source of the randomness.

    Returns
    -------
    list of Mitochondrion
        Each one piece (26-connected), none touching another.
    """
    wanted = scene.settings.mitochondria * np.prod(scene.grid.shape)
    placed: list[Mitochondrion] = []
    n_voxels = n_failures = 0
    for _ in range(MAX_TRIES):
        if n_voxels >= wanted or n_failures >= MANY_FAILURES:
            break
        found = _place_one(scene, rng)
        if found is None:
            n_failures += 1
        else:
            placed.append(found)
            n_voxels += int(found.mask.sum())
            n_failures = 0
    return placed


def _place_one(scene: Scene, rng: np.random.Generator) -> Mitochondrion | None:
    """Try one mitochondrion; None where there is no room."""
    sphere = _draw_sphere(scene, rng)
    if sphere is None:
        return None
    cell = int(scene.neurites.cells[sphere])
    evaluated = tube_depth(scene.grid, _draw_tube(scene, sphere, rng))
    if evaluated is None:
        return None
    box, tube = evaluated
    depth = _settled(scene, box, tube, cell)
    mask = _largest_piece((depth > 0) & ~scene.taken[box])
    if mask.sum() < max(_least_voxels(scene, mask), WHOLE * (tube > 0).sum()):
        return None
    scene.taken[box] |= _surroundings(scene, mask)
    near = ndimage.binary_dilation(mask, TOUCHING)
    return Mitochondrion(box, np.where(near, depth, np.float32(-RIM_OFF)), mask)


def _settled(scene: Scene, box: Box, tube: Floats, cell: int) -> Floats:
    """Roughen a tube, fit it into its neurite and round the corners of that."""
    rough = tube + np.float32(ROUGHNESS) * scene.coarse[box]
    depth = inside_cell(scene, box, rough, cell, MEMBRANE_GAP)
    sigma = [ROUNDING / s for s in scene.grid.spacing]
    shallow: Floats = np.clip(depth, *ROUNDED).astype(np.float32)
    return np.asarray(ndimage.gaussian_filter(shallow, sigma, truncate=2))


def _surroundings(scene: Scene, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Add the cytoplasm that keeps other organelles off a mask."""
    near = ndimage.binary_dilation(mask, TOUCHING)
    n = max(0, round(NEIGHBOUR_GAP / scene.grid.pixel) - 1)
    if n:
        near = ndimage.binary_dilation(near, TOUCHING[1:2], iterations=n)
    return np.asarray(near, dtype=bool)


RIM_OFF = 500.0  # nm: depth of what belongs to another organelle


def _draw_sphere(scene: Scene, rng: np.random.Generator) -> int | None:
    """Draw a sphere of a neurite inside the stack, thick ones more often."""
    centres = scene.tissue.unfold(scene.grid, scene.neurites.centres)
    radii = scene.neurites.radii
    is_inside = np.all((centres > -300) & (centres < scene.grid.extent + 300), axis=1)
    weights = np.where(is_inside & (radii > MIN_RADIUS), radii**1.5, 0)
    if not weights.any():
        return None
    return int(rng.choice(len(radii), p=weights / weights.sum()))


def _draw_tube(scene: Scene, sphere: int, rng: np.random.Generator) -> Tube:
    """Draw a tube along the neurite around a sphere, perhaps with a branch."""
    thick = float(scene.neurites.radii[sphere])
    radius = float(min(rng.triangular(*RADIUS), RADIUS_IN_NEURITE * thick))
    length = LENGTH_MEDIAN * np.exp(LENGTH_SPREAD * rng.standard_normal())
    aside = max(thick - radius - MEMBRANE_GAP, 0) * 0.8
    axis = _axis_in_neurite(scene, sphere, float(np.clip(length, *LENGTH_BOUNDS)))
    axis = axis + aside * rng.uniform() ** 0.5 * unit(rng.standard_normal(3))
    path = scene.tissue.unfold(scene.grid, axis)
    tube = _vary(path, radius, rng)
    if rng.uniform() < scene.settings.branching:
        root = path[rng.integers(len(path))]
        end = root + unit(rng.standard_normal(3)) * rng.uniform(*BRANCH_LENGTH)
        steps = np.linspace(0, 1, 6)[:, None]
        tube = tube.join(_vary(root + steps * (end - root), 0.9 * radius, rng))
    return tube


def _vary(path: Points, radius: float, rng: np.random.Generator) -> Tube:
    """Wobble the axis and the radius."""
    noise = ndimage.gaussian_filter1d(
        rng.standard_normal((len(path), 4)), 2.0, axis=0, mode="nearest"
    )
    noise *= 2.5
    radii = radius * np.clip(1 + THICKENING * noise[:, 3], 0.6, 1.4)
    return Tube.along(path + WOBBLE * noise[:, :3], radii)


def _axis_in_neurite(scene: Scene, sphere: int, length: float) -> Points:
    """Follow the neurite both ways from a sphere, in unfolded tissue."""
    cells = scene.neurites.cells
    chain = np.flatnonzero(cells == cells[sphere])
    points = scene.neurites.centres[chain]
    gaps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    travelled = np.concatenate([[0.0], gaps.cumsum()])
    middle = travelled[sphere - chain[0]]
    stops = np.arange(middle - length / 2, middle + length / 2 + 1, PATH_STEP)
    stops = np.unique(np.clip(stops, 0, travelled[-1]))
    return np.column_stack([np.interp(stops, travelled, p) for p in points.T])


def _largest_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    pieces: NDArray[Any]
    pieces, count = ndimage.label(mask, TOUCHING)
    if count <= 1:
        return mask
    sizes = np.bincount(pieces.ravel())[1:]
    return np.asarray(pieces == sizes.argmax() + 1)


def _least_voxels(scene: Scene, mask: NDArray[np.bool_]) -> float:
    """Fewest voxels worth a label, for thick stacks and single slices alike."""
    z, y, x = scene.grid.spacing
    by_volume = MIN_VOLUME * 1e9 / (z * y * x)
    by_area = MIN_AREA * 1e6 / (y * x) * max(1, int(mask.any(axis=(1, 2)).sum()))
    return min(by_volume, by_area)


def label_mitochondria(scene: Scene, placed: list[Mitochondrion]) -> NDArray[np.uint32]:
    """Return the instance truth.

    Parameters
    ----------
    scene : Scene
        The tissue.
    placed : list of Mitochondrion
        The mitochondria.

    Returns
    -------
    ndarray of uint32, shape (Z, Y, X)
        0 background, 1 ... n the mitochondria.
    """
    labels = np.zeros(scene.grid.shape, np.uint32)
    for number, one in enumerate(placed, start=1):
        labels[one.box][one.mask] = number
    return labels
