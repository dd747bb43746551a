"""Maps on disk, cut into blocks of any shape."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_mitoseg.distributed.blocks import Cutting, Grid
from napari_mitoseg.distributed.chain import run_chain
from napari_mitoseg.distributed.engine import SerialEngine, Site
from napari_mitoseg.distributed.run_folder import RunFolder
from napari_mitoseg.distributed.sources import GivenSource
from napari_mitoseg.distributed.state import BlockState
from napari_mitoseg.jobs import drain
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.postprocessing import Chain, Segmentation
from napari_mitoseg.volume import Region, Shape, Volume

ALL_FITS = 10**9
OverBlocks = Callable[..., Segmentation]


def cut(shape: Shape, block: Shape, window: int = ALL_FITS) -> Cutting:
    """Cut a volume into blocks of one chunk each."""
    layer = (block[0], *shape[1:])
    return Cutting(block, Grid(shape, block), Grid(shape, layer), window)


def lumpy_maps(shape: Shape, seed: int, size: int = 4) -> ProbabilityMaps:
    """Lumps that touch, with several seeds in some and holes in others."""
    rng = np.random.default_rng(seed)
    coarse = rng.random([-(-n // size) for n in shape])
    lumps = coarse.repeat(size, 0).repeat(size, 1).repeat(size, 2)
    noise = rng.random(shape) * 0.2
    fine = lumps[tuple(slice(n) for n in shape)] ** 2 + noise
    boundary = np.clip(6.5 * noise - 0.2, 0, 1)
    return ProbabilityMaps(
        (255 * np.clip(fine, 0, 1)).astype(np.uint8),
        (255 * boundary).astype(np.uint8),
        (40.0, 20.0, 20.0),
    )


def over_blocks(
    folder: Path,
    maps: ProbabilityMaps,
    chain: Chain,
    cutting: Cutting,
    image: Volume | None = None,
) -> Segmentation:
    """Run a chain block by block, and read what comes out."""
    site = Site(RunFolder(folder), SerialEngine(), cutting)
    whole = Region.whole(maps.shape)

    def stored(name: str, values: NDArray[np.uint8] | None):
        if values is None:
            return None
        array = site.folder.array(name, maps.shape, "uint8", cutting.chunk)
        array.write(whole, values)
        return array

    start = BlockState(
        stored("semantic", maps.semantic),
        stored("boundary", maps.boundary),
        maps.spacing,
        image=None if image is None else GivenSource(image),
    )
    state = drain(run_chain(site, chain, start))
    boundary = np.zeros(maps.shape, np.uint8)
    if state.boundary is not None:
        boundary = state.boundary.read(whole).astype(np.uint8)
    return Segmentation(
        state.semantic.read(whole).astype(np.uint8),
        boundary,
        state.labels.view.read(whole),
        maps.spacing,
    )


def assert_same(one: Segmentation, other: Segmentation) -> None:
    """Every voxel, number and type."""
    for name in ("semantic", "boundary", "labels"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)
    assert one.labels.dtype == other.labels.dtype == np.uint32


@pytest.fixture
def in_blocks(tmp_path: Path) -> OverBlocks:
    """Run a chain over blocks of a shape, each time in a new folder."""
    n_runs = 0

    def run(
        maps: ProbabilityMaps, chain: Chain, block: Shape, **options: object
    ) -> Segmentation:
        nonlocal n_runs
        n_runs += 1
        window = options.pop("window", ALL_FITS)
        cutting = cut(maps.shape, block, window)
        return over_blocks(tmp_path / str(n_runs), maps, chain, cutting, **options)

    return run
