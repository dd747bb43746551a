"""Families of descriptors and their registry."""

from collections.abc import Mapping
from typing import ClassVar

from napari_mitoseg.jobs import Job
from napari_mitoseg.morphology.columns import ColumnInfo
from napari_mitoseg.morphology.flat import FlatObject
from napari_mitoseg.morphology.solid import SolidObject
from napari_mitoseg.morphology.survey import Survey
from napari_mitoseg.registry import Registry
from napari_mitoseg.volume import Array

INDEX = ColumnInfo(
    "index", "Label", "", "Number of the object in the labels.", needs_spacing=False
)
"""The first column of every table."""


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
    watched : bool
        Whether `measure` takes long enough to report progress.
    by_object : bool
        Whether it looks at objects one by one.
    looks_around : bool
        Whether it then looks at what surrounds them, too.

    Notes
    -----
    A new family is one file in ``morphology/descriptors`` with a subclass under
    ``@families.register(name)``, and its name in ``descriptors/__init__.py``.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    columns: ClassVar[tuple[ColumnInfo, ...]]
    flat_columns: ClassVar[tuple[ColumnInfo, ...]] = ()
    watched: ClassVar[bool] = False
    by_object: ClassVar[bool] = True
    looks_around: ClassVar[bool] = False

    @classmethod
    def columns_of(cls, survey: Survey) -> tuple[ColumnInfo, ...]:
        """Return the columns that the objects of a survey get."""
        columns = cls.flat_columns if survey.is_flat else cls.columns
        known = survey.spacing is not None
        return tuple(c for c in columns if known or not c.needs_spacing)

    @classmethod
    def measure(cls, survey: Survey) -> Job[Mapping[str, Array]]:  # noqa: ARG003
        """Measure all objects at once.

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
            Columns by name; those that are measured object by object are missing.
        """
        yield from ()
        return {}

    @classmethod
    def of_solid(cls, solid: SolidObject) -> Mapping[str, float]:  # noqa: ARG003
        """Measure one object of a volume; return its figures by column."""
        return {}

    @classmethod
    def of_flat(cls, flat: FlatObject) -> Mapping[str, float]:  # noqa: ARG003
        """Measure one object of an image; return its figures by column."""
        return {}


families: Registry[type[Family]] = Registry("family of descriptors")
