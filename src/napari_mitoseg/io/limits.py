"""Sizes and types that are accepted, and those that point to a mistake."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError, ReadError
from napari_mitoseg.io.planes import PlaneStack
from napari_mitoseg.memory import free_memory
from napari_mitoseg.volume import Array, LazyArray, Volume

LARGEST_PLANE = 2**34
"""Pixels; a slice of 131 072 × 131 072 is beyond any microscope in use."""

MOST_COMPRESSED = 20_000
"""Nothing in use packs a volume tighter; a header that claims so is damaged."""

ALWAYS_BELIEVED = 2**28
"""Bytes that a header may claim whatever the file holds."""

MOST_PARTS, MOST_TINY_PARTS = 2**20, 2**12
"""Chunks of a slice; so many take minutes to find, and no writer makes them."""

TINY = 2**10
"""Bytes below which a chunk is tiny."""

MOST_SLICES = 2**24
"""Slices of a stack: of 5 nm, they would reach through a mouse's head."""

MEMORY_SHARE = 0.5
"""Share of the free memory up to which volumes are read at once."""

IMAGE_TYPES = ("uint8", "uint16", "int16", "float32")


def check_plane_size(size: Sequence[int], name: str) -> None:
    """Refuse a slice too large to be real.

    Parameters
    ----------
    size : sequence of int
        Rows and columns.
    name : str
        Name of the file for the message.

    Raises
    ------
    ReadError
        If it has more than 2³⁴ pixels.
    """
    if math.prod(size) > LARGEST_PLANE:
        msg = (
            f"{name} claims slices of {size[0]} × {size[1]} pixels; at most "
            f"{LARGEST_PLANE:,} pixels a slice are read. Its header is damaged, or it "
            "has to be cut into smaller stacks."
        )
        raise ReadError(msg)


def check_parts(
    size: Sequence[int], chunk: Sequence[int], itemsize: int, name: str
) -> None:
    """Refuse a slice in too many parts to be real.

    Parameters
    ----------
    size : sequence of int
        Rows and columns of a slice.
    chunk : sequence of int
        Size of a chunk along each axis, rows and columns last.
    itemsize : int
        Bytes of a voxel.
    name : str
        Name of the file for the message.

    Raises
    ------
    ReadError
        If it has more than 2²⁰ chunks, or more than 2¹² of less than a kilobyte: to
        look for so many takes minutes, whether they are there or not.
    """
    pairs = zip(size, chunk[-2:], strict=True)
    n_parts = math.prod(-(-n // max(1, part)) for n, part in pairs)
    is_tiny = math.prod(chunk) * itemsize < TINY
    if n_parts > (MOST_TINY_PARTS if is_tiny else MOST_PARTS):
        msg = (
            f"{name} claims slices of {size[0]} × {size[1]} pixels in chunks of "
            f"{' × '.join(map(str, chunk))}. Its header is damaged, or it has to be "
            "written again in larger chunks."
        )
        raise ReadError(msg)


def check_claimed_size(shape: Sequence[int], itemsize: int, path: Path) -> None:
    """Refuse a header that claims far more than the file can hold.

    Parameters
    ----------
    shape : sequence of int
        Size along each axis, as the header says.
    itemsize : int
        Bytes of a voxel.
    path : Path
        The file.

    Raises
    ------
    ReadError
        If no compression in use could have made the file as small, or a slice is
        too large to be real.
    """
    claimed = math.prod(map(int, shape)) * itemsize
    check_plane_size(shape[-2:], path.name)
    if claimed > max(ALWAYS_BELIEVED, MOST_COMPRESSED * path.stat().st_size):
        size = " × ".join(map(str, shape))
        msg = (
            f"{path.name} claims {size} voxels and is {path.stat().st_size} bytes "
            "long: its header is damaged. Copy or export it again."
        )
        raise ReadError(msg)


def check_memory(n_bytes: int, name: str) -> None:
    """Refuse to make room for what does not fit into the memory.

    Parameters
    ----------
    n_bytes : int
        Needed at once.
    name : str
        Name of the file for the message.

    Raises
    ------
    ReadError
        If so much is not free.
    """
    # What every computer has is not asked for: that takes longer than reading a slice.
    if n_bytes > ALWAYS_BELIEVED and n_bytes > (free := free_memory()):
        msg = (
            f"A part of {name} that has to be read at once takes {n_bytes / 1e9:.1f} "
            f"GB, and {free / 1e9:.1f} GB of memory are free. Choose a smaller part, "
            "or write the file again in smaller chunks; else its header is damaged."
        )
        raise ReadError(msg)


def in_memory(volume: Volume) -> Volume:
    """Read a volume that takes less than half of the free memory.

    Parameters
    ----------
    volume : Volume
        A stack, lazily read: boxes out of a compressed file are slow.

    Returns
    -------
    Volume
        The same in memory; the volume itself where it is too large.
    """
    size = math.prod(volume.shape) * volume.dtype.itemsize
    fits = size < MEMORY_SHARE * free_memory()
    return replace(volume, data=volume.read()) if fits else volume


def check_copy(labels: LazyArray) -> None:
    """Refuse to copy into the memory what does not fit there.

    Parameters
    ----------
    labels : array
        What is to be copied as it is.

    Raises
    ------
    InvalidParameterError
        If it takes more than the free memory.
    """
    needed = math.prod(labels.shape) * labels.dtype.itemsize
    if needed > free_memory():
        msg = (
            f"A copy of these labels takes {needed / 1e9:.1f} GB, and so much memory "
            "is not free. Crop the labels, or close what else takes memory."
        )
        raise InvalidParameterError(msg)


def check_slices(stack: PlaneStack, path: Path) -> None:
    """Refuse a stack of more slices than there can be.

    Parameters
    ----------
    stack : PlaneStack
        What a file holds.
    path : Path
        The file, for the message.

    Raises
    ------
    ReadError
        If it has more than 2²⁴ slices.
    """
    if stack.shape[0] > MOST_SLICES:
        msg = (
            f"{path.name} claims {stack.shape[0]:,} slices; at most {MOST_SLICES:,} "
            "are read. Its header is damaged. Copy or export it again."
        )
        raise ReadError(msg)


def as_image(stack: PlaneStack, path: Path) -> PlaneStack:
    """Check that the values of a stack are of a greyscale type.

    Parameters
    ----------
    stack : PlaneStack
        What a file holds.
    path : Path
        The file, for the message.

    Returns
    -------
    PlaneStack
        The same, or float32 where the file has float16 or float64.

    Raises
    ------
    ReadError
        For every other type; masks and labels usually have one of them.
    """
    check_slices(stack, path)
    if stack.dtype.name in IMAGE_TYPES:
        return stack
    if stack.dtype.kind == "f":
        return _as_float32(stack)
    msg = (
        f"{path.name} holds {stack.dtype.name} values; images of "
        f"{', '.join(IMAGE_TYPES)} are read. If it is a mask or labels, choose the EM "
        "image instead; otherwise convert it, in Fiji under Image > Type."
    )
    raise ReadError(msg)


def as_labels(stack: PlaneStack, path: Path) -> PlaneStack:
    """Check that the values of a stack are whole numbers.

    Parameters
    ----------
    stack : PlaneStack
        What a file holds.
    path : Path
        The file, for the message.

    Returns
    -------
    PlaneStack
        The same; uint8 where the file has single bits, uint32 where it has whole
        floating-point numbers: ImageJ saves labels above 65 535 so.

    Raises
    ------
    ReadError
        If the values are not whole numbers: those of the middle slice now, those of
        each other slice when it is read.
    """
    check_slices(stack, path)
    if stack.dtype.kind in "iu":
        return stack
    if stack.dtype.kind == "b":
        return PlaneStack(stack.shape, np.uint8, lambda z, y, x: stack[z, y, x])
    if stack.dtype.kind != "f" or not _are_labels(stack[stack.shape[0] // 2]):
        raise ReadError(_no_labels(stack, path))

    def read(z: int, y: slice, x: slice) -> NDArray[np.uint32]:
        part = stack[z, y, x]
        if not _are_labels(part):
            raise ReadError(_no_labels(stack, path))
        return part.astype(np.uint32)

    return PlaneStack(stack.shape, np.uint32, read)


def _are_labels(part: Array) -> bool:
    """Say whether floating-point numbers are labels."""
    inside = (part >= 0) & (part < 2**32)
    return bool(np.all(inside & (part == np.floor(part))))


def _no_labels(stack: PlaneStack, path: Path) -> str:
    return (
        f"{path.name} holds {stack.dtype.name} values; labels are whole numbers (for "
        "example uint8 or uint32). Choose the label file, or save it as integers."
    )


def _as_float32(stack: PlaneStack) -> PlaneStack:
    def read(z: int, y: slice, x: slice) -> NDArray[np.float32]:
        # Beyond float32 lies infinity, which the content check reports.
        with np.errstate(over="ignore"):
            return stack[z, y, x].astype(np.float32)

    return PlaneStack(stack.shape, np.float32, read)
