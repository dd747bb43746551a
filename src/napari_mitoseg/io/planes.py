"""A stack that is read plane by plane."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from napari_mitoseg.errors import ReadError
from napari_mitoseg.memory import free_memory
from napari_mitoseg.volume import Array, Shape

SMALL = 2**28
"""Bytes that are free on any computer; asking takes longer than reading a slice."""

ReadPlane = Callable[[int, slice, slice], Array]


class PlaneStack:
    """An array of shape (Z, Y, X) whose planes are read when they are asked for.

    Parameters
    ----------
    shape : tuple of int
        Size along z, y, x.
    dtype : dtype
        Type of the values; native byte order comes out.
    read_plane : callable
        Takes the number of a plane and the slices (start and stop) of its rows and
        columns; returns that part as an array of shape (rows, columns).  It may be
        called from several threads at once and keeps no file open.

    Examples
    --------
    >>> stack = PlaneStack((4, 2, 3), "u1", lambda z, y, x: np.full((2, 3), z)[y, x])
    >>> stack[2:, 0, ::-1]
    array([[2, 2, 2],
           [3, 3, 3]], dtype=uint8)
    """

    def __init__(self, shape: Shape, dtype: DTypeLike, read_plane: ReadPlane) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype).newbyteorder("=")
        self._read_plane = read_plane

    @property
    def ndim(self) -> int:
        """Number of axes: three."""
        return len(self.shape)

    def __len__(self) -> int:
        """Count the planes."""
        return self.shape[0]

    def __getitem__(self, key: Any) -> Array:
        """Read a part; integers, slices and an ellipsis are understood."""
        z, y, x = _picks(key, self.shape)
        self._check_memory(z, y, x)
        if isinstance(z, int):
            return self._part(z, y, x)
        parts = np.empty((len(z), *_size(y), *_size(x)), self.dtype)
        for i, plane in enumerate(z):
            parts[i] = self._part(plane, y, x)
        return parts

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> Array:
        """Read everything."""
        del copy
        return self[:].astype(dtype or self.dtype, copy=False)

    def _check_memory(self, *picks: int | range) -> None:
        """Refuse to read more than fits: a header may claim any size."""
        size = tuple(1 if isinstance(pick, int) else len(pick) for pick in picks)
        # The part, and what it is unpacked from.
        needed = 2 * math.prod(size) * self.dtype.itemsize
        if needed > SMALL and needed > (free := free_memory()):
            msg = (
                f"Reading {' × '.join(map(str, size))} voxels at once takes "
                f"{needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB of memory are free. "
                "Choose a smaller region, or close what else takes memory."
            )
            raise ReadError(msg)

    def _part(self, z: int, y: int | range, x: int | range) -> Array:
        part = self._read_plane(z, _bounds(y), _bounds(x))
        return part.astype(self.dtype, copy=False)[_within(y), _within(x)]


def _picks(key: Any, shape: Shape) -> tuple[int | range, ...]:
    """Turn an index into one number or range per axis."""
    given = key if isinstance(key, tuple) else (key,)
    if Ellipsis not in given:
        given = (*given, Ellipsis)
    at = given.index(Ellipsis)
    rest = (slice(None),) * (len(shape) - len(given) + 1)
    full = (*given[:at], *rest, *given[at + 1 :])
    return tuple(range(n)[k] for k, n in zip(full, shape, strict=True))


def _size(pick: int | range) -> tuple[int, ...]:
    return () if isinstance(pick, int) else (len(pick),)


def _bounds(pick: int | range) -> slice:
    """Return the smallest contiguous slice that holds a pick."""
    if isinstance(pick, int):
        return slice(pick, pick + 1)
    if not pick:
        return slice(0, 0)
    return slice(min(pick[0], pick[-1]), max(pick[0], pick[-1]) + 1)


def _within(pick: int | range) -> int | slice:
    """Return the index of a pick inside its bounds."""
    return 0 if isinstance(pick, int) else slice(None, None, pick.step)
