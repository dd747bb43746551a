"""Arrays on disk, and what follows from them by lookup, read part by part.

A view holds paths and numbers only, so that it can be sent to another process.  What a
lookup makes of an array is not written: it is made anew wherever it is read.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numcodecs
import numpy as np
import zarr

from napari_mitoseg.distributed.blocks import Grid, inner
from napari_mitoseg.distributed.damage import damaged, intact
from napari_mitoseg.io.checked_array import CheckedArray
from napari_mitoseg.volume import Array, Region, Shape


class View(Protocol):
    """An array that is read part by part."""

    def read(self, region: Region) -> Array:
        """Return a part, shape of the region."""


class IntactArray:
    """A zarr array of a run, which may be damaged.

    Parameters
    ----------
    path : Path
        Its folder.

    Raises
    ------
    ReadError
        If it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with intact(path):
            array = zarr.open_array(path, mode="r", zarr_format=2)
            self._array = CheckedArray(array, path.name)
        self.shape, self.dtype = self._array.shape, self._array.dtype

    def __getitem__(self, key: tuple[int | slice, ...], /) -> Array:
        """Read a part; ReadError if a chunk of it is damaged."""
        with intact(self._path):
            return self._array[key]


@dataclass(frozen=True)
class Stored:
    """An array as it is on disk.

    Attributes
    ----------
    path : Path
        Folder of the zarr array, shape (Z, Y, X).
    """

    path: Path

    def read(self, region: Region) -> Array:
        """Return a part, shape of the region."""
        return IntactArray(self.path)[region.slices]

    def write(self, region: Region, values: Array) -> None:
        """Write a part that holds whole chunks."""
        array = zarr.open_array(self.path, mode="r+", zarr_format=2)
        array[region.slices] = values


@dataclass(frozen=True)
class UpTo:
    """Labels on disk, none of which is larger than those that were counted.

    Attributes
    ----------
    labels : Stored
        Labels.
    largest : int
        The largest that there may be.
    """

    labels: Stored
    largest: int

    def read(self, region: Region) -> Array:
        """Return a part, shape of the region; ReadError if the array is damaged."""
        values = self.labels.read(region)
        if values.max(initial=0) > self.largest:
            raise damaged(self.labels.path, "it holds labels that there are not")
        return values


@dataclass(frozen=True)
class Components:
    """Labels of blocks, each with numbers of its own, joined by a table.

    Attributes
    ----------
    labels : Stored
        Numbers from 1 in each block, uint32.
    grid : Grid
        The blocks.
    starts : Path
        ``.npy``: what to add to the numbers of each block; one more at the end.
    table : Path
        ``.npy``: label for each of these sums.
    """

    labels: Stored
    grid: Grid
    starts: Path
    table: Path

    def read(self, region: Region) -> Array:
        """Return a part, shape of the region."""
        labels = self.labels.read(region)
        starts = np.load(self.starts, mmap_mode="r")
        table = np.load(self.table, mmap_mode="r")
        for block in self.grid.overlapping(region):
            first, last = starts[block.number : block.number + 2]
            both = shared(block.region, region)
            if both is not None and first < last:
                values = np.append(0, table[first + 1 : last + 1]).astype(np.uint32)
                part = labels[inner(both, region)]
                part[...] = np.take(values, part, mode="clip")
        return labels


@dataclass(frozen=True)
class Renumbered:
    """Labels behind a table.

    Attributes
    ----------
    labels : View
        Labels up to n.
    table : Path
        ``.npy`` of n + 1 values.
    """

    labels: View
    table: Path

    def read(self, region: Region) -> Array:
        """Return a part, shape of the region; of the type of the table."""
        table = np.load(self.table, mmap_mode="r")
        # Labels never lie outside of it; clipping only spares a check.
        return np.take(np.asarray(table), self.labels.read(region), mode="clip")


@dataclass(frozen=True)
class Occupied:
    """Where there is a label: a mask.

    Attributes
    ----------
    labels : View
        Labels.
    """

    labels: View

    def read(self, region: Region) -> Array:
        """Return a part, bool."""
        return self.labels.read(region) > 0


@dataclass(frozen=True)
class Absent:
    """Where a mask is not.

    Attributes
    ----------
    mask : View
        Mask or labels.
    """

    mask: View

    def read(self, region: Region) -> Array:
        """Return a part, bool."""
        return self.mask.read(region) == 0


@dataclass(frozen=True)
class Together:
    """What is in one mask or another.

    Attributes
    ----------
    one, other : View
        Masks.
    """

    one: View
    other: View

    def read(self, region: Region) -> Array:
        """Return a part, bool."""
        return self.one.read(region) | self.other.read(region)


@dataclass(frozen=True)
class Larger:
    """The larger of two labels at each voxel.

    Attributes
    ----------
    one, other : View
        Labels; mostly at least one of them is 0.
    """

    one: View
    other: View

    def read(self, region: Region) -> Array:
        """Return a part, uint32."""
        return np.maximum(self.one.read(region), self.other.read(region))


@dataclass(frozen=True)
class Without:
    """A mask without the voxels of the labels that a table drops.

    Attributes
    ----------
    mask : View
        Mask.
    labels : View
        Labels.
    dropped : Path
        ``.npy``: for each label, whether it goes.
    """

    mask: View
    labels: View
    dropped: Path

    def read(self, region: Region) -> Array:
        """Return a part, bool."""
        goes = Renumbered(self.labels, self.dropped).read(region)
        return self.mask.read(region) & ~goes


@dataclass(frozen=True)
class Nothing:
    """A mask that is empty."""

    def read(self, region: Region) -> Array:
        """Return a part, bool."""
        return np.zeros(region.shape, np.bool_)


def create_array(path: Path, shape: Shape, dtype: str, chunk: Shape) -> Stored:
    """Make an array of zeros on disk, or find it there.

    Parameters
    ----------
    path : Path
        Its folder.
    shape : tuple of int
        Size, ZYX.
    dtype : str
        Type of the values.
    chunk : tuple of int
        Voxels that are stored together.

    Returns
    -------
    Stored
        The array; what was written to it before is still there.
    """
    draft = path.with_name(f".new-{path.name}")
    zarr.create_array(
        draft,
        shape=shape,
        dtype=dtype,
        chunks=tuple(min(c, n) for c, n in zip(chunk, shape, strict=True)),
        zarr_format=2,
        fill_value=0,
        compressors=numcodecs.Blosc("zstd", 1, numcodecs.Blosc.SHUFFLE),
        chunk_key_encoding={"name": "v2", "separator": "/"},
        overwrite=True,
    )
    take_description(draft, path)
    return Stored(path)


def take_description(draft: Path, path: Path) -> None:
    """Give arrays the description of new ones, and remove these.

    What describes an array is not read from an earlier run: it could name any size, and
    codecs that run what chunks say.

    Parameters
    ----------
    draft : Path
        Group or array of zarr 2 without chunks.
    path : Path
        The same, perhaps with chunks; made if absent.
    """
    for file in draft.rglob(".z*"):
        target = path / file.relative_to(draft)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)
    shutil.rmtree(draft)


def read_all(views: Mapping[str, View | None], region: Region) -> dict[str, Any]:
    """Read the same part of several views; None stays None."""
    return {
        name: None if view is None else view.read(region)
        for name, view in views.items()
    }


def shared(one: Region, other: Region) -> Region | None:
    """Return the voxels that two regions share; None where there are none."""
    start = tuple(map(max, one.start, other.start))
    stop = tuple(map(min, one.stop, other.stop))
    if any(a >= b for a, b in zip(start, stop, strict=True)):
        return None
    return Region((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
