"""Objects one by one, each in its own box."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.morphology.survey import Survey
from napari_mitoseg.volume import Region


@dataclass(frozen=True, eq=False)
class ObjectCrop:
    """One object, cut out of the volume.

    Attributes
    ----------
    label : int
        Its number.
    region : Region
        Its box in the volume.
    mask : ndarray of bool, shape of the region
        Where it is.
    """

    label: int
    region: Region
    mask: NDArray[np.bool_]


def crop_object(survey: Survey, row: int) -> ObjectCrop:
    """Read the box of one object.

    Parameters
    ----------
    survey : Survey
        The objects.
    row : int
        Which one.

    Returns
    -------
    ObjectCrop
        The object.
    """
    region, label = survey.region(row), int(survey.index[row])
    mask = np.asarray(survey.labels[region.slices]) == label
    return ObjectCrop(label, region, mask)


def iter_objects(
    survey: Survey, rows: Iterable[int] | None = None
) -> Iterator[ObjectCrop]:
    """Read objects one after the other, each by its box.

    Parameters
    ----------
    survey : Survey
        The objects, from `survey_labels`.
    rows : iterable of int, optional
        Which ones; all when absent.

    Yields
    ------
    ObjectCrop
        Each object.

    Examples
    --------
    >>> from napari_mitoseg.jobs import drain
    >>> from napari_mitoseg.morphology import survey_labels
    >>> labels = np.array([[[0, 7, 7, 2]]])
    >>> survey = drain(survey_labels(labels, None))
    >>> [(o.label, o.mask.shape) for o in iter_objects(survey)]
    [(2, (1, 1, 1)), (7, (1, 1, 2))]
    """
    for row in range(len(survey)) if rows is None else rows:
        yield crop_object(survey, row)
