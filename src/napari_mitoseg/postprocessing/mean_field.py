"""Mean-field inference in a fully connected conditional random field, two labels.

Every pixel of a slice is tied to every other one by Gaussian kernels.  Summed as they
are written they cost the square of the number of pixels; here each is a product of two
small matrices, which takes time in proportion to the pixels and is as good as exact.

References
----------
.. [1] P. Krähenbühl, V. Koltun, "Efficient inference in fully connected CRFs with
   Gaussian edge potentials", NIPS 2011, algorithm 1.
.. [2] P. Krähenbühl, V. Koltun, "Parameter learning and convergent inference for dense
   random fields", ICML 2013: kernels normalized symmetrically.
"""

from collections.abc import Sequence
from math import ceil, pi, sqrt
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit, logit

from napari_mitoseg.volume import Array

Plane = NDArray[np.float32]
Width = tuple[float, float]
"""Standard deviation along y and x, in pixels."""

LEVELS = 4096
"""Grey levels told apart: fine enough that rounding to them is lost in the sum."""

_NODE_STEP = 0.7
"""Distance of the nodes over the standard deviation; see `gaussian_root`."""

_REACH = 5
"""Nodes on each side of a position that matter to it: beyond, values are below 10⁻⁵."""

_TAIL = 2.0
"""Standard deviations by which the nodes go beyond the positions."""

_NARROWEST = 0.3
"""Standard deviation at which a neighbour's weight is 0.004."""


class Kernel(Protocol):
    """A kernel k between all pixels of a slice, with k(i, i) = 1."""

    def sums(self, values: Plane) -> Plane:
        """Return for each pixel i the sum of k(i, j) × value j over all pixels j."""


class Smoothness:
    """Gaussian of the distance between two pixels.

    Parameters
    ----------
    shape : tuple of int
        Pixels along y and x.
    width : tuple of float
        Standard deviation along y and x, in pixels.
    """

    def __init__(self, shape: tuple[int, int], width: Width) -> None:
        self._y, self._x = (
            gaussian_root(n, sigma) for n, sigma in zip(shape, width, strict=True)
        )

    def sums(self, values: Plane) -> Plane:
        """Return for each pixel the weighted sum of all values, shape (Y, X)."""
        nodes = self._x.T @ (self._y.T @ values).T
        return self._y @ (self._x @ nodes).T


class Appearance:
    """Gaussian of the distance between two pixels and of their grey values.

    Parameters
    ----------
    levels : ndarray of uint16, shape (Y, X)
        Grey values, 0 to `LEVELS` − 1, see `grey_levels`.
    width : tuple of float
        Standard deviation of the distance along y and x, in pixels.
    grey_width : float
        Standard deviation of the grey value, as a share of the range of levels.

    Notes
    -----
    The kernel is a product of Gaussians along y, x and grey value, and each of these is
    U Uᵀ with a thin matrix U (`gaussian_root`).  So values are gathered into a small
    three-dimensional grid, a bilateral grid, and handed out again from there.
    """

    def __init__(
        self, levels: NDArray[np.uint16], width: Width, grey_width: float
    ) -> None:
        self._levels = levels
        height, breadth = levels.shape
        self._near = Smoothness((height, breadth), width)
        self._of_nodes = gaussian_root(LEVELS, grey_width * (LEVELS - 1)).T.toarray()

    def sums(self, values: Plane) -> Plane:
        """Return for each pixel the weighted sum of all values, shape (Y, X)."""
        total = np.zeros_like(values)
        for of_levels in self._of_nodes:
            share = of_levels[self._levels]
            total += share * self._near.sums(share * values)
        return total


def gaussian_root(n: int, sigma: float) -> csr_array:
    """Return a thin matrix U with U Uᵀ = exp(−(a − b)² / 2σ²) for 0 ≤ a, b < n.

    Parameters
    ----------
    n : int
        Number of positions, one apart.
    sigma : float
        Standard deviation; where it is so small that neighbours hardly see each other,
        U is the identity.

    Returns
    -------
    sparse array of float32, shape (n, n_nodes)
        About 1.4 nodes for each σ, eleven entries a row.

    Notes
    -----
    A Gaussian is the convolution of two narrower ones.  That integral is summed over
    nodes 0.7σ apart, which for Gaussians is nearly exact: the relative error is
    2·exp(−π²/2/0.7²) = 8.5·10⁻⁵ at most, and U Uᵀ remains symmetric and positive.

    Examples
    --------
    >>> root = gaussian_root(2, 1.0)
    >>> np.allclose((root @ root.T).toarray()[0], np.exp([0, -0.5]), atol=1e-4)
    True
    """
    at = np.arange(n)[:, None]
    if sigma < _NARROWEST:
        return csr_array((np.ones(n, np.float32), (at[:, 0], at[:, 0])))
    step = _NODE_STEP * sigma
    n_nodes = ceil((n - 1 + 2 * _TAIL * sigma) / step) + 1
    from_first = (at + _TAIL * sigma) / step
    node = np.rint(from_first).astype(np.int64) + np.arange(-_REACH, _REACH + 1)
    values = np.exp(-((_NODE_STEP * (from_first - node)) ** 2))
    values *= sqrt(_NODE_STEP * sqrt(2 / pi))
    kept = (node >= 0) & (node < n_nodes)
    rows = np.broadcast_to(at, node.shape)[kept]
    entries = values[kept].astype(np.float32)
    return csr_array((entries, (rows, node[kept])), shape=(n, n_nodes))


def grey_levels(plane: Array) -> NDArray[np.uint16]:
    """Bring the grey values of a slice to levels that all images share.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        Image, any type.

    Returns
    -------
    ndarray of uint16, shape (Y, X)
        0 at the darkest 0.5 % of the pixels, `LEVELS` − 1 at the brightest 0.5 %; 0
        throughout where these are equal.

    Examples
    --------
    >>> grey_levels(np.array([[10.0, 15.0], [20.0, 10.0]])).tolist()
    [[0, 2048], [4095, 0]]
    """
    values = plane.astype(np.float32)
    low, high = np.percentile(values, (0.5, 99.5), method="nearest")
    if low == high:
        return np.zeros(plane.shape, np.uint16)
    scaled = np.clip((values - low) / (high - low), 0, 1)
    return np.rint(scaled * (LEVELS - 1)).astype(np.uint16)


def mean_field(
    probability: Plane, kernels: Sequence[tuple[float, Kernel]], iterations: int
) -> Plane:
    """Approximate the labels' probabilities in a fully connected random field.

    Parameters
    ----------
    probability : ndarray of float32, shape (Y, X)
        What the network says, above 0 and below 1.
    kernels : sequence of (float, Kernel)
        Weight ω and kernel k of each pairwise term.
    iterations : int
        How often all pixels are updated; 0 returns what the network says.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        Probability Q of mitochondrion under the mean-field approximation.

    Notes
    -----
    The energy is Σᵢ −log P(xᵢ) + Σ_{i<j} μ(xᵢ, xⱼ) Σₘ ω⁽ᵐ⁾ k⁽ᵐ⁾(i, j) with μ = 1 where
    the labels differ.  With two labels the update of [1]_ is that of the log-odds::

        logit Qᵢ ← logit Pᵢ + Σₘ ω⁽ᵐ⁾ Σ_{j≠i} k⁽ᵐ⁾(i, j) (2Qⱼ − 1)

    Each kernel is divided by √(nᵢnⱼ), nᵢ = Σⱼ k(i, j) [2]_, so that a weight is what
    agreeing neighbours are worth in log-odds, at any pixel size.
    """
    unary = logit(probability)
    scales = [_scale(kernel, probability.shape) for _, kernel in kernels]
    marginal = probability
    for _ in range(iterations):
        vote = 2 * marginal - 1
        odds = unary.copy()
        for (weight, kernel), scale in zip(kernels, scales, strict=True):
            scaled = scale * vote
            # A pixel has no say about itself: k(i, i) = 1 is taken out again.
            odds += weight * scale * (kernel.sums(scaled) - scaled)
        marginal = expit(odds)
    return marginal


def _scale(kernel: Kernel, shape: tuple[int, ...]) -> Plane:
    """Return 1 / √n of a kernel."""
    return np.reciprocal(np.sqrt(kernel.sums(np.ones(shape, np.float32))))
