"""A folder of numbered images as a stack."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin

from napari_mitoseg.errors import ReadError, ShapeError
from napari_mitoseg.io.axes import pick_axes
from napari_mitoseg.io.damage import reading
from napari_mitoseg.io.limits import check_claimed_size, check_memory
from napari_mitoseg.io.planes import PlaneStack
from napari_mitoseg.io.tiff import TIFFS, open_tiff
from napari_mitoseg.volume import Array

# The plug-ins are called by name: Image.open would also try formats nobody asked for,
# and refuses the large slices that are normal in EM.
PICTURES: dict[str, Callable[[Path], Image.Image]] = {
    ".png": PngImagePlugin.PngImageFile,
    ".jpg": JpegImagePlugin.JpegImageFile,
    ".jpeg": JpegImagePlugin.JpegImageFile,
    ".bmp": BmpImagePlugin.BmpImageFile,
}
SUFFIXES = (*TIFFS, *PICTURES)
SAME_KIND = {".tiff": ".tif", ".jpeg": ".jpg"}
TYPES = {"1": "?", "L": "u1", "P": "u1", "I": "i4", "F": "f4"}


@dataclass(frozen=True)
class _Picture:
    """One image file: its size and type, and how to read it."""

    path: Path
    size: tuple[int, int]
    dtype: np.dtype[Any]
    read: Callable[[slice, slice], Array]


def natural_key(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Return a sorting key that counts: ``z9`` before ``z10``.

    Parameters
    ----------
    path : Path
        A file.

    Returns
    -------
    tuple
        Numbers and words of its name.

    Examples
    --------
    >>> names = ["z10.tif", "z9.tif", "Z1.tif"]
    >>> [p.name for p in sorted(map(Path, names), key=natural_key)]
    ['Z1.tif', 'z9.tif', 'z10.tif']
    """
    parts = re.split(r"([0-9]+)", path.name)
    return tuple(
        (0, int(part), "") if i % 2 else (1, 0, part.casefold())
        for i, part in enumerate(parts)
    )


def open_folder(
    folder: Path, *, channel: int | None = None, time: int | None = None
) -> PlaneStack:
    """Open a folder of images, one a slice, in natural order.

    Parameters
    ----------
    folder : Path
        Hidden files and files that are no images are passed over.
    channel, time : int, optional
        Which one to take of colour images and of TIFFs with several.

    Returns
    -------
    PlaneStack
        The slices.

    Raises
    ------
    ReadError
        If there is no image, there are several kinds, or one is damaged.
    ShapeError
        If images differ in size or type, or have channels and none is chosen.
    InvalidParameterError
        If a choice is outside its axis.
    """
    with reading(folder):
        files = [p for p in folder.iterdir() if _is_image(p)]
    _check_kinds(folder, files)
    return open_images(sorted(files, key=natural_key), channel=channel, time=time)


def open_images(
    files: Sequence[Path], *, channel: int | None = None, time: int | None = None
) -> PlaneStack:
    """Open images as the slices of a stack, in the order given.

    Parameters
    ----------
    files : sequence of Path
        One image a file.
    channel, time : int, optional
        Which one to take of colour images and of TIFFs with several.

    Returns
    -------
    PlaneStack
        The slices.

    Raises
    ------
    ReadError
        If an image is damaged.
    ShapeError
        If images differ in size or type, or have channels and none is chosen.
    """
    pictures = [_open(path, channel, time) for path in files]
    for picture in pictures:
        _check_same(pictures[0], picture)

    def read(z: int, rows: slice, columns: slice) -> Array:
        with reading(pictures[z].path):
            return pictures[z].read(rows, columns)

    first = pictures[0]
    return PlaneStack((len(pictures), *first.size), first.dtype, read)


def _is_image(path: Path) -> bool:
    is_visible = not path.name.startswith(".")
    return is_visible and path.suffix.lower() in SUFFIXES and path.is_file()


def _check_kinds(folder: Path, files: Sequence[Path]) -> None:
    if not files:
        msg = (
            f"The folder {folder} holds no image. Choose a folder of numbered "
            f"{', '.join(SUFFIXES)} files, one a slice."
        )
        raise ReadError(msg)
    suffixes = (p.suffix.lower() for p in files)
    kinds = sorted({SAME_KIND.get(suffix, suffix) for suffix in suffixes})
    if len(kinds) > 1:
        msg = (
            f"The folder {folder} holds {' and '.join(kinds)} files; slices are of one "
            "kind. Move what is no slice elsewhere."
        )
        raise ReadError(msg)


def _check_same(first: _Picture, other: _Picture) -> None:
    if (first.size, first.dtype) != (other.size, other.dtype):
        msg = (
            f"Slices differ: {first.path.name} is {_looks(first)}, {other.path.name} "
            f"is {_looks(other)}. All images of a folder need one size and type."
        )
        raise ShapeError(msg)


def _looks(picture: _Picture) -> str:
    return f"{picture.size[0]} × {picture.size[1]} {picture.dtype.name}"


def _open(path: Path, channel: int | None, time: int | None) -> _Picture:
    if path.suffix.lower() in TIFFS:
        return _open_tiff(path, channel, time)
    return _open_picture(path, channel, time)


def _open_tiff(path: Path, channel: int | None, time: int | None) -> _Picture:
    stack, _ = open_tiff(path, channel=channel, time=time)
    n_slices, height, width = stack.shape
    if n_slices > 1:
        msg = (
            f"{path} holds {n_slices} slices; in a folder each file is one. Open the "
            "file itself, or move it elsewhere."
        )
        raise ShapeError(msg)
    return _Picture(path, (height, width), stack.dtype, lambda y, x: stack[0, y, x])


def _open_picture(path: Path, channel: int | None, time: int | None) -> _Picture:
    """Read the header, which is all that is needed until a slice is shown."""
    with reading(path), PICTURES[path.suffix.lower()](path) as image:
        width, height = image.size
        bands, mode = len(image.getbands()), image.mode
    picks = pick_axes("yxs", (1, 1, bands), channel=channel, time=time, name=path.name)
    band = picks[-1]
    dtype = np.dtype("u2" if mode.startswith("I;16") else TYPES.get(mode, "u1"))
    check_claimed_size((height, width), dtype.itemsize, path)

    def read(rows: slice, columns: slice) -> Array:
        # As it is unpacked, as it is converted, and as an array.
        check_memory(3 * height * width * bands * dtype.itemsize, path.name)
        with PICTURES[path.suffix.lower()](path) as opened:
            grey = opened.convert("L") if opened.mode == "P" else opened
            values = np.asarray(grey)
        return values[rows, columns] if bands == 1 else values[rows, columns, band]

    return _Picture(path, (height, width), dtype, read)
