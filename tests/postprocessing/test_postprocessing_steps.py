"""Each step by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.segmentation import watershed

from napari_mitoseg.jobs import drain
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.postprocessing import (
    BoundaryThreshold,
    Chain,
    ConnectedComponents,
    FillHoles,
    MedianZ,
    RemoveSmall,
    SeededWatershed,
    SeedMap,
    State,
    Threshold,
    flooding,
)
from napari_mitoseg.postprocessing.flooding import flood
from napari_mitoseg.postprocessing.median_z import median_z

SPACING = (50.0, 10.0, 10.0)


def maps_of(semantic, boundary=None):
    semantic = np.array(semantic, np.uint8, ndmin=3)
    if boundary is not None:
        boundary = np.array(boundary, np.uint8, ndmin=3)
    return ProbabilityMaps(semantic, boundary, SPACING)


def run(steps, semantic, boundary=None):
    return drain(Chain(steps).run(maps_of(semantic, boundary)))


def row(result):
    return result.labels.ravel().tolist()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, [0, 1, 1, 1, 1]),
        (0.5, [0, 0, 0, 1, 1]),
        (1, [0, 0, 0, 0, 0]),
        (0.2, [0, 0, 1, 1, 1]),  # 51 itself is not above 0.2
    ],
)
def test_threshold_is_exclusive(value, expected):
    state = Threshold(value=value).apply(State(maps_of([0, 51, 127, 128, 255])))
    assert state.foreground().ravel().tolist() == [bool(v) for v in expected]


@given(st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_threshold_equals_comparing_fractions(value):
    levels = np.arange(256, dtype=np.uint8)
    state = Threshold(value=value).apply(State(maps_of(levels)))
    np.testing.assert_array_equal(state.foreground().ravel(), levels > value * 255)


def test_boundary_threshold_touches_the_boundary_only():
    state = State(maps_of([0, 255], [127, 128]))
    after = BoundaryThreshold().apply(state)
    assert after.boundary.ravel().tolist() == [False, True]
    assert (after.semantic, after.kind) == (state.semantic, state.kind)


def test_seed_map_is_equation_4():
    # T1 = 0.9 of 255 is 229.5, T2 = 0.8 of 255 is 204.
    semantic = [229, 230, 230, 230, 255]
    boundary = [0, 0, 203, 204, 255]
    state = Threshold().apply(State(maps_of(semantic, boundary)))
    seeds = SeedMap().apply(state).mask
    assert seeds.ravel().tolist() == [False, True, True, False, False]
    alone = SeedMap().apply(Threshold().apply(State(maps_of(semantic))))
    assert alone.mask.ravel().tolist() == [False, True, True, True, True]


def test_seeds_stay_within_the_semantic_mask():
    state = Threshold(value=0.95).apply(State(maps_of([240, 250])))
    assert SeedMap().apply(state).mask.ravel().tolist() == [False, True]


@pytest.mark.parametrize(("connectivity", "n"), [(6, 3), (18, 2), (26, 1)])
def test_connectivity(connectivity, n):
    semantic = np.zeros((3, 3, 3), np.uint8)
    semantic[0, 0, 0] = semantic[1, 0, 1] = semantic[2, 1, 2] = 255
    chain = [Threshold(), ConnectedComponents(connectivity=connectivity)]
    assert run(chain, semantic).labels.max() == n


SEEDED = [Threshold(), SeedMap(), ConnectedComponents()]


def test_part_with_one_seed_takes_its_label_and_no_part_is_lost():
    semantic = [150, 255, 150, 0, 150, 150, 0, 255, 150]
    kept = run([*SEEDED, SeededWatershed()], semantic)
    assert row(kept) == [1, 1, 1, 0, 3, 3, 0, 2, 2]
    dropped = run([*SEEDED, SeededWatershed(unseeded="drop")], semantic)
    assert row(dropped) == [1, 1, 1, 0, 0, 0, 0, 2, 2]
    assert dropped.semantic.ravel().tolist() == [1, 1, 1, 0, 0, 0, 0, 1, 1]


def test_seeds_meet_on_the_ridge():
    semantic = [255, 220, 210, 200, 190, 180, 200, 255]
    found = row(run([*SEEDED, SeededWatershed()], semantic))
    assert found[:5] == [1] * 5
    assert found[6:] == [2] * 2


def test_boundary_moves_the_ridge():
    semantic = [255, 220, 220, 220, 220, 220, 220, 255]
    left = run([*SEEDED, SeededWatershed()], semantic, [0, 90, 0, 0, 0, 0, 0, 0])
    right = run([*SEEDED, SeededWatershed()], semantic, [0, 0, 0, 0, 0, 0, 90, 0])
    assert row(left)[2:] == [2] * 6
    assert row(right)[:6] == [1] * 6


def test_equal_voxels_go_to_the_nearer_seed():
    semantic = [255, 200, 200, 200, 200, 255]
    assert row(run([*SEEDED, SeededWatershed()], semantic)) == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(("connectivity", "reach"), [(6, 1), (18, 2), (26, 3)])
def test_watershed_equals_that_of_scikit_image(connectivity, reach):
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, (5, 8, 8)).astype(np.uint8)
    semantic = coarse.repeat(2, 0).repeat(4, 1).repeat(4, 2)
    semantic = np.maximum(semantic, 3) - rng.integers(0, 3, semantic.shape, np.uint8)
    step = SeededWatershed(unseeded="drop", connectivity=connectivity)
    result = run([*SEEDED, step], semantic)
    markers = run(SEEDED, semantic).labels
    mask = semantic > 127
    whole = watershed((255 - semantic) >> 2, markers.astype(int), reach, mask=mask)
    assert markers.max() > 5
    np.testing.assert_array_equal(result.labels > 0, whole > 0)
    # They differ where water that spills into a lower basin meets other water there.
    assert np.mean(result.labels[whole > 0] == whole[whole > 0]) > 0.99


@pytest.mark.parametrize("at_once", [1, 3, 1 << 16])
def test_flood_takes_equal_steps_from_each_seed(monkeypatch, at_once):
    monkeypatch.setattr(flooding, "_AT_ONCE", at_once)
    labels = np.array([[[3, 1, 1, 1, 1, 1, 4, 0, 1, 2]]], np.uint32)
    is_free = np.array([False, True, False, False, False])
    flood(labels, is_free, lambda at: np.zeros(at.size, np.uint8), 6)
    assert labels.ravel().tolist() == [3, 3, 3, 3, 4, 4, 4, 0, 2, 2]


def test_flood_does_not_go_round_the_edge():
    labels = np.array([[[0, 0, 2], [1, 0, 0]], [[0, 0, 1], [0, 0, 0]]], np.uint32)
    before = labels.copy()
    flood(labels, np.array([False, True, False]), lambda at: at.astype(np.uint8), 6)
    assert (before != labels).nonzero() == ([1], [0], [2])


def test_flood_rises_to_a_high_voxel_last():
    heights = np.array([0, 9, 9, 0, 0, 0], np.uint8)
    labels = np.array([[[2, 1, 1, 1, 1, 3]]], np.uint32)
    flood(labels, np.array([False, True, False, False]), heights.__getitem__, 26)
    assert labels.ravel().tolist() == [2, 2, 3, 3, 3, 3]


RING = [[0] * 5, [0, 9, 9, 9, 0], [0, 9, 0, 9, 0], [0, 9, 9, 9, 0], [0] * 5]


def test_holes_of_a_slice():
    ring = np.array(RING, np.uint8) * 28
    filled = run([Threshold(), FillHoles(), ConnectedComponents()], [ring])
    assert filled.semantic[0, 2, 2] == 1
    assert filled.labels.max() == 1
    assert filled.semantic.sum() == 9
    in_3d = [Threshold(), FillHoles(enclosed="in 3D"), ConnectedComponents()]
    assert run(in_3d, [ring]).semantic.sum() == 8
    assert run(in_3d, [ring] * 3).semantic.sum() == 24


def test_a_bay_is_no_hole():
    bay = np.array(RING, np.uint8) * 28
    bay[2, 3] = 0
    filled = run([Threshold(), FillHoles(), ConnectedComponents()], [bay])
    assert filled.semantic.sum() == 7


def test_cavity_in_3d():
    solid = np.zeros((5, 5, 5), np.uint8)
    solid[1:4, 1:4, 1:4] = 255
    solid[2, 2, 2] = 0
    chain = [Threshold(), FillHoles(enclosed="in 3D"), ConnectedComponents()]
    assert run(chain, solid).semantic.sum() == 27
    labels_first = [Threshold(), ConnectedComponents(), FillHoles(enclosed="in 3D")]
    assert run(labels_first, solid).labels.sum() == 27


def test_hole_among_labels_goes_to_the_one_that_encloses_it():
    semantic = np.zeros((1, 9, 9), np.uint8)
    semantic[0, 1:8, 1:8] = 255
    semantic[0, 2:7, 2:7] = 0
    chain = [Threshold(), ConnectedComponents(), FillHoles()]
    filled = run(chain, semantic)
    assert (filled.labels[0, 1:8, 1:8] == 1).all()
    assert (filled.semantic == filled.labels).all()
    semantic[0, 4, 4] = 255
    gap = run(chain, semantic)
    assert gap.labels[0, 3, 3] == 0
    assert gap.labels[0, 4, 4] == 2


def test_remove_small_in_both_units():
    semantic = [255, 0, 255, 255, 0, 255, 255, 255]
    chain = [Threshold(), ConnectedComponents()]
    voxels = run([*chain, RemoveSmall(size=2, unit="voxels")], semantic)
    assert row(voxels) == [0, 0, 1, 1, 0, 2, 2, 2]
    assert voxels.semantic.ravel().tolist() == [0, 0, 1, 1, 0, 1, 1, 1]
    # a voxel is 50 × 10 × 10 nm³ = 5e-6 µm³
    volume = run([*chain, RemoveSmall(size=1.5e-5)], semantic)
    assert row(volume) == [0, 0, 0, 0, 0, 1, 1, 1]
    before = run(
        [Threshold(), RemoveSmall(size=1.5e-5), ConnectedComponents()], semantic
    )
    np.testing.assert_array_equal(before.labels, volume.labels)
    np.testing.assert_array_equal(before.semantic, volume.semantic)


def test_removing_a_seed_leaves_its_object():
    semantic = [255, 150, 150, 255, 255]
    small = RemoveSmall(size=2, unit="voxels")
    result = run([*SEEDED, small, SeededWatershed()], semantic)
    assert row(result) == [1] * 5
    assert result.semantic.sum() == 5


def test_median_by_hand():
    column = np.array([0, 255, 0, 9, 8, 7], np.uint8).reshape(-1, 1, 1)
    assert median_z(column, 3).ravel().tolist() == [0, 0, 9, 8, 8, 7]
    assert median_z(column > 5, 3).ravel().tolist() == [0, 0, 1, 1, 1, 1]


@given(st.integers(1, 8), st.integers(0, 3), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_median_equals_numpy(n, reach, seed):
    stack = np.random.default_rng(seed).integers(0, 256, (n, 2, 3)).astype(np.uint8)
    padded = np.pad(stack, ((reach, reach), (0, 0), (0, 0)), mode="edge")
    windows = np.stack([padded[i : i + n] for i in range(2 * reach + 1)])
    expected = np.median(windows, axis=0)
    np.testing.assert_array_equal(median_z(stack, 2 * reach + 1), expected)
    masks = median_z(stack > 99, 2 * reach + 1)
    np.testing.assert_array_equal(masks, np.median(windows > 99, axis=0) > 0)


def test_median_fills_a_lost_slice():
    semantic = np.full((3, 2, 2), 255, np.uint8)
    semantic[1] = 0
    boundary = 255 - semantic
    chain = [MedianZ(), Threshold(), BoundaryThreshold(), ConnectedComponents()]
    result = run(chain, semantic, boundary)
    assert result.semantic.all()
    assert not result.boundary.any()
    after = run([Threshold(), MedianZ(), ConnectedComponents()], semantic)
    assert after.semantic.all()
