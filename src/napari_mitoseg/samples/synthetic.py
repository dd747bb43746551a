"""A synthetic EM stack with exact mitochondria."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import ShapeError
from napari_mitoseg.samples.distractors import paint_distractors, place_lysosomes
from napari_mitoseg.samples.grid import Grid
from napari_mitoseg.samples.imaging import acquire
from napari_mitoseg.samples.mitochondria import label_mitochondria, place_mitochondria
from napari_mitoseg.samples.paint import (
    grains,
    paint_cytoplasm,
    paint_membranes,
    paint_mitochondrion,
    paint_nucleus,
)
from napari_mitoseg.samples.scene import Scene, build_scene
from napari_mitoseg.samples.settings import SyntheticSettings
from napari_mitoseg.volume import Shape, Spacing, Volume, as_spacing


def synthetic_em(
    shape: Shape = (24, 512, 512),
    spacing: Spacing = (40.0, 8.0, 8.0),
    seed: int = 0,
    settings: SyntheticSettings | None = None,
) -> tuple[Volume, NDArray[np.uint32]]:
    """Make a synthetic EM stack of brain tissue with exact instance truth.

    Parameters
    ----------
    shape : tuple of int
        Size along z, y, x; a single slice is allowed.
    spacing : tuple of float
        Distance between voxel centres in nm, ZYX.  Sizes in the tissue are
        physical: they do not depend on it.
    seed : int
        Draws the tissue and the way it is imaged; the same seed gives the same
        stack.
    settings : SyntheticSettings, optional
        Style and contents.

    Returns
    -------
    image : Volume
        Greyscale stack, uint8.
    labels : ndarray of uint32, shape (Z, Y, X)
        0 background, 1 ... n one mitochondrion each: one piece (26-connected), not
        touching another one.

    Raises
    ------
    ShapeError
        If the shape is not three numbers above zero.
    InvalidParameterError
        If the spacing is not three numbers above zero.

    Notes
    -----
    Neurites are a power diagram in folded space, mitochondria are unions of
    capsules along them; both are evaluated from formulas, so that membranes keep
    their width at any spacing and sections cut them as obliquely as real ones do.

    Examples
    --------
    >>> image, labels = synthetic_em((2, 64, 64), (40.0, 16.0, 16.0))
    >>> image.shape == labels.shape
    True
    """
    settings = settings or SyntheticSettings()
    rng = np.random.default_rng(seed)
    grid = _grid(_checked(shape), as_spacing(spacing), settings.misalignment, rng)
    scene = build_scene(grid, settings, rng)
    data, labels = _render(scene, rng)
    return Volume(data, grid.spacing, f"synthetic-{seed}"), labels


def _checked(shape: Sequence[int]) -> Shape:
    """Return the shape when it is one of a stack."""
    if len(shape) != 3 or min(shape) < 1:
        msg = (
            f"The shape was given as {tuple(shape)}. It must be three numbers above "
            "zero: the size along z, y, x, for example (24, 512, 512)."
        )
        raise ShapeError(msg)
    z, y, x = (int(n) for n in shape)
    return z, y, x


def _grid(
    shape: Shape, spacing: Spacing, misalignment: float, rng: np.random.Generator
) -> Grid:
    return Grid(shape, spacing, misalignment * rng.standard_normal((shape[0], 2)))


def _render(
    scene: Scene, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Place the organelles, paint everything and image it."""
    lysosomes = place_lysosomes(scene, rng)
    placed = place_mitochondria(scene, rng)
    texture = grains(scene, rng)
    image = paint_cytoplasm(scene, texture, rng)
    paint_nucleus(scene, image, rng)
    paint_distractors(scene, image, lysosomes, rng)
    for one in placed:
        paint_mitochondrion(scene, image, texture, one, rng)
    paint_membranes(scene, image)
    return acquire(scene.grid, image, scene.look, rng), label_mitochondria(
        scene, placed
    )
