"""Grey values and probabilities within each object."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.labelling import iter_slabs
from napari_mitoseg.maps import Calibration, confidence
from napari_mitoseg.morphology.columns import ColumnInfo
from napari_mitoseg.morphology.family import Family, families
from napari_mitoseg.morphology.survey import Survey
from napari_mitoseg.volume import Array, LazyArray

MEAN = ColumnInfo(
    "mean_intensity",
    "Mean intensity",
    "",
    "Mean grey value of the image within the object.",
    needs_spacing=False,
)
DEVIATION = ColumnInfo(
    "sd_intensity",
    "Intensity, SD",
    "",
    "Standard deviation of the grey values within the object.",
    needs_spacing=False,
)
PROBABILITY = ColumnInfo(
    "mean_probability",
    "Mean probability",
    "",
    "Mean probability of mitochondrion within the object, 0 to 1.",
    needs_spacing=False,
)
CONFIDENCE = ColumnInfo(
    "confidence",
    "Confidence",
    "",
    "Chance that the object is a mitochondrion: of objects with its mean probability, "
    "this share were, on slices that the model was not trained on.",
    needs_spacing=False,
)


@families.register("intensity")
class IntensityFamily(Family):
    """Mean intensity, mean probability and confidence.

    Notes
    -----
    Columns are left out where the image, or the probability, is not given, and the
    confidence where the model has not been calibrated.
    Probabilities stored as whole numbers are divided by the largest number of their
    type.
    """

    name: ClassVar[str] = "intensity"
    title: ClassVar[str] = "Intensity"
    columns: ClassVar[tuple[ColumnInfo, ...]] = (
        MEAN,
        DEVIATION,
        PROBABILITY,
        CONFIDENCE,
    )
    flat_columns: ClassVar[tuple[ColumnInfo, ...]] = columns
    watched: ClassVar[bool] = True
    by_object: ClassVar[bool] = False

    @classmethod
    def columns_of(cls, survey: Survey) -> tuple[ColumnInfo, ...]:
        """Return the columns for which there is an image."""
        context = survey.context
        image = () if context.intensity is None else (MEAN, DEVIATION)
        if context.probability is None:
            return image
        sure = (CONFIDENCE,) if context.calibration else ()
        return *image, PROBABILITY, *sure

    @classmethod
    def measure(cls, survey: Survey) -> Job[Mapping[str, Array]]:
        """Measure all objects in passes over the volume."""
        context = survey.context
        columns: dict[str, Array] = {}
        if context.intensity is not None:
            mean, deviation = yield from _moments(survey, context.intensity)
            columns |= {MEAN.name: mean, DEVIATION.name: deviation}
        if context.probability is not None:
            dtype = context.probability.dtype
            most = np.iinfo(dtype).max if dtype.kind in "ui" else 1.0
            (total,) = yield from _sums(survey, context.probability, 0.0, (1,))
            columns |= sureness(total / most, survey.n_voxels, context.calibration)
        return columns


def sums_within(
    labels: Array,
    index: Array,
    values: Array,
    middle: float = 0.0,
    powers: tuple[int, ...] = (1,),
) -> NDArray[np.float64]:
    """Return the sums of powers of values less a number within each object of a part.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        Objects.
    index : ndarray of int64, shape (n,)
        All labels that may occur, rising.
    values : ndarray, shape (Z, Y, X)
        What is summed.
    middle : float
        What is taken from each.
    powers : tuple of int
        Which powers of the rest.

    Returns
    -------
    ndarray of float64, shape (len(powers), n)
        Sums; exact for whole numbers.
    """
    inside = labels > 0
    row = np.searchsorted(index, labels[inside].astype(np.int64))
    found = values[inside].astype(float) - middle
    return np.array([np.bincount(row, found**power, len(index)) for power in powers])


def sureness(
    total: NDArray[np.float64], n_voxels: Array, calibration: Calibration
) -> dict[str, NDArray[np.float64]]:
    """Return the columns that say how sure a model is of objects.

    Parameters
    ----------
    total : ndarray of float64, shape (n,)
        Sum of the probability within each object.
    n_voxels : ndarray of int64, shape (n,)
        Their sizes.
    calibration : tuple of (float, float)
        What their mean is worth; empty where that is not known.

    Returns
    -------
    dict
        Mean probability, and confidence where there is a calibration.
    """
    mean = total / n_voxels
    if not calibration:
        return {PROBABILITY.name: mean}
    return {PROBABILITY.name: mean, CONFIDENCE.name: confidence(mean, calibration)}


def _moments(
    survey: Survey, image: LazyArray
) -> Job[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return mean and standard deviation of an image within each object."""
    # Squares of differences from about the mean, not of the values: those cancel.
    middle = float(np.mean(np.asarray(image[next(iter_slabs(survey.shape))])))
    total, squares = yield from _sums(survey, image, middle, (1, 2))
    mean = total / survey.n_voxels
    return mean + middle, np.sqrt(np.maximum(squares / survey.n_voxels - mean**2, 0))


def _sums(
    survey: Survey, image: LazyArray, middle: float, powers: tuple[int, ...]
) -> Job[NDArray[np.float64]]:
    """Return the sums of powers of an image less a number within each object."""
    sums = np.zeros((len(powers), len(survey)))
    slabs = list(iter_slabs(survey.shape))
    for done, slab in enumerate(slabs):
        labels = np.asarray(survey.labels[slab])
        values = np.asarray(image[slab])
        sums += sums_within(labels, survey.index, values, middle, powers)
        yield Progress(done + 1, len(slabs), "Reading the image")
    return sums
