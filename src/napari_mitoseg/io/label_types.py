"""How masks and labels are stored."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError, ShapeError
from napari_mitoseg.volume import Array, LazyArray, Shape

Stored = np.dtype[Any]

LARGEST = 2**32 - 1
"""The largest label there may be."""


class PackedLabels:
    """Labels in the smallest unsigned type that holds them, converted when read.

    Parameters
    ----------
    labels : array of bool or int, shape (Z, Y, X) or (Y, X)
        Read once, slice by slice, for the largest label; a single image becomes a
        stack of one slice.

    Attributes
    ----------
    shape : tuple of int
        Size along z, y, x.
    dtype : dtype
        uint8, uint16 or uint32.
    largest : int
        The largest label, 0 where there is none.

    Raises
    ------
    ShapeError
        Unless there are two or three axes, none empty.
    InvalidParameterError
        If the values are not whole numbers between 0 and 2³² − 1.

    Examples
    --------
    >>> packed = PackedLabels(np.array([[0, 300]]))
    >>> packed.shape, packed.dtype
    ((1, 1, 2), dtype('uint16'))
    """

    def __init__(self, labels: LazyArray) -> None:
        is_plane = len(labels.shape) == 2
        self._labels = np.asarray(labels)[None] if is_plane else labels
        self.shape = check_axes(self._labels.shape)
        stored_type(labels.dtype)  # refuses what is no whole number
        self.largest = self._find_largest()
        self.dtype = np.min_scalar_type(self.largest)

    def __getitem__(self, key: Any, /) -> Array:
        """Read a part."""
        return np.asarray(self._labels[key]).astype(self.dtype, copy=False)

    def _find_largest(self) -> int:
        bounds = [_bounds(np.asarray(self._labels[z])) for z in range(self.shape[0])]
        least, largest = min(b[0] for b in bounds), max(b[1] for b in bounds)
        if least < 0 or largest > LARGEST:
            raise InvalidParameterError(_out_of_range(least, largest, LARGEST))
        return largest


def check_axes(shape: Sequence[int]) -> Shape:
    """Return a shape as z, y, x.

    Parameters
    ----------
    shape : sequence of int
        Size along each axis.

    Returns
    -------
    tuple of int
        Size along z, y, x.

    Raises
    ------
    ShapeError
        Unless there are three axes, none empty.
    """
    if len(shape) != 3 or 0 in shape:
        msg = (
            f"Labels of shape {tuple(shape)} cannot be written: three axes, z, y, x, "
            "each at least 1 long, are needed."
        )
        raise ShapeError(msg)
    z, y, x = shape
    return int(z), int(y), int(x)


def stored_type(dtype: Stored) -> Stored:
    """Return the type under which labels are written.

    Parameters
    ----------
    dtype : dtype
        Type of the labels.

    Returns
    -------
    dtype
        uint8, uint16 and uint32 stay; bool becomes uint8, other integers uint32.

    Raises
    ------
    InvalidParameterError
        If the labels are no integers.

    Examples
    --------
    >>> stored_type(np.dtype(bool)), stored_type(np.dtype("int64"))
    (dtype('uint8'), dtype('uint32'))
    """
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype.kind not in "iu":
        msg = (
            f"Labels are whole numbers; {dtype.name} was given. Convert them, for "
            "example with labels.astype('uint32')."
        )
        raise InvalidParameterError(msg)
    small = dtype.kind == "u" and dtype.itemsize <= 4
    return dtype.newbyteorder("=") if small else np.dtype(np.uint32)


def stored(part: Array, dtype: Stored) -> NDArray[Any]:
    """Convert a part of the labels, refusing values that do not fit.

    Parameters
    ----------
    part : ndarray of int or bool
        Some of the labels.
    dtype : dtype
        What `stored_type` gave for them.

    Returns
    -------
    ndarray
        The same values; the same memory where it has the type already.

    Raises
    ------
    InvalidParameterError
        If a value is negative or too large.
    """
    values = np.ascontiguousarray(part)
    if np.can_cast(values.dtype, dtype):
        return values.astype(dtype, copy=False)
    least, most = _bounds(values)
    if least < 0 or most > np.iinfo(dtype).max:
        raise InvalidParameterError(_out_of_range(least, most, np.iinfo(dtype).max))
    return values.astype(dtype)


def _bounds(values: Array) -> tuple[int, int]:
    return int(values.min(initial=0)), int(values.max(initial=0))


def _out_of_range(least: int, most: int, allowed: int) -> str:
    return (
        f"Labels range from {least} to {most}; 0 to {allowed} can be written. "
        "Renumber them from 1."
    )
