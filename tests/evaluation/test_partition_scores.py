"""Variation of information and adapted Rand error: by hand and as scikit-image."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import adapted_rand_error, variation_of_information

from napari_mitoseg.evaluation import PartitionScores, score_partition
from napari_mitoseg.evaluation.table import tabulate
from napari_mitoseg.volume import Volume


def partition_of(prediction, truth) -> PartitionScores:
    pair = (Volume(np.array(part, ndmin=3)) for part in (prediction, truth))
    return score_partition(tabulate(*pair))


def test_a_split_in_halves_costs_one_bit():
    scores = partition_of([1, 1, 2, 2], [1, 1, 1, 1])
    assert (scores.vi_split, scores.vi_merge) == (1, 0)
    # 2 · 2 of the 4 · 3 ordered pairs of the truth are left, and all that there are.
    assert scores.adapted_rand_precision == 1
    assert scores.adapted_rand_recall == pytest.approx(4 / 12)
    assert scores.adapted_rand_error == pytest.approx(1 - 2 * 4 / (4 + 12))


def test_a_merge_is_a_split_seen_from_the_other_side():
    split, merge = (
        partition_of([1, 1, 2], [7, 7, 7]),
        partition_of([7, 7, 7], [1, 1, 2]),
    )
    assert (split.vi_split, split.vi_merge) == (merge.vi_merge, merge.vi_split)
    assert split.adapted_rand_recall == merge.adapted_rand_precision
    entropy = math.log2(3) - 2 / 3
    assert split.vi_split == pytest.approx(entropy)


def test_the_background_counts_for_information_but_not_for_rand():
    scores = partition_of([0, 0, 1, 1], [0, 0, 0, 0])
    assert scores.vi_split == 1
    assert scores.adapted_rand_error == 0


def test_nothing_differs_from_nothing():
    scores = partition_of([0, 0], [0, 0])
    assert (scores.vi_split, scores.vi_merge, scores.adapted_rand_error) == (0, 0, 0)


@given(st.integers(0, 2**32 - 1), st.integers(2, 7), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_equals_scikit_image(seed, n, kept):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n, (2, 6, 7))
    # Two voxels of one label: scikit-image divides by the number of pairs.
    truth[0, 0, :2] = 1
    found = np.where(
        rng.random(truth.shape) < kept, truth, rng.integers(0, n, truth.shape)
    )
    found[0, 0, :2] = 2
    scores = partition_of(found, truth)
    assert [scores.vi_split, scores.vi_merge] == pytest.approx(
        variation_of_information(truth, found)
    )
    # It calls recall what its documentation calls precision.
    error, recall, precision = adapted_rand_error(truth, found)
    assert scores.adapted_rand_error == pytest.approx(error)
    assert scores.adapted_rand_precision == pytest.approx(precision)
    assert scores.adapted_rand_recall == pytest.approx(recall)
