"""The base of all preprocessing steps, their registry, and the pipeline."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar, cast

from napari_mitoseg.jobs import Job, Progress, as_part, relayed
from napari_mitoseg.registry import Registry
from napari_mitoseg.steps import NamedStep, StepSequence
from napari_mitoseg.volume import Array, Region, Volume

Undo = Callable[[Array, Region], Array]
"""Takes labels over a region of the changed image to the same region of the image as
it was before; voxels of which the labels say nothing become 0."""

Table = Mapping[str, Array]
"""Columns of equal length by name."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """An image with preprocessing steps in front of its data, and the way back.

    Attributes
    ----------
    volume : Volume
        What the network is to see; lazy.
    undos : tuple of callable
        What leads labels back to the image as it was; one for each step that moves
        things, in the order of the steps.
    tables : mapping of str to table
        What steps have measured, by a name for the table.
    notes : tuple of str
        The same in a sentence each.
    """

    volume: Volume
    undos: tuple[Undo, ...] = ()
    tables: Mapping[str, Table] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def before(self, other: "Prepared") -> "Prepared":
        """Return the result of a further step with what is known from this one."""
        return replace(
            other,
            undos=(*self.undos, *other.undos),
            tables={**self.tables, **other.tables},
            notes=(*self.notes, *other.notes),
        )

    def restored(self, labels: Array, region: Region) -> Array:
        """Take labels back to the image as it was before all steps.

        Parameters
        ----------
        labels : ndarray of int, shape of the region
            Labels or map that lie on `volume`.
        region : Region
            Which part of the volume they cover.

        Returns
        -------
        ndarray, shape of the region
            The same labels, where they belong in the original image.
        """
        for undo in reversed(self.undos):
            labels = undo(labels, region)
        return labels


class Step(NamedStep):
    """One change of the image before the network sees it.

    Attributes
    ----------
    is_local : bool
        Whether each slice is changed on its own, without a look at the others.

    Notes
    -----
    Local steps are lazy: they work on each slice when it is read, and `__call__` is all
    they need. A step that must look at the stack first, or moves things, defines
    `prepare`.
    """

    is_local: ClassVar[bool] = True

    def __call__(self, volume: Volume) -> Volume:
        """Return the volume with the step in front of its data.

        Parameters
        ----------
        volume : Volume
            Image; nothing of it is read yet.

        Returns
        -------
        Volume
            Lazy float32 volume of the same shape and spacing.
        """
        raise NotImplementedError

    def prepare(self, volume: Volume) -> Job[Prepared]:
        """Do what must be done before the first slice can be read, as a job.

        Parameters
        ----------
        volume : Volume
            Image.

        Yields
        ------
        Progress
            Of this step alone; none from local steps.

        Returns
        -------
        Prepared
            The volume as from `__call__`, and how to undo the step on labels.
        """
        yield from ()
        return Prepared(self(volume))


steps: Registry[type[Step]] = Registry("preprocessing step")


class Pipeline(StepSequence):
    """Preprocessing steps, in the order in which they run.

    Examples
    --------
    >>> Pipeline([{"step": "invert"}]).model_dump()
    [{'step': 'invert'}]
    """

    registry: ClassVar[Registry[type[Step]]] = steps

    @property
    def moving(self) -> tuple[str, ...]:
        """Titles of the steps that are not local: they may move sections."""
        todo = cast("tuple[Step, ...]", self.steps)
        return tuple(step.title for step in todo if not step.is_local)

    def __call__(self, volume: Volume) -> Volume:
        """Return the volume with all steps in front of its data, lazily."""
        for step in self.steps:
            volume = cast("Step", step)(volume)
        return volume

    def prepare(self, volume: Volume) -> Job[Prepared]:
        """Do what must be done before the first slice can be read, as a job.

        Parameters
        ----------
        volume : Volume
            Image.

        Yields
        ------
        Progress
            Of the steps that look at the stack first.

        Returns
        -------
        Prepared
            The volume with all steps in front of its data, and how to undo them.
        """
        done = Prepared(volume)
        for n, step in enumerate(cast("tuple[Step, ...]", self.steps)):
            report: Callable[[Progress], Progress] = partial(as_part, n, len(self))
            job = step.prepare(done.volume)
            done = done.before((yield from relayed(job, report)))
        return done
