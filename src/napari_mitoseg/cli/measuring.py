"""The command that measures objects: `measure`."""

import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from napari_mitoseg.cli.app import app
from napari_mitoseg.cli.console import run, say, tell
from napari_mitoseg.cli.options import AS_STORED, Opening
from napari_mitoseg.errors import InvalidParameterError

if TYPE_CHECKING:
    from napari_mitoseg.maps import Calibration
    from napari_mitoseg.morphology import Context, MeasurementSettings, MeasurementTable
    from napari_mitoseg.volume import Volume

ALL = "all"
PAGES = (".html", ".htm")


@app.command
def measure(  # noqa: PLR0913 - the options of the command
    labels: Path,
    /,
    *,
    out: Path,
    opening: Opening = AS_STORED,
    families: str = ALL,
    image: Path | None = None,
    probability: Path | None = None,
    model: str | None = None,
    contacts: Annotated[list[str] | None, Parameter(negative="")] = None,
    tissue: Path | None = None,
    report: Path | None = None,
    recipe: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Measure every object, and print what the volume adds up to.

    Parameters
    ----------
    labels : Path
        Labels, one number for each object: TIFF, folder of images, OME-Zarr, HDF5,
        NIfTI or NRRD.
    out : Path
        Table to write, .csv, .parquet or .xlsx (Excel): one row an object, the unit in
        each column's name.
    opening : Opening
        How the labels are opened.
    families : str
        What to measure, as in size,shape,surface; all of size, shape, surface,
        convexity, skeleton, calibre, neighbours, intensity when absent.
    image : Path, optional
        Image, for the mean intensity of each object.
    probability : Path, optional
        Probability map, for the mean probability of each object.
    model : str, optional
        Name or folder of the model that made the probability map, for a confidence of
        each object if the model is calibrated.
    contacts : list of str, optional
        Other structures as NAME=FILE, for the area of contact with each:
        nucleus=nucleus.tif. May be given several times.
    tissue : Path, optional
        Mask of the tissue: densities and the volume fraction refer to it.
    report : Path, optional
        Page to write, .html: pictures, distributions, numbers. It needs no other file.
    recipe : Path, optional
        Recipe that made the labels, for the report.
    as_json : bool
        Print one JSON object instead of lines.
    """
    from napari_mitoseg.io.limits import in_memory
    from napari_mitoseg.io.read import read_labels, read_volume
    from napari_mitoseg.io.tables import write_table
    from napari_mitoseg.morphology import measure_labels, summarize

    _check_names(out, report)
    settings = _settings(families)
    if "intensity" in families and not (image or probability):
        msg = (
            f"--families was given as {families}, but there are no grey values. Give "
            "--image or --probability, or leave intensity out."
        )
        raise InvalidParameterError(msg)
    made_by = _recipe_text(recipe)
    volume = opening.read_labels(labels)
    if volume.spacing is None:
        msg = (
            f"{labels} does not say how far its voxels are apart, and nothing is "
            "guessed. Give --spacing Z,Y,X in nm, for example --spacing 40,5.9,5.9."
        )
        raise InvalidParameterError(msg)
    volume = in_memory(volume)
    shown = read_volume(image) if image else None
    context = _context(shown, probability, contacts or [], model)
    mask = read_labels(tissue).data if tissue else None
    job = measure_labels(volume.data, volume.spacing, settings, context=context)
    table = run(job)
    summary = summarize(table, volume.shape, volume.spacing, mask)
    write_table(out, table.columns)
    if report is not None:
        from napari_mitoseg.report import ReportContent, write_report

        run(write_report(report, ReportContent(volume, table, shown, mask, made_by)))
    _tell_summary(summary, as_json=as_json)
    _say_what_to_know(volume.name, table)


def _say_what_to_know(name: str, table: "MeasurementTable") -> None:
    """Point out labels that are hardly what was meant."""
    from napari_mitoseg.morphology import may_be_mask

    if len(table) == 0:
        say(f"{name} holds no object: the table has no rows.")
    elif may_be_mask(table):
        say(
            f"Everything in {name} has one label and counts as one object. If it is a "
            "mask, measure its instances: segment writes them as instances.tif."
        )


def _context(
    image: "Volume | None",
    probability: Path | None,
    contacts: list[str],
    model: str | None,
) -> "Context":
    from napari_mitoseg.io.limits import in_memory
    from napari_mitoseg.io.read import read_labels, read_volume
    from napari_mitoseg.morphology import Context

    # Read box by box, object by object, as the labels are.
    layers = {name: in_memory(read_labels(path)) for name, path in _layers(contacts)}

    return Context(
        intensity=image.data if image else None,
        probability=read_volume(probability).data if probability else None,
        contacts={name: layer.data for name, layer in layers.items()},
        calibration=_calibration(model) if model else (),
    )


def _calibration(model: str) -> "Calibration":
    from napari_mitoseg.models.zoo import find_model, read_card

    card = read_card(find_model(model))
    if not card.calibration:
        msg = (
            f"The model {card.name} was not calibrated, so it says nothing of how sure "
            "it is. Leave --model out; mean_probability is measured anyhow."
        )
        raise InvalidParameterError(msg)
    return card.calibration


def _settings(families: str) -> "MeasurementSettings":
    from napari_mitoseg.morphology import ALL_FAMILIES, MeasurementSettings

    names = [name.strip() for name in families.split(",") if name.strip()]
    # The sums of the volume need the sizes.
    chosen = ALL_FAMILIES if names == [ALL] else names and ("size", *names)
    return MeasurementSettings.parse({"families": chosen})


def _check_names(out: Path, report: Path | None) -> None:
    from napari_mitoseg.io.tables import table_format_of

    _ = table_format_of(out)
    if report is not None and report.suffix.lower() not in PAGES:
        msg = f"--report was given as {report}. Give a file that ends in .html."
        raise InvalidParameterError(msg)


def _recipe_text(recipe: Path | None) -> str:
    from napari_mitoseg.recipe import Recipe

    return "" if recipe is None else Recipe.load(recipe).as_json()


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


def _tell_summary(summary: Mapping[str, float], *, as_json: bool) -> None:
    if as_json:
        # JSON has no word for NaN: of no objects there is no mean.
        known = {n: v if isfinite(v) else None for n, v in summary.items()}
        tell(json.dumps(known))
        return
    for name, value in summary.items():
        tell(f"{name:32s} {value:.6g}")
