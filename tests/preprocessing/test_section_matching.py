"""Features of sections and their matches."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_mitoseg.preprocessing.section_matching import (
    FEWEST_MATCHES,
    NO_FEATURES,
    Features,
    find_features,
    match_features,
    moving_together,
)
from napari_mitoseg.samples import SyntheticSettings, synthetic_em

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def section():
    settings = SyntheticSettings(style="sstem")
    return synthetic_em((1, 200, 240), (40.0, 10.0, 10.0), 5, settings)[0].read()[0]


@pytest.fixture(scope="module")
def features(section):
    return find_features(section, (10.0, 10.0), 10.0)


def test_features_lie_in_the_section_and_look_different(features):
    assert len(features) > 50
    assert features.descriptors.shape == (len(features), 128)
    assert (features.positions > -5).all()
    assert (features.positions < [1995, 2395]).all()


def test_a_shift_is_found_to_a_fraction_of_a_pixel(section, features):
    shifted = find_features(section[7:, :-12], (10.0, 10.0), 10.0)
    one, other = match_features(features, shifted, 200.0, 500.0)
    assert len(one) > 30
    moved = np.median(other - one, axis=0)
    np.testing.assert_allclose(moved, [-70, 0], atol=1)


@pytest.mark.parametrize("detail", [5.0, 20.0])
def test_positions_do_not_depend_on_the_pixels(section, features, detail):
    coarse = section.reshape(100, 2, 120, 2).mean(axis=(1, 3))
    found = find_features(coarse, (20.0, 20.0), detail)
    # The centre of the first large pixel lies 5 nm from that of the first small one.
    one, other = match_features(features, found, 100.0, 500.0)
    assert len(one) >= FEWEST_MATCHES
    np.testing.assert_allclose(np.median(one - other, axis=0), [5, 5], atol=2)


@pytest.mark.parametrize(
    "plane",
    [
        np.zeros((1, 1)),
        np.arange(12.0).reshape(3, 4),
        np.full((80, 80), 7, np.uint8),
        np.add.outer(np.arange(80.0), np.arange(80.0)),
    ],
    ids=["one pixel", "tiny", "blank", "ramp"],
)
def test_where_there_is_nothing_no_feature_is_found(plane):
    assert len(find_features(plane, (10.0, 10.0), 10.0)) == 0


def test_noise_does_not_match_noise(features):
    planes = [gaussian_filter(RNG.random((200, 240)), 2) for _ in range(2)]
    noise = [find_features(plane, (10.0, 10.0), 10.0) for plane in planes]
    assert min(map(len, noise)) > 50
    assert len(match_features(*noise, 200.0, 500.0)[0]) == 0
    assert len(match_features(features, noise[0], 200.0, 500.0)[0]) == 0
    assert len(match_features(features, NO_FEATURES, 200.0, 500.0)[0]) == 0


def test_wrong_matches_are_sorted_out():
    positions = RNG.uniform(0, 2000, (60, 2))
    descriptors = RNG.integers(0, 255, (60, 128)).astype(np.uint8)
    shift = np.array([40, -90])
    moved = positions + shift
    moved[:6] = RNG.uniform(0, 2000, (6, 2))
    moved[6] += [60, 0]
    one, other = Features(positions, descriptors), Features(moved, descriptors)
    source, target = match_features(one, other, 200.0, 500.0)
    assert len(source) == 53
    np.testing.assert_allclose(target - source, [shift] * 53)


def test_a_turned_group_is_found_among_twice_as_many_others():
    n = 20
    source = RNG.uniform(0, 3000, (3 * n, 2))
    target = RNG.uniform(0, 3000, (3 * n, 2))
    turn = np.array([[0, -1], [1, 0]])
    target[:n] = source[:n] @ turn.T + [3000, 40] + RNG.normal(0, 3, (n, 2))
    found = moving_together(source, target, 30.0)
    assert found[:n].all()
    assert found[n:].sum() <= 2
    assert not moving_together(source[:1], target[:1], 30.0).any()
