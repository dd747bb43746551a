"""TIFF stacks: plain, ImageJ, OME and tifffile's own, read lazily; labels written."""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_mitoseg.errors import ReadError, ShapeError
from napari_mitoseg.io.atomic import staged
from napari_mitoseg.io.axes import pick_axes
from napari_mitoseg.io.calibration import tiff_spacing
from napari_mitoseg.io.damage import reading
from napari_mitoseg.io.label_types import check_axes, stored, stored_type
from napari_mitoseg.io.ome_xml import check_description
from napari_mitoseg.io.planes import PlaneStack
from napari_mitoseg.io.tiff_pages import (
    Grid,
    Plane,
    check_chain,
    grid_of,
    planes_of,
    read_part,
    truncated,
    virtual_planes,
)
from napari_mitoseg.volume import Array, LazyArray, Shape, Spacing, Volume

TIFFS = (".tif", ".tiff")
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MICROSCOPES = ("lsm", "mmstack", "ndtiff", "fluoview", "stk", "nih", "scanimage")
CLASSIC = 2**32 - 2**25
"""Bytes of pixels up to which a TIFF need not be a BigTIFF."""

DESCRIBED = ("ome", "imagej", "shaped", *MICROSCOPES)

# Damage is reported by ReadError; without a handler, logging would also print what
# tifffile thinks of the file.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class _Pages:
    """The pages of a file and what the axes in front of y and x are."""

    pages: Sequence[tifffile.TiffPage]
    axes: str
    shape: tuple[int, ...]

    @property
    def n_stored(self) -> int:
        """Planes in the pages; a page may store its channels one after another."""
        return len(self.pages) * self.pages[0].shaped[0]

    @property
    def is_virtual(self) -> bool:
        """Whether more planes follow behind a single page."""
        return len(self.pages) == 1 and self.n_stored < math.prod(self.shape)


def open_tiff(
    path: Path, *, channel: int | None = None, time: int | None = None
) -> tuple[PlaneStack, Spacing | None]:
    """Open a TIFF stack without reading its pixels.

    Parameters
    ----------
    path : Path
        TIFF or BigTIFF.
    channel, time : int, optional
        Which one to take of a file that has several.

    Returns
    -------
    stack : PlaneStack
        The slices; a file with one page is one slice.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX, where the file states all three.

    Raises
    ------
    ReadError
        If the file is no TIFF, truncated, or damaged.
    ShapeError
        If pages differ in size, or axes beside z, y and x are not chosen from.
    InvalidParameterError
        If a choice is outside its axis.
    """
    with reading(path):
        _check_magic(path)
        with tifffile.TiffFile(path) as file:
            check_chain(file)
            check_description(file)
            stack = _stack(file, _pages(file), channel, time)
            return stack, tiff_spacing(file)


def write_labels_tiff(path: Path, labels: LazyArray, spacing: Spacing | None) -> None:
    """Write a mask or labels as a compressed TIFF stack with spacing.

    Parameters
    ----------
    path : Path
        The file; replaced if it exists, once the new one is complete.
    labels : array of bool or int, shape (Z, Y, X)
        Read slice by slice.  Stored as uint8, uint16 or uint32 as given, bool as
        uint8, other integers as uint32.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX.

    Raises
    ------
    ShapeError
        Unless there are three axes.
    InvalidParameterError
        If the values are not whole numbers between 0 and 2³² − 1.
    WriteError
        If the file cannot be written.

    Notes
    -----
    The description is ImageJ's, which Fiji's own reader and Bio-Formats both
    understand, z spacing included, for 8 as well as 32 bits; an OME description in a
    file called ``.tif`` would lose the z spacing in Fiji's own reader.  Beyond 4 GiB
    of pixels the file is a BigTIFF, which Fiji opens through Bio-Formats.
    """
    shape = check_axes(labels.shape)
    dtype = stored_type(labels.dtype)
    planes = (stored(labels[z], dtype) for z in range(shape[0]))
    _write(path, planes, shape, dtype, _calibrated(shape, spacing))


def write_labels_ome_tiff(
    path: Path, labels: LazyArray, spacing: Spacing | None, name: str = "labels"
) -> None:
    """Write a mask or labels as a compressed OME-TIFF.

    Parameters
    ----------
    path : Path
        The file; replaced if it exists, once the new one is complete.
    labels : array of bool or int, shape (Z, Y, X)
        Read slice by slice.  Stored as uint8, uint16 or uint32 as given, bool as
        uint8, other integers as uint32.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX.
    name : str
        Name of the image in the file.

    Raises
    ------
    ShapeError
        Unless there are three axes.
    InvalidParameterError
        If the values are not whole numbers between 0 and 2³² − 1.
    WriteError
        If the file cannot be written.

    References
    ----------
    .. [1] OME-TIFF specification, https://ome-model.readthedocs.io
    """
    shape, dtype = check_axes(labels.shape), stored_type(labels.dtype)
    planes = (stored(labels[z], dtype) for z in range(shape[0]))
    metadata: dict[str, Any] = {"axes": "ZYX", "Name": name}
    if spacing is not None:
        for axis, value in zip("ZYX", spacing, strict=True):
            size = f"PhysicalSize{axis}"
            metadata |= {size: value, f"{size}Unit": "nm"}
    _write(path, planes, shape, dtype, {"metadata": metadata}, ome=True)


def write_image_tiff(path: Path, volume: Volume) -> None:
    """Write an image as a compressed TIFF stack with spacing.

    Parameters
    ----------
    path : Path
        The file; replaced if it exists, once the new one is complete.
    volume : Volume
        Read slice by slice; 64-bit numbers are stored with 32 bits.

    Raises
    ------
    WriteError
        If the file cannot be written.

    Notes
    -----
    See `write_labels_tiff` for the description in the file.
    """
    kind = volume.dtype
    dtype = np.dtype(f"{kind.kind}4") if kind.itemsize > 4 else kind.newbyteorder("=")
    planes = (
        volume.read_slice(z).astype(dtype, copy=False) for z in range(volume.shape[0])
    )
    words = _calibrated(volume.shape, volume.spacing)
    _write(path, planes, volume.shape, dtype, words)


def _write(
    path: Path,
    planes: Iterator[Array],
    shape: Shape,
    dtype: np.dtype[Any],
    words: dict[str, Any],
    *,
    ome: bool = False,
) -> None:
    """Write planes, compressed, with what is said about them."""
    is_big = math.prod(shape) * dtype.itemsize > CLASSIC
    with (
        staged(path.parent, [path.name]) as paths,
        tifffile.TiffWriter(paths[path.name], bigtiff=is_big, ome=ome) as file,
    ):
        file.write(
            planes,
            shape=shape,
            dtype=dtype,
            photometric="minisblack",
            compression="zlib",
            compressionargs={"level": 1},
            rowsperstrip=shape[1],
            **words,
        )


def _calibrated(shape: Shape, spacing: Spacing | None) -> dict[str, Any]:
    """Return the description and resolution tags that ImageJ would write."""
    lines = ["ImageJ=1.54f", f"images={shape[0]}", f"slices={shape[0]}"]
    tags: dict[str, Any] = {"resolution": (1, 1)}
    if spacing is not None:
        lines += ["unit=nm", f"spacing={spacing[0]!r}"]
        tags["resolution"] = [
            Fraction(1 / s).limit_denominator(2**31).as_integer_ratio()
            for s in (spacing[2], spacing[1])
        ]
    lines += ["loop=false", ""]
    tags["resolutionunit"] = "NONE"
    return {"description": "\n".join(lines), "metadata": None, **tags}


def _check_magic(path: Path) -> None:
    with path.open("rb") as handle:
        start = handle.read(4)
    if start not in MAGIC:
        found = f"starts with {start!r}" if start else "is empty"
        msg = f"{path} is no TIFF: it {found}. Copy or export it again."
        raise ReadError(msg)


def _stack(
    file: tifffile.TiffFile, found: _Pages, channel: int | None, time: int | None
) -> PlaneStack:
    """Choose the planes that make up z, and how to read them."""
    first = found.pages[0]
    axes, shape = found.axes + "yxs", (*found.shape, 1, 1, first.shaped[4])
    picks = pick_axes(axes, shape, channel=channel, time=time, name=file.filename)
    sample = picks[-1] if isinstance(picks[-1], int) else 0
    numbers = np.arange(math.prod(found.shape)).reshape(found.shape)[picks[:-3]]
    planes = _planes(found)
    chosen = [planes[i] for i in np.atleast_1d(numbers).ravel()]
    return _lazy(chosen, grid_of(first, sample, virtual=found.is_virtual), first)


def _lazy(planes: list[Plane], grid: Grid, page: tifffile.TiffPage) -> PlaneStack:
    def read(z: int, rows: slice, columns: slice) -> Array:
        with reading(planes[z].path, f"slice {z} of "):
            return read_part(planes[z], grid, rows, columns)

    dtype = page.dtype
    if dtype is None:
        msg = f"{page.parent.filename} holds pixels of an unknown type."
        raise ReadError(msg)
    return PlaneStack((len(planes), *grid.size), dtype, read)


def _planes(found: _Pages) -> list[Plane]:
    if found.is_virtual:
        return virtual_planes(found.pages[0], math.prod(found.shape))
    return [plane for page in found.pages for plane in planes_of(page)]


def _pages(file: tifffile.TiffFile) -> _Pages:
    """List the pages, by the description in the file where there is one."""
    if any(getattr(file, f"is_{kind}") for kind in DESCRIBED):
        described = _described(file)
        if described is not None:
            return described
    file.pages.useframes = False
    pages = [p for p in map(_with_tags, file.pages) if not p.is_reduced]
    _check_same(pages, file.filename)
    return _Pages(pages, "is", (len(pages), pages[0].shaped[0]))


def _described(file: tifffile.TiffFile) -> _Pages | None:
    """Order the pages by the file's own description of its axes."""
    series = file.series
    if len(series) > 1 and series[0].kind == "shaped":
        return None  # one description a page, as left by writing page by page
    if len(series) > 1:
        names = ", ".join(f"{s.name or s.index} {s.shape}" for s in series)
        msg = (
            f"{file.filename} holds {len(series)} images ({names}); a stack is one. "
            "Save the one to segment as its own file."
        )
        raise ShapeError(msg)
    _check_described(file, series[0])
    axes, shape = series[0].get_axes(squeeze=False), series[0].get_shape(squeeze=False)
    if len(axes) != len(shape):
        axes, shape = series[0].axes, series[0].shape
    n_leading = axes.index("Y")
    leading = _Pages(
        [_whole(page, file, i) for i, page in enumerate(series[0].pages)],
        axes[:n_leading].lower(),
        tuple(shape[:n_leading]),
    )
    _check_beside(leading.pages, file)
    _check_same(leading.pages, file.filename)
    _check_number(leading, file)
    return leading


def _check_described(file: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> None:
    """Refuse a file whose description tifffile could not bring into line with it."""
    if series.kind in {"generic", "uniform"}:
        found = f"{file.filename} does not hold what its description says"
        raise ReadError(truncated(found, file.filehandle.size))
    if series.keyframe.imagedepth > 1:
        msg = (
            f"{file.filename} stores several slices in one page, which is not read. "
            "Save it as a stack of 2D pages, for example with Fiji."
        )
        raise ReadError(msg)


def _whole(
    page: tifffile.TiffPage | tifffile.TiffFrame | None,
    file: tifffile.TiffFile,
    index: int,
) -> tifffile.TiffPage:
    """Return a page with all its tags: a frame only assumes they are the same."""
    if page is None:
        found = f"Slice {index} of {file.filename} is missing"
        raise ReadError(truncated(found, file.filehandle.size))
    return _with_tags(page)


def _with_tags(page: tifffile.TiffPage | tifffile.TiffFrame) -> tifffile.TiffPage:
    return page.aspage()


def _check_number(found: _Pages, file: tifffile.TiffFile) -> None:
    claimed = math.prod(found.shape)
    if found.n_stored != claimed and not found.is_virtual:
        says = f"{file.filename} claims {claimed} slices and holds {found.n_stored}"
        raise ReadError(truncated(says, file.filehandle.size))


def _check_beside(pages: Sequence[tifffile.TiffPage], file: tifffile.TiffFile) -> None:
    """Refuse pages in files that do not lie beside this one."""
    folder = Path(file.filehandle.path).parent
    for page in pages:
        if Path(page.parent.filehandle.path).parent != folder:
            msg = (
                f"{file.filename} takes slices from files in other folders, which is "
                "not followed. Copy all files of the image into one folder."
            )
            raise ReadError(msg)


def _check_same(pages: Sequence[tifffile.TiffPage], name: str) -> None:
    """Refuse pages that differ in size, type or channels."""
    if not pages:
        msg = f"{name} holds no image. Choose a TIFF stack."
        raise ReadError(msg)
    for i, page in enumerate(pages):
        if (page.shaped, page.dtype) != (pages[0].shaped, pages[0].dtype):
            msg = (
                f"Slices of {name} differ: slice 0 is {_looks(pages[0])}, slice {i} is "
                f"{_looks(page)}. Save slices of one size and type as their own stack."
            )
            raise ShapeError(msg)


def _looks(page: tifffile.TiffPage) -> str:
    channels = page.shaped[0] * page.shaped[4]
    many = f", {channels} channels" if channels > 1 else ""
    return f"{page.imagelength} × {page.imagewidth} {page.dtype}{many}"
