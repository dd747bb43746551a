"""The contingency table of two label volumes: one pass, slab by slab."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError, ShapeError
from napari_mitoseg.labelling import iter_slabs
from napari_mitoseg.volume import Array, Region, Volume


@dataclass(frozen=True, eq=False)
class Contingency:
    """How many voxels two label volumes share, pair of labels by pair.

    Attributes
    ----------
    prediction, truth : ndarray of int64, shape (n,)
        Label of each pair that occurs; 0 is background.
    n_voxels : ndarray of int64, shape (n,)
        Voxels with this pair.
    """

    prediction: NDArray[np.int64]
    truth: NDArray[np.int64]
    n_voxels: NDArray[np.int64]

    def count(self, *, prediction: bool, truth: bool) -> int:
        """Count the voxels that are (True) or are not foreground in each volume."""
        chosen = ((self.prediction > 0) == prediction) & ((self.truth > 0) == truth)
        return int(self.n_voxels[chosen].sum())


def tabulate(
    prediction: Volume, truth: Volume, *, instances: bool = True
) -> Contingency:
    """Count all pairs of labels.

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

    Raises
    ------
    ShapeError
        If the shapes differ.
    InvalidParameterError
        If a volume holds fractions, negative numbers or labels of 2³² and more.
    """
    _check(prediction, truth)
    keys, counts = np.zeros(0, np.uint64), np.zeros(0, np.int64)
    for region in _regions(prediction):
        a = _read(prediction, region, "prediction", instances=instances)
        b = _read(truth, region, "truth", instances=instances)
        found, n = _count((a << np.uint64(32)) | b)
        keys, counts = _merged(keys, counts, found, n)
    low = np.uint64(0xFFFFFFFF)
    return Contingency(
        (keys >> np.uint64(32)).astype(np.int64), (keys & low).astype(np.int64), counts
    )


def _check(prediction: Volume, truth: Volume) -> None:
    if prediction.shape != truth.shape:
        msg = (
            f"The prediction has shape {prediction.shape} and the truth "
            f"{truth.shape} (z, y, x). Compare volumes of the same shape."
        )
        raise ShapeError(msg)
    for volume, role in ((prediction, "prediction"), (truth, "truth")):
        if volume.dtype.kind not in "uib":
            msg = (
                f"The {role} holds {volume.dtype} numbers. Give a mask or labels in "
                "whole numbers: 0 for background, 1 and up for mitochondria."
            )
            raise InvalidParameterError(msg)


def _regions(volume: Volume) -> Iterator[Region]:
    for z, y, x in iter_slabs(volume.shape):
        yield Region((z.start, y.start, x.start), (z.stop, y.stop, x.stop))


def _read(
    volume: Volume, region: Region, role: str, *, instances: bool
) -> NDArray[np.uint64]:
    part: Array = volume.read(region).ravel()
    low, high = int(part.min()), int(part.max())
    if low < 0 or high >= 1 << 32:
        msg = (
            f"The {role} holds the label {low if low < 0 else high}. Labels are whole "
            "numbers from 0 to 4294967295."
        )
        raise InvalidParameterError(msg)
    return (part if instances else part > 0).astype(np.uint64)


def _count(keys: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Count equal keys, which come in runs: only one of each run is sorted."""
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    length = np.diff(np.r_[starts, keys.size])
    return _grouped(keys[starts], length)


def _merged(
    keys: NDArray[np.uint64],
    counts: NDArray[np.int64],
    more: NDArray[np.uint64],
    n: NDArray[np.int64],
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    return _grouped(np.r_[keys, more], np.r_[counts, n])


def _grouped(
    keys: NDArray[np.uint64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Sum the counts of equal keys exactly."""
    unique, place = np.unique(keys, return_inverse=True)
    total = np.zeros(unique.size, np.int64)
    np.add.at(total, place, counts)
    return unique, total
