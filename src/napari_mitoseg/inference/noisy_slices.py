"""Propose noisy slices: those that interpolation misses worse than it misses others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.registration import phase_cross_correlation

from napari_mitoseg.errors import ShapeError
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.params import Params, param
from napari_mitoseg.volume import Array, PlaneBox, Volume

Map = NDArray[np.float64]
Interpolate = Callable[[Array, Array], Array]

MISSING = "missing: next to one grey value"
NOISY = "differs from its neighbours everywhere"
DARKER = "a region darker than its neighbours: precipitate or dirt"
BRIGHTER = "a region that differs from its neighbours: a fold, a hole or dirt"

EMPTY = 0.1
"""A slice with less than this share of the usual deviation is missing."""

LEAST_SPREAD = 0.05
"""Least robust deviation of log errors: a quiet stack is not searched for trifles."""

BLAMED = 0.6
"""Excess over the usual error, relative to a neighbour's, that is a slice's own."""

CURED = 0.9
"""Error left by shifting a slice back, relative to before, if it was misaligned."""

LEAST_JITTER = 0.5
"""Least robust deviation of displacements, in pixels."""

LEAST_SHIFT = 2
"""Pixels from which a shift counts."""

LEAST = 1e-6
"""Least mean square error of a block, of slices with deviation 1."""

MOST = 1e6
"""Score of a missing slice."""

FEWEST = 3
"""Slices with both neighbours that are needed to say what is usual."""


class DetectorSettings(Params):
    """How to look for noisy slices."""

    threshold: float = param(
        5.0,
        gt=0,
        le=100,
        description="Robust deviations above the usual error from which a slice or a "
        "region is proposed: lower proposes more.",
    )
    block: int = param(
        32,
        ge=8,
        le=1024,
        description="Side of the blocks in which regions are looked for.",
        unit="px",
        advanced=True,
    )


@dataclass(frozen=True)
class NoisySlice:
    """A slice that may have to be restored, and why.

    Attributes
    ----------
    z : int
        Slice number.
    score : float
        Robust deviations above the usual error; 1e6 for a missing slice.
    boxes : tuple of tuple of int
        Bad regions: first and past-the-end pixel, y0, x0, y1, x1; none if the whole
        slice is bad.
    reason : str
        What seems to be wrong, in words.
    """

    z: int
    score: float
    boxes: tuple[PlaneBox, ...]
    reason: str


def find_noisy_slices(
    volume: Volume,
    interpolate: Interpolate,
    settings: DetectorSettings | None = None,
) -> Job[tuple[NoisySlice, ...]]:
    """Propose slices and regions to restore.

    Parameters
    ----------
    volume : Volume
        The stack.
    interpolate : callable
        Gives the slice between two others, see `Interpolator`; trained on the stack.
    settings : DetectorSettings, optional
        How.

    Yields
    ------
    Progress
        One a slice.

    Returns
    -------
    tuple of NoisySlice
        By slice number.

    Raises
    ------
    ShapeError
        If the stack is too short to say what is usual.

    Notes
    -----
    Each slice is compared with what its neighbours say it is.  Its error, the median
    over blocks of the log mean square difference, is set against those of the other
    slices: median and median absolute deviation give a robust z-score.  So is its
    displacement, by phase correlation.  A slice above the threshold in either is bad
    as a whole.  In the others, each block is set against all blocks in the same way,
    slice and place taken off; neighbouring blocks above the threshold, with half a
    block around them, are a region.

    A bad slice spoils the interpolation of its neighbours too: what exceeds the usual
    error by less than 0.6 of the excess beside it is blamed on the neighbour.  Slices
    of next to one grey value are missing; they are proposed as such, and slices beside
    them are not scored, nor are the first and the last: restore, and look again.
    """
    settings = settings or DetectorSettings()
    depth = volume.shape[0]
    deviations = []
    for z in range(depth):
        yield Progress(z, 3 * depth, f"Looking at slice {z}")
        deviations.append(float(volume.read_slice(z).std(dtype=np.float64)))
    missing = np.array(deviations) <= EMPTY * np.median(deviations)
    scored = _scorable(volume, missing)
    errors, shifts = [], []
    for z in scored:
        yield Progress(depth + 2 * z, 3 * depth, f"Interpolating slice {z}")
        middle = interpolate(volume.read_slice(z - 1), volume.read_slice(z + 1))
        plane = volume.read_slice(z)
        difference = (plane - middle) / np.median(deviations)
        errors.append(_in_blocks(difference, settings.block))
        shifts.append(displacement(plane, middle))
    stack = _Errors(scored, errors, shifts)
    found = [NoisySlice(int(z), MOST, (), MISSING) for z in np.flatnonzero(missing)]
    bad = stack.bad_slices(settings.threshold)
    found += bad
    found += stack.bad_regions(settings, {one.z for one in bad}, volume.shape[1:])
    return tuple(sorted(found, key=lambda one: one.z))


class _InBlocks(NamedTuple):
    """Difference of a slice from its interpolation, block by block."""

    square: Map
    mean: Map


class _Errors:
    """The errors of all slices, and which stand out."""

    def __init__(
        self,
        scored: Sequence[int],
        errors: Sequence[_InBlocks],
        shifts: Sequence[tuple[int, int]],
    ) -> None:
        self.scored, self.shifts = list(scored), list(shifts)
        self.square = np.stack([one.square for one in errors])
        self.mean = np.stack([one.mean for one in errors])
        self.log = np.log(np.maximum(self.square, LEAST))
        self.of_slice = np.median(self.log, axis=(1, 2))

    def bad_slices(self, threshold: float) -> list[NoisySlice]:
        """Return the slices that are bad as a whole."""
        usual = float(np.exp(np.median(self.of_slice)))
        noisy = robust_scores(self.of_slice)
        noisy[self._is_blamed(np.exp(self.of_slice) - usual)] = 0
        distance = np.hypot(*np.array(self.shifts, np.float64).T)
        shifted = robust_scores(distance, LEAST_JITTER)
        shifted[self._is_blamed(distance)] = 0
        return [
            NoisySlice(z, float(max(noisy[n], shifted[n])), (), self._why(n, shifted))
            for n, z in enumerate(self.scored)
            if max(noisy[n], shifted[n]) > threshold
        ]

    def bad_regions(
        self, settings: DetectorSettings, bad: set[int], plane: tuple[int, ...]
    ) -> list[NoisySlice]:
        """Return slices with bad regions; those bad as a whole are left out."""
        local = self.log - self.of_slice[:, None, None]
        usual = np.median(local, axis=0)
        scores = robust_scores(local - usual)
        expected = np.exp(self.of_slice[:, None, None] + usual)
        is_bad = (scores > settings.threshold) & ~self._is_blamed(
            self.square - expected
        )
        near_bad = {z + step for z in bad for step in (-1, 0, 1)}
        return [
            self._regions(n, scores[n], is_bad[n], settings.block, plane)
            for n, z in enumerate(self.scored)
            if is_bad[n].any() and z not in near_bad
        ]

    def _regions(
        self,
        n: int,
        scores: Map,
        is_bad: NDArray[np.bool_],
        block: int,
        plane: tuple[int, ...],
    ) -> NoisySlice:
        regions, _ = ndimage.label(is_bad, np.ones((3, 3)))
        margin = block // 2
        boxes = tuple(
            (
                max(y.start * block - margin, 0),
                max(x.start * block - margin, 0),
                min(y.stop * block + margin, plane[0]),
                min(x.stop * block + margin, plane[1]),
            )
            for y, x in ndimage.find_objects(regions)
        )
        reason = DARKER if self.mean[n][is_bad].mean() < 0 else BRIGHTER
        return NoisySlice(self.scored[n], float(scores[is_bad].max()), boxes, reason)

    def _why(self, n: int, shifted: Map) -> str:
        """Say what seems to be wrong with a slice that is bad as a whole."""
        y, x = self.shifts[n]
        if shifted[n] > 0 and (y or x):
            return (
                f"misaligned: shifted by y {y:+d}, x {x:+d} px against its neighbours"
            )
        return NOISY

    def _is_blamed(self, excess: Map) -> NDArray[np.bool_]:
        """Say where an excess is small beside that of a neighbouring slice."""
        beside = np.full_like(excess, -np.inf)
        for n, z in enumerate(self.scored):
            for other in (n - 1, n + 1):
                if 0 <= other < len(excess) and abs(self.scored[other] - z) == 1:
                    beside[n] = np.maximum(beside[n], excess[other])
        return excess < BLAMED * beside


def robust_scores(values: Map, least: float = LEAST_SPREAD) -> Map:
    """Return how many robust deviations each value lies above the median.

    Parameters
    ----------
    values : ndarray
        What is compared.
    least : float
        The least a deviation is taken to be.

    Returns
    -------
    ndarray, same shape
        The median absolute deviation, scaled to equal the standard deviation of
        normal values, counts 1.

    Examples
    --------
    >>> robust_scores(np.array([1.0, 2.0, 3.0, 4.0, 10.0])).round(2).tolist()
    [-1.35, -0.67, 0.0, 0.67, 4.72]
    """
    centred = values - np.median(values)
    spread = 1.4826 * np.median(np.abs(centred))
    scores: Map = centred / max(float(spread), least)
    return scores


def displacement(plane: Array, middle: Array) -> tuple[int, int]:
    """Return how far a slice lies off its place.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        The slice.
    middle : ndarray, shape (Y, X)
        What its neighbours say it is.

    Returns
    -------
    tuple of int
        Pixels along y and x; 0, 0 if shifting it back would not remove a tenth of its
        difference.
    """
    # scikit-image has no annotations here.
    shift, _, _ = phase_cross_correlation(  # type: ignore[no-untyped-call]
        middle, plane, normalization=None
    )
    y, x = (int(v) for v in shift)
    if max(abs(y), abs(x)) < LEAST_SHIFT:
        return 0, 0
    back = np.roll(plane, (y, x), axis=(0, 1))
    inner = tuple(
        slice(abs(v), n - abs(v)) for v, n in zip((y, x), plane.shape, strict=True)
    )
    before, after = (_mean_square(one[inner], middle[inner]) for one in (plane, back))
    return (-y, -x) if after < CURED * before else (0, 0)


def _scorable(volume: Volume, missing: NDArray[np.bool_]) -> list[int]:
    """Return the slices between two neighbours, none of the three missing."""
    inner = range(1, len(missing) - 1)
    found = [z for z in inner if not missing[z - 1 : z + 2].any()]
    if len(found) < FEWEST:
        msg = (
            f"{volume.name} has {len(missing)} slices, of which {len(found)} have "
            f"something on them and on both neighbours. To say which are noisy, at "
            f"least {FEWEST} are needed."
        )
        raise ShapeError(msg)
    return found


def _in_blocks(difference: Array, block: int) -> _InBlocks:
    """Average a difference and its square over blocks; the last may be smaller."""
    starts = [np.arange(0, n, block) for n in difference.shape]

    def total(values: Array) -> Map:
        rows = np.add.reduceat(values, starts[0], axis=0, dtype=np.float64)
        return np.asarray(np.add.reduceat(rows, starts[1], axis=1))

    n_pixels = total(np.ones(difference.shape))
    return _InBlocks(total(difference**2) / n_pixels, total(difference) / n_pixels)


def _mean_square(a: Array, b: Array) -> float:
    return float(np.mean((a.astype(np.float64) - b) ** 2))
