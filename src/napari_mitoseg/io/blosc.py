"""Notice Blosc chunks that have been cut short.

The decoder (numcodecs 0.16) does not look at the length of what it is given: it reads
on in memory behind a truncated chunk and returns what it finds there.
"""

import itertools
import struct
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import zarr
from zarr.codecs import BloscCodec
from zarr.storage import LocalStore

from napari_mitoseg.errors import ReadError
from napari_mitoseg.volume import Array

HEADER = struct.Struct("<12xI")
"""The last four of the sixteen bytes at the start of a chunk: its length."""


class CheckedArray:
    """A zarr array whose Blosc chunks are measured before they are decoded.

    Parameters
    ----------
    array : zarr.Array
        The array; read as it is unless it is compressed with Blosc, chunk by chunk,
        in a local folder.
    """

    def __init__(self, array: zarr.Array[Any]) -> None:
        self._array = array
        self.shape, self.chunks, self.dtype = array.shape, array.chunks, array.dtype
        self._folder = _blosc_folder(array)

    def __getitem__(self, key: tuple[int | slice, ...], /) -> Array:
        """Read a part; ReadError if a chunk of it is shorter than it says."""
        if self._folder is not None:
            for path in self._chunk_files(self._folder, key):
                _check_length(path)
        return np.asarray(self._array[key])

    def _chunk_files(self, folder: Path, key: tuple[int | slice, ...]) -> list[Path]:
        spans = [
            range(k.start // n, -(-k.stop // n)) if isinstance(k, slice) else [k // n]
            for k, n in zip(key, self.chunks, strict=True)
        ]
        name = self._array.metadata.encode_chunk_key
        return [folder / name(numbers) for numbers in itertools.product(*spans)]


def _blosc_folder(array: zarr.Array[Any]) -> Path | None:
    """Return the folder of an array that is to be checked."""
    store = array.store
    last = array.compressors[-1] if array.compressors else None
    is_blosc = isinstance(last, (numcodecs.Blosc, BloscCodec))
    if not is_blosc or array.shards is not None or not isinstance(store, LocalStore):
        return None
    return Path(store.root) / array.path


def _check_length(path: Path) -> None:
    """Compare the length of a chunk with its header; a missing one is all fill."""
    if not path.is_file():
        return
    size = path.stat().st_size
    with path.open("rb") as handle:
        start = handle.read(HEADER.size)
    claimed = HEADER.unpack(start)[0] if len(start) == HEADER.size else HEADER.size
    if size < claimed:
        msg = (
            f"The chunk {path} has {size} of {claimed} bytes: it is truncated or "
            "damaged. Copy or export the OME-Zarr again."
        )
        raise ReadError(msg)
