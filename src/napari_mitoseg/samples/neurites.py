"""Neurites as chains of spheres that fill the tissue."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.samples.grid import Grid, Points

MARGIN = 700.0  # nm of tissue around the stack, so that its border is nothing special
RADIUS_SPREAD = 0.6  # standard deviation of the logarithm of the radius
RADIUS_BOUNDS = (70.0, 550.0)  # nm
STEP = 0.7  # distance between the spheres of a neurite, in radii
BEND = 0.16  # standard deviation of the turn at every step, radians
OVERLAP = 0.6  # centres come no closer than this part of the sum of the radii
TRIES_PER_CUBIC_UM = 16.0


@dataclass(frozen=True, eq=False)
class Neurites:
    """All spheres of all neurites, neurite by neurite and in order along each.

    Attributes
    ----------
    centres : ndarray, shape (N, 3)
        In nm, ZYX.
    radii : ndarray, shape (N,)
        In nm.
    cells : ndarray of int, shape (N,)
        Number of the neurite, from 1.
    """

    centres: Points
    radii: Points
    cells: NDArray[np.int32]


def grow_neurites(
    grid: Grid,
    radius: float,
    soma: tuple[Points, float] | None,
    rng: np.random.Generator,
) -> Neurites:
    """Fill the tissue with bent neurites of random thickness.

    Parameters
    ----------
    grid : Grid
        The stack; neurites reach beyond it.
    radius : float
        Median radius in nm.
    soma : tuple of (ndarray, shape (3,)) and float, optional
        Centre (nm, ZYX) and radius (nm) of a cell body.
    rng : numpy.random.Generator
        Source of the randomness.

    Returns
    -------
    Neurites
        Spheres that overlap only along their own neurite; a soma is number 1.
    """
    low, high = np.full(3, -MARGIN), grid.extent + MARGIN
    n_tries = int(TRIES_PER_CUBIC_UM * np.prod(high - low) / 1e9 * (260 / radius)) + 8
    drawn = radius * np.exp(RADIUS_SPREAD * rng.standard_normal(n_tries))
    radii = np.clip(drawn, *RADIUS_BOUNDS)
    chains = [] if soma is None else [(soma[0][None], soma[1])]
    taken = _spheres(*chains[0]) if chains else np.empty((0, 4))
    for size in radii:
        chain = _free(_walk(low, high, size, rng), size, taken)
        if len(chain):
            chains.append((chain, size))
            taken = np.concatenate([taken, _spheres(chain, size)])
    counts = [len(chain) for chain, _ in chains]
    return Neurites(
        np.concatenate([chain for chain, _ in chains]),
        np.repeat([size for _, size in chains], counts),
        np.repeat(np.arange(1, len(chains) + 1, dtype=np.int32), counts),
    )


def _walk(low: Points, high: Points, radius: float, rng: np.random.Generator) -> Points:
    """Walk from a random point both ways until the tissue ends."""
    start = rng.uniform(low, high)
    direction = unit(rng.standard_normal(3))
    n_steps = int(rng.uniform(4, 40))
    ahead = _steps(start, direction, n_steps, radius, rng)
    behind = _steps(start, -direction, n_steps, radius, rng)
    path = np.concatenate([behind[:0:-1], ahead])
    inside = np.all((path >= low) & (path <= high), axis=1)
    return np.asarray(path[inside])


def _steps(
    start: Points, direction: Points, n: int, radius: float, rng: np.random.Generator
) -> Points:
    """Points of a bent path, the start first."""
    turns = BEND * rng.standard_normal((n, 3)).cumsum(axis=0)
    moves = unit(direction + turns) * radius * STEP
    return np.concatenate([start[None], start + moves.cumsum(axis=0)])


def _spheres(chain: Points, radius: float) -> Points:
    """Centres and radius in one array, shape (N, 4)."""
    return np.column_stack([chain, np.full(len(chain), radius)])


def _free(chain: Points, radius: float, taken: Points) -> Points:
    """Keep the spheres that no other neurite has taken."""
    if not len(taken) or not len(chain):
        return chain
    reach = OVERLAP * (radius + taken[:, 3:])
    low, high = chain.min(axis=0) - reach, chain.max(axis=0) + reach
    is_near = np.all((taken[:, :3] > low) & (taken[:, :3] < high), axis=1)
    apart = chain[:, None] - taken[None, is_near, :3]
    square = np.einsum("ijk,ijk->ij", apart, apart)
    is_free = np.all(square > reach[is_near, 0] ** 2, axis=1)
    return np.asarray(chain[is_free])


def unit(vectors: Points) -> Points:
    """Scale vectors along the last axis to length one."""
    norm = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norm, 1e-9))
