"""Moving least squares: what it keeps, what it follows, by hand."""

import numpy as np
import pytest

from napari_mitoseg.preprocessing.moving_least_squares import Deformation, deform

RNG = np.random.default_rng(0)
CONTROL = RNG.uniform(0, 1000, (60, 2))
PLACES = RNG.uniform(-100, 1100, (40, 2))
TURN = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
SHIFT = np.array([30, -7])
STRETCH = np.array([[1.05, 0.03], [-0.02, 0.9]])


@pytest.mark.parametrize("kind", Deformation)
@pytest.mark.parametrize("smoothness", [1.0, 1000.0])
@pytest.mark.parametrize("n", [1, 2, 60])
def test_a_shift_is_followed_exactly(kind, smoothness, n):
    control = CONTROL[:n]
    moved = deform(PLACES, control, control + SHIFT, smoothness, kind)
    np.testing.assert_allclose(moved, PLACES + SHIFT, atol=1e-3)


@pytest.mark.parametrize("kind", Deformation)
def test_a_rotation_is_followed_exactly(kind):
    moved = deform(PLACES, CONTROL, CONTROL @ TURN.T + 5, 300.0, kind)
    np.testing.assert_allclose(moved, PLACES @ TURN.T + 5, atol=1e-6)


def test_an_affine_map_is_followed_by_affine_ones_alone():
    target, expected = CONTROL @ STRETCH.T + 5, PLACES @ STRETCH.T + 5
    affine = deform(PLACES, CONTROL, target, 10.0, Deformation.AFFINE)
    rigid = deform(PLACES, CONTROL, target, 10.0, Deformation.RIGID)
    assert np.abs(affine - expected).max() < 0.1
    assert np.abs(rigid - expected).max() > 1


def test_two_control_points_by_hand():
    # At a place between them, half as far from the first: weights 16 to 1, so the
    # rotation is that of the only direction there is, about the weighted means.
    source = np.array([[0.0, 0.0], [0.0, 3.0]])
    target = np.array([[0.0, 0.0], [3.0, 0.0]])
    moved = deform(np.array([[0.0, 1.0]]), source, target, 1e-9)
    np.testing.assert_allclose(moved, [[1.0, 0.0]], atol=1e-6)


def test_smoothness_averages_what_contradicts():
    source = np.stack([np.zeros(5), np.arange(-20.0, 21.0, 10.0)], axis=1)
    target = source.copy()
    target[2, 0] += 4
    place = np.zeros((1, 2))
    near, far = (deform(place, source, target, s)[0, 0] for s in (1e-3, 1e4))
    assert near == pytest.approx(4, abs=1e-3)
    assert far == pytest.approx(4 / 5, abs=1e-3)


def test_points_in_pieces_are_the_same():
    many = RNG.uniform(0, 1000, (3000, 2))
    control = RNG.uniform(0, 1000, (3000, 2))
    moved = deform(many, control, control + control**2 / 1e5, 100.0)
    alone = deform(many[2990:], control, control + control**2 / 1e5, 100.0)
    np.testing.assert_allclose(moved[2990:], alone)
