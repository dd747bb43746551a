"""What an operation sees of the labels: boxes, the index, the spacing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, prod

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.proofreading.label_array import LabelArray
from napari_mitoseg.proofreading.object_index import ObjectEntry, ObjectIndex
from napari_mitoseg.proofreading.regions import as_region, grown
from napari_mitoseg.volume import Array, Region, Shape, Spacing

Mask = NDArray[np.bool_]

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
    label : int
        Its number.
    """

    region: Region
    labels: Array
    mask: Mask
    label: int

    @property
    def is_free(self) -> Mask:
        """Where there is the object or background: where it may be changed."""
        return self.mask | (self.labels == 0)

    def place(self, point: Sequence[int]) -> Shape:
        """Find a point of the object in the crop.

        Parameters
        ----------
        point : sequence of int
            Voxel of the volume, ZYX.

        Returns
        -------
        tuple of int
            Voxel of the crop.

        Raises
        ------
        InvalidParameterError
            If the point does not lie in the object.
        """
        z, y, x = (p - a for p, a in zip(point, self.region.start, strict=True))
        sizes = zip((z, y, x), self.mask.shape, strict=True)
        if not all(0 <= p < n for p, n in sizes) or not self.mask[z, y, x]:
            msg = (
                f"The point {tuple(point)} (z, y, x) does not lie in object "
                f"{self.label}. Click inside the object."
            )
            raise InvalidParameterError(msg)
        return z, y, x

    def slices(self, first: int, stop: int) -> "Crop":
        """Return some slices of the crop, from `first` to before `stop`."""
        z, y, x = self.region.start
        region = as_region(
            (z + first, y, x),
            (z + stop, y + self.region.shape[1], x + self.region.shape[2]),
        )
        part = slice(first, stop)
        return Crop(region, self.labels[part], self.mask[part], self.label)

    def with_label(self, mask: Mask) -> Array:
        """Return the labels with the object given another shape.

        Parameters
        ----------
        mask : ndarray of bool, shape of the region
            New shape; other objects stay as they are.

        Returns
        -------
        ndarray of int, shape of the region
            New labels.
        """
        after = self.labels.copy()
        after[self.mask] = 0
        after[mask & (after == 0)] = self.label
        return after


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
        return Crop(region, labels, labels == label, label)

    def crop_nm(self, label: int, margin: float) -> Crop:
        """Read the box of an object with a margin in nm, and a voxel more.

        Parameters
        ----------
        label : int
            The object.
        margin : float
            Around the box, nm.

        Returns
        -------
        Crop
            The object and what is around it.

        Raises
        ------
        InvalidParameterError
            If the spacing is not known, or as for `crop`.
        """
        return self.crop(label, [1 + ceil(margin / step) for step in self.spacing])

    def new_labels(self, n: int) -> tuple[int, ...]:
        """Find numbers for new objects; an error where the type has none left."""
        return self.index.unused(n, self.array.dtype)
