"""The work of the Measure widget, as jobs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_mitoseg.io.limits import check_copy
from napari_mitoseg.io.tables import write_table
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.morphology import (
    Context,
    MeasurementSettings,
    MeasurementTable,
    measure_labels,
    summarize,
)
from napari_mitoseg.volume import Array, LazyArray, Spacing

if TYPE_CHECKING:
    from napari_mitoseg.report import ReportContent


@dataclass(frozen=True, eq=False)
class MeasureOrder:
    """What is to be measured, captured when the user pressed the button.

    Attributes
    ----------
    labels : array of int, shape (Z, Y, X) or (Y, X)
        Objects; read part by part.
    spacing : tuple of float
        Distance between voxel centres in nm, ZYX.
    settings : MeasurementSettings
        Families of descriptors.
    context : Context
        Image, probability and other structures.
    tissue : array or None
        Mask that densities and fractions refer to; all of the volume where None.
    """

    labels: LazyArray
    spacing: Spacing
    settings: MeasurementSettings
    context: Context = field(default_factory=Context)
    tissue: LazyArray | None = None


@dataclass(frozen=True, eq=False)
class Measured:
    """What a measurement found.

    Attributes
    ----------
    table : MeasurementTable
        One row an object.
    summary : mapping of str to float
        Of the whole volume; see `summarize`.
    order : MeasureOrder
        What was asked for.
    """

    table: MeasurementTable
    summary: Mapping[str, float]
    order: MeasureOrder


def measure(order: MeasureOrder) -> Job[Measured]:
    """Measure all objects and add them up; see `measure_labels` and `summarize`."""
    table: MeasurementTable = yield from measure_labels(
        order.labels, order.spacing, order.settings, context=order.context
    )
    yield Progress(1, 1, "Adding up")
    shape = order.labels.shape
    summary = summarize(table, shape, order.spacing, order.tissue)
    return Measured(table, summary, order)


def save_table(columns: Mapping[str, Array], path: Path) -> Job[Path]:
    """Write a table in the format its name asks for."""
    yield Progress(0, 1, f"Writing {path.name}")
    write_table(path, columns)
    return path


def save_report(content: "ReportContent", path: Path) -> Job[Path]:
    """Write a page about the labels; see `write_report`."""
    from napari_mitoseg.report import write_report  # noqa: PLC0415 - matplotlib

    return (yield from write_report(path, content))


def keep_labels(labels: LazyArray, kept: Array) -> Job[Array]:
    """Copy labels without some of the objects.

    Parameters
    ----------
    labels : array of int, shape (Z, Y, X) or (Y, X)
        All objects.
    kept : ndarray of int
        Labels to copy.

    Yields
    ------
    Progress
        One a slice.

    Returns
    -------
    ndarray of int
        The same shape and type; everything else is background.

    Raises
    ------
    InvalidParameterError
        If the copy would not fit into the memory.
    """
    check_copy(labels)
    found = np.zeros(labels.shape, labels.dtype)
    for z in range(len(found)):
        plane = np.asarray(labels[z])
        found[z] = np.where(np.isin(plane, kept), plane, 0)
        yield Progress(z + 1, len(found), "Copying the objects")
    return found
