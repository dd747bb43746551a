"""Blocks cover a volume, fit into memory and hold whole chunks."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_mitoseg.distributed.blocks import (
    CHUNK,
    LAYER_BYTES,
    PROGRAM_BYTES,
    VOXEL_BYTES,
    Grid,
    padded,
    plan_cutting,
)
from napari_mitoseg.distributed.local_steps import total_reach
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.postprocessing import (
    ConnectedComponents,
    FillHoles,
    MedianZ,
    Threshold,
)
from napari_mitoseg.postprocessing.step import Reach
from napari_mitoseg.volume import Region

SIZES = st.tuples(*[st.integers(1, 12)] * 3)


@given(SIZES, SIZES)
def test_a_grid_covers_each_voxel_once(shape, block) -> None:
    grid, seen = Grid(shape, block), np.zeros(shape, int)
    for number, one in enumerate(grid):
        assert one.number == number
        seen[one.region.slices] += 1
        assert grid.at(one.place) == one
    assert (seen == 1).all()


@given(SIZES, SIZES, SIZES, SIZES)
def test_blocks_that_overlap_a_region(shape, block, start, size) -> None:
    stop = tuple(a + n for a, n in zip(start, size, strict=True))
    region = Region(start, stop)
    expected = set()
    grid = Grid(shape, block)
    if all(a < n for a, n in zip(start, shape, strict=True)):
        region = region.within(shape)
        mark = np.zeros(shape, bool)
        mark[region.slices] = True
        expected = {one.number for one in grid if mark[one.region.slices].any()}
        assert {one.number for one in grid.overlapping(region)} == expected


@given(
    st.tuples(st.integers(1, 500), st.integers(1, 9000), st.integers(1, 9000)),
    st.floats(0.1e9, 64e9),
)
def test_blocks_fit_into_the_memory(shape, memory) -> None:
    try:
        cutting = plan_cutting(shape, int(memory))
    except InvalidParameterError:
        least = VOXEL_BYTES * max(shape[1] * shape[2], math.prod(CHUNK))
        assert memory < PROGRAM_BYTES + least
        return
    grids = (cutting.blocks, VOXEL_BYTES), (cutting.layers, LAYER_BYTES)
    for grid, n_bytes in grids:
        sizes = [min(b, n) for b, n in zip(grid.block, shape, strict=True)]
        assert math.prod(sizes) * n_bytes <= memory - PROGRAM_BYTES
        for block, chunk, n in zip(grid.block, cutting.chunk, shape, strict=True):
            assert block % chunk == 0 or block >= n
    assert cutting.layers.block[1:] == shape[1:]


def test_a_slice_too_large_for_the_memory() -> None:
    with pytest.raises(InvalidParameterError, match=r"at least 41 GB"):
        plan_cutting((10, 100_000, 10_000), 10**9)


def test_what_lies_around_a_region() -> None:
    region = Region((3, 4, 5), (4, 6, 7))
    assert padded(region, Reach(1, 2), (9, 9, 8)) == Region((2, 2, 3), (5, 8, 8))
    assert padded(region, Reach(9, None), (9, 9, 8)) == Region((0, 0, 0), (9, 9, 8))


def test_reaches_add_up() -> None:
    assert total_reach([MedianZ(reach=2), Threshold(), MedianZ()]) == Reach(3, 0)
    assert total_reach([FillHoles(), MedianZ()]) == Reach(1, None)
    with pytest.raises(LookupError):
        total_reach([ConnectedComponents()])
