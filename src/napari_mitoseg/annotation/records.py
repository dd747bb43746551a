"""Records of a journal: what a stroke changed in one slice, as bytes.

A record is its kind, its length, a checksum, the number of the slice, and the changed
pixels as compressed runs.  A record that was not written to its end, or that the disk
has damaged, is recognised by its checksum.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.documents import parse_json

MAGIC = b"mitoseg annotation journal 1\n"
PAINT, NOTE = b"P", b"N"
HEAD = struct.Struct("<cIII")
"""Kind, slice, length of the payload, checksum of all that."""

START, LENGTH = np.dtype("<u4"), np.dtype("<u4")
RUN_BYTES = START.itemsize + LENGTH.itemsize + 1
FAST = 1
"""Level of compression: strokes are small, and the user is waiting."""


@dataclass(frozen=True)
class Record:
    """One record of a journal.

    Attributes
    ----------
    kind : bytes
        `PAINT` or `NOTE`.
    z : int
        Slice that was painted; 0 for a note.
    payload : bytes
        Runs or JSON.
    """

    kind: bytes
    z: int
    payload: bytes

    def pack(self) -> bytes:
        """Return the record as it stands in the file."""
        start = struct.pack("<cI", self.kind, self.z)
        checksum = zlib.crc32(start + self.payload)
        head = HEAD.pack(self.kind, self.z, len(self.payload), checksum)
        return head + self.payload

    def note(self) -> dict[str, Any]:
        """Return what a note says; ValueError if it says nothing."""
        content = parse_json(self.payload)
        if not isinstance(content, dict):
            msg = "a note is no JSON object"
            raise ValueError(msg)  # noqa: TRY004 - damage like any other
        return content

    def apply(self, plane: NDArray[np.uint8]) -> None:
        """Repeat a stroke.

        Parameters
        ----------
        plane : ndarray of uint8, shape (Y, X)
            Slice `z` before the stroke; changed in place.

        Raises
        ------
        ValueError
            If the record paints outside the slice or twice over a pixel, or is cut
            off.
        """
        # There are at most as many runs as pixels, and no pixel lies in two.
        unpack = zlib.decompressobj()
        content = unpack.decompress(self.payload, plane.size * RUN_BYTES + 1)
        starts, lengths, values = _runs(content)
        ends = starts + lengths
        if (starts[1:] < ends[:-1]).any() or ends.max(initial=0) > plane.size:
            msg = "a stroke lies outside the slice, or is painted twice"
            raise ValueError(msg)
        flat = plane.reshape(-1)
        flat[_indices(starts, lengths)] = np.repeat(values, lengths)


def stroke(z: int, changed: NDArray[np.intp], values: NDArray[np.uint8]) -> Record:
    """Record what a stroke changed.

    Parameters
    ----------
    z : int
        Slice number.
    changed : ndarray of int, shape (n,)
        Flat indices of the changed pixels in the slice, ascending.
    values : ndarray of uint8, shape (n,)
        What they are now.

    Returns
    -------
    Record
        Runs of neighbouring pixels of one value, compressed.

    Examples
    --------
    >>> plane = np.zeros((2, 3), np.uint8)
    >>> stroke(0, np.array([1, 2, 3]), np.array([2, 2, 1], np.uint8)).apply(plane)
    >>> plane
    array([[0, 2, 2],
           [1, 0, 0]], dtype=uint8)
    """
    begins = np.ones(len(changed), bool)
    begins[1:] = (np.diff(changed) != 1) | (np.diff(values) != 0)
    first = np.flatnonzero(begins)
    lengths = np.diff(first, append=len(changed))
    content = (
        changed[first].astype(START).tobytes()
        + lengths.astype(LENGTH).tobytes()
        + values[first].tobytes()
    )
    return Record(PAINT, z, zlib.compress(content, FAST))


def note(content: dict[str, Any]) -> Record:
    """Record what is no stroke, as JSON."""
    return Record(NOTE, 0, json.dumps(content).encode())


def iter_records(content: bytes) -> Iterator[tuple[Record, int]]:
    """Take the content of a journal apart.

    Parameters
    ----------
    content : bytes
        All of the file.

    Yields
    ------
    record : Record
        In order, up to the first that is damaged or not complete.
    end : int
        Where the record ends in the file.
    """
    position = len(MAGIC) if content.startswith(MAGIC) else len(content)
    while (record := _record_at(content, position)) is not None:
        position += HEAD.size + len(record.payload)
        yield record, position


def _record_at(content: bytes, position: int) -> Record | None:
    if position + HEAD.size > len(content):
        return None
    kind, z, length, checksum = HEAD.unpack_from(content, position)
    payload = content[position + HEAD.size : position + HEAD.size + length]
    start = struct.pack("<cI", kind, z)
    if len(payload) != length or zlib.crc32(start + payload) != checksum:
        return None
    return Record(kind, z, payload)


def _runs(content: bytes) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.uint8]]:
    n, rest = divmod(len(content), RUN_BYTES)
    if rest:
        msg = "a stroke is cut off"
        raise ValueError(msg)
    starts = np.frombuffer(content, START, n).astype(np.intp)
    lengths = np.frombuffer(content, LENGTH, n, START.itemsize * n).astype(np.intp)
    return starts, lengths, np.frombuffer(content[-n:] if n else b"", np.uint8)


def _indices(starts: NDArray[np.intp], lengths: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the indices that runs cover, one after the other."""
    before = np.cumsum(lengths) - lengths
    steps = np.arange(int(lengths.sum()))
    return np.asarray(np.repeat(starts - before, lengths) + steps)
