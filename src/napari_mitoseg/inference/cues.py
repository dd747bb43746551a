"""What the second stage of a cascade is given: tiles of the image and of its cues."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.inference.blending import Map
from napari_mitoseg.inference.layout import Layout
from napari_mitoseg.inference.source import SliceSource
from napari_mitoseg.inference.tiling import PlaneTile, Span, plane_index, reflected
from napari_mitoseg.maps import FULL
from napari_mitoseg.models.cascade import Cascade, Cues, Finding, as_probability
from napari_mitoseg.volume import Volume


class Stage(Protocol):
    """A network at work, see `passes.Run`."""

    @property
    def n_tiles(self) -> int:
        """Tiles of the network."""

    @property
    def notice(self) -> str:
        """What the user should know about it."""

    def planes(self) -> Iterator[dict[int, Map]]:
        """Run the network; after every tile, the slices that have become final."""


class CueTiles:
    """Tiles of the image and of the cues that other networks make of all slices.

    Parameters
    ----------
    volume : Volume
        The stack.
    network : Cascade
        Says what the cues are.
    layout : Layout
        Of the second stage.
    stages : tuple of Stage
        The detector and, for multi-cue, the 3D network on the image alone.

    Notes
    -----
    Before the first tile, the detector has looked at every slice that the second stage
    will read: only then can boxes that a slice misses be recovered from both sides.
    The cues are kept as 8 bits.
    """

    def __init__(
        self,
        volume: Volume,
        network: Cascade,
        layout: Layout,
        stages: tuple[Stage, ...],
    ) -> None:
        self._network, self._stages = network, stages
        self._grid = layout.grid
        depth = max(window.read_size for window in layout.windows)
        self._source = SliceSource(volume, self._grid, keep=depth)
        self._cues: dict[int, Cues] = {}

    @property
    def n_tiles(self) -> int:
        """Tiles of the networks that make the cues."""
        return sum(stage.n_tiles for stage in self._stages)

    @property
    def notice(self) -> str:
        """What those networks have to say."""
        return next((stage.notice for stage in self._stages if stage.notice), "")

    def prepare(self, _window: Span) -> Iterator[None]:
        """Make the cues of all slices before the first tile, a report for each tile."""
        if self._cues:
            return
        detector, *others = self._stages
        findings: dict[int, Finding] = {}
        for planes in detector.planes():
            findings |= {z: self._network.look(maps) for z, maps in planes.items()}
            yield
        shape = self._grid.model[1:]
        # Slices that only help to find missing boxes have no other cue.
        told = {z: np.zeros(shape, np.uint8) for z in findings} if others else {}
        semantic = self._network.outputs.index("semantic")
        for stage in others:
            for planes in stage.planes():
                for z, maps in planes.items():
                    told[z] = np.rint(maps[semantic] * FULL).astype(np.uint8)
                yield
        bottom_up = np.stack(list(told.values())) if others else None
        drawn = self._network.draw(list(findings.values()), shape, bottom_up)
        self._cues = dict(zip(findings, drawn, strict=True))

    def block(self, window: Span, tile: PlaneTile) -> NDArray[np.float32]:
        """Return the network input of a tile, (1, 1 + n_cues, Z, Y, X)."""
        rows, columns = plane_index(tile, self._grid.model)
        zs = reflected(window.read_start, window.read_stop, self._grid.model[0])
        image = [self._source.plane(z)[rows, columns] for z in zs.tolist()]
        cues = [self._cues[z][:, rows, columns] for z in zs.tolist()]
        both = [np.stack(image)[None], as_probability(np.stack(cues, axis=1))]
        return np.concatenate(both)[None]
