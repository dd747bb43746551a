"""One object as those see it who look for mistakes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import ShapeError
from napari_mitoseg.proofreading.distances import distance_inside
from napari_mitoseg.proofreading.object_index import ObjectEntry
from napari_mitoseg.proofreading.regions import grown
from napari_mitoseg.proofreading.sampling import reader, sampled, steps_for
from napari_mitoseg.proofreading.workspace import Mask, Workspace
from napari_mitoseg.volume import Array, LazyArray, Region, Shape, Spacing


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known beside the labels; all of the same shape as they.

    Attributes
    ----------
    probability : LazyArray or None
        Probability of mitochondrion: uint8 from 0 to 255, or floating point, 0 to 1.
    others : sequence of LazyArray
        Labels that other models gave, or another person.
    """

    probability: LazyArray | None = None
    others: Sequence[LazyArray] = ()

    def check(self, shape: Sequence[int]) -> None:
        """Raise ShapeError unless everything has the shape of the labels."""
        given = [*self.others]
        if self.probability is not None:
            given.append(self.probability)
        for array in given:
            if tuple(array.shape) != tuple(shape):
                msg = (
                    f"The labels have shape {tuple(shape)}, what they are to be "
                    f"compared with has {tuple(array.shape)}. Give arrays of the "
                    "shape of the labels."
                )
                raise ShapeError(msg)


@dataclass(frozen=True, eq=False)
class Sight:
    """One object; what is looked at is read when it is asked for.

    Attributes
    ----------
    label : int
        The object.
    entry : ObjectEntry
        Its box and size.
    workspace : Workspace
        The labels.
    evidence : Evidence
        What else is known.
    """

    label: int
    entry: ObjectEntry
    workspace: Workspace
    evidence: Evidence

    @cached_property
    def region(self) -> Region:
        """The box of the object with a voxel around it, where the volume has one."""
        return grown(self.entry.region, (1, 1, 1), self.workspace.shape)

    @cached_property
    def steps(self) -> Shape:
        """Every how many voxels one is looked at, along z, y, x."""
        return steps_for(self.region)

    @cached_property
    def labels(self) -> Array:
        """All labels in the region, shape (Z, Y, X)."""
        return sampled(self.workspace.array.read, self.region, self.steps)

    @cached_property
    def mask(self) -> Mask:
        """The object in the region, shape (Z, Y, X)."""
        mask: Mask = self.labels == self.label
        return mask

    @property
    def spacing(self) -> Spacing | None:
        """Distance in nm between the voxels that are looked at; None if not known."""
        given = self.workspace.given_spacing
        if given is None:
            return None
        z, y, x = (s * n for s, n in zip(given, self.steps, strict=True))
        return z, y, x

    @cached_property
    def distance(self) -> NDArray[np.float32]:
        """How far the voxels of the object are from its outside, nm."""
        spacing = self.spacing or self.workspace.spacing
        return distance_inside(self.mask, spacing)

    @property
    def radius(self) -> float:
        """Distance in nm from the outside where the object is thickest."""
        return max(float(self.distance.max(initial=0)), *self.workspace.spacing)

    @cached_property
    def probability(self) -> NDArray[np.float32] | None:
        """Probability in the voxels of the object that are looked at, 0 to 1."""
        given = self.evidence.probability
        if given is None:
            return None
        values = self._read(given)[self.mask]
        largest = np.iinfo(values.dtype).max if values.dtype.kind in "ui" else 1
        return values.astype(np.float32) / np.float32(largest)

    @cached_property
    def others(self) -> tuple[Array, ...]:
        """Other labels in the region, each of shape (Z, Y, X)."""
        return tuple(self._read(other) for other in self.evidence.others)

    def around(self, margin: float) -> "Surroundings":
        """Read the labels in and around the box of the object, with a margin in nm."""
        size = [ceil(margin / s) for s in self.workspace.spacing]
        return surroundings(self.workspace, self.entry.region, size)

    def _read(self, array: LazyArray) -> Array:
        return sampled(reader(array), self.region, self.steps)


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Labels in a box, every so many voxels.

    Attributes
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        The labels.
    origin, spacing : ndarray of float64, shape (3,)
        Position of the first voxel in the volume and distance between voxels, nm, ZYX.
    """

    labels: Array
    origin: NDArray[np.float64]
    spacing: NDArray[np.float64]

    def places(self, label: int) -> NDArray[np.float64]:
        """Return where the voxels of an object are in the volume, nm, shape (n, 3)."""
        found: NDArray[np.float64] = np.argwhere(self.labels == label) * self.spacing
        return found + self.origin


def surroundings(
    workspace: Workspace, region: Region, margin: Sequence[int]
) -> Surroundings:
    """Read the labels in and around a box.

    Parameters
    ----------
    workspace : Workspace
        Labels with a spacing.
    region : Region
        The box.
    margin : sequence of int
        Voxels around it, ZYX, as far as the volume reaches.

    Returns
    -------
    Surroundings
        The labels, of large boxes every second, third ... one.
    """
    box = grown(region, margin, workspace.shape)
    steps, spacing = np.array(steps_for(box)), np.array(workspace.spacing)
    labels = sampled(workspace.array.read, box, steps_for(box))
    return Surroundings(labels, np.array(box.start) * spacing, steps * spacing)
