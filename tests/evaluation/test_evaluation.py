"""Scores by hand."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from napari_mitoseg.errors import InvalidParameterError, ShapeError
from napari_mitoseg.evaluation import (
    Scores,
    describe_scores,
    evaluate,
    runs,
    table,
)
from napari_mitoseg.evaluation.instances import match_instances
from napari_mitoseg.evaluation.table import survey, tabulate
from napari_mitoseg.jobs import drain
from napari_mitoseg.volume import Volume


def volume(values, dtype=np.uint32):
    return Volume(np.array(values, dtype, ndmin=3))


def scores_of(prediction, truth, **options):
    return evaluate(volume(prediction), volume(truth), **options)


def test_overlap_by_hand():
    # TP 2, FP 1, FN 2, TN 5
    prediction = [7, 7, 7, 0, 0, 0, 0, 0, 0, 0]
    truth = [1, 2, 0, 2, 3, 0, 0, 0, 0, 0]
    overlap = scores_of(prediction, truth).overlap
    assert overlap.accuracy == pytest.approx(7 / 10)
    assert overlap.dice == pytest.approx(4 / 7)
    assert overlap.foreground_iou == pytest.approx(2 / 5)
    assert overlap.background_iou == pytest.approx(5 / 8)
    assert overlap.mean_iou == pytest.approx((2 / 5 + 5 / 8) / 2)
    assert overlap.precision == pytest.approx(2 / 3)
    assert overlap.recall == pytest.approx(2 / 4)
    assert overlap.specificity == pytest.approx(5 / 6)
    assert overlap.jaccard == overlap.foreground_iou


@pytest.mark.parametrize(
    ("prediction", "truth", "expected"),
    [
        ([0, 0], [0, 0], (1, 1, 1, 1, 1, 1, 1)),
        ([0, 0], [1, 0], (0.5, 0, 0, 0.5, 1, 0, 1)),
        ([1, 0], [0, 0], (0.5, 0, 0, 0.5, 0, 1, 0.5)),
        ([1, 1], [1, 1], (1, 1, 1, 1, 1, 1, 1)),
    ],
)
def test_empty_masks(prediction, truth, expected):
    o = scores_of(prediction, truth).overlap
    assert (
        o.accuracy,
        o.dice,
        o.foreground_iou,
        o.background_iou,
        o.precision,
        o.recall,
        o.specificity,
    ) == expected


def test_instances_by_hand():
    #                 0.6        0.75 exactly    split           lost  made up
    truth = [0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 0, 3, 3, 3, 3, 0, 4, 0, 0, 0]
    found = [0, 9, 9, 9, 0, 0, 5, 5, 5, 0, 0, 6, 6, 7, 7, 0, 0, 0, 8, 0]
    instances = scores_of(found, truth, instances=True).instances
    assert (instances.n_predicted, instances.n_true) == (5, 4)
    half, strict = instances.at
    assert (half.iou, strict.iou) == (0.5, 0.75)
    # 3/5, 3/4 and one of the two halves of 3
    assert (half.true_positives, half.false_positives, half.false_negatives) == (
        3,
        2,
        1,
    )
    assert half.precision == pytest.approx(3 / 5)
    assert half.recall == pytest.approx(3 / 4)
    assert half.f1 == pytest.approx(6 / 9)
    assert half.average_precision == pytest.approx(3 / 6)
    assert half.matched_iou == pytest.approx((0.6 + 0.75 + 0.5) / 3)
    assert half.panoptic_quality == pytest.approx(1.85 / 3 * 6 / 9)
    assert (strict.true_positives, strict.f1) == (1, pytest.approx(2 / 9))


def test_nothing_to_find_and_nothing_found():
    at = scores_of([0, 0], [0, 0], instances=True).instances.at[0]
    assert (at.f1, at.average_precision, at.panoptic_quality) == (1, 1, 1)
    at = scores_of([1, 0], [0, 0], instances=True).instances.at[0]
    assert (at.f1, at.precision, at.recall) == (0, 0, 1)


def test_instances_only_when_asked_for():
    assert scores_of([1, 0], [1, 0]).instances is None


def test_thresholds_below_a_half_are_refused():
    pairs = tabulate(volume([1]), volume([1]))
    with pytest.raises(ValueError, match=r"0\.5 or more"):
        match_instances(pairs, (0.4,))


def test_written_form_is_stable():
    scores = scores_of([1, 0], [1, 0], instances=True)
    written = json.loads(scores.model_dump_json())
    assert set(written) == {
        "overlap",
        "instances",
        "average_precision",
        "partition",
        "errors",
    }
    assert set(written["overlap"]) == {
        "accuracy",
        "dice",
        "foreground_iou",
        "background_iou",
        "mean_iou",
        "precision",
        "recall",
        "specificity",
    }
    assert Scores.parse(written) == scores


def test_shapes_must_agree():
    with pytest.raises(ShapeError, match=r"\(1, 1, 2\).*\(1, 1, 3\)"):
        scores_of([1, 0], [1, 0, 0])


@pytest.mark.parametrize(
    ("values", "dtype", "words"),
    [
        ([0.5, 1], np.float32, "prediction holds float32"),
        ([-1, 1], np.int16, "prediction holds the label -1"),
        ([2**32, 1], np.uint64, "label 4294967296"),
    ],
)
def test_only_labels_are_scored(values, dtype, words):
    with pytest.raises(InvalidParameterError, match=words):
        evaluate(volume(values, dtype), volume([1, 0]), instances=True)


def test_masks_and_large_labels_are_welcome():
    mask = Volume(np.array([[[True, False]]]))
    top = volume([2**32 - 1, 0], np.uint64)
    assert evaluate(mask, top, instances=True).instances.at[0].f1 == 1


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_slabs_do_not_change_the_survey(seed, voxels):
    rng = np.random.default_rng(seed)
    a, b = (volume(rng.integers(0, 4, (4, 3, 5))) for _ in range(2))
    probability = volume(rng.integers(0, 256, (4, 3, 5)))
    whole = drain(survey(a, b, probability=probability))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "SLAB_VOXELS", voxels)
        patch.setattr(table, "BUFFERED_ROWS", voxels)
        cut = drain(survey(a, b, probability=probability))
    for name in ("prediction", "truth", "n_voxels"):
        part, other = (getattr(found.pairs, name) for found in (whole, cut))
        np.testing.assert_array_equal(part, other)
    for name in ("start", "stop", "position", "probability"):
        part, other = (getattr(found, name) for found in (whole, cut))
        np.testing.assert_array_equal(part, other)
    assert whole.pairs.n_voxels.sum() == 60


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_a_survey_is_what_a_look_at_each_pair_finds(seed):
    rng = np.random.default_rng(seed)
    a, b, p = (rng.integers(0, n, (3, 4, 5)) for n in (3, 3, 256))
    found = drain(survey(volume(a), volume(b), probability=volume(p)))
    pairs = found.pairs
    for row, (one, other) in enumerate(zip(pairs.prediction, pairs.truth, strict=True)):
        here = (a == one) & (b == other)
        place = np.argwhere(here)
        assert pairs.n_voxels[row] == here.sum() > 0
        np.testing.assert_array_equal(found.position[row], place.sum(axis=0))
        np.testing.assert_array_equal(found.start[row], place.min(axis=0))
        np.testing.assert_array_equal(found.stop[row], place.max(axis=0) + 1)
        assert found.probability[row] == p[here].sum()
    means = [p[a == label].mean() for label in pairs.predicted.labels]
    assert found.mean_probability() == pytest.approx(means)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_scores_do_not_depend_on_the_names_of_labels(seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, (3, 4, 4)).repeat(2, 1)
    found = np.where(rng.random(truth.shape) < 0.8, truth, 0)
    first = scores_of(found, truth, instances=True)
    names = np.array([0, 40, 7, 1000])
    assert scores_of(names[found], truth, instances=True) == first
    back = scores_of(truth, found, instances=True)
    assert back.overlap.foreground_iou == first.overlap.foreground_iou
    assert back.overlap.precision == first.overlap.recall


def test_twenty_thousand_instances():
    labels = np.arange(1, 20_001, dtype=np.uint32).repeat(16).reshape(5, 200, 320)
    turned = labels[::-1].copy()
    turned[2, :, ::4] = 0
    instances = scores_of(turned, labels, instances=True).instances
    assert (instances.n_predicted, instances.n_true) == (20_000, 20_000)
    assert instances.at[0].true_positives == 20_000
    assert instances.at[0].matched_iou == pytest.approx(0.95)


def test_quality_of_matches_where_nothing_matches():
    one = np.array([[[1, 0]]], np.uint32)
    missed = scores_of(one, one[..., ::-1], instances=True).instances.at[0]
    assert (missed.matched_iou, missed.panoptic_quality) == (0, 0)
    nothing = scores_of(one * 0, one * 0, instances=True).instances.at[0]
    assert (nothing.matched_iou, nothing.panoptic_quality) == (1, 1)


def test_every_score_has_one_name():
    scores = scores_of([1, 1, 0], [1, 0, 2], instances=True)
    named = scores.by_name()
    assert named["jaccard"] == named["foreground_iou"] == pytest.approx(1 / 3)
    for name in ("ap75", "vi_split", "adapted_rand_error", "n_missed", "f1@0.5"):
        assert name in named
    assert named["ap75_large"] is None
    assert json.loads(json.dumps(named)) == named
    described = describe_scores()
    for name in named:
        plain, at, _ = name.partition("@")
        assert described[plain + at]


def test_probability_of_another_shape_is_refused():
    one = volume([1, 0])
    with pytest.raises(ShapeError, match=r"probability \(1, 1, 3\)"):
        evaluate(one, one, instances=True, probability=volume([1, 0, 0]))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_overlap_equals_that_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    found, true = rng.random((2, 2, 5, 6)) < rng.random((2, 1, 1, 1))
    overlap = scores_of(found, true).overlap
    options = {"zero_division": 1.0}
    a, b = true.ravel(), found.ravel()
    expected = {
        "accuracy": metrics.accuracy_score(a, b),
        "dice": metrics.f1_score(a, b, **options),
        "foreground_iou": metrics.jaccard_score(a, b, **options),
        "background_iou": metrics.jaccard_score(a, b, pos_label=False, **options),
        "precision": metrics.precision_score(a, b, **options),
        "recall": metrics.recall_score(a, b, **options),
        "specificity": metrics.recall_score(a, b, pos_label=False, **options),
    }
    expected["mean_iou"] = (expected["foreground_iou"] + expected["background_iou"]) / 2
    assert overlap.model_dump() == pytest.approx(expected)
