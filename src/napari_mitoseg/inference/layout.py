"""Decide how a volume is cut, and say beforehand what that will cost."""

import itertools
from dataclasses import dataclass
from math import isqrt, prod
from typing import Literal

import torch

from napari_mitoseg.inference.device import choose_device, free_memory
from napari_mitoseg.inference.footprint import measure_memory, measure_time
from napari_mitoseg.inference.grid import Grid, context_stride, spacing_ratio
from napari_mitoseg.inference.prepare import PLANAR, prepared
from napari_mitoseg.inference.settings import LARGEST, SMALLEST, InferenceSettings
from napari_mitoseg.inference.tiling import (
    Cut,
    PlaneTile,
    Span,
    cube_spans,
    iter_plane_tiles,
)
from napari_mitoseg.models.base import Network
from napari_mitoseg.models.cascade import Cascade
from napari_mitoseg.models.spatial_continuity import SpatialContinuity
from napari_mitoseg.models.zoo import ModelCard, TrainedModel
from napari_mitoseg.volume import Region, Volume

_SHARE_OF_FREE_MEMORY = 0.25
_MOST_ON_CPU = 2**30
_STEP = 16
"""Between sides of tiles that are compared, in voxels."""
_BATCH_LIMIT = {"cuda": 16, "mps": 4, "cpu": 1}
_DEPTH = 32
_DEPTH_OVERLAP = 4
_CUBE, _CUBE_STEP = (32, 256, 256), (8, 64, 128)
"""Cubes of the cascade's paper: 75 % overlap in depth and height, 50 % in width."""
_AROUND = 128
"""Voxels around a tile in which the cascade looks for boxes that reach into it."""


@dataclass(frozen=True)
class Layout:
    """How a region of a volume is cut for a network.

    Attributes
    ----------
    grid : Grid
        The volume's voxels and the model's.
    region : Region
        The part of the volume that is wanted.
    windows : tuple of Span
        Tiles along z of the model's grid, in order.
    tiles : tuple of PlaneTile
        Tiles in the plane, predicted for each window.
    side, batch : int
        The settings `tile` and `batch` that give this cut.
    """

    grid: Grid
    region: Region
    windows: tuple[Span, ...]
    tiles: tuple[PlaneTile, ...]
    side: int
    batch: int

    @property
    def n_tiles(self) -> int:
        """How often the network is run, augmentation apart."""
        return len(self.windows) * len(self.tiles)

    @property
    def n_read(self) -> int:
        """Voxels the network is given altogether."""
        depth = sum(window.read_size for window in self.windows)
        return depth * sum(tile.n_read for tile in self.tiles)

    @property
    def largest_tile(self) -> int:
        """Voxels of the largest tile."""
        depth = max(window.read_size for window in self.windows)
        return depth * max(tile.n_read for tile in self.tiles)


@dataclass(frozen=True, eq=False)
class Pass:
    """One network on its way through a volume.

    Attributes
    ----------
    model : TrainedModel
        Network, on the device and ready to predict, and card.
    layout : Layout
        Where it is run.
    voxel_bytes : float
        Memory that a voxel of a tile takes.
    views : {1, 4, 8}
        Flipped and turned views averaged.
    """

    model: TrainedModel
    layout: Layout
    voxel_bytes: float
    views: Literal[1, 4, 8]

    @property
    def memory_bytes(self) -> int:
        """Memory of the largest tile."""
        return int(self.layout.largest_tile * self.voxel_bytes)

    def estimate_seconds(self, device: torch.device) -> float:
        """Time the network on a small tile, and say how long the pass will take."""
        seconds = measure_time(self.model.network, device)
        return self.layout.n_read * seconds * self.views


@dataclass(frozen=True)
class Part:
    """A part of a grid that another network has been laid out on.

    Attributes
    ----------
    grid : Grid
        The volume's voxels and the model's.
    box : Region
        Part of the model's grid.
    """

    grid: Grid
    box: Region


@dataclass(frozen=True)
class Plan:
    """What a prediction will take.

    Attributes
    ----------
    n_tiles : int
        Tiles to predict.
    memory_bytes : int
        Memory of the largest tile and of the maps.
    seconds : float
        Estimated time of the network.
    device : str
        Where it will run.
    """

    n_tiles: int
    memory_bytes: int
    seconds: float
    device: str


def plan_prediction(
    volume: Volume,
    model: TrainedModel,
    settings: InferenceSettings,
    region: Region | None = None,
) -> Plan:
    """Estimate tiles, memory and time of a prediction.

    Parameters
    ----------
    volume : Volume
        The stack.
    model : TrainedModel
        Network and card.
    settings : InferenceSettings
        Device, tiles, augmentation.
    region : Region, optional
        Part to predict; everything when absent.

    Returns
    -------
    Plan
        From a small tile run on the device.
    """
    device = choose_device(settings.device)
    passes = plan_passes(volume, model, settings, region, device)
    depth, height, width = passes[-1].layout.region.shape
    maps = len(model.network.outputs) * depth * height * width
    return Plan(
        n_tiles=sum(one.layout.n_tiles for one in passes),
        memory_bytes=max(one.memory_bytes for one in passes) + maps,
        seconds=sum(one.estimate_seconds(device) for one in passes),
        device=str(device),
    )


def settled(
    volume: Volume, model: TrainedModel, settings: InferenceSettings
) -> InferenceSettings:
    """Decide on tiles now, so that all parts of a volume will be cut alike.

    Parameters
    ----------
    volume : Volume
        The stack.
    model : TrainedModel
        Network and card.
    settings : InferenceSettings
        Perhaps with automatic tiles.

    Returns
    -------
    InferenceSettings
        With the tiles and the batch that fit the memory that is free now.
    """
    if not settings.automatic_tiles:
        return settings
    device = choose_device(settings.device)
    cut = plan_passes(volume, model, settings, None, device)[-1].layout
    update = {"automatic_tiles": False, "tile": cut.side, "batch": cut.batch}
    return settings.model_copy(update=update)


def plan_passes(
    volume: Volume,
    model: TrainedModel,
    settings: InferenceSettings,
    region: Region | None,
    device: torch.device,
) -> tuple[Pass, ...]:
    """Lay out every network that a prediction runs, in order.

    Parameters
    ----------
    volume : Volume
        The stack.
    model : TrainedModel
        Network and card.
    settings : InferenceSettings
        Tiles and augmentation.
    region : Region or None
        Part to predict; everything when None.
    device : torch.device
        Where to run.

    Returns
    -------
    tuple of Pass
        One, or two for the spatial-continuity model: N_se over every slice and pixel
        that N_sp looks at, then N_sp.  For the cascade: the detector, perhaps a 3D
        network on the image alone, then the second stage.
    """
    network = model.network
    if isinstance(network, Cascade):
        return _plan_cascade(network, volume, model.card, settings, region, device)
    network = prepared(network, device)
    if not isinstance(network, SpatialContinuity):
        ready = TrainedModel(model.card, network)
        memory = measure_memory(network, device)
        layout = lay_out(volume, ready, settings, region, memory, device)
        if network.surroundings:
            wide = Part(layout.grid, _needed(layout, 0, network.surroundings))
            layout = lay_out(volume, ready, settings, region, memory, device, wide)
        views = settings.augmentation if network.turns else 1
        return (Pass(ready, layout, memory, views),)
    views = max(settings.augmentation, network.views)
    last = TrainedModel(model.card, network.refinement)
    memory = measure_memory(last.network, device)
    layout = lay_out(volume, last, settings, region, memory, device)
    first = TrainedModel(model.card, network.segmentation)
    reach = network.refinement.context * stride_in(volume, last)
    needed = Part(layout.grid, _needed(layout, reach))
    memory_before = measure_memory(first.network, device)
    earlier = lay_out(volume, first, settings, region, memory_before, device, needed)
    return (
        Pass(first, earlier, memory_before, network.views),
        Pass(last, layout, memory, views),
    )


def _plan_cascade(
    network: Cascade,
    volume: Volume,
    card: ModelCard,
    settings: InferenceSettings,
    region: Region | None,
    device: torch.device,
) -> tuple[Pass, ...]:
    """Lay out the second stage, and then what has to be found around its tiles."""
    layout: Layout | None = None
    passes: list[Pass] = []
    for stage in (network.segmentation, network.bottom_up, network.detector):
        if stage is None:
            continue
        ready = TrainedModel(card, prepared(stage, device))
        memory = measure_memory(ready.network, device)
        is_planar = stage.dimensions == PLANAR
        around = (network.reach, _AROUND) if is_planar else (0, 0)
        part = None if layout is None else Part(layout.grid, _needed(layout, *around))
        cut = lay_out(volume, ready, settings, region, memory, device, part)
        layout = layout or cut
        # Turned views would exchange the sides of boxes.
        views = 1 if is_planar else settings.augmentation
        passes.append(Pass(ready, cut, memory, views))
    return tuple(reversed(passes))


def stride_in(volume: Volume, model: TrainedModel) -> int:
    """Return how many slices apart the context is to be what the network knows."""
    if volume.spacing is None:
        return 1
    return context_stride(model.card.spacing[0] / volume.spacing[0])


def lay_out(
    volume: Volume,
    model: TrainedModel,
    settings: InferenceSettings,
    region: Region | None,
    voxel_bytes: float,
    device: torch.device,
    part: Part | None = None,
) -> Layout:
    """Cut a region of a volume into tiles that fit the device.

    Parameters
    ----------
    volume : Volume
        The stack.
    model : TrainedModel
        Network and card.
    settings : InferenceSettings
        Tiles, or automatic.
    region : Region or None
        Part to predict; everything when None.
    voxel_bytes : float
        Memory of the network per voxel.
    device : torch.device
        Where it will run.
    part : Part, optional
        Part of the model's grid to predict; what `region` covers when absent.

    Returns
    -------
    Layout
        The cut.

    Raises
    ------
    InvalidParameterError
        If the region is empty, the spacing is missing, or the tiles are too small.
    """
    network = model.network
    wanted = (region or Region.whole(volume.shape)).within(volume.shape)
    resample_z = network.dimensions != PLANAR
    if part is None:
        part = _covering(volume, model, wanted, settings)
    grid, box = part.grid, part.box
    if resample_z and settings.tiling == "cubes":
        return _in_cubes(part, wanted, network, settings)
    depth = min(_DEPTH, grid.model[0]) if resample_z else 1
    side, batch = settings.tile, settings.batch
    if settings.automatic_tiles:
        budget = _budget(device)
        capacity = int(budget / voxel_bytes / depth)
        most = _BATCH_LIMIT[device.type]
        side, batch = _automatic(grid, network, capacity, most, settings.overlap)
    ys, xs = (
        _cut(network, axis, side, settings.overlap).spans(
            box.start[axis], box.stop[axis], grid.model[axis]
        )
        for axis in (1, 2)
    )
    if resample_z:
        cut = Cut(_DEPTH, _DEPTH_OVERLAP, network.halo[0], network.divisor[0])
        windows = cut.spans(box.start[0], box.stop[0], grid.model[0])
    else:
        windows = _batches(box.start[0], box.stop[0], batch)
    tiles = tuple(iter_plane_tiles(ys, xs))
    return Layout(grid, wanted, windows, tiles, side=side, batch=batch)


def _covering(
    volume: Volume, model: TrainedModel, wanted: Region, settings: InferenceSettings
) -> Part:
    """Return the part of the model's grid that a region of the volume needs."""
    ratio = spacing_ratio(
        volume,
        model.card.spacing,
        resample=settings.resample,
        resample_z=model.network.dimensions != PLANAR,
        zoom=settings.zoom,
    )
    grid = Grid.between(volume.shape, ratio)
    return Part(grid, grid.covering(wanted))


def _in_cubes(
    part: Part, wanted: Region, network: Network, settings: InferenceSettings
) -> Layout:
    """Cut into the overlapping cubes of the cascade's paper."""
    bounds = zip(part.box.start, part.box.stop, part.grid.model, strict=True)
    windows, ys, xs = (
        cube_spans(side, step, divisor, ends)
        for side, step, divisor, ends in zip(
            _CUBE, _CUBE_STEP, network.divisor, bounds, strict=True
        )
    )
    tiles = tuple(iter_plane_tiles(ys, xs))
    return Layout(
        part.grid, wanted, windows, tiles, side=settings.tile, batch=settings.batch
    )


def _needed(layout: Layout, reach: int, around: int = 0) -> Region:
    """Return the part of the grid that a pass reads, with slices and voxels around."""
    depth, height, width = layout.grid.model
    ys, xs = zip(*((tile.y, tile.x) for tile in layout.tiles), strict=True)
    return Region(
        (
            layout.windows[0].read_start - reach,
            min(y.read_start for y in ys) - around,
            min(x.read_start for x in xs) - around,
        ),
        (
            layout.windows[-1].read_stop + reach,
            max(y.read_stop for y in ys) + around,
            max(x.read_stop for x in xs) + around,
        ),
    ).within((depth, height, width))


def _budget(device: torch.device) -> float:
    share = free_memory(device) * _SHARE_OF_FREE_MEMORY
    return min(share, _MOST_ON_CPU) if device.type == "cpu" else share


def _automatic(
    grid: Grid, network: Network, capacity: int, most: int, overlap: int
) -> tuple[int, int]:
    """Choose the side of a tile and the batch for a number of voxels that fit."""
    _, y, x = network.divisor
    height, width = -(-grid.model[1] // y) * y, -(-grid.model[2] // x) * x
    smallest = _smallest_side(network, overlap)
    if height * width <= capacity and max(height, width) <= LARGEST:
        batch = min(max(capacity // (height * width), 1), most)
        return max(height, width, smallest), batch
    largest = max(min(isqrt(capacity), LARGEST) // x * x, smallest)
    return _least_read(grid, network, largest, overlap), 1


def _least_read(grid: Grid, network: Network, largest: int, overlap: int) -> int:
    """Choose among tiles that have the halo of the largest what reads the least."""

    def cuts(side: int) -> tuple[Cut, Cut]:
        y, x = (_cut(network, axis, side, overlap) for axis in (1, 2))
        return y, x

    def margins(side: int) -> tuple[int, int]:
        y, x = cuts(side)
        return y.margin, x.margin

    def cost(side: int) -> tuple[int, int]:
        ends = ((0, length, length) for length in grid.model[1:])
        read = (
            sum(span.read_size for span in cut.spans(*whole))
            for cut, whole in zip(cuts(side), ends, strict=True)
        )
        return prod(read), side

    step = max(_STEP, *network.divisor[1:])
    sides = range(largest, _smallest_side(network, overlap) - 1, -step)
    return min((s for s in sides if margins(s) == margins(largest)), key=cost)


def _cut(network: Network, axis: int, side: int, overlap: int) -> Cut:
    return Cut(side, overlap, network.halo[axis], network.divisor[axis])


def _smallest_side(network: Network, overlap: int) -> int:
    """Return the smallest tile from which enough is kept."""
    divisor = max(network.divisor[1:])
    return max(SMALLEST, 8 * divisor, 2 * overlap + 6 * divisor)


def _batches(start: int, stop: int, batch: int) -> tuple[Span, ...]:
    """Cut slices that are predicted independently into batches."""
    edges = [*range(start, stop, batch), stop]
    return tuple(Span(a, b, a, b) for a, b in itertools.pairwise(edges))
