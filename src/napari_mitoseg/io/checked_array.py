"""A zarr array whose chunks are unpacked only by what is safe, and within bounds.

The metadata of an array names codecs, and zarr runs what they name.  numcodecs has some
that unpickle, that is, run whatever a chunk says; none of its decoders is told how much
may come out; and that of Blosc reads on in memory behind a truncated chunk.
"""

import asyncio
import math
from dataclasses import dataclass, replace
from typing import Any, Self

import numcodecs
import numpy as np
import zarr
from zarr.abc.codec import BytesBytesCodec, Codec
from zarr.codecs import (
    BytesCodec,
    Crc32cCodec,
    ShardingCodec,
    TransposeCodec,
)
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer
from zarr.core.metadata import ArrayV2Metadata, ArrayV3Metadata

from napari_mitoseg.errors import ReadError
from napari_mitoseg.io.bounded import Unpacker, unpacker_of
from napari_mitoseg.io.limits import check_memory
from napari_mitoseg.volume import Array

FILTERS = (
    "adler32",
    "astype",
    "bitround",
    "crc32",
    "crc32c",
    "delta",
    "fixedscaleoffset",
    "fletcher32",
    "jenkins_lookup3",
    "packbits",
    "quantize",
    "shuffle",
)
"""Filters of zarr 2 that only compute."""

COMPUTING = (BytesCodec, TransposeCodec, Crc32cCodec)
"""Codecs of zarr 3 that only compute."""

SAME = ("blosc", "gzip", "zstd")
"""Compressors of zarr 3 that are unpacked like those of zarr 2."""

WIDENED = 8
"""How much larger than its chunk filters may make what is packed: bits to doubles."""

CHECKSUMS = 64
"""Bytes for what checksums add to a chunk."""


class CheckedArray:
    """A zarr array that may come from anywhere.

    Parameters
    ----------
    array : zarr.Array
        The array.
    name : str
        Name of the file, for messages.

    Raises
    ------
    ReadError
        If it names codecs that are not read, or a chunk does not fit into memory.
    """

    def __init__(self, array: zarr.Array[Any], name: str) -> None:
        self.shape, self.chunks, self.dtype = array.shape, array.chunks, array.dtype
        # What is packed, and the chunk itself.
        check_memory(2 * math.prod(self.chunks) * self.dtype.itemsize, name)
        self._array = _bounded(array, name)

    def __getitem__(self, key: tuple[int | slice, ...], /) -> Array:
        """Read a part; ReadError if a chunk of it is damaged."""
        return np.asarray(self._array[key])


def _bounded(array: zarr.Array[Any], name: str) -> zarr.Array[Any]:
    """Return the array with decoders that know how much may come out."""
    known = array.metadata
    if isinstance(known, ArrayV3Metadata):
        codecs = tuple(_bounded_v3(codec, name) for codec in known.codecs)
        safe: Any = replace(known, codecs=codecs)
    else:
        safe = _bounded_v2(known, name)
    return zarr.Array(zarr.AsyncArray(safe, array.store_path))


# ------------------------------------------------------------------ zarr 2


class _Compressor(numcodecs.abc.Codec):  # type: ignore[misc] # untyped
    """A compressor of zarr 2 that only unpacks."""

    codec_id = "bounded"

    def __init__(self, unpack: Unpacker, limit: int) -> None:
        self._unpack, self._limit = unpack, limit

    def encode(self, buf: Any) -> Any:
        """Refuse: arrays are read only."""
        raise NotImplementedError

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Unpack a chunk."""
        del out
        return self._unpack(bytes(buf), self._limit)


def _bounded_v2(known: ArrayV2Metadata, name: str) -> ArrayV2Metadata:
    filters = known.filters or ()
    for one in filters:
        if one.codec_id not in FILTERS:
            raise ReadError(_not_run(name, str(one.codec_id)))
    if known.compressor is None:
        return known
    size = math.prod(known.chunks) * known.dtype.to_native_dtype().itemsize
    limit = size * WIDENED + CHECKSUMS if filters else size
    unpack = unpacker_of(known.compressor, name)
    return replace(known, compressor=_Compressor(unpack, limit))


# ------------------------------------------------------------------ zarr 3


@dataclass(frozen=True)
class _Unpacking(BytesBytesCodec):
    """A compressor of zarr 3 that only unpacks."""

    unpack: Unpacker
    is_fixed_size = False

    def compute_encoded_size(self, input_byte_length: int, _spec: ArraySpec) -> int:
        """Say nothing: it depends on the values."""
        raise NotImplementedError

    def evolve_from_array_spec(self, array_spec: ArraySpec) -> Self:
        """Stay as it is."""
        del array_spec
        return self

    async def _decode_single(
        self, chunk_bytes: Buffer, chunk_spec: ArraySpec
    ) -> Buffer:
        dtype = chunk_spec.dtype.to_native_dtype()
        limit = math.prod(chunk_spec.shape) * dtype.itemsize + CHECKSUMS
        packed = chunk_bytes.to_bytes()
        unpacked = await asyncio.to_thread(self.unpack, packed, limit)
        return chunk_spec.prototype.buffer.from_bytes(unpacked)


def _bounded_v3(codec: Codec, name: str) -> Codec:
    if isinstance(codec, ShardingCodec):
        for one in codec.index_codecs:
            if not isinstance(one, COMPUTING):
                raise ReadError(_not_run(name, type(one).__name__))
        inner = tuple(_bounded_v3(one, name) for one in codec.codecs)
        return replace(codec, codecs=inner)
    if isinstance(codec, COMPUTING):
        return codec
    if not isinstance(codec, BytesBytesCodec):
        raise ReadError(_not_run(name, type(codec).__name__))
    described: Any = codec.to_dict()
    # zarr 3 reads the codecs of zarr 2 under this prefix.
    kind = str(described["name"]).removeprefix("numcodecs.")
    settings = {} if kind in SAME else described.get("configuration", {})
    return _Unpacking(unpacker_of(numcodecs.get_codec({**settings, "id": kind}), name))


def _not_run(name: str, codec: str) -> str:
    return (
        f"{name} was written with the codec {codec!r}, which is not run. Write it "
        "again, compressed with Blosc, gzip or Zstandard."
    )
