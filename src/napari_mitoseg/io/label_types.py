"""How masks and labels are stored."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError, ShapeError
from napari_mitoseg.volume import Array, Shape

Stored = np.dtype[Any]


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
    least, most = int(values.min(initial=0)), int(values.max(initial=0))
    if least < 0 or most > np.iinfo(dtype).max:
        msg = (
            f"Labels range from {least} to {most}; 0 to {np.iinfo(dtype).max} can be "
            "written. Renumber them from 1."
        )
        raise InvalidParameterError(msg)
    return values.astype(dtype)
