"""Labels that are read and written box by box, whatever holds them."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from napari_mitoseg.errors import InvalidParameterError, ShapeError
from napari_mitoseg.proofreading.regions import cut
from napari_mitoseg.volume import Array, LazyArray, Region, Shape

BLOCK_VOXELS = 1 << 22
"""Voxels read at once, however large the box of an object is."""


class WritableArray(LazyArray, Protocol):
    """What an editor needs of labels: numpy, memmap, zarr and h5py all have it."""

    def __setitem__(self, key: Any, value: Any, /) -> None:
        """Write a part."""


class LabelArray:
    """Labels of two or three axes, as a volume that is read and written by boxes.

    Parameters
    ----------
    data : WritableArray, shape (Z, Y, X) or (Y, X)
        Whole numbers: 0 is background, one number for each object.

    Attributes
    ----------
    data : WritableArray
        As given.
    shape : tuple of int
        Size along z, y, x; 1 along z for two axes.
    dtype : numpy.dtype
        Type of the labels.
    chunk : tuple of int
        What is stored together, along z, y, x; single voxels in memory.

    Raises
    ------
    ShapeError
        Unless there are two or three axes and at least one voxel.
    InvalidParameterError
        If the values are no whole numbers.
    """

    def __init__(self, data: WritableArray) -> None:
        shape = tuple(data.shape)
        if len(shape) not in {2, 3} or 0 in shape:
            msg = (
                f"The labels have shape {shape}. Give two axes, y and x, or three, "
                "z, y and x, and at least one voxel."
            )
            raise ShapeError(msg)
        if np.dtype(data.dtype).kind not in "ui":
            msg = (
                f"The labels hold {data.dtype} values. Give whole numbers: 0 for "
                "background, one number for each object; convert them first."
            )
            raise InvalidParameterError(msg)
        self.data = data
        self.is_plane = len(shape) == 2
        z, y, x = (1, *shape) if self.is_plane else shape
        self.shape: Shape = (z, y, x)
        self.dtype = np.dtype(data.dtype).newbyteorder("=")
        self.chunk: Shape = self._chunk()

    @property
    def is_chunked(self) -> bool:
        """Whether parts are stored in chunks, as zarr and HDF5 do."""
        return self.chunk != (1, 1, 1)

    def check_writable(self) -> None:
        """Raise InvalidParameterError if the labels cannot be written to."""
        flags = getattr(self.data, "flags", None)
        if hasattr(self.data, "dask"):
            msg = (
                "The labels are computed when they are read, and stored nowhere. Save "
                "them, or duplicate them into memory, and correct those."
            )
            raise InvalidParameterError(msg)
        is_locked = getattr(self.data, "read_only", False) or (
            flags is not None and not flags.writeable
        )
        if is_locked or not hasattr(self.data, "__setitem__"):
            msg = (
                "The labels are read-only, so that nothing can be corrected in them. "
                "Open them for writing, or duplicate them."
            )
            raise InvalidParameterError(msg)

    def read(self, region: Region) -> Array:
        """Read a box.

        Parameters
        ----------
        region : Region
            Within the labels.

        Returns
        -------
        ndarray, shape of the region
            A copy, in native byte order.
        """
        found = np.asarray(self.data[self._key(region)])
        # What owns its memory was read from a file; a view would show later edits.
        part = np.array(
            found,
            dtype=self.dtype,
            order="C",
            copy=None if found.flags.owndata else True,
        )
        return part[np.newaxis] if self.is_plane else part

    def write(self, region: Region, values: Array) -> None:
        """Write a box.

        Parameters
        ----------
        region : Region
            Within the labels.
        values : ndarray, shape of the region
            New labels.
        """
        self.data[self._key(region)] = values[0] if self.is_plane else values

    def blocks(self, region: Region) -> Iterator[Region]:
        """Cut a box into blocks of bounded size, along the chunks."""
        return cut(region, self.chunk, BLOCK_VOXELS)

    def parts(self, region: Region) -> Iterator[Region]:
        """Cut a box into what is written together: chunks, or blocks in memory."""
        return cut(region, self.chunk, 1 if self.is_chunked else BLOCK_VOXELS)

    def stored_around(self, region: Region) -> Region:
        """Return the whole chunks that a box meets; in memory the box itself."""
        lower = [a // c * c for a, c in zip(region.start, self.chunk, strict=True)]
        upper = [-(-b // c) * c for b, c in zip(region.stop, self.chunk, strict=True)]
        z, y, x = lower
        end_z, end_y, end_x = upper
        return Region((z, y, x), (end_z, end_y, end_x)).within(self.shape)

    def _key(self, region: Region) -> tuple[slice, ...]:
        return region.slices[1:] if self.is_plane else region.slices

    def _chunk(self) -> Shape:
        # Zarr writes a shard as a whole, whatever the chunks within it.
        stored = getattr(self.data, "shards", None) or getattr(
            self.data, "chunks", None
        )
        if stored is None or not all(isinstance(size, int) for size in stored):
            return (1, 1, 1)
        z, y, x = (1, *stored) if self.is_plane else stored
        return z, y, x
