"""Grey levels of cytoplasm, membranes, nucleus, myelin and mitochondria."""

import numpy as np
from scipy import ndimage

from napari_mitoseg.samples.grid import Box, Floats
from napari_mitoseg.samples.mitochondria import Mitochondrion
from napari_mitoseg.samples.neurites import unit
from napari_mitoseg.samples.scene import Scene
from napari_mitoseg.samples.tubes import coverage

GRAIN = 10.0  # nm: radius of the granules of cytoplasm
RIBOSOME = 1.5  # a granule this many standard deviations high is a ribosome
CRISTA_PERIOD = (42.0, 65.0)  # nm
CRISTA_DEPTH = 22.0  # nm below the surface where cristae start
OUTER_MEMBRANE = 9.0  # nm: the pair of membranes around a mitochondrion
LEAST_CONTRAST = 30.0  # grey levels between a mitochondrion and its cytoplasm
CHROMATIN = 30.0  # grey levels
THIN = 220.0  # nm: radius of the neurites that are dark most often
MYELIN_PERIOD = 17.0  # nm


def grains(scene: Scene, rng: np.random.Generator) -> Floats:
    """Draw granular texture.

    Parameters
    ----------
    scene : Scene
        The tissue.
    rng : numpy.random.Generator
        Source of the randomness.

    Returns
    -------
    ndarray of float32, shape (Z, Y, X)
        Mean 0, standard deviation 1; independent where sections are thicker than a
        granule.
    """
    noise: Floats = rng.standard_normal(scene.grid.shape, dtype=np.float32)
    sigma = [GRAIN / s if s < 3 * GRAIN else 0 for s in scene.grid.spacing]
    noise = ndimage.gaussian_filter(noise, sigma, truncate=2.5)
    noise /= noise.std()
    return noise


def paint_cytoplasm(scene: Scene, texture: Floats, rng: np.random.Generator) -> Floats:
    """Paint the inside of the neurites.

    Parameters
    ----------
    scene : Scene
        The tissue.
    texture : ndarray of float32, shape (Z, Y, X)
        Granular noise.
    rng : numpy.random.Generator
        Source of the randomness.

    Returns
    -------
    ndarray of float32, shape (Z, Y, X)
        Grey levels, each neurite with a level and graininess of its own.
    """
    look, cells = scene.look, scene.tissue.cells
    n_cells = int(cells.max()) + 1
    level = look.cytoplasm + look.cytoplasm_spread * _skewed(scene, rng)
    grain = look.granules * rng.uniform(0.5, 1.8, n_cells)
    dots = look.dots * rng.uniform(0.3, 1.3, n_cells) ** 1.5
    image: Floats = level.astype(np.float32)[cells]
    image += grain.astype(np.float32)[cells] * (texture + 0.6 * scene.fine)
    image -= dots.astype(np.float32)[cells] * np.clip(texture - RIBOSOME, 0, 2)
    return image


def _skewed(scene: Scene, rng: np.random.Generator) -> Floats:
    """Mostly bright, now and then dark: thin neurites and glia more often."""
    n_cells = int(scene.tissue.cells.max()) + 1
    radii = np.full(n_cells, THIN)
    is_shown = scene.neurites.cells < n_cells
    radii[scene.neurites.cells[is_shown]] = scene.neurites.radii[is_shown]
    values = 0.5 * rng.standard_normal(n_cells) + 0.7
    dark = rng.exponential(1.2, n_cells) * np.clip(THIN / radii, 0.2, 1.3)
    return (values - dark).clip(-2.5, 1.6).astype(np.float32)


def paint_membranes(scene: Scene, image: Floats) -> None:
    """Darken the faces between neurites, and the myelin beside some of them."""
    look, pixel = scene.look, scene.grid.pixel
    _paint_myelin(scene, image)
    upright = look.membrane_width**2 + pixel**2 / 12
    slant = (scene.tissue.tilt * scene.grid.spacing[0]) ** 2 / 12
    width = upright + slant
    dark = np.exp(-(scene.tissue.depth**2) / (2 * width))
    dark *= np.sqrt(look.membrane_width**2 / width)
    # Faces cut obliquely stay visible as a grey veil.
    dark = np.clip(1.25 * dark, 0, 1)
    image += dark * (look.membrane - image)


def _paint_myelin(scene: Scene, image: Floats) -> None:
    if not scene.sheaths.any():
        return
    inner = scene.room < 0
    inner &= scene.sheaths[scene.tissue.cells] > 0
    ripple = np.cos(scene.tissue.depth[inner] * (2 * np.pi / MYELIN_PERIOD))
    image[inner] = scene.look.membrane + 12 + 18 * ripple


def paint_nucleus(scene: Scene, image: Floats, rng: np.random.Generator) -> None:
    """Paint nucleoplasm, chromatin and the double envelope."""
    if scene.nucleus is None:
        return
    depth, look = scene.nucleus, scene.look
    clumps = np.tanh(1.5 * (scene.coarse + 0.6 * scene.fine) + np.exp(-depth / 90))
    plasm = look.cytoplasm + rng.uniform(-25, 5) - CHROMATIN * clumps
    alpha = coverage(scene.grid, depth)
    image += alpha * (plasm + 0.5 * (image - look.cytoplasm) - image)
    for at in (0.0, -35.0):
        line = np.exp(-(((depth - at) / (look.membrane_width + 4)) ** 2))
        image += 0.8 * line * (look.membrane - image)


def paint_mitochondrion(
    scene: Scene,
    image: Floats,
    texture: Floats,
    one: Mitochondrion,
    rng: np.random.Generator,
) -> None:
    """Paint one mitochondrion: outer membrane, matrix and cristae.

    Parameters
    ----------
    scene : Scene
        The tissue.
    image : ndarray of float32, shape (Z, Y, X)
        Changed in place.
    texture : ndarray of float32, shape (Z, Y, X)
        Granular noise.
    one : Mitochondrion
        What to paint.
    rng : numpy.random.Generator
        Source of its grey level and the direction of its cristae.
    """
    look, box = scene.look, one.box
    level = look.matrix + look.matrix_spread * rng.standard_normal()
    level = min(level, float(image[box][one.mask].mean()) - LEAST_CONTRAST)
    inside = level + 0.8 * look.granules * texture[box]
    inside += look.matrix_spread * (0.5 * scene.fine[box] + 0.4 * scene.coarse[box])
    inside += look.cristae * _cristae(scene, box, one.depth, rng)
    rim = np.exp(-(((one.depth - 3) / OUTER_MEMBRANE) ** 2))
    inside = np.maximum(inside + look.rim * rim, 5)
    alpha = coverage(scene.grid, one.depth)
    image[box] += alpha * (inside - image[box])


def _cristae(scene: Scene, box: Box, depth: Floats, rng: np.random.Generator) -> Floats:
    """Curved lamellae, 0 to 1, washed out where a section cuts them obliquely."""
    period = rng.uniform(*CRISTA_PERIOD)
    normal = unit(rng.standard_normal(3) * (0.4, 1, 1))
    z, y, x = scene.grid.axes(box)
    phase = (2 * np.pi / period) * (normal[0] * z + normal[1] * y + normal[2] * x)
    phase = phase + 3.0 * scene.coarse[box] + 1.3 * scene.fine[box]
    washed = np.sinc(normal[0] * scene.grid.spacing[0] / period)
    lamellae = (0.5 + 0.5 * np.cos(phase)) ** 2
    imperfect = np.clip(0.7 + 0.8 * scene.fine[box], 0, 1)
    start = np.clip((depth - CRISTA_DEPTH) / 10, 0, 1)
    return np.asarray(
        abs(washed) * rng.uniform(0.4, 1.3) * lamellae * imperfect * start,
        dtype=np.float32,
    )
