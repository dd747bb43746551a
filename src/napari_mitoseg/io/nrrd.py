"""NRRD volumes (3D Slicer, Amira, ITK), read and written slice by slice."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import nrrd
import numpy as np

from napari_mitoseg.errors import ReadError
from napari_mitoseg.io.atomic import staged
from napari_mitoseg.io.calibration import spacing_of
from napari_mitoseg.io.damage import reading
from napari_mitoseg.io.label_types import Stored, check_axes, stored, stored_type
from napari_mitoseg.io.planes import PlaneStack
from napari_mitoseg.io.slabs import stack_of
from napari_mitoseg.io.streams import Packing, Stream, StreamArray
from napari_mitoseg.volume import LazyArray, Shape, Spacing

Header = dict[str, Any]

MAGIC = b"NRRD"
ENCODINGS: dict[str, Packing] = {
    "raw": "raw",
    "gz": "gzip",
    "gzip": "gzip",
    "bz2": "bzip2",
    "bzip2": "bzip2",
}
LEVEL = 4

TYPES = {
    "i1": "signed char,int8,int8_t",
    "u1": "uchar,unsigned char,uint8,uint8_t",
    "i2": "short,short int,signed short,signed short int,int16,int16_t",
    "u2": "ushort,unsigned short,unsigned short int,uint16,uint16_t",
    "i4": "int,signed int,int32,int32_t",
    "u4": "uint,unsigned int,uint32,uint32_t",
    "i8": "longlong,long long,long long int,signed long long,signed long long int,"
    "int64,int64_t",
    "u8": "ulonglong,unsigned long long,unsigned long long int,uint64,uint64_t",
    "f4": "float",
    "f8": "double",
}
"""What NRRD calls the types of numpy."""

DTYPES = {name: code for code, names in TYPES.items() for name in names.split(",")}

NOT_SPACE = "list vector point normal stub scalar complex color gradient quaternion"
"""Last words of kinds of axes along which there is no space: taken for channels."""


def open_nrrd(
    path: Path, *, channel: int | None = None, time: int | None = None
) -> tuple[PlaneStack, Spacing | None]:
    """Open an NRRD volume.

    Parameters
    ----------
    path : Path
        Header and voxels in one file, raw or compressed with gzip or bzip2.
    channel, time : int, optional
        Which one to take of a file with several.

    Returns
    -------
    stack : PlaneStack
        The slices, in the order of the file: its slowest axis is z.  The orientation
        that the file states is not applied.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX, where the file states a unit: the
        lengths of the space directions, or the spacings.

    Raises
    ------
    ReadError
        If the file is no NRRD, damaged, or of another encoding.
    ShapeError
        If axes beside z, y and x are not chosen from.
    InvalidParameterError
        If a choice is outside its axis.
    """
    with reading(path, also=(nrrd.NRRDError,)):
        header, start = _read_header(path)
        array, axes = StreamArray(_stream(path, header, start)), _axes(header)
        stack = stack_of(array, axes, path, channel=channel, time=time)
        return stack, _spacing(header, axes)


def write_labels_nrrd(path: Path, labels: LazyArray, spacing: Spacing | None) -> None:
    """Write a mask or labels as NRRD, compressed.

    Parameters
    ----------
    path : Path
        The file; replaced if it exists, once the new one is complete.
    labels : array of bool or int, shape (Z, Y, X)
        Read slice by slice; x is the fastest axis of the file.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX; kept in µm, as space directions
        with the space unit ``um``.

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
    The space is ``left-posterior-superior`` with the first voxel at its origin and
    the axes along x, y, z.  ITK and 3D Slicer take every length for mm, whatever the
    unit: a micrometre is then shown as a millimetre.

    References
    ----------
    .. [1] Definition of the NRRD file format,
       https://teem.sourceforge.net/nrrd/format.html
    """
    shape, dtype = check_axes(labels.shape), stored_type(labels.dtype)
    text = "\n".join(_lines(shape, dtype, spacing))
    with staged(path.parent, [path.name]) as paths, paths[path.name].open("wb") as file:
        file.write(f"{text}\n\n".encode("ascii"))
        # Without the time of writing, the same labels give the same file.
        with gzip.GzipFile("", "wb", LEVEL, file, mtime=0) as packed:
            for z in range(shape[0]):
                plane = stored(np.asarray(labels[z]), dtype)
                packed.write(plane.astype(dtype.newbyteorder("<"), copy=False).data)


def _lines(shape: Shape, dtype: Stored, spacing: Spacing | None) -> list[str]:
    """Write the header."""
    lines = [
        "NRRD0004",
        f"type: {dtype.name}",
        "dimension: 3",
        f"sizes: {' '.join(map(str, shape[::-1]))}",
        "kinds: domain domain domain",
        "encoding: gzip",
        "endian: little",
    ]
    if spacing is None:
        return lines
    z, y, x = (_shortest(value / 1e3) for value in spacing)
    return [
        *lines[:2],
        "dimension: 3",
        "space: left-posterior-superior",
        lines[3],
        f"space directions: ({x},0,0) (0,{y},0) (0,0,{z})",
        *lines[4:],
        'space units: "um" "um" "um"',
        "space origin: (0,0,0)",
    ]


def _shortest(value: float) -> str:
    return f"{value:.15g}"


def _read_header(path: Path) -> tuple[Header, int]:
    """Read the header; return the byte behind it, too."""
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            msg = f"{path} is no NRRD: it does not begin with NRRD. Export it again."
            raise ReadError(msg)
        file.seek(0)
        header = cast(Header, nrrd.read_header(file))
        start = file.tell()
    skips = header.get("line skip", 0), header.get("byte skip", 0)
    if "data file" in header or "datafile" in header or skips != (0, 0):
        msg = (
            f"{path} keeps its voxels in another file or behind foreign data. Save it "
            "with header and voxels in one .nrrd file, for example with 3D Slicer."
        )
        raise ReadError(msg)
    return header, start


def _stream(path: Path, header: Header, start: int) -> Stream:
    encoding = str(header["encoding"]).lower()
    if encoding not in ENCODINGS:
        msg = (
            f"{path} has the encoding {encoding}; raw, gzip and bzip2 are read. Save "
            "it again with one of these."
        )
        raise ReadError(msg)
    sizes = [int(size) for size in header["sizes"]]
    if len(sizes) < 2 or min(sizes) < 1:
        msg = f"{path} claims the size {sizes}: its header is damaged."
        raise ReadError(msg)
    is_big = str(header.get("endian")).lower() == "big"
    dtype = np.dtype(DTYPES[header["type"]]).newbyteorder(">" if is_big else "<")
    shape = tuple(sizes[::-1])
    return Stream(path, shape, dtype, ENCODINGS[encoding], start)


def _axes(header: Header) -> str:
    """Name the axes, the slowest first; those without space become channels."""
    n = len(header["sizes"])
    kinds = [
        str(kind).lower().rpartition("-")[2]
        for kind in header.get("kinds", ["domain"] * n)
    ]
    spatial = iter("xyztq" + "q" * n)
    return "".join(
        "c" if kind in NOT_SPACE.split() else next(spatial) for kind in kinds
    )[::-1]


def _spacing(header: Header, axes: str) -> Spacing | None:
    """Return the spacing, if lengths and units are stated."""
    if "z" not in axes:
        return None
    places = [len(axes) - 1 - axes.index(letter) for letter in "zyx"]
    directions = header.get("space directions")
    if directions is not None:
        lengths = np.linalg.norm(np.asarray(directions, float), axis=1)
        units = _one_unit(header.get("space units"), len(lengths))
    else:
        lengths = np.asarray(header.get("spacings", [np.nan] * len(axes)), float)
        units = [str(unit) for unit in header.get("units", ["?"] * len(axes))]
    z, y, x = ((f"{lengths[i]:.15g}", units[i]) for i in places)
    return spacing_of((z, y, x))


def _one_unit(units: Sequence[str] | None, n: int) -> list[str]:
    """Return the unit of each axis: oblique axes need one unit for all."""
    same = set(units or ())
    return [same.pop() if len(same) == 1 else "?"] * n
