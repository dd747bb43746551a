"""Slices out of an array that is stored in chunks several slices deep."""

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from napari_mitoseg.io.axes import pick_axes
from napari_mitoseg.io.damage import reading
from napari_mitoseg.io.planes import PlaneStack
from napari_mitoseg.volume import Array, LazyArray, Shape

KEPT = 256 * 2**20
"""Bytes of decoded chunks kept, so that their next slice costs nothing."""


class ChunkedArray(LazyArray, Protocol):
    """A lazy array that says how it is cut: zarr's."""

    @property
    def chunks(self) -> tuple[int, ...]:
        """Size of a chunk along each axis."""


class SlabReader:
    """Read slices of a chunked array, decoding each chunk once.

    Parameters
    ----------
    array : ChunkedArray
        Array of any number of axes, the last two y and x.
    picks : sequence of int or slice
        Its index as `pick_axes` gives it: whole slices for z (if any), y and x.

    Notes
    -----
    Reading a stack in chunks of 64 slices one slice at a time would decode everything
    64 times.  The layers of chunks read last are kept, up to 256 MiB, under a lock.
    """

    def __init__(self, array: ChunkedArray, picks: Sequence[int | slice]) -> None:
        self._array = array
        self._picks = tuple(picks)
        whole = [i for i, pick in enumerate(picks) if isinstance(pick, slice)]
        sizes = [array.shape[i] for i in whole]
        chunks = [array.chunks[i] for i in whole]
        self.shape: Shape = (sizes[0] if len(sizes) == 3 else 1, sizes[-2], sizes[-1])
        self._chunks: Shape = (
            chunks[0] if len(sizes) == 3 else 1,
            chunks[-2],
            chunks[-1],
        )
        self._kept: OrderedDict[tuple[int, ...], Array] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, z: int, rows: slice, columns: slice) -> Array:
        """Read a part of a slice.

        Parameters
        ----------
        z : int
            Slice number.
        rows, columns : slice
            The part, with start and stop.

        Returns
        -------
        ndarray, shape (rows, columns)
            Values.
        """
        y = _aligned(rows, self._chunks[1], self.shape[1])
        x = _aligned(columns, self._chunks[2], self.shape[2])
        first = z - z % self._chunks[0]
        layer = slice(first, min(first + self._chunks[0], self.shape[0]))
        if self._n_bytes((layer, y, x)) > KEPT or self._chunks[0] == 1:
            return self._load(slice(z, z + 1), rows, columns)[0]
        slab = self._slab(layer, y, x)
        part = slab[
            z - first,
            rows.start - y.start : rows.stop - y.start,
            columns.start - x.start : columns.stop - x.start,
        ]
        return part.copy()

    def _slab(self, z: slice, y: slice, x: slice) -> Array:
        key = z.start, y.start, y.stop, x.start, x.stop
        with self._lock:
            slab = self._kept.pop(key, None)
            if slab is None:
                self._make_room(self._n_bytes((z, y, x)))
                slab = self._load(z, y, x)
            self._kept[key] = slab
            return slab

    def _make_room(self, n_bytes: int) -> None:
        while (
            self._kept and n_bytes + sum(s.nbytes for s in self._kept.values()) > KEPT
        ):
            self._kept.popitem(last=False)

    def _load(self, z: slice, y: slice, x: slice) -> Array:
        parts = iter((z, y, x) if self._picks.count(slice(None)) == 3 else (y, x))
        key = tuple(p if isinstance(p, int) else next(parts) for p in self._picks)
        shape = z.stop - z.start, y.stop - y.start, x.stop - x.start
        return np.asarray(self._array[key]).reshape(shape)

    def _n_bytes(self, parts: Sequence[slice]) -> int:
        sizes = (part.stop - part.start for part in parts)
        return math.prod(sizes) * self._array.dtype.itemsize


def stack_of(
    array: ChunkedArray,
    axes: str,
    path: Path,
    *,
    channel: int | None,
    time: int | None,
) -> PlaneStack:
    """Return the slices of an array in a file.

    Parameters
    ----------
    array : ChunkedArray
        Array of any number of axes, the last two y and x.
    axes : str
        One lower-case letter an axis; see `pick_axes`.
    path : Path
        The file, for messages.
    channel, time : int or None
        Which one to take of an array that has several.

    Returns
    -------
    PlaneStack
        Read when asked for; what is damaged is a ReadError.

    Raises
    ------
    ShapeError
        If an axis longer than one is neither spatial nor chosen from.
    InvalidParameterError
        If a choice is outside its axis.
    """
    picks = pick_axes(axes, array.shape, channel=channel, time=time, name=path.name)
    reader = SlabReader(array, picks)

    def read(z: int, rows: slice, columns: slice) -> Array:
        with reading(path, f"slice {z} of "):
            return reader.read(z, rows, columns)

    return PlaneStack(reader.shape, array.dtype, read)


def _aligned(part: slice, chunk: int, size: int) -> slice:
    """Widen a part to whole chunks."""
    start = part.start - part.start % chunk
    return slice(start, min(size, math.ceil(part.stop / chunk) * chunk))
