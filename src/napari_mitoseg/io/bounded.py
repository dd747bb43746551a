"""Unpack bytes without ever making more of them than there should be.

A few bytes can unpack to gigabytes, and a damaged length can claim as much: numcodecs
makes room for whatever comes out.  Here the size is known beforehand, and more is an
error before it is in memory.
"""

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable
from typing import Any, Protocol

import imagecodecs
import numcodecs

from napari_mitoseg.errors import ReadError

BLOSC = struct.Struct("<4xI4xI")
"""Of the sixteen bytes at the start of a Blosc chunk: size unpacked and packed."""

LZ4 = struct.Struct("<I")
"""What numcodecs puts in front of LZ4: the size unpacked."""

GZIP = 16 + zlib.MAX_WBITS
GZIP_MAGIC = b"\x1f\x8b"


class Unpacker(Protocol):
    """Unpacks bytes, to so many at most."""

    def __call__(self, packed: bytes, limit: int) -> Any:
        """Return what comes out; ValueError if that is more than `limit` bytes."""


class _Incremental(Protocol):
    """What zlib, bz2 and lzma unpack with."""

    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Return the next bytes."""


def unpacker_of(codec: Any, name: str) -> Unpacker:
    """Return what unpacks the bytes of a compressor of zarr 2.

    Parameters
    ----------
    codec : numcodecs.abc.Codec
        The compressor that the metadata of an array names.
    name : str
        Name of the file, for the message.

    Returns
    -------
    callable
        Takes the bytes and the most that may come out.

    Raises
    ------
    ReadError
        If it is a codec that is not known to be safe; some of numcodecs unpickle.
    """
    if isinstance(codec, numcodecs.LZMA):
        return lambda packed, limit: _unlzma(packed, limit, codec)
    if codec.codec_id not in UNPACKERS:
        msg = (
            f"{name} is compressed with {codec.codec_id!r}; read are: lzma, "
            f"{', '.join(UNPACKERS)}. Write it again with one of these."
        )
        raise ReadError(msg)
    return UNPACKERS[codec.codec_id]


def _unzlib(packed: bytes, limit: int) -> bytes:
    return _members(packed, limit, zlib.decompressobj)


def _ungzip(packed: bytes, limit: int) -> bytes:
    return _members(packed, limit, lambda: zlib.decompressobj(GZIP))


def _unbz2(packed: bytes, limit: int) -> bytes:
    return _members(packed, limit, bz2.BZ2Decompressor)


def _unlzma(packed: bytes, limit: int, codec: Any) -> bytes:
    def make() -> Any:
        return lzma.LZMADecompressor(codec.format, filters=codec.filters)

    return _members(packed, limit, make)


def _members(packed: bytes, limit: int, make: Callable[[], Any]) -> bytes:
    """Unpack one stream, or several one behind the other as gzip allows."""
    found = bytearray()
    while packed:
        source: _Incremental = make()
        found += source.decompress(packed, limit + 1 - len(found))
        if len(found) > limit:
            raise ValueError(_too_much(limit))
        if not source.eof:
            raise ValueError(_cut_off(len(found)))
        # Behind the last stream, zeros may fill up a block.
        packed = bytes(source.unused_data.lstrip(b"\0"))
    return bytes(found)


def _unzstd(packed: bytes, limit: int) -> Any:
    try:
        return imagecodecs.zstd_decode(packed, out=limit)
    except imagecodecs.ZstdError as error:
        msg = f"a part does not unpack to at most {limit} bytes: {error}"
        raise ValueError(msg) from error


def _unlz4(packed: bytes, limit: int) -> Any:
    if len(packed) < LZ4.size or LZ4.unpack_from(packed)[0] > limit:
        raise ValueError(_too_much(limit))
    return numcodecs.LZ4().decode(packed)


def _unblosc(packed: bytes, limit: int) -> Any:
    """Compare both sizes with what is there: the decoder looks at neither."""
    if len(packed) < 16:
        raise ValueError(_cut_off(len(packed)))
    unpacked, stored = BLOSC.unpack_from(packed)
    if stored > len(packed):
        raise ValueError(_cut_off(len(packed)))
    if unpacked > limit:
        raise ValueError(_too_much(limit))
    return numcodecs.Blosc().decode(packed)


UNPACKERS: dict[str, Unpacker] = {
    "blosc": _unblosc,
    "bz2": _unbz2,
    "gzip": _ungzip,
    "lz4": _unlz4,
    "zlib": _unzlib,
    "zstd": _unzstd,
}
"""By the name that zarr 2 gives a compressor; zarr 3 names some of them alike."""


def _too_much(limit: int) -> str:
    return f"a part unpacks to more than the {limit} bytes that it should hold"


def _cut_off(size: int) -> str:
    return f"a part is truncated: it ends after {size} bytes"
