"""Which object is nearest to each, and how far away it is."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from napari_mitoseg.jobs import Job
from napari_mitoseg.morphology.bunches import each_in_threads
from napari_mitoseg.morphology.objects import crop_object
from napari_mitoseg.morphology.surroundings import read_surroundings
from napari_mitoseg.morphology.survey import Survey
from napari_mitoseg.volume import Array

N_LARGE = 1000
"""Objects, the largest, to which the distance is estimated from everywhere."""

N_KEPT = 512
"""Objects whose voxels are kept at hand."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Shell:
    """The outermost voxels of an object, cell by cell.

    Attributes
    ----------
    voxels : ndarray of int32, shape (n, 3)
        Where they are in the volume, in the order of the cells.
    first : ndarray of int64, shape (m + 1,)
        Where the voxels of each cell begin, and where the last ones end.
    cells : KDTree
        Centres of the cells in nm, shape (m, 3).
    """

    voxels: NDArray[np.int32]
    first: Integers
    cells: KDTree

    def within(self, chosen: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return the voxels of some cells."""
        return self.voxels[np.repeat(chosen, np.diff(self.first))]


class Found(NamedTuple):
    """An object near another: distance of the voxels, gap in nm, row."""

    length: float
    gap: float
    row: int


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
    An object that touches, through a face of a voxel, or else through an edge or a
    corner, is the nearest. Without one, the pair of voxels whose centres are nearest
    decides; the gap is the distance between these two voxels as boxes. Objects are
    looked at in the order of the distance between their boxes, until the next box is
    farther than the nearest object so far.
    """
    n = len(survey)
    distance, label = np.full(n, np.nan), np.zeros(n, np.int64)
    search = _Search(survey)

    def look(row: int) -> None:
        found = search.nearest(row)
        if found is not None:
            distance[row], label[row] = found.gap, survey.index[found.row]

    yield from each_in_threads(look, search.order().tolist(), "Looking for neighbours")
    return distance, label


class _Search:
    """Boxes of all objects, and the shells of those that were asked for last."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self.spacing = np.array(survey.spacing)
        self.cell = float(self.spacing.max())
        self.low = survey.start * self.spacing
        self.high = (survey.stop - 1) * self.spacing
        self.middle = (self.low + self.high) / 2
        self.half = np.sqrt(np.square(self.high - self.low).sum(axis=1)) / 2
        order = np.argsort(-self.half, kind="stable")
        self.large, self.small = order[:N_LARGE], order[N_LARGE:]
        self.most = float(self.half[self.small].max(initial=0.0))
        self.tree = KDTree(self.middle[self.small]) if self.small.size else None
        self.shell = lru_cache(N_KEPT)(self._shell)
        self.pair = lru_cache(16 * N_KEPT)(self._pair)

    def order(self) -> Integers:
        """Return the rows so that those that follow one another lie together."""
        side = 4 * float(np.mean(self.high - self.low)) if len(self.low) else 0.0
        cubes = (self.middle // max(side, self.cell)).astype(np.int64)
        return np.lexsort(cubes.T)

    def nearest(self, row: int) -> Found | None:
        """Return what is known of the nearest other object."""
        if (touching := self._touching(row)) is not None:
            return touching
        best = self._best_of(row, self.large, None)
        k = 8
        while self.tree is not None:
            asked = min(k, self.small.size)
            far, near = self.tree.query(self.middle[row], asked)
            best = self._best_of(row, self.small[np.atleast_1d(near)], best)
            reached = float(np.max(far)) - self.half[row] - self.most
            if asked == self.small.size or (best and reached > best.length):
                break
            k *= 4
        return best

    def _touching(self, row: int) -> Found | None:
        """Find an object that shares a face of a voxel, or else an edge or a corner."""
        label = int(self.survey.index[row])
        around = read_surroundings(label, self.survey.region(row), self.survey.labels)
        own = around.labels == label
        others = np.where(own, 0, around.labels)
        if not others.any():
            return None
        for axis in np.argsort(self.spacing, kind="stable"):
            below = (slice(None),) * axis + (slice(None, -1),)
            above = (slice(None),) * axis + (slice(1, None),)
            met = [others[a][own[b]] for a, b in ((below, above), (above, below))]
            labels = np.unique(np.concatenate(met))
            if labels[-1:].any():
                return Found(float(self.spacing[axis]), 0.0, self._first_of(labels))
        labels = np.unique(others[_widened(own)])
        if not labels[-1:].any():
            return None
        farthest = float(np.linalg.norm(self.spacing))
        return Found(farthest, 0.0, self._first_of(labels))

    def _first_of(self, labels: Array) -> int:
        """Return the row of the least of some labels that is above 0."""
        least = int(labels[labels > 0].min())
        return int(np.searchsorted(self.survey.index, least))

    def _best_of(self, row: int, others: Integers, best: Found | None) -> Found | None:
        """Go through objects in the order of their boxes while these are near."""
        others = others[others != row]
        gaps = np.maximum(self.low[others] - self.high[row], 0)
        gaps = np.maximum(gaps, self.low[row] - self.high[others])
        bounds = np.sqrt(np.square(gaps).sum(axis=1))
        for k in np.argsort(bounds, kind="stable"):
            if best is not None and bounds[k] >= best.length:
                break
            best = self._nearer(row, int(others[k]), best)
        return best

    def _nearer(self, row: int, other: int, best: Found | None) -> Found | None:
        """Return the nearer one of an object and the nearest so far."""
        slack = self.cell * np.sqrt(3)
        limit = np.inf if best is None else best.length
        own, far = self.shell(row), self.shell(other)
        rough, _ = far.cells.query(own.cells.data, distance_upper_bound=limit + slack)
        if float(rough.min()) - slack >= limit:
            return best
        length, gap = self.pair(min(row, other), max(row, other))
        return best if length >= limit else Found(length, gap, other)

    def _pair(self, row: int, other: int) -> tuple[float, float]:
        """Return distance and gap between the nearest voxels of two objects."""
        own, far = self.shell(row), self.shell(other)
        there, _ = far.cells.query(own.cells.data)
        back, _ = own.cells.query(far.cells.data)
        # Voxels lie up to half a diagonal of a cell from its centre, on either side.
        slack = self.cell * np.sqrt(3)
        most = float(there.min()) + slack
        here = own.within(there <= most + slack)
        those = far.within(back <= most + slack)
        lengths, partner = KDTree(those * self.spacing).query(
            here * self.spacing, distance_upper_bound=most
        )
        k = int(lengths.argmin())
        apart = np.maximum(np.abs(here[k] - those[partner[k]]) - 1, 0)
        return float(lengths[k]), float(np.linalg.norm(apart * self.spacing))

    def _shell(self, row: int) -> Shell:
        crop = crop_object(self.survey, row)
        padded = np.pad(crop.mask, 1)
        inner = padded[1:-1, 1:-1, 1:-1].copy()
        for axis in range(3):
            for side in (slice(None, -2), slice(2, None)):
                cut = [slice(1, -1)] * 3
                cut[axis] = side
                inner &= padded[tuple(cut)]
        voxels = np.argwhere(crop.mask & ~inner)
        cells = (voxels * self.spacing // self.cell).astype(np.int64)
        size = cells.max(axis=0) + 1
        key = np.ravel_multi_index(tuple(cells.T), tuple(size))
        order = np.argsort(key, kind="stable")
        _, first = np.unique(key[order], return_index=True)
        corner = np.array(crop.region.start)
        centres = (cells[order][first] + 0.5) * self.cell + corner * self.spacing
        placed = (voxels[order] + corner).astype(np.int32)
        return Shell(placed, np.append(first, len(placed)), KDTree(centres))


def _widened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Add all voxels that share a face, an edge or a corner with those of a mask."""
    for axis in range(3):
        below = (slice(None),) * axis + (slice(None, -1),)
        above = (slice(None),) * axis + (slice(1, None),)
        wider = mask.copy()
        wider[below] |= mask[above]
        wider[above] |= mask[below]
        mask = wider
    return mask
