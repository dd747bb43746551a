"""One row of measurements for every mitochondrion."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.morphology.family import ObjectFamily, SurveyFamily, families
from napari_mitoseg.morphology.objects import iter_objects
from napari_mitoseg.morphology.settings import MeasurementSettings
from napari_mitoseg.morphology.solid import FlatObject, SolidObject
from napari_mitoseg.morphology.survey import Context, Survey, survey_labels
from napari_mitoseg.volume import Array, LazyArray, Spacing


@dataclass(frozen=True, eq=False)
class MeasurementTable:
    """Measurements, one row an object.

    Attributes
    ----------
    columns : mapping of str to ndarray, shape (n,)
        Columns by name, the unit last in the name, ``index`` (the label) first.
        `column_info` says what each means.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX; None leaves out physical columns.
    """

    columns: Mapping[str, Array]
    spacing: Spacing | None

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.columns["index"])

    def select(self, rows: Array) -> "MeasurementTable":
        """Return a table of some rows.

        Parameters
        ----------
        rows : ndarray of bool, shape (n,), or of int
            Which rows, in which order.

        Returns
        -------
        MeasurementTable
            The same columns.
        """
        columns = {name: values[rows] for name, values in self.columns.items()}
        return replace(self, columns=columns)


def measure_labels(
    labels: LazyArray,
    spacing: Spacing | None,
    settings: MeasurementSettings | None = None,
    *,
    context: Context | None = None,
) -> Job[MeasurementTable]:
    """Measure every labelled object.

    Parameters
    ----------
    labels : array of int, shape (Z, Y, X) or (Y, X)
        Objects; 0 is background, and numbers may be missing. Read slab by slab and
        box by box, so that it may be larger than the memory (zarr, dask).
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX; z does not matter for an image of
        two axes. Nothing is guessed: without it, only counts are measured.
    settings : MeasurementSettings, optional
        What to measure; what one pass tells when absent.
    context : Context, optional
        Image, probability and other structures.

    Yields
    ------
    Progress
        One per slab, then one per bunch of objects.

    Returns
    -------
    MeasurementTable
        One row an object, in the order of the labels.

    Raises
    ------
    ShapeError
        Unless the labels have two or three axes, and the context has their shape.
    InvalidParameterError
        If the labels are no whole numbers from 0.
    """
    chosen = (settings or MeasurementSettings()).families
    survey = yield from survey_labels(labels, spacing, context)
    found: dict[str, Array] = {}
    for name in chosen:
        family = families[name]
        if issubclass(family, SurveyFamily):
            found |= yield from family.measure(survey)
    found |= yield from _measure_objects(survey, chosen)
    order = [c.name for name in chosen for c in families[name].columns_of(survey)]
    columns = {name: found[name] for name in order}
    return MeasurementTable({"index": survey.index, **columns}, spacing)


def _measure_objects(survey: Survey, chosen: Iterable[str]) -> Job[dict[str, Array]]:
    """Measure what is measured object by object."""
    wanted = [
        family
        for family in map(families.__getitem__, chosen)
        if issubclass(family, ObjectFamily) and family.columns_of(survey)
    ]
    if not wanted:
        return {}
    names = [c.name for family in wanted for c in family.columns_of(survey)]
    rows = np.full((len(survey), len(names)), np.nan)
    for row, crop in enumerate(iter_objects(survey)):
        rows[row] = _measure_one(crop.mask, survey, wanted)
        yield Progress(row + 1, len(survey), "Measuring the objects")
    return {name: rows[:, k] for k, name in enumerate(names)}


def _measure_one(
    mask: Array, survey: Survey, wanted: Iterable[type[ObjectFamily]]
) -> list[float]:
    if survey.spacing is None:
        return []
    if survey.is_flat:
        flat = FlatObject(mask[0], survey.spacing[1:])
        return [value for family in wanted for value in family.of_flat(flat)]
    solid = SolidObject(mask, survey.spacing)
    return [value for family in wanted for value in family.of_solid(solid)]
