"""The average along z, and the optical flow that it follows."""

import numpy as np
import pytest
from scipy import ndimage

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.jobs import drain
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.postprocessing import (
    AverageZ,
    Chain,
    ConnectedComponents,
    MedianZ,
    State,
    Threshold,
)
from napari_mitoseg.postprocessing.optical_flow import coarse, flow, sampled
from napari_mitoseg.volume import Volume

SPACING = (40.0, 10.0, 10.0)
SIDE = 180
CHAIN = Chain([AverageZ(), Threshold(), ConnectedComponents()])


def tissue(seed, side=SIDE):
    """A texture of structures 100 nm wide and wider."""
    noise = np.random.default_rng(seed).normal(size=(side, side))
    fine, wide = (ndimage.gaussian_filter(noise, s, mode="wrap") for s in (5, 15))
    grey = fine / fine.std() + wide / wide.std()
    return np.clip(128 + 40 * grey, 0, 255).astype(np.uint8)


def shifted(plane, by):
    """The plane with everything further down and to the right."""
    return np.roll(plane, by, axis=(0, 1))


def disc(radius=25, side=SIDE):
    y, x = np.indices((side, side)) - side // 2
    return np.where(np.hypot(y, x) < radius, 255, 0).astype(np.uint8)


def averaged(semantic, image, **settings):
    maps = ProbabilityMaps(np.asarray(semantic), None, SPACING)
    state = State(maps, image=Volume(np.asarray(image), SPACING))
    return AverageZ(**settings).apply(state).maps.semantic


@pytest.mark.parametrize("by", [(0, 0), (6, -9), (15, 12)])
def test_flow_finds_a_shift(by):
    here = coarse(tissue(1), SPACING)
    there = coarse(shifted(tissue(1), by), SPACING)
    assert here.shape == (36, 36)
    found = flow(here, there)[:, 8:-8, 8:-8]
    np.testing.assert_allclose(
        np.median(found, axis=(1, 2)), np.divide(by, 5), atol=0.1
    )
    assert np.abs(found - np.divide(by, 5)[:, None, None]).mean() < 0.2


def test_what_has_moved_is_found_again():
    one = tissue(1)
    other = shifted(one, (6, -9))
    along = flow(coarse(one, SPACING), coarse(other, SPACING))
    y, x = where = tuple(axis.ravel() for axis in np.mgrid[30:150, 30:150])
    before = np.abs(other[y, x].astype(float) - one[y, x]).mean()
    after = np.abs(sampled(other, along, where) - one[y, x]).mean()
    assert after < before / 10


def test_pixels_that_are_wider_stay():
    plane = tissue(2, 40)
    assert coarse(plane, (40.0, 50.0, 15.0)).shape == (40, 12)


@pytest.mark.parametrize("plane", [np.zeros((80, 80)), np.full((80, 80), 9)])
def test_blank_slices_do_not_move(plane):
    blank = coarse(plane, SPACING)
    there = coarse(tissue(1, 80), SPACING)
    assert np.isfinite(flow(blank, there)).all()
    assert not flow(blank, blank).any()


def test_slices_too_small_to_tell_do_not_move():
    here, there = (coarse(tissue(seed, 40), SPACING) for seed in (1, 2))
    assert not flow(here, there).any()


def test_the_mean_of_three_by_hand():
    image = [tissue(1)] * 5
    semantic = [np.full((SIDE, SIDE), v, np.uint8) for v in (100, 200, 0, 50, 240)]
    found = averaged(semantic, image, weight=0.25)
    assert [int(plane.min()) for plane in found] == [125, 125, 0, 85, 240]
    assert [int(plane.max()) for plane in found] == [125, 125, 0, 85, 240]


def test_one_slice_stays_as_it_is():
    semantic = tissue(3)[None]
    np.testing.assert_array_equal(averaged(semantic, tissue(1)[None]), semantic)


def test_what_a_single_slice_doubts_goes_and_what_it_is_sure_of_stays():
    image = [tissue(1)] * 3
    nothing = np.zeros((SIDE, SIDE), np.uint8)
    for value, stays in [(160, False), (220, True)]:
        object_ = np.where(disc() > 0, value, 0).astype(np.uint8)
        maps = ProbabilityMaps(np.stack([nothing, object_, nothing]), None, SPACING)
        labels = drain(CHAIN.run(maps, image=Volume(np.stack(image), SPACING))).labels
        assert bool(labels.any()) == stays
        assert not labels[[0, 2]].any()


def test_shifted_sections_keep_their_outlines():
    """Where slices lie 150 nm apart, a mean at the same pixels would double them."""
    by = [(0, 0), (15, 0), (0, 0)]
    image = [shifted(tissue(1), one) for one in by]
    unsure = np.where(disc() > 0, 200, 50).astype(np.uint8)
    semantic = np.stack([shifted(unsure, one) for one in by])
    middle = slice(30, 150), slice(30, 150)

    def worst(image):
        found = averaged(semantic, image, weight=0.33).astype(float)
        return np.abs(found - semantic).max(axis=0)[middle].mean()

    assert worst(image) < 3
    assert worst([tissue(1)] * 3) > 10


def test_the_boundary_map_stays():
    semantic = np.stack([disc()] * 2)
    maps = ProbabilityMaps(semantic, 255 - semantic, SPACING)
    state = State(maps, image=Volume(np.stack([tissue(1)] * 2), SPACING))
    assert AverageZ().apply(state).maps.boundary is maps.boundary


def test_it_needs_the_image():
    maps = ProbabilityMaps(np.stack([disc()] * 2), None, SPACING)
    with pytest.raises(InvalidParameterError, match="average-z"):
        drain(CHAIN.run(maps))


def test_it_goes_before_the_threshold_only():
    assert "average-z" in CHAIN.removed(0).legal_next(0)
    assert "average-z" not in CHAIN.removed(0).legal_next(1)
    assert "average-z" in Chain([MedianZ(), *CHAIN.steps]).legal_next(1)
