"""The tissue that mitochondria and the other organelles are placed in."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.samples.grid import Box, Floats, Grid, Points, smooth_field
from napari_mitoseg.samples.neurites import Neurites, grow_neurites
from napari_mitoseg.samples.partition import Partition, partition
from napari_mitoseg.samples.settings import Look, SyntheticSettings, draw_look

SOMA_CHANCE = 0.25  # a stack of a few µm across shows a cell body
NUCLEUS_RADIUS = (1400.0, 2400.0)  # nm
SOMA_RIM = (300.0, 700.0)  # nm of cytoplasm around the nucleus
MYELIN_CHANCE = 0.012  # of the neurites that are thick enough
MYELIN_THICKNESS = (40.0, 130.0)  # nm
MYELIN_MIN_RADIUS = 220.0  # nm


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that the painters share.

    Attributes
    ----------
    room : ndarray of float32, shape (Z, Y, X)
        Distance to the membrane, or to the inside of the myelin sheath, in nm.
    nucleus : ndarray of float32, shape (Z, Y, X), or None
        Depth inside the nucleus in nm.
    coarse, fine : ndarray of float32, shape (Z, Y, X)
        Smooth noise with a length of about 250 and 70 nm.
    taken : ndarray of bool, shape (Z, Y, X)
        Voxels of organelles placed so far, and those beside them.
    """

    grid: Grid
    settings: SyntheticSettings
    look: Look
    neurites: Neurites
    tissue: Partition
    sheaths: Floats
    room: Floats
    nucleus: Floats | None
    coarse: Floats
    fine: Floats
    taken: NDArray[np.bool_] = field(repr=False)


def build_scene(
    grid: Grid, settings: SyntheticSettings, rng: np.random.Generator
) -> Scene:
    """Grow the tissue of one stack.

    Parameters
    ----------
    grid : Grid
        The stack.
    settings : SyntheticSettings
        Its contents.
    rng : numpy.random.Generator
        Source of the randomness.

    Returns
    -------
    Scene
        Tissue without organelles, but for nucleus and myelin.
    """
    look = draw_look(settings, rng)
    soma = _draw_soma(grid, settings.distractors, rng)
    body = None if soma is None else (soma[0], soma[1] + rng.uniform(*SOMA_RIM))
    neurites = grow_neurites(grid, settings.neurite_radius, body, rng)
    tissue = partition(grid, neurites, rng)
    sheaths = _draw_sheaths(neurites, settings.distractors, rng)
    coarse, fine = smooth_field(grid, 250.0, rng), smooth_field(grid, 70.0, rng)
    nucleus = None if soma is None else _nucleus_depth(grid, *soma, coarse)
    return Scene(
        grid=grid,
        settings=settings,
        look=look,
        neurites=neurites,
        tissue=tissue,
        sheaths=sheaths,
        room=tissue.depth - sheaths[tissue.cells],
        nucleus=nucleus,
        coarse=coarse,
        fine=fine,
        taken=np.zeros(grid.shape, bool) if nucleus is None else nucleus > -NUCLEUS_GAP,
    )


NUCLEUS_GAP = 60.0  # nm between the nucleus and other organelles


def _draw_soma(
    grid: Grid, density: float, rng: np.random.Generator
) -> tuple[Points, float] | None:
    """Draw centre and radius of a nucleus, or that there is none."""
    radius = rng.uniform(*NUCLEUS_RADIUS)
    centre = rng.uniform(-0.7 * radius, grid.extent + 0.7 * radius)
    return (centre, radius) if rng.uniform() < SOMA_CHANCE * density else None


def _nucleus_depth(grid: Grid, centre: Points, radius: float, noise: Floats) -> Floats:
    axes = grid.axes(grid.everything)
    square = sum((a - np.float32(c)) ** 2 for a, c in zip(axes, centre, strict=True))
    wobble = 45 * noise
    return np.asarray(radius - np.sqrt(square) + wobble, dtype=np.float32)


def _draw_sheaths(
    neurites: Neurites, density: float, rng: np.random.Generator
) -> Floats:
    """Thickness of the myelin of each neurite in nm; index 0 is unused."""
    n_cells = int(neurites.cells.max())
    radii = np.zeros(n_cells + 1)
    radii[neurites.cells] = neurites.radii
    is_axon = (radii > MYELIN_MIN_RADIUS) & (radii < NUCLEUS_RADIUS[0])
    is_wrapped = is_axon & (rng.uniform(size=n_cells + 1) < MYELIN_CHANCE * density)
    thickness = rng.uniform(*MYELIN_THICKNESS, size=n_cells + 1)
    return np.where(is_wrapped, thickness, 0).astype(np.float32)


def inside_cell(scene: Scene, box: Box, depth: Floats, cell: int, gap: float) -> Floats:
    """Flatten an organelle against the membrane of its neurite.

    Parameters
    ----------
    scene : Scene
        The tissue.
    box : tuple of slice
        Where ``depth`` lies.
    depth : ndarray of float32, shape of the box
        Depth inside the organelle in nm.
    cell : int
        The neurite it belongs to.
    gap : float
        Least distance to the membrane in nm.

    Returns
    -------
    ndarray of float32, shape of the box
        Depth inside the part that lies in the neurite.
    """
    room = np.where(scene.tissue.cells[box] == cell, scene.room[box], -DEEP_OUTSIDE)
    return np.minimum(depth, room - np.float32(gap))


DEEP_OUTSIDE = 1000.0  # nm
