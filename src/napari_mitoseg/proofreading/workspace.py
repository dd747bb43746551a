"""What an operation sees of the labels: boxes, the index, the spacing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.proofreading.label_array import LabelArray
from napari_mitoseg.proofreading.object_index import ObjectEntry, ObjectIndex
from napari_mitoseg.proofreading.regions import grown
from napari_mitoseg.volume import Array, Region, Shape, Spacing

CROP_VOXELS = 1 << 27
"""Largest box that is looked at as a whole: some 2 GB with distances."""


@dataclass(frozen=True, eq=False)
class Crop:
    """One object and what is around it.

    Attributes
    ----------
    region : Region
        Where it is.
    labels : ndarray of int, shape of the region
        All labels there.
    mask : ndarray of bool, shape of the region
        The object.
    """

    region: Region
    labels: Array
    mask: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Workspace:
    """Labels, the index of their objects and their spacing; nothing is written here.

    Attributes
    ----------
    array : LabelArray
        The labels.
    index : ObjectIndex
        Where each object is.
    given_spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX; None where it is not known.
    """

    array: LabelArray
    index: ObjectIndex
    given_spacing: Spacing | None = None

    @property
    def shape(self) -> Shape:
        """Size of the labels along z, y, x."""
        return self.array.shape

    @property
    def spacing(self) -> Spacing:
        """Distance between voxel centres in nm, ZYX; an error where it is not known."""
        if self.given_spacing is None:
            msg = (
                "These labels have no spacing, and this operation works in nanometres. "
                "Give the spacing of the labels in nm, z, y, x, first."
            )
            raise InvalidParameterError(msg)
        return self.given_spacing

    def entry(self, label: int) -> ObjectEntry:
        """Return box and size of an object; an error where there is none."""
        return self.index[label]

    def blocks_of(self, label: int) -> Iterator[tuple[Region, Array]]:
        """Read the box of an object in blocks of bounded size.

        Parameters
        ----------
        label : int
            The object.

        Yields
        ------
        Region
            Where a block is.
        ndarray
            Its labels.
        """
        for block in self.array.blocks(self.entry(label).region):
            yield block, self.array.read(block)

    def crop(self, label: int, margin: Sequence[int] = (0, 0, 0)) -> Crop:
        """Read the box of an object as a whole.

        Parameters
        ----------
        label : int
            The object.
        margin : sequence of int
            Voxels around the box along z, y, x, as far as the volume reaches.

        Returns
        -------
        Crop
            The object and what is around it.

        Raises
        ------
        InvalidParameterError
            If there is no such object, or if its box is too large to be looked at as
            a whole.
        """
        region = grown(self.entry(label).region, margin, self.shape)
        if prod(region.shape) > CROP_VOXELS:
            msg = (
                f"Object {label} lies in a box of {prod(region.shape) / 1e6:,.0f} "
                f"million voxels; this operation takes up to {CROP_VOXELS / 1e6:,.0f} "
                "million. Cut the object at a plane, or separate its pieces, first."
            )
            raise InvalidParameterError(msg)
        labels = self.array.read(region)
        return Crop(region, labels, labels == label)

    def new_labels(self, n: int) -> tuple[int, ...]:
        """Find numbers for new objects; an error where the type has none left."""
        return self.index.unused(n, self.array.dtype)
