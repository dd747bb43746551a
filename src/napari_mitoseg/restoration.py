"""Preprocessing that needs a network: slices restored from their neighbours."""

from dataclasses import replace
from typing import Any

import numpy as np

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.inference.interpolation import load_interpolator
from napari_mitoseg.inference.settings import DeviceName
from napari_mitoseg.io.planes import PlaneStack
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.preprocessing import Pipeline, Prepared, Restore
from napari_mitoseg.volume import Array, Volume


def with_networks(preprocessing: Pipeline, device: DeviceName = "auto") -> Pipeline:
    """Load the networks that preprocessing needs.

    Parameters
    ----------
    preprocessing : Pipeline
        Steps as a recipe holds them.
    device : {"auto", "cpu", "cuda", "mps"}
        Where the networks run.

    Returns
    -------
    Pipeline
        The same steps, ready to be called.

    Raises
    ------
    WeightsError
        If a network is missing or damaged.
    """
    for position, step in enumerate(preprocessing.steps):
        if isinstance(step, Restore) and step.is_marked:
            ready = step.bound(load_interpolator(step.model, device))
            preprocessing = preprocessing.replaced(position, ready)
    return preprocessing


def prepare_image(
    volume: Volume, preprocessing: Pipeline, device: DeviceName = "auto"
) -> Job[Prepared]:
    """Put preprocessing in front of a volume, networks loaded.

    Parameters
    ----------
    volume : Volume
        The stack.
    preprocessing : Pipeline
        Its steps; one that restores is given the network it names.
    device : {"auto", "cpu", "cuda", "mps"}
        Where that runs.

    Yields
    ------
    Progress
        Of the steps that look at the stack first.

    Returns
    -------
    Prepared
        See `Pipeline.prepare`.

    Raises
    ------
    MitoSegError
        If a network cannot be loaded, or a step does not fit the volume.
    """
    return with_networks(preprocessing, device).prepare(volume)


def restore_stack(
    volume: Volume, step: Restore, device: DeviceName = "auto"
) -> Job[Volume]:
    """Restore what is marked, at once.

    Parameters
    ----------
    volume : Volume
        The stack.
    step : Restore
        Network and marks.
    device : {"auto", "cpu", "cuda", "mps"}
        Where the network runs.

    Yields
    ------
    Progress
        One a slice.

    Returns
    -------
    Volume
        Of the same type.  Restored slices are in memory, the others are read from
        `volume` when they are needed.

    Raises
    ------
    InvalidParameterError
        If nothing is marked, or a mark cannot be restored.
    WeightsError
        If the network is missing or damaged.
    """
    if not step.is_marked:
        msg = "No slice and no region is marked. Mark what is to be restored."
        raise InvalidParameterError(msg)
    slices = sorted({mark.z for mark in step.marks(volume.shape)})
    yield Progress(0, len(slices), "Loading the network")
    restored = step.bound(load_interpolator(step.model, device))(volume)
    planes: dict[int, Array] = {}
    for done, z in enumerate(slices):
        yield Progress(done, len(slices), f"Restoring slice {z}")
        planes[z] = _of_type(restored.read_slice(z), volume.dtype)

    def read(z: int, rows: slice, columns: slice) -> Array:
        if z in planes:
            return planes[z][rows, columns]
        return np.asarray(volume.data[z, rows, columns])

    stack = PlaneStack(volume.shape, volume.dtype, read)
    return replace(volume, data=stack, name=f"{volume.name} restored")


def _of_type(plane: Array, dtype: np.dtype[Any]) -> Array:
    """Return grey values in the type of their stack."""
    if dtype.kind not in "iu":
        return plane.astype(dtype)
    limits = np.iinfo(dtype)
    return np.rint(plane).clip(limits.min, limits.max).astype(dtype)
