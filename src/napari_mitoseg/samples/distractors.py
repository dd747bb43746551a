"""What lies beside mitochondria and is none: lysosomes, ER, vesicles, synapses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_mitoseg.samples.grid import Box, Floats, Points
from napari_mitoseg.samples.neurites import unit
from napari_mitoseg.samples.scene import Scene, inside_cell
from napari_mitoseg.samples.tubes import Tube, coverage, tube_depth

LYSOSOMES = 0.25  # per µm³
LYSOSOME_RADIUS = (70.0, 190.0)  # nm
TUBULES = 20.0  # per µm³
TUBULE_RADIUS = (12.0, 30.0)  # nm
TUBULE_LENGTH = (160.0, 900.0)  # nm
CLOUDS = 2.2  # per µm³
CLOUD_RADIUS = (120.0, 330.0)  # nm
CLOUD_VESICLES = (20, 220)
VESICLE_RADIUS = (16.0, 24.0)  # nm
VESICLE_WALL = 6.0  # nm
SYNAPSE_RADIUS = (100.0, 220.0)  # nm
SYNAPSE_DEPTH = 28.0  # nm of dense material behind the membrane
GAP = 18.0  # nm to the cell membrane


@dataclass(frozen=True, eq=False)
class Lysosome:
    """A dark blob: its box and the depth below its surface in nm."""

    box: Box
    depth: Floats


def place_lysosomes(scene: Scene, rng: np.random.Generator) -> list[Lysosome]:
    """Put dark blobs where they fit; their voxels become taken.

    Parameters
    ----------
    scene : Scene
        The tissue.
    rng : numpy.random.Generator
        Source of the randomness.

    Returns
    -------
    list of Lysosome
        Those that the stack shows.
    """
    found = []
    for _ in range(_number(scene, LYSOSOMES, rng)):
        at = _somewhere(scene, 60.0, rng)
        if at is None:
            continue
        blob = _blob(at, rng.uniform(*LYSOSOME_RADIUS), rng)
        placed = _clipped(scene, blob, at)
        if placed is not None:
            near = ndimage.binary_dilation(placed[1] > 0, iterations=2)
            scene.taken[placed[0]] |= near
            found.append(Lysosome(*placed))
    return found


def paint_distractors(
    scene: Scene,
    image: Floats,
    lysosomes: list[Lysosome],
    rng: np.random.Generator,
) -> None:
    """Paint everything that is no mitochondrion into the cytoplasm, in place."""
    for _ in range(_number(scene, TUBULES, rng)):
        _paint_tubule(scene, image, rng)
    for _ in range(_number(scene, CLOUDS, rng)):
        at = _somewhere(scene, 30.0, rng, below=160.0)
        if at is not None:
            _paint_cloud(scene, image, at, rng)
            _paint_synapse(scene, image, at, rng)
    for one in lysosomes:
        _paint_lysosome(scene, image, one, rng)


def _number(scene: Scene, density: float, rng: np.random.Generator) -> int:
    """Draw how many there are in the stack."""
    volume = float(np.prod(scene.grid.extent)) / 1e9
    return int(rng.poisson(density * volume * scene.settings.distractors))


def _somewhere(
    scene: Scene, room: float, rng: np.random.Generator, below: float = np.inf
) -> Points | None:
    """Draw a point (nm) in free cytoplasm that far from the membrane."""
    for _ in range(TRIES):
        voxel = tuple(int(rng.integers(n)) for n in scene.grid.shape)
        if room < scene.room[voxel] < below and not scene.taken[voxel]:
            return np.multiply(voxel, scene.grid.spacing).astype(np.float64)
    return None


TRIES = 20


def _clipped(scene: Scene, tube: Tube, at: Points) -> tuple[Box, Floats] | None:
    """Evaluate a tube inside the neurite at a point, outside other organelles."""
    evaluated = tube_depth(scene.grid, tube)
    if evaluated is None:
        return None
    box, depth = evaluated
    voxel = tuple(int(i) for i in np.concatenate(scene.grid.voxel_at(at[None])))
    cell = int(scene.tissue.cells[voxel])
    depth = inside_cell(scene, box, depth, cell, GAP)
    depth[scene.taken[box]] = -500
    return box, depth


def _blob(at: Points, radius: float, rng: np.random.Generator) -> Tube:
    path = at + 0.5 * radius * rng.standard_normal((3, 3)).cumsum(axis=0)
    return Tube.along(path, radius * rng.uniform(0.6, 1, 3))


def _paint_lysosome(
    scene: Scene, image: Floats, one: Lysosome, rng: np.random.Generator
) -> None:
    level = scene.look.membrane + rng.uniform(-15, 40)
    inside = level + rng.uniform(5, 30) * scene.fine[one.box]
    alpha = coverage(scene.grid, one.depth)
    image[one.box] += alpha * (np.maximum(inside, 0) - image[one.box])


def _paint_tubule(scene: Scene, image: Floats, rng: np.random.Generator) -> None:
    """Paint a thin dark wall around a light lumen."""
    at = _somewhere(scene, 60.0, rng)
    if at is None:
        return
    n = int(rng.uniform(*TUBULE_LENGTH) / 80)
    turns = unit(rng.standard_normal(3)) + 0.4 * rng.standard_normal((n, 3)).cumsum(0)
    path = at + (80 * unit(turns)).cumsum(axis=0)
    radii = rng.uniform(*TUBULE_RADIUS) * rng.uniform(0.7, 1.4, n)
    placed = _clipped(scene, Tube.along(path, radii), at)
    if placed is None:
        return
    box, depth = placed
    wall = np.exp(-(((depth - 4) / 7) ** 2)) * (depth > -30)
    image[box] += 0.7 * wall * (scene.look.membrane - image[box])


def _paint_cloud(
    scene: Scene, image: Floats, at: Points, rng: np.random.Generator
) -> None:
    """Round vesicles around a point of a neurite."""
    n = int(rng.integers(*CLOUD_VESICLES))
    points = at + rng.uniform(*CLOUD_RADIUS) * 0.6 * rng.standard_normal((n, 3))
    inside = np.all((points > 0) & (points < scene.grid.extent), axis=1)
    index = scene.grid.voxel_at(points)
    home = scene.tissue.cells[scene.grid.voxel_at(at[None])]
    fits = inside & (scene.tissue.cells[index] == home) & (scene.room[index] > GAP)
    fits &= ~scene.taken[index]
    for point in points[fits]:
        _paint_vesicle(scene, image, point, rng.uniform(*VESICLE_RADIUS))


def _paint_vesicle(scene: Scene, image: Floats, at: Points, radius: float) -> None:
    reach = radius + 2 * VESICLE_WALL
    box = scene.grid.box(at - reach, at + reach)
    if box is None:
        return
    z, y, x = scene.grid.axes(box)
    # A vesicle is as thin as a section: all of its height falls into one or two.
    height = np.maximum(np.abs(z - at[0]) - scene.grid.spacing[0] / 2, 0)
    distance = np.sqrt(height**2 + (y - at[1]) ** 2 + (x - at[2]) ** 2)
    wall = np.exp(-(((distance - radius) / VESICLE_WALL) ** 2))
    part = image[box]
    part += 0.8 * wall.astype(np.float32) * (scene.look.membrane - part)


def _paint_synapse(
    scene: Scene, image: Floats, at: Points, rng: np.random.Generator
) -> None:
    """Dense material on the other side of the membrane nearest to a point."""
    radius = rng.uniform(*SYNAPSE_RADIUS)
    box = scene.grid.box(at - 2 * radius, at + 2 * radius)
    if box is None:
        return
    home = int(scene.tissue.cells[scene.grid.voxel_at(at[None])][0])
    contact = _contact(scene, box, home)
    if contact is None:
        return
    centre, other = contact
    z, y, x = scene.grid.axes(box)
    square = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
    disc = np.clip((radius**2 - square) / radius**2 * 3, 0, 1)
    dense = np.clip((SYNAPSE_DEPTH - scene.tissue.depth[box]) / 10, 0, 1)
    dense = dense * disc * (scene.tissue.cells[box] == other)
    image[box] += (0.75 * dense * (scene.look.membrane - 5 - image[box])).astype(
        np.float32
    )


def _contact(scene: Scene, box: Box, home: int) -> tuple[Points, int] | None:
    """Return the point of another neurite nearest the middle of the box, and it."""
    cells: NDArray[np.int32] = scene.tissue.cells[box]
    is_near = (scene.tissue.depth[box] < SYNAPSE_DEPTH) & (cells != home)
    found = np.argwhere(is_near)
    if not len(found):
        return None
    middle = np.array(cells.shape) / 2
    step = np.array(scene.grid.spacing)
    nearest = found[np.linalg.norm((found - middle) * step, axis=1).argmin()]
    low = np.array([s.start for s in box])
    return (low + nearest) * step, int(cells[tuple(nearest)])
