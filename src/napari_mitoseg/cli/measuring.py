"""The command that measures objects: `measure`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from napari_mitoseg.cli.app import app
from napari_mitoseg.cli.console import run, tell
from napari_mitoseg.cli.options import SpacingText, parse_spacing
from napari_mitoseg.errors import InvalidParameterError

if TYPE_CHECKING:
    from napari_mitoseg.morphology import MeasurementSettings
    from napari_mitoseg.volume import LazyArray, Volume

ALL = "all"

MEMORY_SHARE = 0.5
"""Share of the free memory up to which labels are read at once."""


@app.command
def measure(  # noqa: PLR0913  one option each
    labels: Path,
    /,
    *,
    out: Path,
    spacing: SpacingText = None,
    families: str = ALL,
    image: Path | None = None,
    probability: Path | None = None,
    contacts: Annotated[list[str] | None, Parameter(negative="")] = None,
    tissue: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Measure every object, and print what the volume adds up to.

    Parameters
    ----------
    labels : Path
        Labels, one number for each object: TIFF, folder of images or OME-Zarr.
    out : Path
        Table to write, a .csv: one row an object, the unit in each column's name.
    spacing : str, optional
        Distance between voxels in nm as Z,Y,X; overrides the file's.
    families : str
        What to measure, as in size,shape,surface; all of size, shape, surface,
        convexity, skeleton, calibre, neighbours, intensity when absent.
    image : Path, optional
        Image, for the mean intensity of each object.
    probability : Path, optional
        Probability map, for the mean probability of each object.
    contacts : list of str, optional
        Other structures as NAME=FILE, for the area of contact with each:
        nucleus=nucleus.tif. May be given several times.
    tissue : Path, optional
        Mask of the tissue: densities and the volume fraction refer to it.
    as_json : bool
        Print one JSON object instead of lines.
    """
    from napari_mitoseg.io.read import read_labels, read_volume
    from napari_mitoseg.io.tables import write_table_csv
    from napari_mitoseg.morphology import Context, measure_labels, summarize

    _check_name(out)
    volume = read_labels(labels, spacing=parse_spacing(spacing))
    if volume.spacing is None:
        msg = (
            f"{labels} does not say how far its voxels are apart, and nothing is "
            "guessed. Give --spacing Z,Y,X in nm, for example --spacing 40,5.9,5.9."
        )
        raise InvalidParameterError(msg)
    context = Context(
        intensity=read_volume(image).data if image else None,
        probability=read_volume(probability).data if probability else None,
        contacts={
            name: read_labels(path).data for name, path in _layers(contacts or [])
        },
    )
    mask = read_labels(tissue).data if tissue else None
    job = measure_labels(
        _in_memory(volume), volume.spacing, _settings(families), context=context
    )
    table = run(job)
    summary = summarize(table, volume.shape, volume.spacing, mask)
    write_table_csv(out, table.columns)
    _tell_summary(summary, as_json=as_json)


def _settings(families: str) -> "MeasurementSettings":
    from napari_mitoseg.morphology import ALL_FAMILIES, MeasurementSettings

    names = [name.strip() for name in families.split(",") if name.strip()]
    chosen = ALL_FAMILIES if names == [ALL] else ("size", *names)
    return MeasurementSettings.parse({"families": chosen})


def _check_name(out: Path) -> None:
    if out.suffix.lower() != ".csv":
        msg = f"--out was given as {out}. Give a file that ends in .csv."
        raise InvalidParameterError(msg)


def _layers(given: list[str]) -> list[tuple[str, Path]]:
    """Read ``NAME=FILE`` as given on the command line."""
    pairs = [text.partition("=") for text in given]
    for text, (name, _, path) in zip(given, pairs, strict=True):
        if not name or not path:
            msg = (
                f"--contacts was given as {text!r}. Give a name and a file, for "
                "example nucleus=nucleus.tif."
            )
            raise InvalidParameterError(msg)
    return [(name, Path(path)) for name, _, path in pairs]


def _in_memory(volume: "Volume") -> "LazyArray":
    """Read labels that fit into the memory: boxes of a compressed file are slow."""
    import numpy as np
    import psutil

    size = int(np.prod(volume.shape)) * volume.dtype.itemsize
    fits = size < MEMORY_SHARE * psutil.virtual_memory().available
    return volume.read() if fits else volume.data


def _tell_summary(summary: Mapping[str, float], *, as_json: bool) -> None:
    if as_json:
        tell(json.dumps(summary))
        return
    for name, value in summary.items():
        tell(f"{name:32s} {value:.6g}")
