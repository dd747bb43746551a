"""The file formats that labels are written in, by name and by ending of the file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.io.endings import format_of
from napari_mitoseg.io.label_types import LARGEST, PackedLabels
from napari_mitoseg.io.tiff import write_labels_ome_tiff, write_labels_tiff
from napari_mitoseg.registry import Registry
from napari_mitoseg.volume import LazyArray, Spacing, as_spacing

Writer = Callable[[Path, PackedLabels, Spacing | None, str], None]

EXACT_IN_FLOAT32 = 2**24
"""Labels up to here survive as 32-bit floating-point numbers."""


@dataclass(frozen=True)
class LabelFormat:
    """A way to keep labels in a file or folder.

    Attributes
    ----------
    title : str
        Name on screen.
    extensions : tuple of str
        Endings of file names, the usual one first.
    opened_by : str
        Programs that open it, for the tip.
    writer : callable
        Takes path, labels, spacing and name, all of them checked.
    largest : int
        The largest label that it keeps.
    """

    title: str
    extensions: tuple[str, ...]
    opened_by: str
    writer: Writer
    largest: int = LARGEST

    def write(
        self,
        path: Path,
        labels: LazyArray,
        spacing: Spacing | None = None,
        name: str = "labels",
    ) -> None:
        """Write labels in the smallest unsigned type that holds them, compressed.

        Parameters
        ----------
        path : Path
            File or folder; replaced if it exists, once the new one is complete.
        labels : array of bool or int, shape (Z, Y, X) or (Y, X)
            Read slice by slice, twice; a single image is written as one slice.
        spacing : tuple of float, optional
            Distance between voxel centres in nm, ZYX; left out where it is unknown.
        name : str
            Name of the labels, where the format keeps one.

        Raises
        ------
        ShapeError
            Unless there are two or three axes, none empty.
        InvalidParameterError
            If the values are not whole numbers from 0 to `largest`, or the spacing is
            not possible.
        WriteError
            If something cannot be written; nothing new is left then.
        """
        packed = PackedLabels(labels)
        if packed.largest > self.largest:
            msg = (
                f"{self.title} keeps labels up to {self.largest} and {packed.largest} "
                "was given. Renumber them from 1, or write an OME-TIFF (.ome.tif)."
            )
            raise InvalidParameterError(msg)
        known = None if spacing is None else as_spacing(spacing)
        self.writer(Path(path), packed, known, name)


label_formats: Registry[LabelFormat] = Registry("label format")


def write_labels(
    path: str | Path,
    labels: LazyArray,
    spacing: Spacing | None = None,
    name: str = "labels",
) -> None:
    """Write labels in the format that the ending of the path says.

    Parameters
    ----------
    path : str or Path
        File or folder; replaced if it exists, once the new one is complete.
    labels : array of bool or int, shape (Z, Y, X) or (Y, X)
        Read slice by slice, twice; a single image is written as one slice.
    spacing : tuple of float, optional
        Distance between voxel centres in nm, ZYX; left out where it is unknown.
    name : str
        Name of the labels, where the format keeps one.

    Raises
    ------
    InvalidParameterError
        If the ending is unknown, or see `LabelFormat.write`.
    ShapeError
        Unless there are two or three axes, none empty.
    WriteError
        If something cannot be written; nothing new is left then.
    """
    label_formats[label_format_of(path)].write(Path(path), labels, spacing, name)


def label_format_of(path: str | Path) -> str:
    """Return the name of the format that the ending of a path says.

    Parameters
    ----------
    path : str or Path
        Where labels are to be written.

    Returns
    -------
    str
        Name in `label_formats`.

    Raises
    ------
    InvalidParameterError
        If no format has the ending; the message lists them.

    Examples
    --------
    >>> label_format_of("a.tif"), label_format_of("a.ome.tif")
    ('imagej-tiff', 'ome-tiff')
    """
    return format_of(label_formats, path, "labels")


def _file_under(
    name: str,
    title: str,
    extensions: tuple[str, ...],
    opened_by: str,
    largest: int = LARGEST,
) -> Callable[[Writer], Writer]:
    """Return a decorator that makes a function the writer of a new format."""

    def register(writer: Writer) -> Writer:
        entry = LabelFormat(title, extensions, opened_by, writer, largest)
        label_formats.register(name)(entry)
        return writer

    return register


# ImageJ opens 32-bit integers as floating-point numbers.
@_file_under(
    "imagej-tiff",
    "TIFF for ImageJ and Fiji",
    (".tif", ".tiff"),
    "Fiji, ImageJ, Imaris, Amira, ilastik",
    largest=EXACT_IN_FLOAT32,
)
def _write_imagej_tiff(
    path: Path, labels: PackedLabels, spacing: Spacing | None, _name: str
) -> None:
    write_labels_tiff(path, labels, spacing)


@_file_under(
    "ome-tiff",
    "OME-TIFF",
    (".ome.tif", ".ome.tiff"),
    "Fiji (Bio-Formats), OMERO, QuPath, Imaris",
)
def _write_ome_tiff(
    path: Path, labels: PackedLabels, spacing: Spacing | None, name: str
) -> None:
    write_labels_ome_tiff(path, labels, spacing, name)


@_file_under(
    "ome-zarr",
    "OME-Zarr image labels",
    (".ome.zarr", ".zarr"),
    "napari, Fiji (MoBIE, n5-viewer), neuroglancer, WEBKNOSSOS",
)
def _write_ome_zarr(
    path: Path, labels: PackedLabels, spacing: Spacing | None, name: str
) -> None:
    from napari_mitoseg.io.ome_zarr import write_result_zarr  # noqa: PLC0415

    write_result_zarr(path, None, {name.replace("/", "-"): labels}, spacing)


@_file_under(
    "hdf5",
    "HDF5 as in MitoEM",
    (".h5", ".hdf5", ".hdf"),
    "MitoEM's scripts, PyTorch Connectomics, PlantSeg, ilastik, Fiji (HDF5 plugin)",
)
def _write_hdf5(
    path: Path, labels: PackedLabels, spacing: Spacing | None, _name: str
) -> None:
    from napari_mitoseg.io.hdf5 import write_labels_hdf5  # noqa: PLC0415

    write_labels_hdf5(path, labels, spacing)


@_file_under(
    "nifti",
    "NIfTI",
    (".nii.gz", ".nii"),
    "ITK-SNAP, 3D Slicer, nnU-Net, Fiji",
)
def _write_nifti(
    path: Path, labels: PackedLabels, spacing: Spacing | None, _name: str
) -> None:
    from napari_mitoseg.io.nifti import write_labels_nifti  # noqa: PLC0415

    write_labels_nifti(path, labels, spacing)


@_file_under("nrrd", "NRRD", (".nrrd",), "3D Slicer, Amira, ITK-SNAP, Fiji")
def _write_nrrd(
    path: Path, labels: PackedLabels, spacing: Spacing | None, _name: str
) -> None:
    from napari_mitoseg.io.nrrd import write_labels_nrrd  # noqa: PLC0415

    write_labels_nrrd(path, labels, spacing)
