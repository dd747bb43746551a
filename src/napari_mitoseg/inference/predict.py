"""The prediction job: from a volume to probability maps, tile by tile."""

from math import floor

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import ShapeError
from napari_mitoseg.inference.blending import Map
from napari_mitoseg.inference.layout import Layout
from napari_mitoseg.inference.passes import NOTHING, Known, open_run
from napari_mitoseg.inference.resampling import resize_planes
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.maps import FULL, ProbabilityMaps
from napari_mitoseg.models.zoo import TrainedModel
from napari_mitoseg.volume import Region, Shape, Spacing, Volume


def empty_maps(
    shape: Shape, spacing: Spacing, outputs: tuple[str, ...]
) -> ProbabilityMaps:
    """Return maps of probability 0, to be filled by `predict_maps`.

    Parameters
    ----------
    shape : tuple of int
        Size of the predicted region, ZYX.
    spacing : tuple of float
        Spacing of the volume, nm, ZYX.
    outputs : tuple of str
        Output maps of the network.

    Returns
    -------
    ProbabilityMaps
        Zeros.
    """
    boundary = np.zeros(shape, np.uint8) if "boundary" in outputs else None
    return ProbabilityMaps(np.zeros(shape, np.uint8), boundary, spacing)


def predict_maps(
    volume: Volume,
    model: TrainedModel,
    settings: InferenceSettings,
    region: Region | None = None,
    maps: ProbabilityMaps | None = None,
    known: Known = NOTHING,
) -> Job[ProbabilityMaps]:
    """Predict the probability maps of a volume.

    Parameters
    ----------
    volume : Volume
        The stack, read slice by slice.
    model : TrainedModel
        Network and card.
    settings : InferenceSettings
        Device, augmentation, tiles.
    region : Region, optional
        Part to predict; everything when absent.  Slices and pixels around it are used
        as context, so a part is predicted as it would be within the whole.
    maps : ProbabilityMaps, optional
        Filled in place as tiles finish; made when absent.
    known : mapping of int to ndarray of uint8
        Masks × 255 of some slices, on the model's grid; a model with two networks takes
        them instead of what the first says.

    Yields
    ------
    Progress
        One per tile; `region` says which part of the maps has become final.

    Returns
    -------
    ProbabilityMaps
        Maps of the shape of the region.

    Raises
    ------
    InvalidParameterError
        If the spacing is missing, the region is empty or the device is missing.
    ShapeError
        If `maps` have another shape than the region.
    DeviceMemoryError
        If not even the smallest tile fits into memory.
    """
    run = open_run(volume, model, settings, region, known)
    layout = run.layout
    spacing = volume.spacing or model.card.spacing
    outputs = model.network.outputs
    maps = maps or empty_maps(layout.region.shape, spacing, outputs)
    _check_shape(maps, layout)
    writer = _MapWriter(maps, layout, outputs)
    for done, planes in enumerate(run.planes(), start=1):
        final = writer.write(planes) if planes else None
        yield Progress(done, run.n_tiles, run.notice or "Predicting", final)
    return maps


def predict_planes(
    volume: Volume,
    model: TrainedModel,
    settings: InferenceSettings,
    known: Known = NOTHING,
) -> Job[NDArray[np.uint8]]:
    """Predict the semantic probability of a volume on the grid of the model.

    Parameters
    ----------
    volume : Volume
        The stack, read slice by slice.
    model : TrainedModel
        Network and card.
    settings : InferenceSettings
        Device, augmentation, tiles.
    known : mapping of int to ndarray of uint8
        As for `predict_maps`.

    Yields
    ------
    Progress
        One per tile.

    Returns
    -------
    ndarray of uint8, shape (Z, Y, X) of the model's grid
        Probability × 255: what a refining network is given at test time.
    """
    run = open_run(volume, model, settings, known=known)
    kept = np.zeros(run.layout.grid.model, np.uint8)
    semantic = model.network.outputs.index("semantic")
    for done, planes in enumerate(run.planes(), start=1):
        for z, plane in planes.items():
            kept[z] = np.rint(plane[semantic] * FULL)
        yield Progress(done, run.n_tiles, run.notice or "Predicting")
    return kept


def _check_shape(maps: ProbabilityMaps, layout: Layout) -> None:
    if maps.shape != layout.region.shape:
        msg = (
            f"The maps have shape {maps.shape}, the region {layout.region.shape}. "
            "Give maps of the region's shape."
        )
        raise ShapeError(msg)


class _MapWriter:
    """Brings finished slices of the model's grid back to the volume's."""

    def __init__(
        self, maps: ProbabilityMaps, layout: Layout, outputs: tuple[str, ...]
    ) -> None:
        named = {"semantic": maps.semantic, "boundary": maps.boundary}
        # Maps that are neither, such as those of a detector, are not kept.
        self._targets = [named.get(name) for name in outputs]
        self._region, self._grid = layout.region, layout.grid
        self._next = self._region.start[0]
        self._last = layout.windows[-1].keep_stop - 1
        self._planes: dict[int, Map] = {}

    def write(self, planes: dict[int, Map]) -> Region:
        """Write every slice whose neighbours in the model's grid are final."""
        for z, plane in planes.items():
            self._planes[z] = self._native_plane(plane)
        first = self._next
        while self._next < self._region.stop[0] and self._is_known(self._next):
            self._write_slice(self._next)
            self._next += 1
        self._forget()
        offset = self._region.start[0]
        _, height, width = self._region.shape
        return Region((first - offset, 0, 0), (self._next - offset, height, width))

    def _below_above(self, z: int) -> tuple[int, int, float]:
        if self._grid.model[0] == self._grid.native[0]:
            return z, z, 0.0
        position = min(max(self._grid.to_model(0, z), 0.0), self._grid.model[0] - 1.0)
        below = floor(position)
        return below, min(below + 1, self._last), position - below

    def _is_known(self, z: int) -> bool:
        below, above, _ = self._below_above(z)
        return below in self._planes and above in self._planes

    def _write_slice(self, z: int) -> None:
        below, above, share = self._below_above(z)
        weight = np.float32(share)
        mixed = self._planes[below]
        if share > 0:
            mixed = mixed * (1 - weight) + self._planes[above] * weight
        for target, plane in zip(self._targets, mixed, strict=True):
            if target is not None:
                target[z - self._region.start[0]] = np.rint(plane * FULL)

    def _native_plane(self, plane: Map) -> Map:
        """Return a slice at the volume's pixels, cropped to the region."""
        resized = resize_planes(plane, self._grid.native[1:])
        return resized[(slice(None), *self._region.slices[1:])]

    def _forget(self) -> None:
        """Drop the slices that are no longer needed for interpolation."""
        needed = self._below_above(self._next)[0] if self._planes else 0
        for z in [z for z in self._planes if z < needed]:
            del self._planes[z]
