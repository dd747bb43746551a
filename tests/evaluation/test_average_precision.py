"""AP-75 by hand, by the challenge's own example, and by brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_mitoseg.errors import ShapeError
from napari_mitoseg.evaluation import (
    average_precision,
    evaluate,
    score_average_precision,
)
from napari_mitoseg.evaluation.table import Contingency, tabulate
from napari_mitoseg.volume import Volume


def line(*runs):
    """Return a volume of one row, from pairs of label and length."""
    return Volume(np.concatenate([np.full(n, k) for k, n in runs])[None, None])


def score(prediction, truth, confidence=None):
    return score_average_precision(tabulate(prediction, truth), confidence)


def test_one_of_two_found_first_and_one_made_up():
    truth = line((1, 100), (0, 50), (2, 80), (0, 90))
    found = line((7, 100), (0, 150), (8, 70))
    scores = score(found, truth)
    # Precision 1 up to a recall of 0.5: the recalls 0, 0.01, ... 0.5 of the 101.
    assert scores.ap50 == scores.ap75 == pytest.approx(51 / 101)
    assert scores.ap == pytest.approx(51 / 101)
    # What is made up now comes first, and the precision is 1/2.
    swapped = score(found, truth, np.array([0.1, 0.9]))
    assert swapped.ap75 == pytest.approx(51 / 101 / 2)


def test_thresholds_are_reached_exactly():
    truth, found = line((1, 20)), line((1, 15), (0, 5))
    scores = score(found, truth)
    assert (scores.ap50, scores.ap75) == (1, 1)
    # 0.50, 0.55, ... 0.75 of the ten
    assert scores.ap == pytest.approx(6 / 10)


def test_sizes_are_told_apart_at_5k_and_15k():
    truth = line((1, 5_000), (2, 5_001), (3, 15_000), (4, 15_001))
    found = line((1, 5_000), (0, 5_001), (3, 15_000), (0, 15_001))
    scores = score(found, truth)
    assert scores.ap75 == pytest.approx(51 / 101)
    assert scores.ap75_small == 1
    assert scores.ap75_medium == pytest.approx(51 / 101)
    assert scores.ap75_large == 0


def test_instances_of_another_size_are_left_out():
    # A large instance found, and a false one of medium size that comes later.
    truth = line((1, 20_000), (0, 20_000), (2, 4_000))
    found = line((1, 20_000), (0, 6_000), (2, 14_000), (3, 4_000))
    scores = score(found, truth)
    assert scores.ap75_small == scores.ap75_large == 1
    assert scores.ap75_medium is None
    # The false one comes second of three: precision 1 up to half the recall, then 2/3.
    assert scores.ap75 == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_equal_confidences_win_nothing():
    truth, found = line((1, 10), (0, 10)), line((1, 10), (2, 10))
    assert score(found, truth).ap75 == pytest.approx(1 / 2)
    mirrored = line((2, 10), (1, 10))
    assert score(mirrored, truth).ap75 == pytest.approx(1 / 2)


def test_nothing_to_find_has_no_score_and_nothing_found_has_none():
    nothing, one = line((0, 9)), line((1, 9))
    assert set(score(one, nothing).model_dump().values()) == {None}
    assert set(score(nothing, nothing).model_dump().values()) == {None}
    missed = score(nothing, one)
    assert (missed.ap, missed.ap50, missed.ap75, missed.ap75_small) == (0, 0, 0, 0)


def test_confidences_must_be_as_many_as_instances():
    with pytest.raises(ShapeError, match="2 confidences were given for 1 predicted"):
        score(line((1, 9)), line((1, 9)), np.ones(2))


def test_the_mean_probability_is_the_confidence():
    truth = line((0, 60), (3, 10))
    found = line((2**31 + 5, 50), (0, 10), (7, 10))
    assert evaluate(found, truth, instances=True).average_precision.ap75 == 1 / 2
    probability = line((20, 50), (0, 10), (200, 10))
    sure = evaluate(found, truth, instances=True, probability=probability)
    assert sure.average_precision.ap75 == 1


# What the challenge's program (github.com/ygCoconut/mAP_3Dvolume, map_output_match_p
# and _match_fn.txt) says of a prediction of the EPFL stack: predicted instance and its
# size, the true instance and its size, their IoU. Scores: map_output_map.txt.
PUBLISHED = """
4 727899 4 742812 .9339; 16 667074 14 669009 .9454; 36 427128 43 443250 .9137
29 360377 36 369307 .9256; 9 350366 7 358428 .9095; 23 343968 30 347654 .9147
11 333372 9 333861 .9120; 8 327643 28 313468 .8490; 31 311052 38 382434 .7851
6 273722 5 295880 .8471; 14 226455 12 227522 .8887; 17 222042 15 219319 .8880
27 209395 32 186448 .8146; 15 201569 21 185306 .8260; 33 200722 39 204497 .8939
7 193723 6 196182 .9038; 3 188624 24 187956 .8778; 19 184437 17 192833 .8725
18 164764 16 164959 .8962; 2 158368 2 151943 .8938; 22 121095 19 121895 .8795
10 117720 8 128249 .8846; 37 111869 44 111844 .9137; 12 90744 10 96381 .8683
20 88778 18 92569 .8532; 24 61780 0 0 0; 1 38417 1 37948 .9074
32 13904 40 8884 .5487; 13 13031 11 13860 .8400; 28 5351 0 0 0; 39 4412 0 0 0
40 3814 45 4414 .6622; 21 3129 0 0 0; 30 3075 31 42390 .0616; 5 2530 3 1867 .6207
35 1592 0 0 0; 34 707 0 0 0; 26 373 0 0 0; 25 120 0 0 0; 38 119 0 0 0
15 201569 13 11814 .0543; 20 88778 20 13318 .0021; 0 0 23 5653 0
27 209395 42 23255 .0803
"""


def published_table() -> Contingency:
    """Return voxels that give the published sizes, and IoUs to four decimals."""
    counts: dict[tuple[int, int], int] = {}
    sizes: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for row in PUBLISHED.replace("\n", ";").split(";"):
        if not row.strip():
            continue
        p, n_p, t, n_t, iou = (float(part) for part in row.split())
        sizes[0][int(p)], sizes[1][int(t)] = int(n_p), int(n_t)
        if iou:
            counts[int(p), int(t)] = round(iou * (n_p + n_t) / (1 + iou))
    for side in (0, 1):
        for label, size in sizes[side].items():
            rest = size - sum(n for pair, n in counts.items() if pair[side] == label)
            if label and rest:
                counts[(label, 0) if side == 0 else (0, label)] = rest
    pairs = np.array([*counts]).T
    return Contingency(pairs[0], pairs[1], np.array([*counts.values()]))


def test_equals_the_published_example_of_the_challenge():
    scores = score_average_precision(published_table())
    names = ("ap", "ap50", "ap75", "ap75_small", "ap75_medium", "ap75_large")
    found = [round(getattr(scores, name), 3) for name in names]
    assert found == [0.628, 0.842, 0.769, 0.0, 0.104, 0.920]


# An independent implementation: every object against every other, in loops.


def brute_force(prediction, truth, threshold, low, high):
    masks = {
        name: {int(k): part == k for k in np.unique(part[part > 0])}
        for name, part in (("p", prediction), ("t", truth))
    }
    n_true = sum(low < mask.sum() <= high for mask in masks["t"].values())
    if n_true == 0:
        return None
    rows = []
    for p_mask in masks["p"].values():
        ious = []
        for t_mask in masks["t"].values():
            shared = (p_mask & t_mask).sum()
            if shared:
                size = t_mask.sum()
                ious.append((shared / (p_mask | t_mask).sum(), low < size <= high))
        overall = max((iou for iou, _ in ious), default=0.0)
        of_size = [pair for pair in ious if pair[1]] or ious
        iou, counts = max(of_size, default=(0.0, False))
        is_hit = iou >= threshold
        if not is_hit:
            counts = low < p_mask.sum() <= high
        rows.append((-p_mask.sum(), overall, is_hit, counts))
    rows.sort(key=lambda row: row[:2])
    curve, hits, seen = [], 0, 0
    for _, _, is_hit, counts in rows:
        if counts:
            seen += 1
            hits += is_hit
            curve.append((hits / n_true, hits / seen))
    heights = [
        max((precision for recall, precision in curve if recall >= wanted), default=0.0)
        for wanted in 0.01 * np.arange(101)
    ]
    return sum(heights) / 101


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.floats(0, 0.5))
@settings(max_examples=60, deadline=None)
def test_equals_brute_force_on_random_volumes(seed, n, noise):
    rng = np.random.default_rng(seed)
    shape = (4, 9, 11)
    centres = rng.uniform(0, 1, (2, n, 3)) * shape
    centres[1] = np.where(rng.random((n, 1)) < 0.8, centres[0], centres[1])
    centres[1] += rng.normal(0, 2 * noise, (n, 3))
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    radii = rng.uniform(0.5, 3.5, n)
    truth, found = (
        np.where(far.min(0) < 0, far.argmin(0) * 3 + 1, 0)
        for far in (
            np.stack(
                [
                    np.linalg.norm(grid - c, axis=-1) - r
                    for c, r in zip(part, radii, strict=True)
                ]
            )
            for part in centres
        )
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(average_precision, "SMALL", (0, 12))
        patch.setattr(average_precision, "MEDIUM", (12, 40))
        patch.setattr(average_precision, "LARGE", (40, np.inf))
        scores = score(Volume(found), Volume(truth))
    spans = {"": (0, np.inf), "_small": (0, 12), "_medium": (12, 40)}
    spans["_large"] = (40, np.inf)
    for name, span in spans.items():
        expected = brute_force(found, truth, 0.75, *span)
        assert getattr(scores, f"ap75{name}") == pytest.approx(expected)
    thresholds = [0.5 + 0.05 * k for k in range(10)]
    values = [brute_force(found, truth, t, 0, np.inf) for t in thresholds]
    if values[0] is None:
        assert scores.ap is None
    else:
        assert scores.ap == pytest.approx(np.mean(values))
        assert scores.ap50 == pytest.approx(values[0])


def test_no_order_of_equal_confidences_scores_less():
    truth = line((1, 10), (0, 10), (2, 10), (0, 10), (3, 10))
    found = line((4, 10), (5, 10), (6, 8), (0, 2), (7, 10), (8, 10))
    ours = score(found, truth, np.ones(5)).ap75
    orders = itertools.permutations(range(5))
    others = [score(found, truth, np.array(order, float)).ap75 for order in orders]
    assert ours == min(others) < max(others)
