"""The detector, on stacks in which it is known what is wrong."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_mitoseg.errors import ShapeError
from napari_mitoseg.inference.noisy_slices import (
    DetectorSettings,
    displacement,
    find_noisy_slices,
    robust_scores,
)
from napari_mitoseg.jobs import drain
from napari_mitoseg.volume import Volume

SHAPE = (14, 128, 160)


def mean_of_neighbours(below, above):
    return (below.astype(np.float32) + above) / 2


@pytest.fixture
def stack():
    """Smooth in all directions, with noise of its own in each slice."""
    chance = np.random.default_rng(0)
    smooth = gaussian_filter(chance.normal(size=SHAPE), (2, 3, 3))
    image = 128 + 40 * smooth / smooth.std() + chance.normal(0, 5, SHAPE)
    return image.clip(0, 255).astype(np.uint8)


def find(stack, **settings):
    job = find_noisy_slices(
        Volume(stack), mean_of_neighbours, DetectorSettings(**settings)
    )
    return {one.z: one for one in drain(job)}


def test_a_good_stack_has_nothing(stack):
    assert find(stack) == {}


def test_precipitate_is_found_as_a_region(stack):
    stack[6, 40:60, 70:100] = 5
    found = find(stack)
    assert list(found) == [6]
    assert "darker" in found[6].reason
    ((y0, x0, y1, x1),) = found[6].boxes
    assert y0 <= 40
    assert 60 <= y1 <= y0 + 96
    assert x0 <= 70
    assert 100 <= x1 <= x0 + 96


def test_a_bright_region_is_not_called_dark(stack):
    stack[6, 40:60, 70:100] = 250
    assert "darker" not in find(stack)[6].reason


def test_region_at_the_edge_stays_inside(stack):
    stack[3, 100:, 130:] = 0
    ((_, _, y1, x1),) = find(stack)[3].boxes
    assert (y1, x1) == SHAPE[1:]


def test_missing_slice_is_found_and_its_neighbours_are_left_alone(stack):
    stack[5] = 0
    stack[9] = 200
    found = find(stack)
    assert list(found) == [5, 9]
    assert all("missing" in one.reason and one.boxes == () for one in found.values())


def test_shifted_slice_is_found_with_its_shift(stack):
    stack[7] = np.roll(stack[7], (4, -6), (0, 1))
    found = find(stack)
    assert list(found) == [7]
    assert "y +4, x -6" in found[7].reason
    assert found[7].boxes == ()


def test_noise_everywhere_is_found_as_a_whole_slice(stack):
    noise = np.random.default_rng(1).integers(0, 255, SHAPE[1:])
    stack[4] = noise
    found = find(stack)
    assert list(found) == [4]
    assert found[4].boxes == ()
    assert "everywhere" in found[4].reason


def test_two_bad_slices_in_a_row_are_both_found(stack):
    chance = np.random.default_rng(1)
    stack[4:6] = chance.integers(0, 255, (2, *SHAPE[1:]))
    assert list(find(stack)) == [4, 5]


def test_a_higher_threshold_proposes_less(stack):
    stack[6, 40:60, 70:100] = 5
    (score,) = [one.score for one in find(stack).values()]
    assert find(stack, threshold=score + 0.1) == {}


def test_too_few_slices_are_refused(stack):
    with pytest.raises(ShapeError, match=r"has 4 slices, of which 2.*at least 3"):
        find(stack[:4])
    with pytest.raises(ShapeError, match=r"has 14 slices, of which 0"):
        find(np.full_like(stack, 7))


def test_robust_scores_by_hand():
    """Median 3, deviations 2 1 0 1 97: their median is 1."""
    scores = robust_scores(np.array([1.0, 2.0, 3.0, 4.0, 100.0]))
    np.testing.assert_allclose(scores, np.array([-2, -1, 0, 1, 97]) / 1.4826)
    np.testing.assert_allclose(robust_scores(np.zeros(3)), 0)
    np.testing.assert_allclose(robust_scores(np.array([0, 0, 3.0]), 0.5), [0, 0, 6])


def test_displacement_needs_to_explain_the_difference(stack):
    plane = stack[3].astype(np.float32)
    moved = np.roll(plane, (3, -5), (0, 1))
    assert displacement(moved, plane) == (3, -5)
    assert displacement(plane, plane) == (0, 0)
    other = np.random.default_rng(2).normal(size=plane.shape)
    assert displacement(other, plane) == (0, 0)
