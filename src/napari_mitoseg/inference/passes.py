"""Networks at work: slices of probability on the model's grid, in order.

A model is one network, or two in a row: then the second pulls the slices it needs out
of the first, which sees each slice once, and forgets them when it has passed.  In a
cascade the first sees all slices before the second begins, see `cues`.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mitoseg.inference.blending import Blender, Map, ramp
from napari_mitoseg.inference.cues import CueTiles
from napari_mitoseg.inference.device import choose_device
from napari_mitoseg.inference.layout import Layout, Pass, plan_passes, stride_in
from napari_mitoseg.inference.prepare import PLANAR
from napari_mitoseg.inference.runner import Runner
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.inference.source import SliceSource
from napari_mitoseg.inference.tiling import PlaneTile, Span, plane_index, reflected
from napari_mitoseg.maps import FULL
from napari_mitoseg.models.cascade import Cascade
from napari_mitoseg.models.spatial_continuity import SpatialContinuity, as_masks
from napari_mitoseg.models.zoo import TrainedModel
from napari_mitoseg.volume import Region, Volume

Planes = dict[int, Map]
Known = Mapping[int, NDArray[np.uint8]]
NOTHING: Known = {}


class Input(Protocol):
    """Where a network gets its tiles from."""

    @property
    def n_tiles(self) -> int:
        """Tiles of a network that feeds this one; 0 without one."""

    @property
    def notice(self) -> str:
        """What the user should know about it."""

    def prepare(self, window: Span) -> Iterator[None]:
        """Make ready what the tiles of a window need, a report for each tile."""

    def block(self, window: Span, tile: PlaneTile) -> NDArray[np.float32]:
        """Return the network input of a tile."""


class Run:
    """A network that is run over the tiles of its layout.

    Parameters
    ----------
    work : Pass
        Network and layout.
    source : Input
        Where its tiles come from.
    runner : Runner
        The network on its device.
    """

    def __init__(self, work: Pass, source: Input, runner: Runner) -> None:
        self.layout = work.layout
        self._is_planar = work.model.network.dimensions == PLANAR
        self._n_maps = work.model.network.n_maps
        self._read_maps = work.model.network.read_maps
        self._source = source
        self._runner = runner

    @property
    def n_tiles(self) -> int:
        """Tiles of this network and of the one that feeds it."""
        return self.layout.n_tiles + self._source.n_tiles

    @property
    def notice(self) -> str:
        """What the user should know, such as that memory ran out."""
        return self._runner.notice or self._source.notice

    def planes(self) -> Iterator[Planes]:
        """Run the network.

        Yields
        ------
        dict of ndarray of float32, shape (n_maps, Y, X) of the model's grid
            After every tile, the slices that have become final, by number; each once,
            in order.  Tiles of a network that feeds this one give an empty dict.
        """
        layout = self.layout
        blender = Blender(self._n_maps, layout.grid.model[1:])
        for index, window in enumerate(layout.windows):
            for _ in self._source.prepare(window):
                yield {}
            for tile in layout.tiles:
                answer = self._runner.predict(self._source.block(window, tile))
                by_slice = answer.swapaxes(0, 1) if self._is_planar else answer[0]
                _blend(blender, layout, index, tile, by_slice)
                is_last = tile is layout.tiles[-1]
                final = _final(layout, index) if is_last else range(0)
                yield {z: self._read_maps(blender.take(z)) for z in final}


def open_run(
    volume: Volume,
    model: TrainedModel,
    settings: InferenceSettings,
    region: Region | None = None,
    known: Known = NOTHING,
) -> Run:
    """Make a model ready to run over a volume.

    Parameters
    ----------
    volume : Volume
        The stack.
    model : TrainedModel
        Network and card.
    settings : InferenceSettings
        Device, augmentation, tiles.
    region : Region, optional
        Part to predict; everything when absent.
    known : mapping of int to ndarray of uint8
        Masks × 255 of some slices, on the model's grid, to take the place of what the
        first network would say; if they are all given, it is not run.

    Returns
    -------
    Run
        Of the last network; it runs the ones before it as it needs them.
    """
    device = choose_device(settings.device)
    passes = plan_passes(volume, model, settings, region, device)
    first = passes[0]
    run = Run(
        first,
        _Slices(volume, first),
        Runner(first.model.network, device, first.views),
    )
    if isinstance(model.network, SpatialContinuity):
        last = passes[-1]
        masks = _Masks(volume, model.network, last, run, known)
        run = Run(last, masks, Runner(last.model.network, device, last.views))
    elif isinstance(model.network, Cascade):
        run = _open_cascade(volume, model.network, passes, device)
    return run


def _open_cascade(
    volume: Volume,
    network: Cascade,
    passes: tuple[Pass, ...],
    device: torch.device,
) -> Run:
    """Make the second stage ready; it runs what makes its cues before it begins."""
    *earlier, last = passes
    runs = [
        Run(one, _Slices(volume, one), Runner(one.model.network, device, one.views))
        for one in earlier
    ]
    source = CueTiles(volume, network, last.layout, tuple(runs))
    return Run(last, source, Runner(last.model.network, device, last.views))


class _Slices:
    """Tiles of the image itself."""

    n_tiles = 0
    notice = ""

    def __init__(self, volume: Volume, work: Pass) -> None:
        network = work.model.network
        self._is_planar = network.dimensions == PLANAR
        self._neighbours = _Neighbours(volume, work)
        self._grid = work.layout.grid
        depth = max(window.read_size for window in work.layout.windows)
        planes = depth + 2 * self._neighbours.reach + 1
        normalize = network.normalizer(volume)
        self._source = SliceSource(volume, self._grid, planes, normalize)

    def prepare(self, _window: Span) -> Iterator[None]:
        """Make nothing ready: slices are read when they are asked for."""
        return iter(())

    def block(self, window: Span, tile: PlaneTile) -> NDArray[np.float32]:
        """Return the network input of a tile."""
        index = plane_index(tile, self._grid.model)
        if not self._is_planar:
            zs = reflected(window.read_start, window.read_stop, self._grid.model[0])
            return np.stack([self._source.plane(int(z))[index] for z in zs])[None, None]
        return np.stack(
            [
                [self._source.plane(z)[index] for z in self._neighbours(middle)]
                for middle in range(window.read_start, window.read_stop)
            ]
        )


class _Masks:
    """Tiles of the coarse masks that another network makes, slice by slice."""

    def __init__(
        self,
        volume: Volume,
        network: SpatialContinuity,
        work: Pass,
        run: Run,
        known: Known,
    ) -> None:
        self._run = run
        self._coming = run.planes()
        self._map = network.coarse_map
        self._kind = network.masks
        self._sees_image = network.refinement.extra > 0
        self._sees_middle = network.config.middle
        self._neighbours = _Neighbours(volume, work)
        self._around = _Neighbours(volume, work, network.images)
        self._grid = work.layout.grid
        depth = max(window.read_size for window in work.layout.windows)
        planes = depth + 2 * self._around.reach
        self._source = SliceSource(volume, self._grid, keep=planes)
        self._known = known
        self._is_known = len(known) == self._grid.model[0]
        self._masks: dict[int, NDArray[np.uint8]] = {}

    @property
    def n_tiles(self) -> int:
        """Tiles of the network that makes the masks; 0 where all are known."""
        return 0 if self._is_known else self._run.n_tiles

    @property
    def notice(self) -> str:
        """What that network has to say."""
        return self._run.notice

    def prepare(self, window: Span) -> Iterator[None]:
        """Run the other network until the masks of all neighbours are there."""
        if self._is_known:
            self._masks = dict(self._known)
            return
        last = self._neighbours(window.read_stop - 1)[-1]
        while last not in self._masks:
            planes = next(self._coming)
            for z, plane in planes.items():
                coarse = np.rint(plane[self._map] * FULL).astype(np.uint8)
                self._masks[z] = self._known.get(z, coarse)
            yield
        first = self._neighbours(window.read_start)[0]
        for z in [z for z in self._masks if z < first]:
            del self._masks[z]

    def block(self, window: Span, tile: PlaneTile) -> NDArray[np.float32]:
        """Return the network input of a tile: masks, then perhaps the slice."""
        index = plane_index(tile, self._grid.model)
        return np.stack(
            [
                self._channels(middle, index)
                for middle in range(window.read_start, window.read_stop)
            ]
        )

    def _channels(
        self, middle: int, index: tuple[NDArray[np.intp], ...]
    ) -> NDArray[np.float32]:
        neighbours = self._neighbours(middle)
        coarse = np.stack([self._masks[z][index] for z in neighbours])
        masks = as_masks(coarse, self._kind)
        if not self._sees_middle:
            masks[len(masks) // 2] = 0
        if not self._sees_image:
            return masks
        images = [self._source.plane(z)[index] for z in self._around(middle)]
        return np.concatenate([masks, np.stack(images)])


class _Neighbours:
    """The slices of a planar network's context; end slices repeat beyond the ends."""

    def __init__(self, volume: Volume, work: Pass, context: int | None = None) -> None:
        self._stride = stride_in(volume, work.model)
        self._context = work.model.network.context if context is None else context
        self._last = work.layout.grid.model[0] - 1

    @property
    def reach(self) -> int:
        """Slices between the middle one and the farthest."""
        return self._context * self._stride

    def __call__(self, middle: int) -> list[int]:
        """Return slice numbers from below to above."""
        offsets = range(-self._context, self._context + 1)
        return [min(max(middle + k * self._stride, 0), self._last) for k in offsets]


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
