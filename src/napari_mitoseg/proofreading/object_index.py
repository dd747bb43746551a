"""Where every object is, and how large: what makes edits independent of the volume."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import cc3d
import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.labelling import check_numbers, join_parts
from napari_mitoseg.proofreading import label_array
from napari_mitoseg.proofreading.label_array import LabelArray, WritableArray
from napari_mitoseg.proofreading.regions import as_region
from napari_mitoseg.volume import Array, Region

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class ObjectEntry:
    """Box and size of one object.

    Attributes
    ----------
    region : Region
        The smallest box that holds it.
    n_voxels : int
        Its size.
    """

    region: Region
    n_voxels: int


class ObjectTable(NamedTuple):
    """All objects of an index as columns, in the order of the labels.

    Attributes
    ----------
    label : ndarray of int64, shape (n,)
        Numbers of the objects.
    start, stop : ndarray of int64, shape (n, 3)
        Boxes of voxels, half-open, ZYX.
    n_voxels : ndarray of int64, shape (n,)
        Sizes.
    """

    label: Integers
    start: Integers
    stop: Integers
    n_voxels: Integers


class ObjectIndex:
    """Box and size of every object, by label.

    Parameters
    ----------
    table : ObjectTable
        Of a whole volume; see `index_labels`.

    Attributes
    ----------
    highest : int
        Largest number that any object has had since the index was made: a new object
        gets none that was in use before, or else marks made for one object would pass
        to another.

    Notes
    -----
    What was read from the volume stays as it is, 64 bytes an object; what edits have
    changed lies over it in a dictionary.  So an index of a million objects takes
    little, and an edit costs what it touches.
    """

    def __init__(self, table: ObjectTable) -> None:
        self._table = table
        self._edited: dict[int, ObjectEntry | None] = {}
        self._n = len(table.label)
        self.highest = int(table.label.max(initial=0))

    def __len__(self) -> int:
        """Count the objects."""
        return self._n

    def __contains__(self, label: object) -> bool:
        """Say whether there is an object of this number."""
        return isinstance(label, int | np.integer) and self.get(int(label)) is not None

    def __iter__(self) -> Iterator[int]:
        """Iterate over the labels, in their order."""
        return iter(self.table().label.tolist())

    def __eq__(self, other: object) -> bool:
        """Say whether the same objects are at the same places."""
        if not isinstance(other, ObjectIndex):
            return NotImplemented
        pairs = zip(self.table(), other.table(), strict=True)
        return all(np.array_equal(own, its) for own, its in pairs)

    __hash__ = None  # type: ignore[assignment]

    def get(self, label: int) -> ObjectEntry | None:
        """Return box and size of an object.

        Parameters
        ----------
        label : int
            Its number.

        Returns
        -------
        ObjectEntry or None
            None where there is no such object.
        """
        if label in self._edited:
            return self._edited[label]
        table = self._table
        row = int(np.searchsorted(table.label, label))
        if row == len(table.label) or table.label[row] != label:
            return None
        region = as_region(table.start[row].tolist(), table.stop[row].tolist())
        return ObjectEntry(region, int(table.n_voxels[row]))

    def __getitem__(self, label: int) -> ObjectEntry:
        """Return box and size of an object that must be there."""
        entry = self.get(label)
        if entry is None:
            raise InvalidParameterError(self._unknown(label))
        return entry

    def update(self, entries: Mapping[int, ObjectEntry | None]) -> None:
        """Take over what an edit has changed.

        Parameters
        ----------
        entries : mapping of int to ObjectEntry or None
            What is known of some labels now; None for those that are gone.
        """
        for label, entry in entries.items():
            self._n += (entry is not None) - (self.get(label) is not None)
            self._edited[label] = entry
            if entry is not None:
                self.highest = max(self.highest, label)

    def table(self) -> ObjectTable:
        """Return all objects as columns, in the order of the labels."""
        # A copy, since a ranking may ask in a thread while the user edits.
        known = dict(self._edited)
        kept = ~np.isin(self._table.label, np.array([*known], np.int64))
        edited = [(n, e) for n, e in known.items() if e is not None]
        parts = zip(
            (column[kept] for column in self._table), _columns(edited), strict=True
        )
        joined = [np.concatenate(pair) for pair in parts]
        order = np.argsort(joined[0], kind="stable")
        return ObjectTable(*(column[order] for column in joined))

    def unused(self, n: int, dtype: np.dtype[np.generic]) -> tuple[int, ...]:
        """Find numbers for new objects.

        Parameters
        ----------
        n : int
            How many.
        dtype : numpy.dtype
            Type of the labels.

        Returns
        -------
        tuple of int
            The numbers that follow the highest one ever used; where the type ends
            before, the smallest that no object has.

        Raises
        ------
        InvalidParameterError
            If the type has no such numbers left.
        """
        largest = int(np.iinfo(dtype).max)  # type: ignore[type-var]
        if self.highest + n <= largest:
            return tuple(range(self.highest + 1, self.highest + 1 + n))
        taken = self.table().label
        if len(taken) + n > largest:
            msg = (
                f"{len(taken)} objects and {n} new ones are more than the "
                f"{largest} that {dtype} labels can tell apart. Convert the labels to "
                "a larger type, such as uint32."
            )
            raise InvalidParameterError(msg)
        candidates = np.arange(1, len(taken) + n + 1)
        return tuple(np.setdiff1d(candidates, taken)[:n].tolist())

    def _unknown(self, label: int) -> str:
        if label == 0:
            return "No object was chosen: 0 is the background. Click on an object."
        return (
            f"There is no object {label} among the {len(self)} of these labels. Choose "
            "one that is there."
        )


def index_labels(labels: WritableArray) -> Job[ObjectIndex]:
    """Find box and size of every object: the one pass over a volume that there is.

    Parameters
    ----------
    labels : WritableArray, shape (Z, Y, X) or (Y, X)
        Numpy, zarr or the like, of whole numbers.

    Yields
    ------
    Progress
        After each block of a few million voxels.

    Returns
    -------
    ObjectIndex
        Of these labels; a `LabelEditor` keeps it true from then on.

    Raises
    ------
    ShapeError
        Unless the labels have two or three axes.
    InvalidParameterError
        If the labels are no whole numbers from 0.
    """
    array = LabelArray(labels)
    blocks = list(array.blocks(Region.whole(array.shape)))
    found = []
    for done, region in enumerate(blocks, start=1):
        found.append(_measure(array.read(region), region))
        yield Progress(done, len(blocks), "Looking for the objects")
    return ObjectIndex(_joined(found))


def tight_region(array: LabelArray, label: int, region: Region) -> Region | None:
    """Find the smallest box that holds an object.

    Parameters
    ----------
    array : LabelArray
        The labels.
    label : int
        The object.
    region : Region
        A box that holds it.

    Returns
    -------
    Region or None
        None where the box holds nothing of it.

    Notes
    -----
    A box that can be read at once is.  A larger one is searched from its six sides, up
    to the first voxels of the object: where it was nearly right that costs little.
    """
    if prod(region.shape) <= label_array.BLOCK_VOXELS:
        return bounds(array.read(region) == label, region.start)
    for axis in range(3):
        for from_end in (False, True):
            side = _first_shown(array, label, region, axis, from_end=from_end)
            if side is None:
                return None
            low, high = region.start[axis], region.stop[axis]
            low, high = (low, side) if from_end else (side, high)
            region = _between(region, axis, low, high)
    return region


def _first_shown(
    array: LabelArray, label: int, region: Region, axis: int, *, from_end: bool
) -> int | None:
    """Return where an object begins along an axis, or where it ends."""
    for layer in _layers(region, axis, array.chunk[axis], from_end=from_end):
        found: list[int] = []
        outermost = (layer.stop if from_end else layer.start)[axis]
        for block in array.blocks(layer):
            box = bounds(array.read(block) == label, block.start)
            if box is not None:
                found.append((box.stop if from_end else box.start)[axis])
            if outermost in found:
                break
        if found:
            return max(found) if from_end else min(found)
    return None


def _layers(
    region: Region, axis: int, chunk: int, *, from_end: bool
) -> Iterator[Region]:
    """Cut a box into layers across an axis, of whole chunks, ever thicker ones."""
    low, high, thickness = region.start[axis], region.stop[axis], chunk
    while low < high:
        if from_end:
            edge = max(low, (high - 1) // chunk * chunk + chunk - thickness)
            yield _between(region, axis, edge, high)
            high = edge
        else:
            edge = min(high, low // chunk * chunk + thickness)
            yield _between(region, axis, low, edge)
            low = edge
        thickness *= 2


def _between(region: Region, axis: int, low: int, high: int) -> Region:
    start, stop = [*region.start], [*region.stop]
    start[axis], stop[axis] = low, high
    return as_region(start, stop)


def bounds(mask: Array, origin: tuple[int, int, int]) -> Region | None:
    """Return the box of what is true in a mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        Part of a volume.
    origin : tuple of int
        Its first voxel in the volume.

    Returns
    -------
    Region or None
        Box in the volume; None where nothing is true.
    """
    in_plane = np.any(mask, axis=0)
    if not in_plane.any():
        return None
    along = [np.any(mask, axis=(1, 2)), np.any(in_plane, 1), np.any(in_plane, 0)]
    start = [o + int(a.argmax()) for o, a in zip(origin, along, strict=True)]
    stop = [
        o + len(a) - int(a[::-1].argmax()) for o, a in zip(origin, along, strict=True)
    ]
    return as_region(start, stop)


def _columns(entries: list[tuple[int, ObjectEntry]]) -> ObjectTable:
    return ObjectTable(
        np.array([label for label, _ in entries], np.int64),
        np.array([e.region.start for _, e in entries], np.int64).reshape(-1, 3),
        np.array([e.region.stop for _, e in entries], np.int64).reshape(-1, 3),
        np.array([e.n_voxels for _, e in entries], np.int64),
    )


def _measure(block: Array, region: Region) -> ObjectTable:
    """Measure what a block shows of each object."""
    highest = check_numbers(block)
    if highest == 0:
        return _columns([])
    numbers = np.arange(highest + 1) if highest < block.size else None
    if numbers is None:
        numbers, compact = np.unique(block, return_inverse=True)
        block = compact.reshape(block.shape)
    statistics = cc3d.statistics(block.astype(np.uint32), no_slice_conversion=True)
    counts = np.asarray(statistics["voxel_counts"]).astype(np.int64)
    rows = np.flatnonzero((counts > 0) & (numbers > 0))
    boxes = np.asarray(statistics["bounding_boxes"]).astype(np.int64)
    boxes = boxes.reshape(-1, 3, 2)[rows]
    return ObjectTable(
        numbers[rows].astype(np.int64),
        boxes[..., 0] + region.start,
        boxes[..., 1] + 1 + np.array(region.start),
        counts[rows],
    )


def _joined(parts: list[ObjectTable]) -> ObjectTable:
    """Put together what several blocks show of the same objects."""
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    joined = join_parts(*columns)
    return ObjectTable(joined.label, joined.start, joined.stop, joined.n_voxels)
