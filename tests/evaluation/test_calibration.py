"""Confidence from how often objects that a network is as sure of were right."""

import numpy as np
import pytest

from napari_mitoseg.errors import ShapeError
from napari_mitoseg.evaluation.calibration import fit_calibration, judge_objects


def test_each_object_of_a_slice_is_judged_by_half_of_its_pixels():
    probability = np.zeros((2, 20, 40))
    probability[0, 2:8, 2:8] = 0.9
    probability[0, 2:8, 20:26] = 0.6
    probability[1, 2:8, 2:8] = 0.8
    truth = np.zeros(probability.shape, bool)
    truth[0, 2:8, 2:6] = True
    truth[1, 2:8, 6:12] = True
    mean, is_right = judge_objects(probability, truth)
    np.testing.assert_allclose(mean, [0.9, 0.6, 0.8])
    assert is_right.tolist() == [True, False, False]


def test_specks_do_not_count():
    probability = np.zeros((1, 20, 20))
    probability[0, :4, :4] = 0.9
    mean, is_right = judge_objects(probability, probability > 0)
    assert len(mean) == len(is_right) == 0


def test_what_is_unlabelled_does_not_count():
    probability = np.zeros((1, 20, 60))
    probability[0, 2:12, 2:12] = 0.9
    probability[0, 2:12, 20:30] = 0.8
    probability[0, 2:12, 40:50] = 0.7
    truth = np.zeros(probability.shape, np.int32)
    truth[0, 2:12, 2:6] = 3
    truth[0, 2:12, 6:9] = -1
    truth[0, 2:12, 20:27] = -1
    mean, is_right = judge_objects(probability, truth)
    np.testing.assert_allclose(mean, [0.9, 0.7])
    assert is_right.tolist() == [True, False], "4 of 7 labelled columns, and none"


def test_the_two_must_have_one_shape():
    with pytest.raises(ShapeError, match="equal"):
        judge_objects(np.zeros((1, 4, 4)), np.zeros((1, 4, 5), bool))


def test_shares_rise_and_are_those_of_the_objects():
    chance = np.random.default_rng(0)
    mean = chance.uniform(0.5, 1, 4000)
    is_right = chance.uniform(size=4000) < (mean - 0.5) * 2
    points = fit_calibration(mean, is_right)
    known, shares = np.array(points).T
    assert (np.diff(known) > 0).all()
    assert (np.diff(shares) >= 0).all()
    asked = np.array([0.6, 0.75, 0.9])
    wanted = (asked - 0.5) * 2
    np.testing.assert_allclose(np.interp(asked, known, shares), wanted, atol=0.06)


def test_few_objects_make_no_certainty():
    mean = np.array([0.6, 0.7, 0.8, 0.9])
    points = fit_calibration(mean, np.array([False, False, True, True]))
    assert points == ((0.65, 0.167), (0.85, 0.833))


def test_objects_of_one_mean_share_a_point():
    mean = np.array([0.6, 0.6, 0.6, 0.6001, 0.9])
    points = fit_calibration(mean, np.array([False, True, True, True, True]))
    assert points == ((0.6, 0.7), (0.9, 0.75))


def test_without_objects_nothing_is_known():
    assert fit_calibration(np.zeros(0), np.zeros(0, bool)) == ()
