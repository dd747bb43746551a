"""HDF5 volumes: the layout of MitoEM, and what is like it."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from napari_mitoseg.errors import ReadError, ShapeError
from napari_mitoseg.io.atomic import staged
from napari_mitoseg.io.calibration import spacing_of
from napari_mitoseg.io.damage import reading
from napari_mitoseg.io.label_types import check_axes, stored, stored_type
from napari_mitoseg.io.limits import check_claimed_size, check_memory
from napari_mitoseg.io.planes import PlaneStack
from napari_mitoseg.io.slabs import stack_of
from napari_mitoseg.volume import Array, LazyArray, Spacing

MAIN = "main"
"""Name of the dataset in the files of MitoEM."""

SIZE = "element_size_um"
"""Attribute with the spacing in µm, ZYX; Fiji's HDF5 plugin reads and writes it."""

AXES = "tczyx"
"""HDF5 does not name axes; the last ones are these."""

CHUNK = (16, 256, 256)

BLOCK = 2**24
"""Bytes by which a file in memory grows."""


def open_hdf5(
    path: Path, *, channel: int | None = None, time: int | None = None
) -> tuple[PlaneStack, Spacing | None]:
    """Open a dataset of an HDF5 file without reading its values.

    Parameters
    ----------
    path : Path
        The file.  Its dataset ``main`` is taken, or the only one of two axes or more.
    channel, time : int, optional
        Which one to take of a dataset of four or five axes, (t, c, z, y, x).

    Returns
    -------
    stack : PlaneStack
        The slices.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX, from the attribute
        ``element_size_um`` of the dataset; other attributes do not state their unit.

    Raises
    ------
    ReadError
        If the file is damaged, or no dataset can be told to be the one.
    ShapeError
        If axes beside z, y and x are not chosen from.
    InvalidParameterError
        If a choice is outside its axis.
    """
    with reading(path):
        array, spacing = _inspect(path)
        axes = AXES[-len(array.shape) :]
        return stack_of(array, axes, path, channel=channel, time=time), spacing


def write_labels_hdf5(path: Path, labels: LazyArray, spacing: Spacing | None) -> None:
    """Write a mask or labels as the dataset ``main`` of an HDF5 file.

    Parameters
    ----------
    path : Path
        The file; replaced if it exists, once the new one is complete.
    labels : array of bool or int, shape (Z, Y, X)
        Read a few slices at a time.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX; kept in µm, ZYX, as the attribute
        ``element_size_um`` of the dataset.

    Raises
    ------
    ShapeError
        Unless there are three axes.
    InvalidParameterError
        If the values are not whole numbers between 0 and 2³² − 1.
    WriteError
        If the file cannot be written.

    Notes
    -----
    The compressed file, of labels a hundredth of the volume, is put together in memory:
    the HDF5 library does not survive a disk that is full.

    References
    ----------
    .. [1] Wei et al., "MitoEM dataset: large-scale 3D mitochondria instance
       segmentation from EM images", MICCAI 2020,
       https://doi.org/10.1007/978-3-030-59722-1_7
    """
    shape, dtype = check_axes(labels.shape), stored_type(labels.dtype)
    chunks = tuple(min(c, n) for c, n in zip(CHUNK, shape, strict=True))
    options = {"driver": "core", "backing_store": False, "block_size": BLOCK}
    with (
        staged(path.parent, [path.name]) as paths,
        h5py.File(path.name, "w", **options) as file,
    ):
        main = file.create_dataset(
            MAIN, shape, dtype, chunks=chunks, compression="gzip", compression_opts=1
        )
        if spacing is not None:
            main.attrs[SIZE] = np.array(spacing) / 1e3
        for z in range(0, shape[0], chunks[0]):
            stop = min(z + chunks[0], shape[0])
            main[z:stop] = stored(np.asarray(labels[z:stop]), dtype)
        file.flush()
        paths[path.name].write_bytes(file.id.get_file_image())


class _Dataset:
    """A dataset whose file is open only while a part is read."""

    def __init__(self, path: Path, dataset: h5py.Dataset) -> None:
        self.shape: tuple[int, ...] = dataset.shape
        self.dtype: np.dtype[Any] = dataset.dtype
        plane = (1,) * (dataset.ndim - 2) + dataset.shape[-2:]
        self.chunks: tuple[int, ...] = dataset.chunks or plane
        check_memory(math.prod(self.chunks) * self.dtype.itemsize, path.name)
        self._path, self._name = path, dataset.name

    def __getitem__(self, key: Any, /) -> Array:
        with h5py.File(self._path, "r") as file:
            return np.asarray(file[self._name][key])


def _inspect(path: Path) -> tuple[_Dataset, Spacing | None]:
    with h5py.File(path, "r") as file:
        dataset = _chosen(file, path)
        _check_inside(dataset, path)
        if not 2 <= dataset.ndim <= len(AXES) or 0 in dataset.shape:
            msg = (
                f"The dataset {dataset.name} of {path.name} has shape {dataset.shape};"
                " two to five axes are read, (t, c, z, y, x), none of them empty."
            )
            raise ShapeError(msg)
        check_claimed_size(dataset.shape, dataset.dtype.itemsize, path)
        return _Dataset(path, dataset), _spacing(dataset.attrs.get(SIZE))


def _chosen(file: h5py.File, path: Path) -> h5py.Dataset:
    """Return the dataset called main, or the only one there is."""
    if isinstance(file.get(MAIN), h5py.Dataset):
        return file[MAIN]
    found: list[h5py.Dataset] = []
    file.visititems(
        lambda _, item: (
            found.append(item)
            if isinstance(item, h5py.Dataset) and item.ndim > 1
            else None
        )
    )
    if len(found) != 1:
        names = ", ".join(item.name for item in found) or "none with two axes or more"
        msg = (
            f"{path} has no dataset called {MAIN!r}; there are: {names}. Copy the one "
            f"that is meant into a file of its own, as {MAIN!r}."
        )
        raise ReadError(msg)
    return found[0]


def _check_inside(dataset: h5py.Dataset, path: Path) -> None:
    """Refuse values that lie in other files, wherever these are."""
    is_foreign = Path(dataset.file.filename) != path
    if is_foreign or dataset.external or dataset.is_virtual:
        msg = (
            f"{path} only refers to other files that hold its voxels, which is not "
            "followed. Copy them into one file, for example with h5repack."
        )
        raise ReadError(msg)


def _spacing(size: Any) -> Spacing | None:
    if size is None or np.size(size) != 3:
        return None
    values: Sequence[float] = np.ravel(size).tolist()
    z, y, x = ((value, "µm") for value in values)
    return spacing_of((z, y, x))
