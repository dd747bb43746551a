"""A chain over blocks gives what it gives in memory, whatever the blocks."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from napari_mitoseg.distributed.global_steps import OUT_OF_CORE
from napari_mitoseg.jobs import drain
from napari_mitoseg.labelling import unique_pairs
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.postprocessing import (
    DEFAULT_CHAIN,
    Chain,
    ConnectedComponents,
    FillHoles,
    MedianZ,
    RemoveSmall,
    SeededWatershed,
    SeedMap,
    Threshold,
    steps,
)
from napari_mitoseg.volume import Volume

from .conftest import assert_same, cut, lumpy_maps, over_blocks

OF_MAPS = DEFAULT_CHAIN.removed(0)
"""What the default chain makes of maps alone, without their image."""

LONG = (
    OF_MAPS.inserted(0, MedianZ())
    .inserted(4, RemoveSmall())
    .replaced(3, FillHoles(enclosed="in 3D"))
    .replaced(5, SeedMap())
    .inserted(7, FillHoles(enclosed="in 3D"))
)
BASES = [
    Chain([Threshold(), ConnectedComponents()]),
    Chain([Threshold(), SeedMap(), ConnectedComponents()]),
    Chain([Threshold(), SeedMap(), ConnectedComponents(), SeededWatershed()]),
]
VOXELS = {"size": 9, "unit": "voxels"}


@st.composite
def shapes_and_blocks(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A volume, and at most three blocks along each axis."""
    shape = [draw(st.integers(1, n)) for n in (7, 17, 17)]
    block = [draw(st.integers(-(-n // 3), n)) for n in shape]
    return tuple(shape), tuple(block)


@given(
    shapes_and_blocks(),
    st.integers(0, 2**32 - 1),
    st.sampled_from([6, 18, 26]),
    st.floats(0.1, 0.9),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_components_of_noise(cutting, seed, near, threshold) -> None:
    shape, block = cutting
    noise = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    maps = ProbabilityMaps(noise, None, (1.0, 1.0, 1.0))
    chain = Chain([Threshold(value=threshold), ConnectedComponents(connectivity=near)])
    with tempfile.TemporaryDirectory() as folder:
        found = over_blocks(Path(folder), maps, chain, cut(shape, block))
    assert_same(found, drain(chain.run(maps)))


@given(shapes_and_blocks(), st.integers(0, 2**32 - 1), st.integers(1, 5))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_default_chain_of_maps(cutting, seed, size) -> None:
    shape, block = cutting
    maps = lumpy_maps(shape, seed, size)
    chain = OF_MAPS.replaced(6, RemoveSmall(**VOXELS))
    with tempfile.TemporaryDirectory() as folder:
        found = over_blocks(Path(folder), maps, chain, cut(shape, block))
    assert_same(found, drain(chain.run(maps)))


@pytest.mark.parametrize("block", [(1, 96, 96), (4, 50, 96)])
def test_the_default_chain_with_its_image(in_blocks, block) -> None:
    maps = lumpy_maps((7, 96, 96), 5)
    rng = np.random.default_rng(6)
    plane = gaussian_filter(rng.random((96, 96)), 4)
    drifting = np.stack([np.roll(plane, 2 * z, 1) for z in range(7)])
    image = Volume((255 * drifting / drifting.max()).astype(np.uint8), maps.spacing)
    expected = drain(DEFAULT_CHAIN.run(maps, image=image))
    assert (expected.semantic != maps.semantic).mean() > 0.3
    assert_same(in_blocks(maps, DEFAULT_CHAIN, block, image=image), expected)


@pytest.mark.parametrize("block", [(12, 40, 44), (6, 20, 33)])
def test_a_long_chain(in_blocks, block) -> None:
    maps = lumpy_maps((12, 40, 44), 4)
    expected = drain(LONG.run(maps))
    assert expected.labels.max() > 5
    assert_same(in_blocks(maps, LONG, block), expected)


def chains_with(name: str) -> list[Chain]:
    """Every way to put a step into one of the basic chains; itself if it is there."""
    return [chain for chain in BASES if name in {s.name for s in chain.steps}] + [
        chain.inserted(position, steps[name]())
        for chain in BASES
        for position in range(len(chain) + 1)
        if name in chain.legal_next(position)
    ]


@pytest.mark.parametrize("name", steps)
def test_every_step_goes_over_blocks(in_blocks, name) -> None:
    maps = lumpy_maps((5, 24, 26), 8, 5)
    grey = np.random.default_rng(2).integers(0, 256, maps.shape).astype(np.uint8)
    image = Volume(grey, maps.spacing)
    for chain in chains_with(name)[-5:]:
        expected = drain(chain.run(maps, image=image))
        found = in_blocks(maps, chain, (3, 13, 26), image=image)
        assert_same(found, expected)


@pytest.mark.parametrize("name", steps)
def test_every_step_says_how_it_goes_over_blocks(name) -> None:
    step = steps[name]
    assert step().neighbourhood is not None or step in OUT_OF_CORE


@pytest.mark.parametrize("where", ["empty", "full", "no boundary"])
def test_maps_without_much(in_blocks, where) -> None:
    shape = (4, 9, 10)
    semantic = np.full(shape, {"empty": 0, "full": 255, "no boundary": 240}[where])
    maps = ProbabilityMaps(semantic.astype(np.uint8), None, (40.0, 9.0, 9.0))
    expected = drain(OF_MAPS.run(maps))
    assert_same(in_blocks(maps, OF_MAPS, (2, 5, 5)), expected)


def test_dropped_parts_leave_the_mask(in_blocks) -> None:
    maps = lumpy_maps((6, 30, 30), 3, 3)
    chain = BASES[2].replaced(3, SeededWatershed(unseeded="drop"))
    expected = drain(chain.run(maps))
    kept = drain(BASES[2].run(maps))
    assert expected.labels.max() < kept.labels.max()
    assert_same(in_blocks(maps, chain, (3, 17, 30)), expected)


def test_parts_larger_than_the_memory_are_nearly_the_same(in_blocks) -> None:
    maps = lumpy_maps((10, 160, 160), 1, 8)
    chain = Chain([Threshold(), SeedMap(), ConnectedComponents(), SeededWatershed()])
    expected = drain(chain.run(maps))
    found = in_blocks(maps, chain, (10, 80, 80), window=1000)
    np.testing.assert_array_equal(found.labels > 0, expected.labels > 0)
    agreeing = (found.labels == expected.labels)[expected.labels > 0].mean()
    assert agreeing > 0.99
    assert found.labels.max() == expected.labels.max()


def test_labels_go_on_through_blocks_without_a_seed(in_blocks) -> None:
    semantic = np.full((1, 1, 700), 200, np.uint8)
    semantic[..., :3] = semantic[..., 10:13] = 255
    maps = ProbabilityMaps(semantic, None, (9.0, 9.0, 9.0))
    chain = Chain([Threshold(), SeedMap(), ConnectedComponents(), SeededWatershed()])
    found = in_blocks(maps, chain, (1, 1, 90), window=5)
    assert_same(found, drain(chain.run(maps)))
    assert unique_pairs(found.labels[0, 0], found.labels[0, 0]).shape == (2, 2)
