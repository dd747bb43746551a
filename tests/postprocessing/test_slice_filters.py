"""Spurious detections in slices, and outlines moved to the steepest place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from napari_mitoseg.jobs import drain
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.postprocessing import (
    Chain,
    ConnectedComponents,
    MedianZ,
    RefineBoundary,
    RemoveSmallInSlices,
    SeedMap,
    State,
    Threshold,
)
from napari_mitoseg.postprocessing.refine_boundary import refine_outline
from napari_mitoseg.postprocessing.remove_small_2d import remove_small_in_slices

SPACING = (50.0, 10.0, 20.0)
"""A pixel of a slice is 200 nm², 0.0002 µm²."""

FLAT = (50.0, 10.0, 10.0)


def state_of(semantic, spacing=SPACING):
    maps = ProbabilityMaps(np.array(semantic, np.uint8, ndmin=3), None, spacing)
    return Threshold().apply(State(maps))


@pytest.mark.parametrize(
    ("area", "expected"),
    [
        (0.0002, [1, 1, 1, 0, 1, 1, 0, 1]),
        (0.0004, [1, 1, 1, 0, 1, 1, 0, 0]),  # two pixels are exactly 0.0004 µm²
        (0.00041, [1, 1, 1, 0, 0, 0, 0, 0]),
        (0.00061, [0, 0, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_parts_below_the_area_go(area, expected):
    state = state_of([[255, 255, 255, 0, 255, 255, 0, 255]])
    after = RemoveSmallInSlices(area=area).apply(state)
    assert after.mask.ravel().astype(int).tolist() == expected


def test_a_part_is_judged_in_its_slice_alone():
    """A column of ten single pixels goes, though it is large in 3D."""
    mask = np.zeros((10, 4, 4), bool)
    mask[:, 0, 0] = True
    mask[5, 2:, 2:] = True
    kept = remove_small_in_slices(mask, 2)
    assert kept.sum() == 4
    assert kept[5, 2:, 2:].all()


@pytest.mark.parametrize(("connectivity", "n"), [(4, 0), (8, 2)])
def test_corners_connect_or_not(connectivity, n):
    mask = np.array([[[True, False], [False, True]]])
    assert remove_small_in_slices(mask, 2, connectivity).sum() == n


def test_nothing_small_leaves_the_state_as_it_is():
    state = state_of([[255, 255, 0, 0]])
    assert RemoveSmallInSlices(area=0.0004).apply(state) is state


@given(arrays(bool, (2, 6, 7)), st.integers(0, 6))
@settings(max_examples=60, deadline=None)
def test_small_parts_by_brute_force(mask, fewest):
    expected = np.zeros_like(mask)
    for z, plane in enumerate(mask):
        parts, n = ndimage.label(plane, np.ones((3, 3)))
        for part in range(1, n + 1):
            expected[z] |= (parts == part) & ((parts == part).sum() >= fewest)
    np.testing.assert_array_equal(remove_small_in_slices(mask, fewest), expected)


GENTLE_THEN_STEEP = np.array(
    [[0, 0, 0, 0, 0, 0, 40, 80, 120, 130, 140, 240, 255, 255, 255, 255, 255, 255]],
    np.uint8,
)
"""Crosses a half between pixels 8 and 9, and is steepest between 10 and 11."""


def outline(probability, distance):
    mask = probability > 127
    return refine_outline(mask, probability, FLAT, distance)[0].astype(int).tolist()


def test_the_outline_moves_to_the_steepest_place():
    assert outline(GENTLE_THEN_STEEP, 30.0) == [0] * 11 + [1] * 7
    grown = outline(255 - GENTLE_THEN_STEEP, 30.0)
    assert grown == [1] * 11 + [0] * 7


def test_the_outline_moves_no_farther_than_told():
    """10 nm are one pixel: 8 and 9 are in doubt, with steps 40, 10, 10 around them."""
    assert outline(GENTLE_THEN_STEEP, 10.0) == [0] * 8 + [1] * 10


def test_among_equal_steps_the_outline_stays():
    ramp = np.arange(0, 250, 10, dtype=np.uint8)[None]
    assert outline(ramp, 60.0) == (ramp[0] > 127).astype(int).tolist()


def test_a_sharp_edge_stays():
    plane = np.zeros((20, 20), np.uint8)
    plane[6:14, 5:15] = 255
    mask = plane > 0
    np.testing.assert_array_equal(refine_outline(mask, plane, FLAT, 30.0), mask)


def test_thin_objects_and_narrow_gaps_survive():
    """Two bars three pixels wide, two apart: all thinner than the distance."""
    plane = np.zeros((30, 30), np.uint8)
    plane[5:25, 10:13] = plane[5:25, 15:18] = 255
    blurred = np.rint(ndimage.gaussian_filter(plane.astype(float), 0.7))
    mask = plane > 0
    refined = refine_outline(mask, blurred.astype(np.uint8), FLAT, 50.0)
    assert ndimage.label(refined)[1] == 2
    assert np.count_nonzero(refined != mask) < 20


def test_distance_is_physical_along_both_axes():
    """The same picture stretched by pixels twice as long, along x and along y."""
    along_x = refine_outline(
        GENTLE_THEN_STEEP > 127, GENTLE_THEN_STEEP, (50.0, 10.0, 20.0), 60.0
    )
    along_y = refine_outline(
        GENTLE_THEN_STEEP.T > 127, GENTLE_THEN_STEEP.T, (50.0, 20.0, 10.0), 60.0
    )
    expected = [0] * 11 + [1] * 7
    assert along_x[0].astype(int).tolist() == expected
    assert along_y[:, 0].astype(int).tolist() == expected


@pytest.mark.parametrize("value", [0, 255])
def test_empty_and_full_slices_stay(value):
    state = state_of(np.full((2, 4, 4), value))
    np.testing.assert_array_equal(
        RefineBoundary().apply(state).foreground(), state.foreground()
    )


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_only_pixels_within_the_distance_change(seed):
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=(24, 26)), 2)
    plane = np.rint(255 * (noise > 0) * rng.uniform(0.4, 1, noise.shape))
    plane = plane.astype(np.uint8)
    mask = plane > 127
    refined = refine_outline(mask, plane, FLAT, 25.0)
    if mask.any() and not mask.all():
        depth = 10 * np.maximum(
            ndimage.distance_transform_edt(mask), ndimage.distance_transform_edt(~mask)
        )
        assert (depth[refined != mask] <= 25.0).all()


def test_seeds_stay_within_the_refined_mask():
    seeds = SeedMap(semantic=0.52).apply(state_of(GENTLE_THEN_STEEP, FLAT))
    after = RefineBoundary().apply(seeds)
    assert after.foreground().sum() == 7
    assert not (after.mask & ~after.foreground()).any()
    assert after.mask.sum() == 7


def test_the_post_processing_of_the_patch_cnn_in_a_row():
    """A speck goes, a slice that misses the object is mended, the object is one."""
    semantic = np.zeros((5, 24, 24), np.uint8)
    semantic[:, 6:18, 6:18] = 250
    semantic[2, 6:18, 6:18] = 0
    semantic[1, 1, 1] = 255
    chain = Chain(
        [
            Threshold(),
            RemoveSmallInSlices(area=0.0005),
            RefineBoundary(distance=20),
            MedianZ(),
            ConnectedComponents(),
        ]
    )
    result = drain(chain.run(ProbabilityMaps(semantic, None, FLAT)))
    expected = np.zeros((5, 24, 24), np.uint8)
    expected[:, 6:18, 6:18] = 1
    np.testing.assert_array_equal(result.labels, expected)
