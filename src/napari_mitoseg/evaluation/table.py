"""The contingency table of two label volumes: one pass, slab by slab."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.evaluation.runs import (
    LARGEST,
    Runs,
    check_pair,
    check_shapes,
    find_runs,
    iter_regions,
)
from napari_mitoseg.jobs import Job, Progress, drain
from napari_mitoseg.volume import Volume

Integers = NDArray[np.int64]

BUFFERED_ROWS = 1 << 20
"""Rows of slabs that wait until their equal pairs are joined."""


@dataclass(frozen=True, eq=False)
class Sizes:
    """The objects of one volume.

    Attributes
    ----------
    labels : ndarray of int64, shape (n,)
        Every label above 0 that occurs, sorted.
    n_voxels : ndarray of int64, shape (n,)
        Voxels of each.
    """

    labels: Integers
    n_voxels: Integers

    def rows(self, labels: Integers) -> Integers:
        """Return where labels, all of which occur, stand in this list."""
        return np.searchsorted(self.labels, labels)


@dataclass(frozen=True, eq=False)
class Overlaps:
    """The pairs of a predicted and a true object that share voxels.

    Attributes
    ----------
    predicted, true : ndarray of int64, shape (n,)
        Rows of the two objects in `Contingency.predicted` and `Contingency.true`.
    n_voxels : ndarray of int64, shape (n,)
        Voxels the pair shares.
    iou : ndarray of float64, shape (n,)
        These over the voxels of either.
    """

    predicted: Integers
    true: Integers
    n_voxels: Integers
    iou: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Contingency:
    """How many voxels two label volumes share, pair of labels by pair.

    Attributes
    ----------
    prediction, truth : ndarray of int64, shape (n,)
        Label of each pair that occurs, sorted; 0 is background.
    n_voxels : ndarray of int64, shape (n,)
        Voxels with this pair.
    """

    prediction: Integers
    truth: Integers
    n_voxels: Integers

    def count(self, *, prediction: bool, truth: bool) -> int:
        """Count the voxels that are (True) or are not foreground in each volume."""
        chosen = ((self.prediction > 0) == prediction) & ((self.truth > 0) == truth)
        return int(self.n_voxels[chosen].sum())

    @cached_property
    def predicted(self) -> Sizes:
        """The predicted objects."""
        return _sizes(self.prediction, self.n_voxels)

    @cached_property
    def true(self) -> Sizes:
        """The true objects."""
        return _sizes(self.truth, self.n_voxels)

    @cached_property
    def overlaps(self) -> Overlaps:
        """The pairs of objects that share voxels, in the order of their labels."""
        both = (self.prediction > 0) & (self.truth > 0)
        p = self.predicted.rows(self.prediction[both])
        t = self.true.rows(self.truth[both])
        shared = self.n_voxels[both]
        union = self.predicted.n_voxels[p] + self.true.n_voxels[t] - shared
        return Overlaps(p, t, shared, shared / union)


@dataclass(frozen=True, eq=False)
class Survey:
    """All that one look at two label volumes tells.

    Attributes
    ----------
    pairs : Contingency
        Voxels of each pair of labels.
    start, stop : ndarray of int64, shape (n, 3)
        Box around the voxels of each pair, half-open, ZYX.
    position : ndarray of int64, shape (n, 3)
        Sum of their positions.
    probability : ndarray of float64, shape (n,), or None
        Sum of their probabilities, where such have been given.
    """

    pairs: Contingency
    start: Integers
    stop: Integers
    position: Integers
    probability: NDArray[np.float64] | None

    def mean_probability(self) -> NDArray[np.float64] | None:
        """Return the mean probability of each predicted object, in their order."""
        if self.probability is None:
            return None
        inside = self.pairs.prediction > 0
        objects = self.pairs.predicted
        row = objects.rows(self.pairs.prediction[inside])
        total = np.zeros(objects.labels.size)
        np.add.at(total, row, self.probability[inside])
        return total / objects.n_voxels


def tabulate(
    prediction: Volume, truth: Volume, *, instances: bool = True
) -> Contingency:
    """Count all pairs of labels; see `survey`.

    Parameters
    ----------
    prediction, truth : Volume
        Labels or masks of whole numbers from 0, of the same shape.
    instances : bool
        Whether to tell the labels apart; else all above 0 count as 1.

    Returns
    -------
    Contingency
        Pairs that occur, sorted.
    """
    return drain(survey(prediction, truth, instances=instances)).pairs


def survey(
    prediction: Volume,
    truth: Volume,
    *,
    instances: bool = True,
    probability: Volume | None = None,
) -> Job[Survey]:
    """Look at two label volumes once.

    Parameters
    ----------
    prediction, truth : Volume
        Labels or masks of whole numbers from 0, of the same shape.
    instances : bool
        Whether to tell the labels apart; else all above 0 count as 1.
    probability : Volume, optional
        Of the prediction, in any scale.

    Yields
    ------
    Progress
        One a slab.

    Returns
    -------
    Survey
        Pairs that occur, sorted, with their boxes and positions.

    Raises
    ------
    ShapeError
        If the shapes differ.
    InvalidParameterError
        If a volume holds fractions, negative numbers or labels of 2³² and more.
    """
    check_pair(prediction, truth)
    if probability is not None:
        check_shapes(prediction, probability, "prediction", "probability")
    regions = list(iter_regions(prediction))
    rows: list[_Rows] = []
    for done, region in enumerate(regions):
        yield Progress(done, len(regions), "Comparing")
        runs = find_runs(prediction, truth, region, instances=instances)
        rows.append(_joined([_rows_of(runs, probability)]))
        if len(rows) > 1 and sum(len(part.key) for part in rows) > BUFFERED_ROWS:
            rows = [_joined(rows)]
    yield Progress(len(regions), len(regions), "Comparing")
    return _survey_of(_joined(rows), with_probability=probability is not None)


@dataclass(frozen=True, eq=False)
class _Rows:
    """What is known of pairs of labels; a pair may have several rows."""

    key: NDArray[np.uint64]
    count: Integers
    position: Integers
    start: Integers
    stop: Integers
    probability: NDArray[np.float64]


def _rows_of(runs: Runs, probability: Volume | None) -> _Rows:
    """Return one row a run."""
    key = (runs.prediction.astype(np.uint64) << np.uint64(32)) | runs.truth.astype(
        np.uint64
    )
    start = runs.positions()
    stop = start + 1
    stop[:, 2] += runs.length - 1
    # The mean position of a run is the middle between its ends.
    position = runs.length[:, None] * (start + stop - 1) // 2
    total = np.zeros(key.size)
    if probability is not None:
        values = probability.read(runs.region).ravel()
        total = np.add.reduceat(values, runs.start, dtype=np.float64)
    return _Rows(key, runs.length, position, start, stop, total)


def _joined(rows: Sequence[_Rows]) -> _Rows:
    """Put the rows of each pair together, sorted by pair; sums are exact."""
    key, count, position, start, stop, probability = (
        np.concatenate([getattr(part, name) for part in rows])
        for name in ("key", "count", "position", "start", "stop", "probability")
    )
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    return _Rows(
        key[first],
        np.add.reduceat(count[order], first),
        np.add.reduceat(position[order], first),
        np.minimum.reduceat(start[order], first),
        np.maximum.reduceat(stop[order], first),
        np.add.reduceat(probability[order], first),
    )


def _survey_of(rows: _Rows, *, with_probability: bool) -> Survey:
    low = np.uint64(LARGEST)
    pairs = Contingency(
        (rows.key >> np.uint64(32)).astype(np.int64),
        (rows.key & low).astype(np.int64),
        rows.count,
    )
    probability = rows.probability if with_probability else None
    return Survey(pairs, rows.start, rows.stop, rows.position, probability)


def _sizes(labels: Integers, n_voxels: Integers) -> Sizes:
    inside = labels > 0
    unique, row = np.unique(labels[inside], return_inverse=True)
    size = np.zeros(unique.size, np.int64)
    np.add.at(size, row, n_voxels[inside])
    return Sizes(unique, size)
