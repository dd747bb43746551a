"""The files of one result, written all or none."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from napari_mitoseg.evaluation.scores import Evaluation
from napari_mitoseg.io.atomic import staged
from napari_mitoseg.io.ome_zarr import write_result_zarr
from napari_mitoseg.io.tables import write_table_csv
from napari_mitoseg.io.tiff import write_labels_tiff
from napari_mitoseg.jobs import Job, Progress, drain
from napari_mitoseg.maps import cutoff
from napari_mitoseg.morphology.settings import CHEAP_FAMILIES, MeasurementSettings
from napari_mitoseg.morphology.survey import Context
from napari_mitoseg.morphology.table import measure_labels
from napari_mitoseg.pipeline import Result
from napari_mitoseg.training.sparse_report import SparseResult
from napari_mitoseg.volume import Array, Spacing

Format = Literal["tiff", "zarr"]

TABLE = "measurements.csv"
RECIPE = "recipe.json"
ZARR = "result.ome.zarr"
MEASURED = MeasurementSettings(families=(*CHEAP_FAMILIES, "intensity"))
ERROR_FILES = ("errors.tif", "errors.csv", "scores.json")


def output_names(kind: Format) -> tuple[str, ...]:
    """Return the names of the files a result is written to.

    Parameters
    ----------
    kind : {"tiff", "zarr"}
        Format of the label volumes.

    Returns
    -------
    tuple of str
        Names within the output folder.
    """
    volumes = (
        tuple(f"{name}.tif" for name in ("semantic", "boundary", "instances"))
        if kind == "tiff"
        else (ZARR,)
    )
    return (*volumes, TABLE, RECIPE)


def write_result(result: Result, folder: Path, kind: Format) -> Job[tuple[Path, ...]]:
    """Write label volumes, measurements and recipe of a result.

    Parameters
    ----------
    result : Result
        What a recipe made of a volume.
    folder : Path
        Made if absent; files of an earlier result in it are replaced.
    kind : {"tiff", "zarr"}
        ``semantic.tif``, ``boundary.tif`` (uint8 0/1) and ``instances.tif`` (uint32),
        or one ``result.ome.zarr``. What preprocessing has measured goes into a table
        of its own, ``registration.csv`` for example. What covers a part of the image
        says in the OME-Zarr where that lies; TIFFs have no place for it.

    Yields
    ------
    Progress
        One per file.

    Returns
    -------
    tuple of Path
        The files, once all of them are complete.

    Raises
    ------
    WriteError
        If something cannot be written; nothing new is left then.
    """
    names = (*output_names(kind), *(f"{name}.csv" for name in result.tables))
    return (yield from _write_files(folder, names, partial(_write, result)))


def write_training_result(
    result: SparseResult, spacing: Spacing | None
) -> Job[tuple[Path, ...]]:
    """Write what a trained model says about its stack, beside the model.

    Parameters
    ----------
    result : SparseResult
        What training ended with.
    spacing : tuple of float or None
        Of the stack, nm, ZYX.

    Yields
    ------
    Progress
        One per file.

    Returns
    -------
    tuple of Path
        ``coarse.tif`` (S_c), ``filtered.tif`` (S_f), ``probability.tif`` (all × 255)
        and ``semantic.tif`` (0/1), once all of them are complete.

    Raises
    ------
    WriteError
        If something cannot be written; nothing new is left then, but the model is.
    """
    volumes = {
        "coarse.tif": result.coarse,
        "filtered.tif": result.filtered,
        "probability.tif": result.final,
        "semantic.tif": (result.final > cutoff(0.5)).astype(np.uint8),
    }

    def write(name: str, path: Path) -> None:
        write_labels_tiff(path, volumes[name], spacing)

    return (yield from _write_files(result.folder, tuple(volumes), write))


def write_errors(
    evaluation: Evaluation, folder: Path, spacing: Spacing | None
) -> Job[tuple[Path, ...]]:
    """Write what an evaluation says about each object.

    Parameters
    ----------
    evaluation : Evaluation
        Of instances, with the errors painted.
    folder : Path
        Made if absent.
    spacing : tuple of float or None
        Of the volumes, nm, ZYX.

    Yields
    ------
    Progress
        One per file.

    Returns
    -------
    tuple of Path
        ``errors.tif`` (uint8, an `ErrorClass` each voxel), ``errors.csv`` (one row an
        object) and ``scores.json``, once all of them are complete.

    Raises
    ------
    LookupError
        If the evaluation holds no errors.
    WriteError
        If something cannot be written; nothing new is left then.
    """
    table, painted = evaluation.table, evaluation.error_labels
    if table is None or painted is None:
        msg = "This evaluation holds no errors: compare instances, and paint them."
        raise LookupError(msg)

    def write(name: str, path: Path) -> None:
        if name == "errors.tif":
            write_labels_tiff(path, painted, spacing)
        elif name == "errors.csv":
            write_table_csv(path, table.columns)
        else:
            scores = json.dumps(evaluation.scores.by_name(), indent=2)
            path.write_text(f"{scores}\n", encoding="utf-8")

    return (yield from _write_files(folder, ERROR_FILES, write))


def _write_files(
    folder: Path, names: tuple[str, ...], write: Callable[[str, Path], None]
) -> Job[tuple[Path, ...]]:
    """Write all of some files, or none."""
    with staged(folder, names) as paths:
        for done, name in enumerate(names):
            yield Progress(done, len(names), f"Writing {name}")
            write(name, paths[name])
    yield Progress(len(names), len(names), "Written")
    return tuple(folder / name for name in names)


def _write(result: Result, name: str, path: Path) -> None:
    segmentation = result.segmentation
    spacing = segmentation.spacing
    volumes: dict[str, Array] = {
        "semantic": segmentation.semantic,
        "boundary": segmentation.boundary,
        "instances": segmentation.labels,
    }
    if name == ZARR:
        origin = (0, 0, 0) if result.basis is None else result.basis.region.start
        write_result_zarr(path, None, volumes, spacing, origin=origin)
    elif name == TABLE:
        sure = Context(probability=result.maps.semantic, calibration=result.calibration)
        table = drain(
            measure_labels(segmentation.labels, spacing, MEASURED, context=sure)
        )
        write_table_csv(path, table.columns)
    elif Path(name).stem in result.tables:
        write_table_csv(path, result.tables[Path(name).stem])
    elif name == RECIPE:
        path.write_text(result.recipe.as_json(), encoding="utf-8")
    else:
        write_labels_tiff(path, volumes[path.stem], spacing)
