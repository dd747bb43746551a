"""One row of measurements for every mitochondrion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.jobs import Job, as_part, relayed
from napari_mitoseg.morphology.bunches import each_in_threads
from napari_mitoseg.morphology.family import Family, families
from napari_mitoseg.morphology.flat import FlatObject
from napari_mitoseg.morphology.objects import crop_object
from napari_mitoseg.morphology.settings import MeasurementSettings
from napari_mitoseg.morphology.solid import SolidObject
from napari_mitoseg.morphology.surroundings import read_surroundings
from napari_mitoseg.morphology.survey import Context, Survey, survey_labels
from napari_mitoseg.volume import Array, LazyArray, Spacing

Result = TypeVar("Result")


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
        One per slab of each pass, and one per bunch of objects.

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
    settings = settings or MeasurementSettings()
    share = partial(as_part, 0, 1 + _n_passes(_chosen(settings)))
    survey = yield from relayed(survey_labels(labels, spacing, context), share)
    return (yield from measure_survey(survey, settings, n_done=1))


def measure_survey(
    survey: Survey, settings: MeasurementSettings | None = None, *, n_done: int = 0
) -> Job[MeasurementTable]:
    """Measure objects that have been found already.

    Parameters
    ----------
    survey : Survey
        The objects.
    settings : MeasurementSettings, optional
        What to measure; what one pass tells when absent.
    n_done : int
        Passes that came before, for the reports.

    Yields
    ------
    Progress
        One per slab of each pass, and one per bunch of objects.

    Returns
    -------
    MeasurementTable
        One row an object, in the order of the labels.
    """
    chosen = _chosen(settings or MeasurementSettings())
    parts = _Parts(n_done + _n_passes(chosen), n_done)
    found: dict[str, Array] = {}
    for family in chosen:
        job = family.measure(survey)
        found |= yield from (parts.relay(job) if family.watched else job)
    found = (yield from parts.relay(_measure_objects(survey, chosen))) | found
    names = dict.fromkeys(c.name for f in chosen for c in f.columns_of(survey))
    columns = {"index": survey.index, **{name: found[name] for name in names}}
    return MeasurementTable(columns, survey.spacing)


def _chosen(settings: MeasurementSettings) -> list[type[Family]]:
    return [families[name] for name in settings.families]


def _n_passes(chosen: Sequence[type[Family]]) -> int:
    return sum(f.watched for f in chosen) + any(f.by_object for f in chosen)


@dataclass
class _Parts:
    """Makes the reports of several jobs those of one."""

    n: int
    n_done: int = 0

    def relay(self, job: Job[Result]) -> Job[Result]:
        result = yield from relayed(job, partial(as_part, self.n_done, self.n))
        self.n_done += 1
        return result


def _measure_objects(
    survey: Survey, chosen: Sequence[type[Family]]
) -> Job[dict[str, Array]]:
    """Measure what is measured object by object."""
    wanted = [f for f in chosen if f.by_object and f.columns_of(survey)]
    names = [c.name for family in wanted for c in family.columns_of(survey)]
    figures = {name: np.full(len(survey), np.nan) for name in names}
    if not wanted:
        return {}

    def measure(row: int) -> None:
        for name, value in _measure_one(survey, row, wanted).items():
            figures[name][row] = value

    yield from each_in_threads(measure, range(len(survey)), "Measuring the objects")
    return {name: _as_counts(name, values) for name, values in figures.items()}


def _as_counts(name: str, values: NDArray[np.float64]) -> Array:
    """Turn what was counted into whole numbers, where every object has a count."""
    is_count = name.startswith("n_") and not np.isnan(values).any()
    return values.astype(np.int64) if is_count else values


def _measure_one(
    survey: Survey, row: int, wanted: Sequence[type[Family]]
) -> dict[str, float]:
    figures: dict[str, float] = {}
    if survey.spacing is None:
        return figures
    crop = crop_object(survey, row)
    if survey.is_flat:
        flat = FlatObject(crop.mask[0], survey.spacing[1:])
        for family in wanted:
            figures |= family.of_flat(flat)
        return figures
    around = None
    if any(family.looks_around for family in wanted):
        layers = survey.context.contacts
        around = read_surroundings(crop.label, crop.region, survey.labels, layers)
    solid = SolidObject(crop.mask, survey.spacing, around)
    for family in wanted:
        figures |= family.of_solid(solid)
    return figures
