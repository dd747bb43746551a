"""What went wrong with each object: missed, spurious, split or merged."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.evaluation.instances import matched_pairs
from napari_mitoseg.evaluation.runs import find_runs, iter_regions
from napari_mitoseg.evaluation.table import (
    Contingency,
    Integers,
    Overlaps,
    Sizes,
    Survey,
)
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.params import Params, param
from napari_mitoseg.volume import Array, Volume

NOWHERE = -1
"""Row of a host that does not exist."""


class ErrorClass(IntEnum):
    """What has become of an object; the number is its value in the error labels.

    Where a true and a predicted object overlap, the larger number is shown.
    """

    MATCHED = 1
    MISSED = 2
    SPURIOUS = 3
    SPLIT = 4
    MERGED = 5

    @property
    def word(self) -> str:
        """The class as tables name it."""
        return self.name.lower()


class ErrorCounts(Params):
    """How many objects are right, and what is wrong with the others.

    Notes
    -----
    A match needs an IoU of 0.5. True objects without match are missed, split or
    merged: FN. Predicted ones are spurious, split or merged: FP.
    """

    n_matched: int = param(description="Pairs of a true and a predicted object.")
    n_missed: int = param(
        description="True objects that are not matched, split or merged."
    )
    n_true_split: int = param(description="True objects found in pieces.")
    n_true_merged: int = param(
        description="True objects found in one piece with another."
    )
    n_spurious: int = param(
        description="Predicted objects that are not matched, split or merged."
    )
    n_predicted_split: int = param(description="Predicted pieces of a true object.")
    n_predicted_merged: int = param(
        description="Predicted objects that hold several true ones."
    )
    split_errors: int = param(
        description="Joins that would mend all splits: pieces of each true object "
        "beyond the first."
    )
    merge_errors: int = param(
        description="Cuts that would mend all merges: true objects in each predicted "
        "one beyond the first."
    )


@dataclass(frozen=True, eq=False)
class SideErrors:
    """The objects of one volume, what has become of each, and whose part it is.

    Attributes
    ----------
    sizes : Sizes
        The objects.
    classes : ndarray of uint8, shape (n,)
        An `ErrorClass` each.
    host : ndarray of int64, shape (n,)
        Row of the object of the other volume that holds more than half of each, or
        that matches it; -1 where there is none.
    """

    sizes: Sizes
    classes: NDArray[np.uint8]
    host: Integers

    def class_of(self, labels: Integers) -> NDArray[np.uint8]:
        """Return the class of labels, all of which occur; 0 for background."""
        table = np.append(self.classes, np.uint8(0))
        row = np.where(labels > 0, self.sizes.rows(labels), self.classes.size)
        return table[row]

    def count(self, which: ErrorClass) -> int:
        """Count the objects of a class."""
        return int(np.count_nonzero(self.classes == which))


@dataclass(frozen=True, eq=False)
class ObjectErrors:
    """What has become of each true and each predicted object.

    Attributes
    ----------
    true, predicted : SideErrors
        The objects of the truth and of the prediction.
    """

    true: SideErrors
    predicted: SideErrors

    def counts(self) -> ErrorCounts:
        """Count the objects of each class."""
        true, predicted = self.true, self.predicted
        return ErrorCounts(
            n_matched=true.count(ErrorClass.MATCHED),
            n_missed=true.count(ErrorClass.MISSED),
            n_true_split=true.count(ErrorClass.SPLIT),
            n_true_merged=true.count(ErrorClass.MERGED),
            n_spurious=predicted.count(ErrorClass.SPURIOUS),
            n_predicted_split=predicted.count(ErrorClass.SPLIT),
            n_predicted_merged=predicted.count(ErrorClass.MERGED),
            split_errors=_beyond_first(predicted.host),
            merge_errors=_beyond_first(true.host),
        )


@dataclass(frozen=True, eq=False)
class ErrorTable:
    """One row an object, those of the truth first.

    Attributes
    ----------
    columns : mapping of str to ndarray or list, shape (n,)
        ``side`` (truth or prediction), ``index`` (the label), ``class``,
        ``partners`` (labels in the other volume that the object is a part of, or that
        are a part of it, the largest share first, with spaces between), ``iou`` (the
        highest with any object), ``n_voxels``, ``centroid_z``, ``centroid_y``,
        ``centroid_x`` (mean position in voxels), and the box in voxels, half-open,
        ``z_start``, ``z_stop`` and so on.
    """

    columns: Mapping[str, Array | list[str]]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.columns["index"])


def find_errors(table: Contingency) -> ObjectErrors:
    """Find out what has become of each object.

    Parameters
    ----------
    table : Contingency
        Pairs of labels.

    Returns
    -------
    ObjectErrors
        A class and a host for every object.

    Notes
    -----
    Objects that match with an IoU of 0.5 are matched. Of the others, one is a part of
    an object in the other volume that holds more than half of its voxels, its host. A
    true object is merged if its host is also the host of another true object, else
    split if it is the host of several predicted ones, else missed. A predicted object
    is merged if it is the host of several true ones, else split if its host is also
    that of another predicted object, else spurious. So a fragment beside a match is
    split, and the match stays a match.
    """
    overlaps, matched = table.overlaps, matched_pairs(table)
    host_of_predicted = _hosts(overlaps, table.predicted, matched)
    host_of_true = _hosts(_mirrored(overlaps), table.true, _mirrored(matched))
    pieces = _n_hosted(host_of_predicted, host_of_true.size)
    contents = _n_hosted(host_of_true, host_of_predicted.size)
    true = _classes(
        ErrorClass.MISSED,
        merged=_at(contents, host_of_true) > 1,
        split=pieces > 1,
        matched=matched.true,
    )
    predicted = _classes(
        ErrorClass.SPURIOUS,
        merged=contents > 1,
        split=_at(pieces, host_of_predicted) > 1,
        matched=matched.predicted,
    )
    return ObjectErrors(
        SideErrors(table.true, true, host_of_true),
        SideErrors(table.predicted, predicted, host_of_predicted),
    )


def list_errors(survey: Survey, errors: ObjectErrors) -> ErrorTable:
    """Make a table of all objects.

    Parameters
    ----------
    survey : Survey
        Where the objects are.
    errors : ObjectErrors
        What has become of them.

    Returns
    -------
    ErrorTable
        One row an object.
    """
    pairs = survey.pairs
    overlaps = pairs.overlaps
    linked = (errors.predicted.host[overlaps.predicted] == overlaps.true) | (
        errors.true.host[overlaps.true] == overlaps.predicted
    )
    true = _Side("truth", errors.true, pairs.truth, _mirrored(overlaps))
    predicted = _Side("prediction", errors.predicted, pairs.prediction, overlaps)
    first = _columns(true, survey, linked, pairs.predicted)
    second = _columns(predicted, survey, linked, pairs.true)
    return ErrorTable({name: _stacked(first[name], second[name]) for name in first})


def paint_errors(
    prediction: Volume, truth: Volume, errors: ObjectErrors
) -> Job[NDArray[np.uint8]]:
    """Paint each object in the number of its class.

    Parameters
    ----------
    prediction, truth : Volume
        The two label volumes.
    errors : ObjectErrors
        What has become of their objects.

    Yields
    ------
    Progress
        One a slab.

    Returns
    -------
    ndarray of uint8, shape (Z, Y, X)
        `ErrorClass` of each voxel, 0 where both volumes are background; the larger
        number where two objects overlap.
    """
    painted = np.empty(prediction.shape, np.uint8)
    regions = list(iter_regions(prediction))
    for done, region in enumerate(regions):
        yield Progress(done, len(regions), "Painting the errors")
        runs = find_runs(prediction, truth, region)
        worst = np.maximum(
            errors.predicted.class_of(runs.prediction), errors.true.class_of(runs.truth)
        )
        part = np.repeat(worst, runs.length)
        painted[region.slices] = part.reshape(region.shape)
    yield Progress(len(regions), len(regions), "Painting the errors")
    return painted


def _hosts(overlaps: Overlaps, sizes: Sizes, matched: Overlaps) -> Integers:
    """Return the row of the host of each predicted object."""
    most = np.zeros(sizes.labels.size, np.int64)
    host = np.full(sizes.labels.size, NOWHERE)
    # The largest share last, since of several values for one place the last stays.
    order = np.argsort(overlaps.n_voxels)
    most[overlaps.predicted[order]] = overlaps.n_voxels[order]
    host[overlaps.predicted[order]] = overlaps.true[order]
    host[2 * most <= sizes.n_voxels] = NOWHERE
    host[matched.predicted] = matched.true
    return host


def _mirrored(overlaps: Overlaps) -> Overlaps:
    """Return the same pairs with truth and prediction in each other's place."""
    return Overlaps(overlaps.true, overlaps.predicted, overlaps.n_voxels, overlaps.iou)


def _n_hosted(host: Integers, n: int) -> Integers:
    """Count how many objects each of n objects hosts."""
    return np.bincount(host[host != NOWHERE], minlength=n)


def _at(values: Integers, row: Integers) -> Integers:
    """Return the values in some rows; 0 for nowhere."""
    return np.append(values, 0)[row]


def _beyond_first(host: Integers) -> int:
    """Count the objects that are not the first with their host."""
    hosts = host[host != NOWHERE]
    return int(hosts.size - np.unique(hosts).size)


def _classes(
    otherwise: ErrorClass,
    *,
    merged: NDArray[np.bool_],
    split: NDArray[np.bool_],
    matched: Integers,
) -> NDArray[np.uint8]:
    conditions = [merged, split]
    found = np.select(conditions, [ErrorClass.MERGED, ErrorClass.SPLIT], otherwise)
    found[matched] = ErrorClass.MATCHED
    return found.astype(np.uint8)


@dataclass(frozen=True, eq=False)
class _Side:
    """One volume: its objects, its label of each pair, its overlaps seen from it."""

    name: str
    errors: SideErrors
    labels: Integers
    overlaps: Overlaps


def _columns(
    side: _Side, survey: Survey, linked: NDArray[np.bool_], others: Sizes
) -> dict[str, Array | list[str]]:
    objects = side.errors.sizes
    n = objects.labels.size
    iou = np.zeros(n)
    np.maximum.at(iou, side.overlaps.predicted, side.overlaps.iou)
    columns: dict[str, Array | list[str]] = {
        "side": [side.name] * n,
        "index": objects.labels,
        "class": [ErrorClass(value).word for value in side.errors.classes],
        "partners": _partners(side.overlaps, linked, n, others.labels),
        "iou": iou,
        "n_voxels": objects.n_voxels,
    }
    return columns | _places(side, survey)


def _partners(
    overlaps: Overlaps, linked: NDArray[np.bool_], n: int, labels: Integers
) -> list[str]:
    """Return the labels of the partners of each object, the largest share first."""
    own, other = overlaps.predicted[linked], overlaps.true[linked]
    order = np.lexsort((other, -overlaps.n_voxels[linked], own))
    ends = np.searchsorted(own[order], np.arange(1, n))
    groups = np.split(labels[other[order]], ends) if n else []
    return [" ".join(map(str, group.tolist())) for group in groups]


def _places(side: _Side, survey: Survey) -> dict[str, Array | list[str]]:
    """Return centroids and boxes of the objects of one volume."""
    inside = side.labels > 0
    objects = side.errors.sizes
    row = objects.rows(side.labels[inside])
    n = objects.labels.size
    total = np.zeros((n, 3), np.int64)
    start, stop = np.full((n, 3), np.iinfo(np.int64).max), np.zeros((n, 3), np.int64)
    np.add.at(total, row, survey.position[inside])
    np.minimum.at(start, row, survey.start[inside])
    np.maximum.at(stop, row, survey.stop[inside])
    places: dict[str, Array | list[str]] = {}
    for axis, letter in enumerate("zyx"):
        places[f"centroid_{letter}"] = total[:, axis] / objects.n_voxels
    for axis, letter in enumerate("zyx"):
        places[f"{letter}_start"] = start[:, axis]
        places[f"{letter}_stop"] = stop[:, axis]
    return places


def _stacked(first: Array | list[str], second: Array | list[str]) -> Array | list[str]:
    if isinstance(first, list) and isinstance(second, list):
        return first + second
    return np.concatenate([first, second])
