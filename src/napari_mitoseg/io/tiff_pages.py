"""Slices of a TIFF file, each read and decoded only when asked for.

tifffile parses and decodes.  What is added here: no file stays open between reads,
any number of threads may read, and a file that is shorter than its header says is an
error (tifffile fills up with zeros and logs it).
"""

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile

from napari_mitoseg.errors import ReadError
from napari_mitoseg.io.limits import MOST_COMPRESSED, check_memory, check_plane_size
from napari_mitoseg.volume import Array

JPEG = 7
JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""Markers of the part of a JPEG's header that holds its size."""

BLOCK = 64
"""Pixels by which a JPEG may be larger than its tile: it is made of blocks."""

Decoder = Callable[..., tuple[Any, tuple[int, ...], tuple[int, ...]]]


@dataclass(frozen=True)
class Plane:
    """Where one slice lies.

    Attributes
    ----------
    path : Path
        The file; a multi-file OME-TIFF has several.
    offsets, counts : sequence of int
        Start and length in bytes of each of its strips or tiles.
    jpeg : dict
        Tables for JPEG-compressed segments.
    """

    path: Path
    offsets: Sequence[int]
    counts: Sequence[int]
    jpeg: dict[str, Any]


@dataclass(frozen=True)
class Grid:
    """How strips or tiles make up a plane, the same for every plane of a file.

    Attributes
    ----------
    size : tuple of int
        Rows and columns of the plane.
    segment : tuple of int
        Rows and columns of a strip or tile.
    sample : int
        Channel within the pixels.
    decode : callable
        tifffile's decoder of a segment.
    is_jpeg : bool
        Whether segments are JPEGs.
    """

    size: tuple[int, int]
    segment: tuple[int, int]
    sample: int
    decode: Decoder
    is_jpeg: bool = False

    @property
    def counts(self) -> tuple[int, int]:
        """Segments along y and x."""
        (height, width), (rows, columns) = self.size, self.segment
        return math.ceil(height / rows), math.ceil(width / columns)

    def overlapping(self, rows: slice, columns: slice) -> Iterator[int]:
        """Iterate over the numbers of the segments that touch a part."""
        _, n_columns = self.counts
        for row in _touched(rows, self.segment[0]):
            for column in _touched(columns, self.segment[1]):
                yield row * n_columns + column


def grid_of(page: tifffile.TiffPage, sample: int, *, virtual: bool) -> Grid:
    """Describe the strips or tiles of a page.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page that stands for all.
    sample : int
        Channel within the pixels.
    virtual : bool
        Whether all planes follow one another behind the only page of the file.

    Returns
    -------
    Grid
        The layout.
    """
    size = page.imagelength, page.imagewidth
    if virtual:
        return Grid(size, (_block(page), size[1]), sample, _raw_decoder(page))
    rows = page.tilelength if page.is_tiled else min(page.rowsperstrip, size[0])
    columns = page.tilewidth if page.is_tiled else size[1]
    is_jpeg = page.compression == JPEG
    return Grid(size, (rows, columns), sample, page.decode, is_jpeg)


def planes_of(page: tifffile.TiffPage) -> list[Plane]:
    """Note where the planes of a page lie, after checking that it is there.

    Parameters
    ----------
    page : tifffile.TiffPage
        An open page.

    Returns
    -------
    list of Plane
        One; several where a page stores its channels, or slices, one after another.

    Raises
    ------
    ReadError
        If the page claims an absurd size, or data that the file does not hold.
    """
    handle = page.parent.filehandle
    path = Path(handle.path)
    where = f"Slice {page.index} of {path.name}"
    check_plane_size((page.imagelength, page.imagewidth), path.name)
    _check_compression(page, path.name)
    check_memory(math.prod(page.chunks) * _itemsize(page), path.name)
    offsets, counts = tuple(page.dataoffsets), tuple(page.databytecounts)
    _check_segments(page, offsets, counts, where)
    _check_inside(max(map(sum, zip(offsets, counts, strict=True))), handle.size, where)
    jpeg = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}
    n_each = len(offsets) // page.shaped[0]
    return [
        Plane(path, offsets[i : i + n_each], counts[i : i + n_each], jpeg)
        for i in range(0, len(offsets), n_each)
    ]


def virtual_planes(page: tifffile.TiffPage, n_planes: int) -> list[Plane]:
    """Note where the planes lie that follow the only page of a file.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page; its data is uncompressed and in one piece.
    n_planes : int
        How many planes the header claims.

    Returns
    -------
    list of Plane
        One entry a plane.

    Raises
    ------
    ReadError
        If the file does not hold them all.
    """
    handle = page.parent.filehandle
    path = Path(handle.path)
    check_plane_size((page.imagelength, page.imagewidth), path.name)
    if not page.is_contiguous:
        msg = (
            f"{path.name} claims {n_planes} slices but holds one. Export it again "
            "from the program that wrote it."
        )
        raise ReadError(msg)
    first, size = page.dataoffsets[0], page.nbytes // page.shaped[0]
    last = first + n_planes * size
    _check_inside(last, handle.size, path.name)
    step = size // page.imagelength * _block(page)
    counts = [min(step, size - at) for at in range(0, size, step)]
    starts = range(first, last, size)
    return [Plane(path, range(at, at + size, step), counts, {}) for at in starts]


def check_chain(file: tifffile.TiffFile) -> None:
    """Refuse a file whose chain of pages leads nowhere.

    Parameters
    ----------
    file : tifffile.TiffFile
        Open file.

    Raises
    ------
    ReadError
        If a page is announced that cannot be read, or the description cannot.
    """
    at = file.pages.next_page_offset if len(file.pages) else None
    if at is None:
        raise ReadError(truncated(f"{file.filename} has no readable page", 0))
    file.filehandle.seek(at)
    entry = file.filehandle.read(file.tiff.offsetsize)
    if len(entry) < file.tiff.offsetsize or any(entry):
        found = f"{file.filename} announces more than its {len(file.pages)} pages"
        raise ReadError(truncated(found, file.filehandle.size))
    description = "ImageDescription"
    if description not in file.pages.first.tags and _has_tag(file, 270):
        found = f"{file.filename} announces a description that it does not hold"
        raise ReadError(truncated(found, file.filehandle.size))


def read_part(plane: Plane, grid: Grid, rows: slice, columns: slice) -> Array:
    """Read and decode a part of a plane.

    Parameters
    ----------
    plane : Plane
        Where it lies.
    grid : Grid
        How it is cut into segments; only those that touch the part are decoded.
    rows, columns : slice
        The part, with start and stop.

    Returns
    -------
    ndarray, shape (rows, columns)
        Values.
    """
    corner = rows.start, columns.start
    shape = rows.stop - rows.start, columns.stop - columns.start
    with plane.path.open("rb") as handle:
        numbers = grid.overlapping(rows, columns)
        strips = [_segment(handle, plane, grid, number) for number in numbers]
    if len(strips) == 1 and strips[0][0].shape == shape:
        return strips[0][0]
    part = np.empty(shape, strips[0][0].dtype if strips else np.uint8)
    for values, position in strips:
        _paste(part, values, (position[0] - corner[0], position[1] - corner[1]))
    return part


def truncated(found: str, size: int) -> str:
    """Say that a file ends too early."""
    return (
        f"{found}, and the file ends at byte {size}: it is truncated or damaged. "
        "Copy or export it again."
    )


def _has_tag(file: tifffile.TiffFile, code: int) -> bool:
    """Look for a tag in the directory itself; tifffile drops what it cannot read."""
    handle, tiff = file.filehandle, file.tiff
    handle.seek(file.pages.first.offset)
    (n_tags,) = struct.unpack(tiff.tagnoformat, handle.read(tiff.tagnosize))
    entries = handle.read(n_tags * tiff.tagsize)
    starts = range(0, len(entries), tiff.tagsize)
    return code in {
        struct.unpack_from(file.byteorder + "H", entries, i)[0] for i in starts
    }


def _touched(part: slice, size: int) -> range:
    return range(part.start // size, math.ceil(part.stop / size))


def _block(page: tifffile.TiffPage) -> int:
    """Choose how many rows of uncompressed data to read at least: about a MiB."""
    row = page.nbytes // (page.shaped[0] * page.imagelength)
    return max(1, min(page.imagelength, 2**20 // row))


def _raw_decoder(page: tifffile.TiffPage) -> Decoder:
    dtype = np.dtype(page.parent.byteorder + np.dtype(page.dtype).char)
    block, (width, samples) = _block(page), page.shaped[3:]

    def decode(data: bytes, index: int, **_: object) -> tuple[Array, Any, Any]:
        values = np.frombuffer(data, dtype).reshape(1, -1, width, samples)
        return values, (0, 0, index * block, 0, 0), values.shape

    return decode


def _segment(
    handle: BinaryIO, plane: Plane, grid: Grid, index: int
) -> tuple[Array, tuple[int, int]]:
    """Decode one strip or tile; return it with its first row and column."""
    handle.seek(plane.offsets[index])
    data = handle.read(plane.counts[index])
    if len(data) < plane.counts[index]:
        raise ReadError(
            truncated(f"{plane.path.name} has become shorter", handle.tell())
        )
    if grid.is_jpeg:
        _check_jpeg(data, grid.segment)
    values, position, _ = grid.decode(data, index, **plane.jpeg)
    return values[0, :, :, grid.sample], (position[2], position[3])


def _paste(part: Array, values: Array, at: tuple[int, int]) -> None:
    """Copy what of a segment lies inside the part."""
    spans = [
        (max(0, a), min(n, a + m))
        for a, n, m in zip(at, part.shape, values.shape, strict=True)
    ]
    (top, bottom), (left, right) = spans
    part[top:bottom, left:right] = values[
        top - at[0] : bottom - at[0], left - at[1] : right - at[1]
    ]


def _check_segments(
    page: tifffile.TiffPage,
    offsets: tuple[int, ...],
    counts: tuple[int, ...],
    where: str,
) -> None:
    expected = math.prod(page.chunked)
    if len(offsets) != expected or len(counts) != expected or 0 in (*offsets, *counts):
        n_found = sum(1 for o, n in zip(offsets, counts, strict=False) if o and n)
        msg = (
            f"{where} should have {expected} strips or tiles and has {n_found}: the "
            "file was not written completely. Export it again."
        )
        raise ReadError(msg)
    stored = sum(counts)
    is_plain = page.compression == 1 and page.bitspersample in {8, 16, 32, 64}
    if page.nbytes > stored * (1 if is_plain else MOST_COMPRESSED):
        msg = (
            f"{where} claims {page.imagelength} × {page.imagewidth} pixels but has "
            f"{stored} bytes of data: its header is damaged. Export it again."
        )
        raise ReadError(msg)


def _itemsize(page: tifffile.TiffPage) -> int:
    return page.dtype.itemsize if page.dtype is not None else 1


def _check_compression(page: tifffile.TiffPage, name: str) -> None:
    """Refuse pictures within the file that say themselves how large they are."""
    code = int(page.compression)
    if code in tifffile.TIFF.IMAGE_COMPRESSIONS and code != JPEG:
        kind = getattr(page.compression, "name", str(code))
        msg = (
            f"{name} is compressed with {kind}; read are LZW, Deflate, Zstandard, "
            "LZMA, PackBits, JPEG and none. Save it again, for example with Fiji."
        )
        raise ReadError(msg)


def _check_jpeg(data: bytes, segment: tuple[int, int]) -> None:
    """Compare the size in the header of a JPEG with that of its strip or tile."""
    at = 2
    while at + 9 <= len(data):
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            if height > segment[0] + BLOCK or width > segment[1] + BLOCK:
                msg = f"a JPEG of {height} × {width} pixels in a part of {segment}"
                raise ValueError(msg)
            return
        at += 2 + length


def _check_inside(last: int, size: int, where: str) -> None:
    if last > size:
        raise ReadError(truncated(f"{where} needs bytes up to {last}", size))
