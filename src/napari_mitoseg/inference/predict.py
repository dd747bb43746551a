"""The prediction job: from a volume to probability maps, tile by tile."""

from itertools import pairwise
from math import floor

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import ShapeError
from napari_mitoseg.inference.blending import Blender, Map, ramp
from napari_mitoseg.inference.device import choose_device
from napari_mitoseg.inference.footprint import measure_footprint
from napari_mitoseg.inference.layout import Layout, lay_out
from napari_mitoseg.inference.prepare import PLANAR, prepared
from napari_mitoseg.inference.resampling import resize_planes
from napari_mitoseg.inference.runner import Runner
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.inference.source import SliceSource
from napari_mitoseg.inference.tiling import PlaneTile, Span, reflected
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
    device = choose_device(settings.device)
    network = prepared(model.network, device)
    footprint = measure_footprint(network, device)
    layout = lay_out(volume, model, settings, region, footprint, device)
    spacing = volume.spacing or model.card.spacing
    maps = maps or empty_maps(layout.region.shape, spacing, network.outputs)
    _check_shape(maps, layout)
    runner = Runner(network, device, settings.augmentation)
    gather = _Gather(volume, model, layout)
    blender = Blender(len(network.outputs), layout.grid.model[1:])
    writer = _MapWriter(maps, layout, network.outputs)
    done = 0
    for index, window in enumerate(layout.windows):
        for tile in layout.tiles:
            answer = runner.predict(gather.block(window, tile))
            _blend(blender, layout, index, tile, gather.by_slice(answer))
            done += 1
            last = tile is layout.tiles[-1]
            final = writer.write(blender, _final(layout, index)) if last else None
            message = runner.notice or "Predicting"
            yield Progress(done, layout.n_tiles, message, final)
    return maps


def _check_shape(maps: ProbabilityMaps, layout: Layout) -> None:
    if maps.shape != layout.region.shape:
        msg = (
            f"The maps have shape {maps.shape}, the region {layout.region.shape}. "
            "Give maps of the region's shape."
        )
        raise ShapeError(msg)


def _final(layout: Layout, index: int) -> range:
    """Return the slices that no later window adds to."""
    starts = [window.keep_start for window in layout.windows]
    starts.append(layout.windows[-1].keep_stop)
    first, last = list(pairwise(starts))[index]
    return range(first, last)


def _blend(
    blender: Blender, layout: Layout, index: int, tile: PlaneTile, answer: Map
) -> None:
    """Add what the network said of one tile, weighted down towards its neighbours."""
    window = layout.windows[index]
    along_z = _ramp(window, [(w.keep_start, w.keep_stop) for w in layout.windows])
    along_y = _ramp(tile.y, [(t.y.keep_start, t.y.keep_stop) for t in layout.tiles])
    along_x = _ramp(tile.x, [(t.x.keep_start, t.x.keep_stop) for t in layout.tiles])
    plane = along_y[:, None] * along_x[None, :]
    kept = answer[:, window.crop, tile.y.crop, tile.x.crop]
    for offset, share in enumerate(along_z):
        z = window.keep_start + offset
        where = (tile.y.kept, tile.x.kept)
        blender.add(z, where, kept[:, offset], plane * share)


def _ramp(span: Span, others: list[tuple[int, int]]) -> NDArray[np.float32]:
    """Return the weight along one axis, sloping where a neighbour overlaps."""
    before = [stop for start, stop in others if start < span.keep_start]
    behind = [start for start, stop in others if start > span.keep_start]
    rise = max(max(before, default=0) - span.keep_start, 0)
    fall = max(span.keep_stop - min(behind, default=span.keep_stop), 0)
    size = span.keep_stop - span.keep_start
    return np.minimum(
        ramp(size, rise, rises=rise > 0, falls=False),
        ramp(size, fall, rises=False, falls=fall > 0),
    )


class _Gather:
    """Collects the voxels a tile is predicted from."""

    def __init__(self, volume: Volume, model: TrainedModel, layout: Layout) -> None:
        self._planar = model.network.dimensions == PLANAR
        self._context = model.network.context
        self._stride = _context_stride(volume, model.card.spacing)
        self._grid = layout.grid
        depth = max(window.read_size for window in layout.windows)
        planes = depth + 2 * self._context * self._stride + 1
        self._source = SliceSource(volume, layout.grid, keep=planes)

    def block(self, window: Span, tile: PlaneTile) -> NDArray[np.float32]:
        """Return the network input of a tile."""
        depth, height, width = self._grid.model
        ys = reflected(tile.y.read_start, tile.y.read_stop, height)
        xs = reflected(tile.x.read_start, tile.x.read_stop, width)
        index = np.ix_(ys, xs)
        if not self._planar:
            zs = reflected(window.read_start, window.read_stop, depth)
            return np.stack([self._source.plane(int(z))[index] for z in zs])[None, None]
        return np.stack(
            [
                [self._source.plane(z)[index] for z in self._neighbours(middle)]
                for middle in range(window.read_start, window.read_stop)
            ]
        )

    def by_slice(self, answer: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a prediction as (n_outputs, Z, Y, X)."""
        return answer.swapaxes(0, 1) if self._planar else answer[0]

    def _neighbours(self, middle: int) -> list[int]:
        """Return the slices of the context; the end slices are repeated beyond it."""
        reach = self._context
        last = self._grid.model[0] - 1
        offsets = range(-reach, reach + 1)
        return [min(max(middle + k * self._stride, 0), last) for k in offsets]


def _context_stride(volume: Volume, model_spacing: Spacing) -> int:
    """Return how many slices apart the context is to be what the network knows."""
    if volume.spacing is None:
        return 1
    return max(1, round(model_spacing[0] / volume.spacing[0]))


class _MapWriter:
    """Brings finished slices of the model's grid back to the volume's."""

    def __init__(
        self, maps: ProbabilityMaps, layout: Layout, outputs: tuple[str, ...]
    ) -> None:
        named = {"semantic": maps.semantic, "boundary": maps.boundary}
        self._targets = [named[name] for name in outputs]
        self._region, self._grid = layout.region, layout.grid
        self._next = self._region.start[0]
        self._last = layout.windows[-1].keep_stop - 1
        self._planes: dict[int, Map] = {}

    def write(self, blender: Blender, final: range) -> Region:
        """Write every slice whose neighbours in the model's grid are final."""
        for z in final:
            self._planes[z] = self._native_plane(blender.take(z))
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
