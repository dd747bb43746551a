"""The command that writes a page about labels: `report`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from napari_mitoseg.cli.app import app
from napari_mitoseg.cli.console import run, tell
from napari_mitoseg.cli.options import SpacingText, parse_spacing
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.recipe import Recipe

PAGES = (".html", ".htm")


@app.command
def report(
    labels: Annotated[Path, Parameter(name="LABELS")],
    /,
    *,
    out: Path,
    image: Path | None = None,
    tissue: Path | None = None,
    recipe: Path | None = None,
    table: Path | None = None,
    spacing: SpacingText = None,
) -> None:
    """Measure labels and write one HTML page: pictures, distributions, numbers.

    Parameters
    ----------
    labels : Path
        Labels: TIFF, folder of images, OME-Zarr, HDF5, NIfTI or NRRD.
    out : Path
        The page, .html; it needs no other file.
    image : Path, optional
        The image that the labels belong to.
    tissue : Path, optional
        Mask of the tissue that density and volume fraction refer to.
    recipe : Path, optional
        Recipe that made the labels.
    table : Path, optional
        Also write the measurements: .csv, .parquet or .xlsx.
    spacing : str, optional
        Distance between voxels in nm as Z,Y,X; overrides the file's.
    """
    from napari_mitoseg.io.read import read_labels, read_volume
    from napari_mitoseg.io.tables import table_format_of, write_table
    from napari_mitoseg.report import measure_and_report

    if out.suffix.lower() not in PAGES:
        msg = f"--out was given as {out.name}. Give a page, for example report.html."
        raise InvalidParameterError(msg)
    if table is not None:
        table_format_of(table)
    volume = read_labels(labels, spacing=parse_spacing(spacing))
    job = measure_and_report(
        out,
        volume,
        image=None if image is None else read_volume(image),
        tissue=None if tissue is None else read_labels(tissue).data,
        recipe="" if recipe is None else Recipe.load(recipe).as_json(),
    )
    found = run(job)
    if table is not None:
        write_table(table, found.columns)
    tell(f"{len(found)} objects of {volume.name}, reported in {out}")
