"""The command that compares with the truth: `evaluate`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from napari_mitoseg.cli.app import app
from napari_mitoseg.cli.console import run, say, tell
from napari_mitoseg.volume import Spacing, Volume

if TYPE_CHECKING:
    from napari_mitoseg.evaluation.masks import LabelKind
    from napari_mitoseg.evaluation.scores import Evaluation, Figure


@app.command
def evaluate(
    prediction: Path,
    truth: Path,
    /,
    *,
    instances: bool = False,
    probability: Path | None = None,
    errors: Path | None = None,
    kind: Annotated[
        Literal["auto", "semantic", "instances"], Parameter(name="--labels")
    ] = "auto",
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Compare a segmentation with the truth and print every score.

    Parameters
    ----------
    prediction : Path
        Labels or mask: TIFF, folder of images or OME-Zarr.
    truth : Path
        Labels or mask of the same shape.
    instances : bool
        Also match instances one by one: AP-75, F1, PQ, splits, merges.
    probability : Path, optional
        Probabilities of the prediction: AP then takes instances in the order of their
        mean probability, not of their size. Implies ``--instances``.
    errors : Path, optional
        Folder for errors.tif (1 matched, 2 missed, 3 spurious, 4 split, 5 merged),
        errors.csv (one row an object) and scores.json. Implies ``--instances``.
    kind : {"auto", "semantic", "instances"}
        What both hold, where instances are matched; auto: a mask where one number
        occurs beside 0. The connected parts of a mask are its instances.
    as_json : bool
        Print one JSON object instead of lines.
    """
    from napari_mitoseg.evaluation import compare_labels
    from napari_mitoseg.io.atomic import check_writable
    from napari_mitoseg.io.read import read_volume

    found, true = _read_compared(prediction), _read_compared(truth)
    sure = read_volume(probability) if probability else None
    if errors:
        check_writable(errors)
    with_instances = instances or bool(probability or errors)
    if with_instances:
        found, true = _told_apart(found, kind), _told_apart(true, kind)
    job = compare_labels(
        found, true, instances=with_instances, probability=sure, paint=bool(errors)
    )
    evaluation = run(job)
    if errors:
        _write_errors(evaluation, errors, found.spacing or true.spacing)
    _tell_scores(evaluation.scores.by_name(), as_json=as_json)


def _read_compared(path: Path) -> Volume:
    """Read labels, and see whether they are what they should be."""
    from napari_mitoseg.io.checks import check_labels
    from napari_mitoseg.io.read import read_labels

    labels = read_labels(path)
    check_labels(labels)
    return labels


def _told_apart(labels: Volume, kind: "LabelKind") -> Volume:
    """Give the objects of a mask numbers, and say so."""
    from napari_mitoseg.evaluation import tell_apart

    numbered = run(tell_apart(labels, kind))
    if numbered is not labels:
        say(
            f"{labels.name} is a mask: its connected parts are compared as instances "
            "(--labels instances prevents that)."
        )
    return numbered


def _write_errors(
    evaluation: "Evaluation", folder: Path, spacing: Spacing | None
) -> None:
    """Write the errors of an evaluation."""
    from napari_mitoseg.outputs import write_errors

    run(write_errors(evaluation, folder, spacing))


def _tell_scores(scores: Mapping[str, "Figure"], *, as_json: bool) -> None:
    """Print scores; those that do not exist are null in JSON, and a dash in lines."""
    if as_json:
        tell(json.dumps(scores))
        return
    for name, value in scores.items():
        figure = f"{value:.4f}" if isinstance(value, float) else str(value)
        tell(f"{name:28s} {'-' if value is None else figure}")
