"""Which object is nearest to each, and how far away it is."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.morphology.objects import crop_object
from napari_mitoseg.morphology.survey import Survey

N_LARGE = 1000
"""Objects, the largest, to which the distance is estimated from everywhere."""

N_KEPT = 512
"""Objects whose voxels are kept at hand."""

BUNCH = 16
"""Objects between two reports."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Shell:
    """The outermost voxels of an object.

    Attributes
    ----------
    voxels : ndarray of int64, shape (n, 3)
        Where they are in the volume.
    points : ndarray of float64, shape (n, 3)
        The same in nm.
    tree : KDTree
        Of the points.
    coarse : ndarray of float64, shape (m, 3)
        Some of the points, at least one in each cube of some voxels.
    """

    voxels: Integers
    points: Floats
    tree: KDTree
    coarse: Floats


def find_nearest(survey: Survey) -> Job[tuple[Floats, Integers]]:
    """Find the nearest other object of each object.

    Parameters
    ----------
    survey : Survey
        The objects; with a spacing.

    Yields
    ------
    Progress
        One per bunch of objects.

    Returns
    -------
    distance : ndarray of float64, shape (n,)
        Gap between the two in nm, 0 where they touch; NaN where there is no other.
    label : ndarray of int64, shape (n,)
        The nearest object; 0 where there is no other.

    Notes
    -----
    The pair of voxels whose centres are nearest decides; the gap is the distance
    between these two voxels as boxes. Objects are looked at in the order of the
    distance between their boxes, until the next box is farther than the nearest
    object so far.
    """
    n = len(survey)
    distance, label = np.full(n, np.nan), np.zeros(n, np.int64)
    search = _Search(survey)
    for row in range(n):
        found = search.nearest(row)
        if found is not None:
            distance[row], label[row] = found[0], survey.index[found[1]]
        if row % BUNCH == BUNCH - 1 or row == n - 1:
            yield Progress(row + 1, n, "Looking for neighbours")
    return distance, label


class _Search:
    """Boxes of all objects, and the shells of those that were asked for last."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self.spacing = np.array(survey.spacing)
        self.cell = 1.5 * float(self.spacing.max())
        self.low = survey.start * self.spacing
        self.high = (survey.stop - 1) * self.spacing
        self.middle = (self.low + self.high) / 2
        half = np.sqrt(np.square(self.high - self.low).sum(axis=1)) / 2
        order = np.argsort(-half, kind="stable")
        self.large, self.small = order[:N_LARGE], order[N_LARGE:]
        self.half = half
        self.most = float(half[self.small].max(initial=0.0))
        self.tree = KDTree(self.middle[self.small]) if self.small.size else None
        self.shell = lru_cache(N_KEPT)(self._shell)

    def nearest(self, row: int) -> tuple[float, int] | None:
        """Return the gap to the nearest other object, and its row."""
        best, found = np.inf, None
        rows, bounds = self._ranked(row, self.large[self.large != row])
        best, found = self._best_of(row, rows, bounds, best, found)
        k = 8
        while self.tree is not None:
            asked = min(k, self.small.size)
            far, near = self.tree.query(self.middle[row], asked)
            others = self.small[np.atleast_1d(near)]
            rows, bounds = self._ranked(row, others[others != row])
            best, found = self._best_of(row, rows, bounds, best, found)
            reached = float(np.max(far)) - self.half[row] - self.most
            if reached > best or asked == self.small.size:
                break
            k *= 4
        return None if found is None else (self._gap(row, found), found)

    def _ranked(self, row: int, others: Integers) -> tuple[Integers, Floats]:
        """Order objects by the distance between the boxes."""
        gaps = np.maximum(self.low[others] - self.high[row], 0)
        gaps = np.maximum(gaps, self.low[row] - self.high[others])
        bounds = np.sqrt(np.square(gaps).sum(axis=1))
        order = np.argsort(bounds, kind="stable")
        return others[order], bounds[order]

    def _best_of(
        self,
        row: int,
        rows: Integers,
        bounds: Floats,
        best: float,
        found: int | None,
    ) -> tuple[float, int | None]:
        """Go through objects while their boxes are near enough."""
        own = self.shell(row)
        for other, bound in zip(rows.tolist(), bounds.tolist(), strict=True):
            if bound >= best:
                break
            length, _ = self._closest(own, other, best)
            if length < best:
                best, found = length, other
        return best, found

    def _closest(
        self, own: Shell, other: int, most: float
    ) -> tuple[float, tuple[int, int]]:
        """Return the distance between nearest voxels below a limit, and which."""
        far = self.shell(other)
        # How far it is at most, from a few points; and then from those near enough.
        rough, _ = far.tree.query(own.coarse, distance_upper_bound=most + self.cell)
        limit = min(most, float(rough.min()))
        gaps = np.maximum(self.low[other] - own.points, own.points - self.high[other])
        near = np.flatnonzero(
            np.square(np.maximum(gaps, 0)).sum(axis=1) <= limit**2 * (1 + 1e-9)
        )
        if near.size == 0:
            return np.inf, (0, 0)
        lengths, others = far.tree.query(
            own.points[near], distance_upper_bound=limit * (1 + 1e-9) + 1e-9
        )
        k = int(lengths.argmin())
        return float(lengths[k]), (int(near[k]), int(others[k]))

    def _gap(self, row: int, other: int) -> float:
        own, far = self.shell(row), self.shell(other)
        _, (a, b) = self._closest(own, other, np.inf)
        apart = np.maximum(np.abs(own.voxels[a] - far.voxels[b]) - 1, 0)
        return float(np.linalg.norm(apart * self.spacing))

    def _shell(self, row: int) -> Shell:
        crop = crop_object(self.survey, row)
        inner = ndimage.binary_erosion(crop.mask)
        voxels = np.argwhere(crop.mask & ~inner) + crop.region.start
        points = voxels * self.spacing
        cells = (points // self.cell).astype(np.int64)
        _, first = np.unique(cells, axis=0, return_index=True)
        return Shell(voxels, points, KDTree(points), points[first])
