"""Displacements on a grid: interpolation, inverse, sampling."""

import numpy as np
import pytest

from napari_mitoseg.preprocessing.displacement import Displacement, Frame

FRAME = Frame.over((60, 80), (5.0, 10.0), 50.0)


def turned(angle):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre, nodes = FRAME.extent / 2, FRAME.nodes
    return Displacement(FRAME, (nodes - centre) @ turn.T + centre - nodes)


def waved(height):
    nodes = FRAME.nodes
    steps = height * np.sin(nodes[:, ::-1] / [200, 100]) + [20, -30]
    return Displacement(FRAME, steps)


def test_frame_by_hand():
    assert FRAME.n_nodes == (7, 17)
    assert FRAME.extent.tolist() == [295, 790]
    assert FRAME.nodes[0].tolist() == [0, 0]
    assert FRAME.nodes[-1].tolist() == [295, 790]
    assert Frame.over((1, 1), (5.0, 5.0), 50.0).n_nodes == (1, 1)
    assert Frame.over((3000, 9), (5.0, 5.0), 1.0).n_nodes == (129, 9)


@pytest.mark.parametrize("move", [turned(0.1), turned(2.5), waved(15)])
def test_the_inverse_leads_back(move):
    inner = FRAME.extent * np.random.default_rng(0).uniform(0.2, 0.8, (50, 2))
    there = move.carry(inner)
    assert np.abs(there - inner).max() > 10
    assert np.abs(move.inverse().carry(there) - inner).max() < 1
    assert np.abs(move.carry(move.inverse().carry(inner)) - inner).max() < 1


def test_coordinates_say_in_pixels_what_carry_says_in_nm():
    move = waved(15)
    coordinates = move.coordinates()
    place = move.carry(np.array([[11 * 5.0, 70 * 10.0]]))[0]
    np.testing.assert_allclose(coordinates[:, 11, 70] * [5, 10], place, atol=1e-3)


def test_a_shift_by_whole_pixels_samples_exactly():
    plane = np.random.default_rng(0).integers(0, 255, (60, 80)).astype(np.uint8)
    shift = Displacement(FRAME, np.full(FRAME.nodes.shape, [10.0, -30.0]))
    sampled = shift.sampled(plane)
    assert sampled.dtype == np.float32
    np.testing.assert_allclose(sampled[:-2, 3:], plane[2:, :-3], atol=1e-2)


def test_nothing_moves_without_displacement():
    still = Displacement.none(FRAME)
    plane = np.random.default_rng(0).random((60, 80)).astype(np.float32)
    np.testing.assert_array_equal(still.sampled(plane), plane)
    np.testing.assert_array_equal(still.inverse().steps, 0)
