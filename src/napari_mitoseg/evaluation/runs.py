"""Two label volumes as runs of equal voxels.

Mitochondria are large and background larger, so that a row of voxels holds few
changes.  Whatever is counted or painted is done run by run; no object is ever looked
for in the volume.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError, ShapeError
from napari_mitoseg.labelling import iter_slabs
from napari_mitoseg.volume import Array, Region, Volume

SLAB_VOXELS = 1 << 20
"""Voxels looked at at once: even if every one is a run of its own, that is 0.1 GB."""

LARGEST = (1 << 32) - 1
"""Largest label: a pair of labels must go into 64 bits."""


@dataclass(frozen=True, eq=False)
class Runs:
    """Stretches along x in which neither of two label volumes changes.

    Attributes
    ----------
    region : Region
        Where they come from; they cover all of it.
    start : ndarray of int64, shape (n,)
        First voxel of each run, counted through the region row by row.
    length : ndarray of int64, shape (n,)
        Voxels; no run goes on in the next row.
    prediction, truth : ndarray of int64, shape (n,)
        The two labels.
    """

    region: Region
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    prediction: NDArray[np.int64]
    truth: NDArray[np.int64]

    def positions(self) -> NDArray[np.int64]:
        """Return z, y, x of the first voxel of each run in the volume, shape (n, 3)."""
        place = np.unravel_index(self.start, self.region.shape)
        return np.stack(place, axis=1) + np.array(self.region.start)


def iter_regions(prediction: Volume) -> Iterator[Region]:
    """Cut a volume into the slabs whose runs are looked at together."""
    for z, y, x in iter_slabs(prediction.shape, voxels=SLAB_VOXELS):
        yield Region((z.start, y.start, x.start), (z.stop, y.stop, x.stop))


def find_runs(
    prediction: Volume, truth: Volume, region: Region, *, instances: bool = True
) -> Runs:
    """Read a region of two volumes as runs.

    Parameters
    ----------
    prediction, truth : Volume
        Labels or masks for which `check_pair` has nothing to say.
    region : Region
        Rows of full width.
    instances : bool
        Whether to tell the labels apart; else all above 0 count as 1.

    Returns
    -------
    Runs
        All runs, row by row.

    Raises
    ------
    InvalidParameterError
        If a label is negative, or 2³² or more.
    """
    a, b = (_read(volume, region) for volume in (prediction, truth))
    first, second = (a, b) if instances else (a > 0, b > 0)
    starts_run = np.ones(a.size, bool)
    starts_run[1:] = first[1:] != first[:-1]
    starts_run[1:] |= second[1:] != second[:-1]
    starts_run[:: region.shape[2]] = True
    start = np.flatnonzero(starts_run)
    length = np.diff(start, append=a.size)
    # Of a mask, negative numbers would hide in runs of what is not above 0.
    for part, role in ((a, "prediction"), (b, "truth")):
        _check_range(part[start] if instances else part, role)
    own, other = (part[start].astype(np.int64) for part in (first, second))
    return Runs(region, start, length, own, other)


def check_pair(prediction: Volume, truth: Volume) -> None:
    """Check that two volumes can be compared.

    Parameters
    ----------
    prediction, truth : Volume
        Labels or masks.

    Raises
    ------
    ShapeError
        If the shapes differ.
    InvalidParameterError
        If a volume holds fractions.
    """
    check_shapes(prediction, truth, "prediction", "truth")
    for volume, role in ((prediction, "prediction"), (truth, "truth")):
        if volume.dtype.kind not in "uib":
            msg = (
                f"The {role} holds {volume.dtype} numbers. Give a mask or labels in "
                "whole numbers: 0 for background, 1 and up for mitochondria."
            )
            raise InvalidParameterError(msg)


def check_shapes(one: Volume, other: Volume, role: str, other_role: str) -> None:
    """Raise a ShapeError, which names both roles, unless two shapes agree."""
    if one.shape != other.shape:
        msg = (
            f"The {role} has shape {one.shape} and the {other_role} "
            f"{other.shape} (z, y, x). Compare volumes of the same shape."
        )
        raise ShapeError(msg)


def _read(volume: Volume, region: Region) -> Array:
    part: Array = volume.read(region).ravel()
    return part


def _check_range(values: Array, role: str) -> None:
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > LARGEST:
        msg = (
            f"The {role} holds the label {low if low < 0 else high}. Labels are whole "
            f"numbers from 0 to {LARGEST}."
        )
        raise InvalidParameterError(msg)
