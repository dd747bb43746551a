"""NIfTI volumes, read and written slice by slice; nibabel knows the header."""

import gzip
from io import BytesIO
from pathlib import Path

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.spatialimages import HeaderDataError, HeaderTypeError

from napari_mitoseg.errors import ReadError
from napari_mitoseg.io.atomic import staged
from napari_mitoseg.io.calibration import spacing_of
from napari_mitoseg.io.damage import reading
from napari_mitoseg.io.label_types import Stored, check_axes, stored, stored_type
from napari_mitoseg.io.planes import PlaneStack
from napari_mitoseg.io.slabs import stack_of
from napari_mitoseg.io.streams import Packing, Stream, StreamArray
from napari_mitoseg.volume import Array, LazyArray, Shape, Spacing

AXES = "ctzyx"
"""Axes of NIfTI, the slowest first; its header counts them from the end."""

UNITS = {1: "m", 2: "mm", 3: "µm"}
"""The units of length that NIfTI has, in the lowest three bits of ``xyzt_units``."""

LONGEST = 2**15 - 1
"""Voxels along an axis in NIfTI-1; longer volumes are written as NIfTI-2."""

MAGIC = b"\x1f\x8b"
LEVEL = 4
LABEL = "label"


def open_nifti(
    path: Path, *, channel: int | None = None, time: int | None = None
) -> tuple[PlaneStack, Spacing | None]:
    """Open a NIfTI volume.

    Parameters
    ----------
    path : Path
        NIfTI-1 or NIfTI-2 in one file, ``.nii`` or ``.nii.gz``.
    channel, time : int, optional
        Which one to take of a file with several (its fifth and fourth axis).

    Returns
    -------
    stack : PlaneStack
        The slices, in the order of the file: its third axis is z.  The orientation
        that the file states is not applied.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX, where the file states the unit.

    Raises
    ------
    ReadError
        If the file is no NIfTI, or damaged.
    ShapeError
        If axes beside z, y and x are not chosen from.
    InvalidParameterError
        If a choice is outside its axis.
    """
    with reading(path, also=(HeaderDataError, HeaderTypeError)):
        header, is_packed = _read_header(path)
        array, slope, inter = _voxels(path, header, packed=is_packed)
        axes = AXES[-len(array.shape) :]
        stack = stack_of(array, axes, path, channel=channel, time=time)
    # Colours and complex numbers are refused as they are, by whoever asked.
    if (slope, inter) != (1, 0) and stack.dtype.kind in "iuf":
        stack = _scaled(stack, slope, inter)
    return stack, _spacing(header)


def write_labels_nifti(path: Path, labels: LazyArray, spacing: Spacing | None) -> None:
    """Write a mask or labels as NIfTI.

    Parameters
    ----------
    path : Path
        The file; replaced if it exists, once the new one is complete.  Compressed
        if its name ends in ``.gz``.
    labels : array of bool or int, shape (Z, Y, X)
        Read slice by slice; the axes of the file are x, y, z.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX; kept in µm, the smallest unit that
        NIfTI has, as 32-bit numbers.

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
    x runs to the left, y to the back, z upwards, the first voxel at the origin: what
    ITK (3D Slicer, ITK-SNAP) calls the identity, and what the NRRD files written here
    say, so that both lie on one another.  The affine matrix of NIfTI counts x to the
    right and y to the front, and has minus signs there.
    """
    shape, dtype = check_axes(labels.shape), stored_type(labels.dtype)
    header = _header(shape, dtype, spacing)
    with staged(path.parent, [path.name]) as paths, paths[path.name].open("wb") as raw:
        is_packed = path.suffix.lower() == ".gz"
        # Without the time of writing, the same labels give the same file.
        file = gzip.GzipFile("", "wb", LEVEL, raw, mtime=0) if is_packed else raw
        header.write_to(file)
        file.write(bytes(int(header["vox_offset"]) - file.tell()))
        for z in range(shape[0]):
            file.write(stored(np.asarray(labels[z]), dtype).data)
        if is_packed:
            file.close()


def _header(shape: Shape, dtype: Stored, spacing: Spacing | None) -> Nifti1Header:
    header = Nifti2Header() if max(shape) > LONGEST else Nifti1Header()
    header.set_data_shape(shape[::-1])
    header.set_data_dtype(dtype)
    header.set_intent(LABEL, allow_unknown=True)
    header["magic"] = header.single_magic
    header["vox_offset"] = header.single_vox_offset
    if spacing is None:
        return header
    z, y, x = (value / 1e3 for value in spacing)
    header.set_xyzt_units("micron")
    header.set_zooms((x, y, z))
    header.set_sform(np.diag((-x, -y, z, 1)), "scanner")
    header.set_qform(np.diag((-x, -y, z, 1)), "scanner")
    return header


def _read_header(path: Path) -> tuple[Nifti1Header, bool]:
    """Read the header alone; say whether the file is compressed."""
    with path.open("rb") as handle:
        is_packed = handle.read(2) == MAGIC
    opener = gzip.open if is_packed else open
    with opener(path, "rb") as handle:
        start = handle.read(Nifti2Header.sizeof_hdr)
    for kind in (Nifti1Header, Nifti2Header):
        # Nifti1Header recognizes pairs of files too.
        header = _parse(start, kind)
        if header is not None:
            return header, is_packed
    msg = (
        f"{path} is no NIfTI volume in one file: it does not begin like one. Convert "
        "it to .nii or .nii.gz, for example with 3D Slicer."
    )
    raise ReadError(msg)


def _parse(start: bytes, kind: type[Nifti1Header]) -> Nifti1Header | None:
    """Return the header, if it is one of this kind and the voxels follow it."""
    if len(start) < kind.sizeof_hdr or not kind.may_contain_header(start):
        return None
    header: Nifti1Header = kind.from_fileobj(BytesIO(start), check=False)
    is_single = header["magic"].item().rstrip(b"\0") == kind.single_magic.rstrip(b"\0")
    return header if is_single else None


def _voxels(
    path: Path, header: Nifti1Header, *, packed: bool
) -> tuple[StreamArray, float, float]:
    """Return the voxels as stored, and what they are to be multiplied with."""
    shape = tuple(map(int, header.get_data_shape()))
    if not 2 <= len(shape) <= len(AXES) or min(shape) < 1:
        msg = (
            f"{path} claims the size {shape}; two to five axes are read, none of them "
            "empty. Export it again."
        )
        raise ReadError(msg)
    offset = int(header.get_data_offset())
    if offset < header.sizeof_hdr:
        msg = f"{path} puts its voxels into its header: it is damaged. Export it again."
        raise ReadError(msg)
    packing: Packing = "gzip" if packed else "raw"
    dtype = header.get_data_dtype()
    stream = Stream(path, shape[::-1], dtype, packing, skipped=offset)
    slope, inter = header.get_slope_inter()
    return StreamArray(stream), float(slope or 1), float(inter or 0)


def _scaled(stack: PlaneStack, slope: float, inter: float) -> PlaneStack:
    def read(z: int, rows: slice, columns: slice) -> Array:
        return stack[z, rows, columns].astype(np.float32) * slope + inter

    return PlaneStack(stack.shape, np.float32, read)


def _spacing(header: Nifti1Header) -> Spacing | None:
    """Convert the spacing; 32-bit numbers stand for their shortest decimals."""
    unit = UNITS.get(int(header["xyzt_units"]) % 8)
    zooms = [str(value) for value in header["pixdim"][1:4].astype(np.float32)]
    if unit is None or header["dim"][0] < 3:
        return None
    x, y, z = ((value, unit) for value in zooms)
    return spacing_of((z, y, x))
