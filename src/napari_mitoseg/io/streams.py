"""Voxels that follow a header in one stream, compressed or not: NIfTI and NRRD."""

import bz2
import gzip
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np

from napari_mitoseg.errors import ReadError
from napari_mitoseg.io.damage import reading
from napari_mitoseg.io.limits import check_claimed_size, check_memory
from napari_mitoseg.volume import Array

Packing = Literal["raw", "gzip", "bzip2"]

BLOCK = 2**24
"""Bytes read at once: a stream that ends too early has not filled much memory."""

OPENERS: dict[Packing, Callable[[BinaryIO], BinaryIO]] = {
    "raw": lambda handle: handle,
    "gzip": lambda handle: cast(BinaryIO, gzip.GzipFile(fileobj=handle)),
    "bzip2": lambda handle: cast(BinaryIO, bz2.BZ2File(handle)),
}


@dataclass(frozen=True)
class Stream:
    """Where the voxels of a file are, and how they are packed.

    Attributes
    ----------
    path : Path
        The file.
    shape : tuple of int
        Size along each axis, the slowest first.
    dtype : dtype
        Type of the values, with their byte order.
    packing : {"raw", "gzip", "bzip2"}
        How the stream is packed.
    start : int
        Byte of the file at which the stream begins.
    skipped : int
        Bytes of the unpacked stream in front of the voxels.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    packing: Packing
    start: int = 0
    skipped: int = 0


class StreamArray:
    """The voxels of a stream as an array.

    Parameters
    ----------
    stream : Stream
        Where they are.

    Raises
    ------
    ReadError
        If the file cannot hold what its header says.

    Notes
    -----
    Of a raw stream the parts asked for are read.  A compressed one has no other
    entrance than its beginning: it is unpacked into memory when the first part is
    read, and kept.
    """

    def __init__(self, stream: Stream) -> None:
        self.shape, self.dtype = stream.shape, stream.dtype
        self.chunks = (1,) * (len(stream.shape) - 2) + stream.shape[-2:]
        self._stream = stream
        self._lock = threading.Lock()
        self._values: Array | None = None
        check_claimed_size(stream.shape, stream.dtype.itemsize, stream.path)
        if stream.packing == "raw":
            _check_raw(stream)

    def __getitem__(self, key: Any, /) -> Array:
        """Read a part."""
        if self._stream.packing == "raw":
            return np.array(self._mapped()[key])
        with self._lock:
            if self._values is None:
                self._values = unpack(self._stream)
        return np.array(self._values[key])

    def _mapped(self) -> Array:
        stream = self._stream
        at = stream.start + stream.skipped
        return np.memmap(stream.path, stream.dtype, "r", at, stream.shape)


def unpack(stream: Stream) -> Array:
    """Read a compressed stream from its beginning.

    Parameters
    ----------
    stream : Stream
        Where it is.

    Returns
    -------
    ndarray
        All its voxels.

    Raises
    ------
    ReadError
        If it ends too early, or cannot be unpacked.
    """
    n_bytes = math.prod(stream.shape) * stream.dtype.itemsize
    check_memory(n_bytes, stream.path.name)
    with reading(stream.path), stream.path.open("rb") as handle:
        handle.seek(stream.start)
        source = OPENERS[stream.packing](handle)
        _skip(source, stream.skipped, stream.path)
        values = np.frombuffer(_read(source, n_bytes, stream.path), stream.dtype)
        return values.reshape(stream.shape)


def _skip(source: BinaryIO, n_bytes: int, path: Path) -> None:
    """Unpack what is in front of the voxels, keeping none of it."""
    left = n_bytes
    while left > 0:
        block = source.read(min(BLOCK, left))
        if not block:
            raise ReadError(_short(path, n_bytes, n_bytes - left))
        left -= len(block)


def _read(source: BinaryIO, n_bytes: int, path: Path) -> bytearray:
    found = bytearray()
    while len(found) < n_bytes:
        block = source.read(min(BLOCK, n_bytes - len(found)))
        if not block:
            raise ReadError(_short(path, n_bytes, len(found)))
        found += block
    return found


def _check_raw(stream: Stream) -> None:
    wanted = math.prod(stream.shape) * stream.dtype.itemsize
    there = stream.path.stat().st_size - stream.start - stream.skipped
    if there < wanted:
        raise ReadError(_short(stream.path, wanted, max(there, 0)))


def _short(path: Path, wanted: int, found: int) -> str:
    return (
        f"{path} should hold {wanted} bytes of voxels and holds {found}: it is "
        "truncated or damaged. Copy or export it again."
    )
