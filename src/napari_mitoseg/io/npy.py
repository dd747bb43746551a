"""Arrays in NumPy's format, from anywhere."""

import io
import math
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import ReadError, one_line

BAD_ARRAY = (
    ValueError,
    EOFError,
    OSError,
    TypeError,
    SyntaxError,
    RecursionError,
    MemoryError,
    TokenError,
)
"""What numpy raises over damaged headers, which are lines of Python."""


def read_npy(content: bytes, name: str) -> NDArray[Any]:
    """Read an array that has the size that its header says, and holds no objects.

    Parameters
    ----------
    content : bytes
        The file.
    name : str
        Of the file, for messages.

    Returns
    -------
    ndarray
        Of numbers.

    Raises
    ------
    ReadError
        If it is damaged, or holds something else.
    """
    file = io.BytesIO(content)
    try:
        _check_header(file, len(content))
        file.seek(0)
        array: NDArray[Any] = np.load(file, allow_pickle=False)
    except BAD_ARRAY as error:
        msg = f"{name} holds no numbers ({one_line(error)}). Get it again."
        raise ReadError(msg) from error
    return array


def _check_header(file: io.BytesIO, n_bytes: int) -> None:
    """Refuse an array of objects, or of another size than the file's."""
    read = np.lib.format.read_array_header_1_0
    if np.lib.format.read_magic(file) != (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    size = math.prod(shape) * dtype.itemsize
    if dtype.kind not in "biuf" or size != n_bytes - file.tell():
        msg = f"{dtype} of shape {shape} in {n_bytes} bytes"
        raise ValueError(msg)
