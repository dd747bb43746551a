"""An object as thick parts that meet in necks."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_mitoseg.proofreading.flooding import flooded
from napari_mitoseg.volume import Array

STEPS = [
    (z, y, x) for z, y, x in product((-1, 0, 1), repeat=3) if (z, y, x) > (0, 0, 0)
]
"""One of each two opposite steps to the 26 neighbours."""


@dataclass(frozen=True)
class Neck:
    """Where two thick parts of an object meet.

    Attributes
    ----------
    first, second : int
        Basins on its two sides.
    radius : float
        Distance to the outside in the middle of the neck.
    thinner : float
        The same in the middle of the thinner one of the two parts.
    """

    first: int
    second: int
    radius: float
    thinner: float

    @property
    def depth(self) -> float:
        """How much thinner the neck is than the thinner part."""
        return self.thinner - self.radius


@dataclass(frozen=True, eq=False)
class Basins:
    """Thick parts of an object and the necks between them.

    Attributes
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        Parts from 1; 0 outside.
    n : int
        Number of parts.
    necks : tuple of Neck
        One fewer than parts where the object is of one piece, the deepest first.
    """

    labels: Array
    n: int
    necks: tuple[Neck, ...]

    def parts(self, n_parts: int, min_depth: float = 0) -> tuple[Array, int]:
        """Cut the object at its deepest necks.

        Parameters
        ----------
        n_parts : int
            Number of parts; pieces that do not touch are parts already.
        min_depth : float
            Necks less deep than this are not cut.

        Returns
        -------
        labels : ndarray of int, shape (Z, Y, X)
            Parts from 1; 0 outside.
        n : int
            Number of parts: fewer than asked for where there are too few necks, more
            where the object has more pieces.
        """
        n_pieces = self.n - len(self.necks)
        n_cuts = max(0, n_parts - n_pieces)
        kept = [
            k for n, k in enumerate(self.necks) if n >= n_cuts or k.depth < min_depth
        ]
        n, group = _joined(self.n, [(neck.first, neck.second) for neck in kept])
        return group[self.labels], n

    def smaller_side(self, neck: Neck, sizes: Array) -> int:
        """Return how much hangs on the smaller side of a neck.

        Parameters
        ----------
        neck : Neck
            One of the necks.
        sizes : ndarray of int, shape (n + 1,)
            Size of each part, 0 for the background.

        Returns
        -------
        int
            Size of all parts on that side.
        """
        others = [(k.first, k.second) for k in self.necks if k is not neck]
        _, group = _joined(self.n, others)
        total = np.bincount(group, sizes)
        return int(min(total[group[neck.first]], total[group[neck.second]]))


def find_basins(distance: NDArray[np.float32]) -> Basins:
    """Divide an object into thick parts.

    Parameters
    ----------
    distance : ndarray of float32, shape (Z, Y, X)
        Distance to the outside, 0 outside.

    Returns
    -------
    Basins
        One part for each maximum of the distance.

    Notes
    -----
    The watershed of the distance [1]_ gives the parts. Parts meet at the voxel where
    the way from one into the other stays widest; the necks are the edges of the maximum
    spanning tree of these ways. When the water has fallen to a neck, the part with the
    lower maximum ends there: its height above the neck is the neck's depth, its
    dynamics [2]_.

    References
    ----------
    .. [1] F. Meyer, "Topographic distance and watershed lines", Signal Processing
       38(1), 113-125 (1994).
    .. [2] M. Grimaud, "A new measure of contrast: the dynamics", Proc. SPIE 1769
       (1992), doi:10.1117/12.60650.
    """
    labels = flooded(-distance, None, distance > 0)
    n = int(labels.max(initial=0))
    peaks = np.zeros(n + 1, np.float32)
    np.maximum.at(peaks, labels.ravel(), distance.ravel())
    necks = _spanning(_passes(labels, distance), peaks)
    return Basins(labels, n, tuple(sorted(necks, key=lambda k: -k.depth)))


def _passes(labels: Array, distance: Array) -> list[tuple[float, int, int]]:
    """List pairs of basins that touch with the widest way between them, in order."""
    # Flat, with a rim around, so that every neighbour is a fixed way off: only voxels
    # of the object are looked at, which are few in its box.
    padded, width = np.pad(labels, 1).ravel(), np.pad(distance, 1).ravel()
    _, height, length = np.array(labels.shape) + 2
    here = np.flatnonzero(padded)
    found = []
    for z, y, x in STEPS:
        there = here + (z * height + y) * length + x
        a, b = padded[here], padded[there]
        meet = (a != b) & (b > 0)
        narrow = np.minimum(width[here[meet]], width[there[meet]])
        pair = np.sort(np.stack([a[meet], b[meet]]), axis=0)
        found.append(np.concatenate([pair, narrow[np.newaxis]]))
    first, second, way = np.concatenate(found, axis=1)
    order = np.argsort(-way, kind="stable")
    met = (first * (labels.max(initial=0) + 1.0) + second)[order]
    # Of each two basins the first voxels in the order, and these in the order again.
    widest = order[np.sort(np.unique(met, return_index=True)[1])]
    rows = zip(way[widest], first[widest], second[widest], strict=True)
    return [(float(w), int(a), int(b)) for w, a, b in rows]


def _spanning(passes: list[tuple[float, int, int]], peaks: Array) -> list[Neck]:
    """Keep of the passes those that first connect two parts: Kruskal's algorithm."""
    parent = list(range(len(peaks)))

    def root(basin: int) -> int:
        while parent[basin] != basin:
            parent[basin] = parent[parent[basin]]
            basin = parent[basin]
        return basin

    necks = []
    for width, first, second in passes:
        high, low = sorted((root(first), root(second)), key=lambda k: -peaks[k])
        if high != low:
            parent[low] = high
            necks.append(Neck(first, second, width, float(peaks[low])))
    return necks


def _joined(n: int, pairs: list[tuple[int, int]]) -> tuple[int, Array]:
    """Give basins that are joined by pairs the same number, from 1; 0 stays 0."""
    first, second = np.array(pairs, np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(first), bool), (first, second)), (n + 1, n + 1))
    n_groups, group = connected_components(graph, directed=False)
    # The background, number 0, is a group of its own, and the first one.
    return n_groups - 1, group
