"""The command that hands labels on to other programs: `export`."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from napari_mitoseg.cli.app import app
from napari_mitoseg.cli.console import run, tell
from napari_mitoseg.cli.options import AS_STORED, Opening
from napari_mitoseg.errors import InvalidParameterError


@app.command
def export(  # noqa: PLR0913 - the options of the command
    labels: Annotated[Path, Parameter(name="LABELS")],
    /,
    *,
    out: Path,
    each: str | None = None,
    objects: str = "",
    opening: Opening = AS_STORED,
    unit: Literal["micrometre", "nanometre"] = "micrometre",
    margin: int = 8,
    neighbours: bool = False,
    image: Path | None = None,
) -> None:
    """Write labels for other programs: volumes, crops, surfaces, centrelines.

    Parameters
    ----------
    labels : Path
        Labels: TIFF, folder of images, OME-Zarr, HDF5, NIfTI or NRRD.
    out : Path
        One file with all objects; its ending says the format: .tif (ImageJ), .ome.tif,
        .ome.zarr, .h5 (MitoEM), .nii.gz, .nrrd; .obj, .stl, .ply (surfaces); .swc
        (centrelines). With ``--each``, a folder.
    each : str, optional
        Write one file for each object: its surface (obj, stl, ply), its centreline
        (swc), or a crop of the labels (imagej-tiff, ome-tiff, ome-zarr, hdf5, nifti,
        nrrd).
    objects : str
        Labels with commas between them; all objects when absent.
    opening : Opening
        How the labels are opened.
    unit : {"micrometre", "nanometre"}
        What a length of 1 means in a file of surfaces.
    margin : int
        Voxels around the box of an object in a crop.
    neighbours : bool
        Keep the other objects that lie in the box of a crop.
    image : Path, optional
        Image that is cropped beside the labels.
    """
    from napari_mitoseg.exporting import ExportSettings, export_labels, export_objects
    from napari_mitoseg.io.checks import check_labels
    from napari_mitoseg.io.limits import in_memory
    from napari_mitoseg.io.read import read_volume

    settings = ExportSettings.parse(
        {
            "objects": _numbers(objects),
            "unit": unit,
            "margin": margin,
            "neighbours": neighbours,
        }
    )
    if labels.exists() and out.exists() and out.samefile(labels):
        msg = f"--out is {out}, the labels themselves. Give another name."
        raise InvalidParameterError(msg)
    volume = in_memory(opening.read_labels(labels))
    check_labels(volume)
    if each is None:
        run(export_labels(volume, out, settings))
        tell(f"{volume.name} written to {out}")
        return
    beside = None if image is None else in_memory(read_volume(image))
    written = run(export_objects(volume, out, each, settings, beside))
    files = "1 file" if len(written) == 1 else f"{len(written)} files"
    tell(f"{files} of {volume.name} written to {out}")


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        msg = (
            f"--objects was given as {text!r}. Give labels with commas between them, "
            "for example 3,17,204."
        )
        raise InvalidParameterError(msg) from error
