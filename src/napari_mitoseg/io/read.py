"""Open a stack, whatever it is stored as."""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from napari_mitoseg.errors import ReadError
from napari_mitoseg.io.image_folder import PICTURES, SUFFIXES, open_folder, open_images
from napari_mitoseg.io.limits import as_image, as_labels
from napari_mitoseg.io.planes import PlaneStack
from napari_mitoseg.io.tiff import MAGIC, TIFFS, open_tiff
from napari_mitoseg.volume import Spacing, Volume, as_spacing

Found = tuple[PlaneStack, Spacing | None]

OTHERS = {
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".hdf": "hdf5",
    ".nii": "nifti",
    ".nii.gz": "nifti",
    ".nrrd": "nrrd",
}
"""Modules that open other files; their libraries are loaded when one is."""


def read_volume(
    path: str | Path,
    *,
    spacing: Sequence[float] | None = None,
    channel: int | None = None,
    time: int | None = None,
) -> Volume:
    """Open an EM stack; its pixels are read when they are asked for.

    Parameters
    ----------
    path : str or Path
        TIFF stack, folder of numbered images, OME-Zarr, HDF5, NIfTI or NRRD.
    spacing : sequence of float, optional
        Distance between voxel centres in nm, ZYX; overrides what the file says.
    channel, time : int, optional
        Which one to take of a file that has several.

    Returns
    -------
    Volume
        uint8, uint16, int16 or float32, shape (Z, Y, X); a 2D image is one slice.
        Spacing is None where neither the file nor the caller states it.

    Raises
    ------
    ReadError
        If the path is missing, no image, damaged, or holds other types of values.
    ShapeError
        If slices differ in size, or channels or time points are not chosen from.
    InvalidParameterError
        If the spacing or a choice is not possible.

    Notes
    -----
    No file stays open between reads, and any number of threads may read.  What the
    pixels hold is checked by `napari_mitoseg.io.checks.check_image`.
    """
    given = None if spacing is None else as_spacing(spacing)
    path = Path(path)
    stack, found = _open(path, channel, time)
    return Volume(as_image(stack, path), given or found, _name(path))


def read_labels(
    path: str | Path,
    *,
    spacing: Sequence[float] | None = None,
    name: str | None = None,
    channel: int | None = None,
    time: int | None = None,
) -> Volume:
    """Open masks, labels or annotations, as `read_volume` opens images.

    Parameters
    ----------
    path : str or Path
        TIFF stack, folder of numbered images, OME-Zarr label image, OME-Zarr with
        labels inside, HDF5, NIfTI or NRRD.
    spacing : sequence of float, optional
        Distance between voxel centres in nm, ZYX; overrides what the file says.
    name : str, optional
        Which labels of an OME-Zarr; ``instances``, or the only ones, if not given.
    channel, time : int, optional
        Which one to take of a file that has several.

    Returns
    -------
    Volume
        Integers, shape (Z, Y, X); a 2D image is one slice.

    Raises
    ------
    ReadError
        If the path is missing, damaged, or holds no whole numbers.
    ShapeError
        If slices differ in size, or channels or time points are not chosen from.
    InvalidParameterError
        If the spacing or a choice is not possible.
    """
    given = None if spacing is None else as_spacing(spacing)
    path = Path(path)
    if _is_zarr(path):
        # zarr takes a quarter of a second to import.
        from napari_mitoseg.io.ome_zarr import labels_path  # noqa: PLC0415

        path = labels_path(path, name)
    stack, found = _open(path, channel, time)
    return Volume(as_labels(stack, path), given or found, _name(path))


def labels_origin(path: str | Path) -> tuple[float, float, float]:
    """Return where labels lie in the image they are of.

    Parameters
    ----------
    path : str or Path
        One that `read_labels` opens.

    Returns
    -------
    tuple of float
        Their first voxel in voxels of the image, ZYX: 0, 0, 0 unless they are an
        OME-Zarr that says otherwise, as the segmentation of a region does.
    """
    path = Path(path)
    if not _is_zarr(path):
        return 0.0, 0.0, 0.0
    from napari_mitoseg.io.ome_zarr import labels_path, open_levels  # noqa: PLC0415

    return open_levels(labels_path(path)).origin


def _open(path: Path, channel: int | None, time: int | None) -> Found:
    if not path.exists():
        msg = f"There is no file or folder {path}. Check the path."
        raise ReadError(msg)
    if _is_zarr(path):
        from napari_mitoseg.io.ome_zarr import open_zarr  # noqa: PLC0415

        return open_zarr(path, channel=channel, time=time)
    if path.is_dir():
        return open_folder(path, channel=channel, time=time), None
    if not path.is_file():
        msg = f"{path} is neither a file nor a folder. Choose a file with a stack."
        raise ReadError(msg)
    if path.suffix.lower() in PICTURES:
        return open_images([path], channel=channel, time=time), None
    for suffix, module in OTHERS.items():
        if path.name.lower().endswith(suffix):
            home = import_module(f"napari_mitoseg.io.{module}")
            opener: Callable[..., Found] = getattr(home, f"open_{module}")
            return opener(path, channel=channel, time=time)
    _check_tiff(path)
    return open_tiff(path, channel=channel, time=time)


def _is_zarr(path: Path) -> bool:
    markers = (".zgroup", ".zattrs", ".zarray", "zarr.json")
    return path.is_dir() and (
        path.suffix == ".zarr" or any((path / marker).is_file() for marker in markers)
    )


def _check_tiff(path: Path) -> None:
    """Refuse files that neither are called TIFF nor start like one."""
    if path.suffix.lower() in TIFFS:
        return
    with path.open("rb") as handle:
        if handle.read(4) in MAGIC:
            return
    msg = (
        f"{path} is no image that can be read. Give a TIFF stack, a folder of numbered "
        f"images ({', '.join(SUFFIXES)}), an OME-Zarr, HDF5 (.h5), NIfTI (.nii.gz) or "
        "NRRD (.nrrd) file; Fiji converts other formats."
    )
    raise ReadError(msg)


def _name(path: Path) -> str:
    """Name a volume after its file, without the endings."""
    name = path.resolve().name
    for suffix in (".tif", ".tiff", ".zarr", ".ome", ".gz", *OTHERS, *PICTURES):
        name = name.removesuffix(suffix)
    return name or str(path)
