"""Average precision of boxes, by hand."""

import pytest

from napari_mitoseg.boxes import Boxes
from napari_mitoseg.errors import ShapeError
from napari_mitoseg.evaluation.box_precision import box_average_precision

A, B, ELSEWHERE = (0, 0, 4, 4), (10, 10, 14, 14), (30, 30, 34, 34)
TRUTH = [Boxes.of([A, B])]


def test_all_found_and_nothing_else():
    assert box_average_precision([Boxes.of([B, A], [0.2, 0.9])], TRUTH) == 1.0


def test_ranking_by_hand():
    """Right, wrong, right: precision 1 up to recall 1/2, then 2/3."""
    found = [Boxes.of([B, ELSEWHERE, A], [0.7, 0.8, 0.9])]
    expected = 0.5 * 1 + 0.5 * 2 / 3
    assert box_average_precision(found, TRUTH) == pytest.approx(expected)


def test_precision_is_the_best_at_a_higher_recall():
    """Wrong, right, right: 2/3 at recall 1 counts for recall 1/2, where it is 1/2."""
    found = [Boxes.of([ELSEWHERE, A, B], [0.9, 0.8, 0.7])]
    assert box_average_precision(found, TRUTH) == pytest.approx(2 / 3)


def test_a_second_box_on_the_same_object_is_wrong():
    """Right, double, right."""
    found = [Boxes.of([A, A, B], [0.9, 0.8, 0.7])]
    expected = 0.5 * 1 + 0.5 * 2 / 3
    assert box_average_precision(found, TRUTH) == pytest.approx(expected)


def test_boxes_of_all_slices_are_ranked_together():
    """The wrong box of slice 1 stands before the right one of slice 0."""
    found = [Boxes.of([A], [0.6]), Boxes.of([ELSEWHERE], [0.8])]
    truth = [Boxes.of([A]), Boxes.of([])]
    assert box_average_precision(found, truth) == pytest.approx(0.5)


def test_a_box_counts_in_its_own_slice_only():
    found, truth = [Boxes.of([A]), Boxes.of([])], [Boxes.of([]), Boxes.of([A])]
    assert box_average_precision(found, truth) == 0.0


@pytest.mark.parametrize(("threshold", "expected"), [(0.5, 1.0), (0.51, 0.0)])
def test_a_match_reaches_the_threshold(threshold, expected):
    found = [Boxes.of([(0, 0, 4, 2)])]  # IoU 1/2
    assert box_average_precision(found, [Boxes.of([A])], threshold) == expected


@pytest.mark.parametrize(
    ("found", "truth", "expected"),
    [([], [], 1.0), ([A], [], 0.0), ([], [A], 0.0)],
)
def test_nothing_to_count(found, truth, expected):
    assert box_average_precision([Boxes.of(found)], [Boxes.of(truth)]) == expected


def test_slices_must_be_the_same():
    with pytest.raises(ShapeError, match="1 slices"):
        box_average_precision([Boxes.of([A])], [])
