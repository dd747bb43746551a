"""What an edit changes, as changed voxels only."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.proofreading.object_index import ObjectEntry, bounds
from napari_mitoseg.proofreading.regions import as_region, inside, union
from napari_mitoseg.volume import Array, Region

Integers = NDArray[np.int64]
Entries = Mapping[int, ObjectEntry | None]


class Voxels(NamedTuple):
    """Changed voxels one by one.

    Attributes
    ----------
    indices : tuple of ndarray of int64
        Positions in the volume along z, y, x.
    before, after : ndarray of int, shape (n,)
        Labels before and after the edit.
    """

    indices: tuple[Integers, Integers, Integers]
    before: Array
    after: Array


@dataclass(frozen=True, eq=False)
class Patch:
    """Changed voxels within one box, as runs along x of equal labels.

    Attributes
    ----------
    region : Region
        The smallest box that holds them.
    starts, lengths : ndarray of uint32, shape (n,)
        First voxel of each run, counted through the box, and its length; a run stays
        within a row.
    before, after : ndarray of int, shape (n,)
        Label of each run before and after the edit.
    """

    region: Region
    starts: NDArray[np.uint32]
    lengths: NDArray[np.uint32]
    before: Array
    after: Array

    @property
    def n_voxels(self) -> int:
        """Number of changed voxels."""
        return int(self.lengths.sum(dtype=np.int64))

    @property
    def n_bytes(self) -> int:
        """Memory that the runs take."""
        arrays = (self.starts, self.lengths, self.before, self.after)
        return sum(array.nbytes for array in arrays)

    def positions(self) -> Integers:
        """Return where the changed voxels are, counted through the box."""
        ends = np.cumsum(self.lengths, dtype=np.int64)
        shift = self.starts.astype(np.int64) - (ends - self.lengths)
        return np.arange(ends[-1]) + np.repeat(shift, self.lengths)

    def put(self, block: Array, around: Region, *, undo: bool = False) -> None:
        """Write the labels after the edit into a block that has those before it.

        Parameters
        ----------
        block : ndarray, shape of `around`
            Labels; changed in place.
        around : Region
            Where the block is; holds the box of the patch.
        undo : bool
            Write the labels before the edit into one that has those after it.

        Raises
        ------
        InvalidParameterError
            If the block has other labels: writing would lose what made them.
        """
        old, new = (self.after, self.before) if undo else (self.before, self.after)
        part = block[inside(self.region, around)]
        place = np.unravel_index(self.positions(), self.region.shape)
        if not np.array_equal(part[place], np.repeat(old, self.lengths)):
            msg = (
                f"The labels in {self.region.start}–{self.region.stop} were changed by "
                "something else since this edit; nothing was done. Undo that change "
                "first, or start proofreading anew."
            )
            raise InvalidParameterError(msg)
        part[place] = np.repeat(new, self.lengths)

    def voxels(self) -> Voxels:
        """Return the changed voxels one by one."""
        place = np.unravel_index(self.positions(), self.region.shape)
        z, y, x = (p + o for p, o in zip(place, self.region.start, strict=True))
        before = np.repeat(self.before, self.lengths)
        return Voxels((z, y, x), before, np.repeat(self.after, self.lengths))


@dataclass(frozen=True, eq=False)
class Change:
    """One edit: its name and the voxels it changes.

    Attributes
    ----------
    name : str
        What was done, in the user's words.
    patches : tuple of Patch
        Changed voxels, a chunk or a block at a time; empty where nothing changes.
    entries_before, entries_after : mapping of int to ObjectEntry or None
        What the index knew and knows of the labels that are touched, None for those
        that are not there; empty as long as the edit is a preview.
    unused : tuple of int
        Numbers that the edit gives and that no object had when it was previewed.
    """

    name: str
    patches: tuple[Patch, ...]
    entries_before: Entries = field(default_factory=dict)
    entries_after: Entries = field(default_factory=dict)
    unused: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        """Say whether anything changes."""
        return bool(self.patches)

    @property
    def region(self) -> Region | None:
        """The smallest box that holds all changed voxels; None where there are none."""
        return union(p.region for p in self.patches) if self.patches else None

    @property
    def n_voxels(self) -> int:
        """Number of changed voxels."""
        return sum(patch.n_voxels for patch in self.patches)

    @property
    def n_bytes(self) -> int:
        """Memory that the edit takes in the history."""
        n_entries = len(self.entries_before) + len(self.entries_after)
        return sum(patch.n_bytes for patch in self.patches) + 200 * n_entries

    @property
    def touched(self) -> tuple[int, ...]:
        """Labels that lose or gain voxels, in their order, without the background."""
        values = [np.unique(v) for p in self.patches for v in (p.before, p.after)]
        found = np.unique(np.concatenate(values)).tolist() if values else []
        return tuple(label for label in found if label)

    @property
    def made(self) -> tuple[int, ...]:
        """Labels that an applied edit has brought into being."""
        return _appearing(self.entries_before, self.entries_after)

    @property
    def removed(self) -> tuple[int, ...]:
        """Labels of which an applied edit has left nothing."""
        return _appearing(self.entries_after, self.entries_before)

    def iter_voxels(self) -> Iterator[Voxels]:
        """Iterate over the changed voxels, patch by patch."""
        return (patch.voxels() for patch in self.patches)


class Tally(NamedTuple):
    """Voxels that a label gains or loses.

    Attributes
    ----------
    n_voxels : int
        How many.
    region : Region
        Their box.
    """

    n_voxels: int
    region: Region


def find_patch(before: Array, after: Array, region: Region) -> Patch | None:
    """Compare a block before and after an edit.

    Parameters
    ----------
    before, after : ndarray of int, shape of the region
        Labels.
    region : Region
        Where the block is.

    Returns
    -------
    Patch or None
        None where nothing has changed.
    """
    changed = before != after
    box = bounds(changed, region.start)
    if box is None:
        return None
    part = inside(box, region)
    flat = np.flatnonzero(changed[part])
    old = before[part].reshape(-1)[flat]
    new = after[part].reshape(-1)[flat].astype(before.dtype, copy=False)
    begins = np.ones(flat.size, bool)
    begins[1:] = (np.diff(flat) != 1) | (old[1:] != old[:-1]) | (new[1:] != new[:-1])
    begins |= flat % box.shape[2] == 0
    first = np.flatnonzero(begins)
    return Patch(
        box,
        flat[first].astype(np.uint32),
        np.diff(np.append(first, flat.size)).astype(np.uint32),
        old[first],
        new[first],
    )


def tally(patches: Sequence[Patch], *, gains: bool) -> dict[int, Tally]:
    """Count for each label the voxels that it gains or loses.

    Parameters
    ----------
    patches : sequence of Patch
        An edit.
    gains : bool
        Whether to count what is gained, or else what is lost.

    Returns
    -------
    dict of int to Tally
        Number and box of the voxels, for each label that has any.
    """
    rows = [_runs(patch, gains=gains) for patch in patches]
    if not rows:
        return {}
    label, start, stop = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    order = np.argsort(label, kind="stable")
    label, start, stop = label[order], start[order], stop[order]
    numbers, first = np.unique(label, return_index=True)
    size = np.add.reduceat(stop[:, 2] - start[:, 2], first)
    low = np.minimum.reduceat(start, first)
    high = np.maximum.reduceat(stop, first)
    rows_of = zip(numbers.tolist(), size.tolist(), low, high, strict=True)
    return {n: Tally(count, as_region(a, b)) for n, count, a, b in rows_of if n}


def _runs(patch: Patch, *, gains: bool) -> tuple[Array, Integers, Integers]:
    """Return label and corners, half-open, of each run."""
    place = np.unravel_index(patch.starts.astype(np.int64), patch.region.shape)
    start = np.stack(place, axis=1) + np.array(patch.region.start)
    stop = start + 1
    stop[:, 2] = start[:, 2] + patch.lengths
    return patch.after if gains else patch.before, start, stop


def _appearing(before: Entries, after: Entries) -> tuple[int, ...]:
    news: Iterable[int] = (
        label
        for label, entry in after.items()
        if entry is not None and before.get(label) is None
    )
    return tuple(sorted(news))
