"""One row of measurements for every mitochondrion."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError, ShapeError
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.labelling import Labels, measure_extents
from napari_mitoseg.volume import Array, Spacing, cubic_micrometres


@dataclass(frozen=True, eq=False)
class MeasurementTable:
    """Measurements, one row an object.

    Attributes
    ----------
    columns : mapping of str to ndarray, shape (n,)
        Columns by name, the unit last in the name: ``index`` (the label),
        ``n_voxels``, ``n_slices``, ``touches_border``; with a spacing ``volume_um3``,
        ``equivalent_diameter_nm``, ``centroid_z_nm``, ``centroid_y_nm``,
        ``centroid_x_nm``; the box in voxels, half-open, ``z_start``, ``z_stop`` and so
        on.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX; None leaves out physical columns.
    """

    columns: Mapping[str, Array]
    spacing: Spacing | None

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.columns["index"])


def measure_labels(labels: Array, spacing: Spacing | None) -> Job[MeasurementTable]:
    """Measure every labelled object.

    Parameters
    ----------
    labels : ndarray of unsigned int, shape (Z, Y, X)
        Objects; 0 is background, and numbers may be missing.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX. Nothing is guessed: without it, the
        columns in nm and µm³ are left out.

    Yields
    ------
    Progress
        After each of three passes.

    Returns
    -------
    MeasurementTable
        One row an object, in the order of the labels.

    Raises
    ------
    ShapeError
        Unless the labels have three axes.
    InvalidParameterError
        If the labels are no whole numbers from 0.

    Notes
    -----
    Centroids are positions of voxel centres: voxel 0 lies at 0 nm. The equivalent
    diameter is that of the ball of the same volume. An object touches the border when
    its box reaches a side of the volume; sides across an axis of one voxel do not
    count, or else everything in a single slice would.
    """
    _check(labels)
    index, compact = _compacted(labels)
    yield Progress(1, 3, "Numbering the objects")
    extents = measure_extents(compact, index.size)
    yield Progress(2, 3, "Measuring the objects")
    columns: dict[str, Array] = {"index": index, "n_voxels": extents.n_voxels[1:]}
    if spacing is not None:
        columns |= _physical(extents.n_voxels[1:], extents.centroid[1:], spacing)
    columns["n_slices"] = _count_slices(compact, index.size)
    start, stop = extents.start[1:], extents.stop[1:]
    columns["touches_border"] = _touches_border(start, stop, labels.shape)
    for axis, letter in enumerate("zyx"):
        columns[f"{letter}_start"] = start[:, axis]
        columns[f"{letter}_stop"] = stop[:, axis]
    yield Progress(3, 3, "Measuring the objects")
    return MeasurementTable(columns, spacing)


def _check(labels: Array) -> None:
    if labels.ndim != 3:
        msg = (
            f"The labels have shape {labels.shape}; give three axes, z, y, x. A single "
            "image is a stack of one slice."
        )
        raise ShapeError(msg)
    if labels.dtype.kind not in "ui" or int(labels.min(initial=0)) < 0:
        msg = (
            f"The labels hold {labels.dtype} numbers, or some below 0. Give whole "
            "numbers: 0 for background, one number for each object."
        )
        raise InvalidParameterError(msg)


def _compacted(labels: Array) -> tuple[NDArray[np.int64], Labels]:
    """Renumber the labels from 1 without gaps; return which label each one was."""
    found = [np.unique(plane[plane > 0]) for plane in labels]
    index = np.unique(np.concatenate(found)).astype(np.int64)
    if np.array_equal(index, np.arange(1, index.size + 1)):
        return index, labels.astype(np.uint32, copy=False)
    compact = np.zeros(labels.shape, np.uint32)
    for plane, target in zip(labels, compact, strict=True):
        inside = plane > 0
        target[inside] = np.searchsorted(index, plane[inside]) + 1
    return index, compact


def _physical(
    n_voxels: NDArray[np.int64], centroid: NDArray[np.float64], spacing: Spacing
) -> dict[str, Array]:
    volume = n_voxels * cubic_micrometres(1, spacing)
    columns: dict[str, Array] = {
        "volume_um3": volume,
        "equivalent_diameter_nm": 1e3 * np.cbrt(6 * volume / np.pi),
    }
    for axis, letter in enumerate("zyx"):
        columns[f"centroid_{letter}_nm"] = centroid[:, axis] * spacing[axis]
    return columns


def _count_slices(labels: Labels, n: int) -> NDArray[np.int64]:
    """Count for each object the slices that show it."""
    count = np.zeros(n + 1, np.int64)
    for plane in labels:
        occurs = np.zeros(n + 1, bool)
        occurs[plane[plane > 0]] = True
        count += occurs
    return count[1:]


def _touches_border(
    start: NDArray[np.int64], stop: NDArray[np.int64], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    size = np.array(shape)
    at_side: NDArray[np.bool_] = (start == 0) | (stop == size)
    return np.any(at_side & (size > 1), axis=1)
