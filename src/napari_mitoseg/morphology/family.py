"""Families of descriptors and their registry."""

from collections.abc import Mapping
from typing import ClassVar

from napari_mitoseg.jobs import Job
from napari_mitoseg.morphology.columns import ColumnInfo
from napari_mitoseg.morphology.solid import FlatObject, SolidObject
from napari_mitoseg.morphology.survey import Survey
from napari_mitoseg.registry import Registry
from napari_mitoseg.volume import Array


class Family:
    """Descriptors that are measured together.

    Attributes
    ----------
    name, title : str
        Name in settings, and on screen.
    columns : tuple of ColumnInfo
        What it measures in volumes.
    flat_columns : tuple of ColumnInfo
        What it measures in single images: a slice has an area, and no volume.
    index_column : ColumnInfo
        What the first column of every table holds.

    Notes
    -----
    A new family is one file in ``morphology/descriptors`` with a subclass of
    `ObjectFamily` or `SurveyFamily` under ``@families.register(name)``, and one line
    in ``morphology/descriptors/__init__.py``.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    columns: ClassVar[tuple[ColumnInfo, ...]]
    flat_columns: ClassVar[tuple[ColumnInfo, ...]] = ()

    @classmethod
    def columns_of(cls, survey: Survey) -> tuple[ColumnInfo, ...]:
        """Return the columns that objects of a survey can get."""
        columns = cls.flat_columns if survey.is_flat else cls.columns
        known = survey.spacing is not None
        return tuple(c for c in columns if known or not c.needs_spacing)


class SurveyFamily(Family):
    """Descriptors of all objects, from passes over the volume."""

    @classmethod
    def measure(cls, survey: Survey) -> Job[Mapping[str, Array]]:
        """Measure all objects.

        Parameters
        ----------
        survey : Survey
            The objects.

        Yields
        ------
        Progress
            Of this family alone; none from families that are fast.

        Returns
        -------
        mapping of str to ndarray, shape (n,)
            Columns by name.
        """
        raise NotImplementedError


class ObjectFamily(Family):
    """Descriptors that are measured object by object."""

    @classmethod
    def of_solid(cls, solid: SolidObject) -> tuple[float, ...]:
        """Measure one object of a volume; one number for each of `columns`."""
        raise NotImplementedError

    @classmethod
    def of_flat(cls, flat: FlatObject) -> tuple[float, ...]:
        """Measure one object of an image; one number for each of `flat_columns`."""
        raise NotImplementedError


families: Registry[type[Family]] = Registry("family of descriptors")
