"""Boxes: overlap, suppression, components and drawing, against hand-drawn ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_mitoseg.boxes import (
    Boxes,
    box_iou,
    boxes_of_slice,
    draw_boxes,
    suppress_doubles,
)
from napari_mitoseg.errors import ShapeError


def corners(*boxes):
    return np.array(boxes, np.float32).reshape(-1, 4)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ((0, 0, 4, 4), 1.0),
        ((0, 2, 4, 6), 8 / 24),  # half of each
        ((1, 1, 3, 3), 4 / 16),  # inside
        ((4, 0, 8, 4), 0.0),  # touching
        ((2, 2, 2, 9), 0.0),  # empty
    ],
)
def test_iou_by_hand(other, expected):
    iou = box_iou(corners((0, 0, 4, 4)), corners(other))
    assert iou.shape == (1, 1)
    assert iou[0, 0] == pytest.approx(expected)


def test_iou_of_every_pair():
    iou = box_iou(corners((0, 0, 2, 2), (5, 5, 6, 6)), corners((0, 0, 2, 1)))
    assert iou == pytest.approx(np.array([[0.5], [0.0]]))
    assert box_iou(corners(), corners((0, 0, 1, 1))).shape == (0, 1)


def test_suppression_by_hand():
    """B overlaps with A by 12/20, C with B but not with A: C stays, as B is dropped."""
    a, b, c = (0, 0, 4, 4), (0, 1, 4, 5), (0, 4, 4, 8)
    kept = suppress_doubles(Boxes.of([b, a, c], [0.8, 0.9, 0.5]), 0.1)
    assert kept.corners.tolist() == [list(a), list(c)]
    assert kept.scores == pytest.approx([0.9, 0.5])


def test_overlap_of_exactly_the_limit_is_allowed():
    two = Boxes.of([(0, 0, 2, 2), (0, 0, 2, 1)], [0.9, 0.8])
    assert len(suppress_doubles(two, 0.5)) == 2
    assert len(suppress_doubles(two, 0.49)) == 1


def test_of_equal_scores_the_first_is_kept():
    twice = Boxes.of([(0, 0, 2, 2), (0, 0, 2, 2.5)])
    assert suppress_doubles(twice, 0.5).corners.tolist() == [[0, 0, 2, 2]]


@given(
    st.lists(
        st.tuples(*[st.integers(0, 8)] * 2, *[st.integers(1, 8)] * 2, st.floats(0, 1)),
        max_size=12,
    ),
    st.floats(0, 0.9),
)
def test_suppression_keeps_no_doubles_and_drops_nothing_else(drawn, limit):
    given_boxes = Boxes.of([(y, x, y + h, x + w) for y, x, h, w, _ in drawn],
                           [score for *_, score in drawn])  # fmt: skip
    kept = suppress_doubles(given_boxes, limit)
    among = box_iou(kept.corners, kept.corners) - np.eye(len(kept))
    assert (among <= limit).all()
    covered = box_iou(given_boxes.corners, kept.corners)
    surer = kept.scores[None] >= given_boxes.scores[:, None]
    is_kept = (covered == 1).any(axis=1)
    assert (is_kept | ((covered > limit) & surer).any(axis=1)).all()


def test_every_component_of_a_slice_has_a_box():
    labels = np.array(
        [
            [1, 1, 0, 2, 2],
            [0, 0, 0, 3, 3],  # touches 2, but is another instance
            [-1, 0, 1, 0, 0],  # a second piece of 1; -1 is unlabelled
            [0, 0, 0, 1, 0],  # joined by a corner
        ]
    )
    boxes = {tuple(b) for b in boxes_of_slice(labels).corners.tolist()}
    assert boxes == {(0, 0, 1, 2), (0, 3, 1, 5), (1, 3, 2, 5), (2, 2, 4, 4)}


def test_no_object_no_box():
    assert len(boxes_of_slice(np.zeros((3, 4), int))) == 0
    assert boxes_of_slice(np.full((3, 4), -1)).corners.shape == (0, 4)


def test_boxes_are_drawn_filled_and_cut_at_the_edge():
    drawn = draw_boxes(Boxes.of([(1, 1, 3, 3), (-2, 3, 1, 9)]), (4, 5))
    assert drawn.astype(int).tolist() == [
        [0, 0, 0, 1, 1],
        [0, 1, 1, 0, 0],
        [0, 1, 1, 0, 0],
        [0, 0, 0, 0, 0],
    ]


def test_a_pixel_is_drawn_where_its_centre_lies_in_the_box():
    drawn = draw_boxes(Boxes.of([(0, 0.4, 1, 2.4), (1, 0.6, 2, 2.6)]), (2, 4))
    assert drawn.astype(int).tolist() == [[1, 1, 0, 0], [0, 1, 1, 0]]


def test_boxes_and_scores_must_be_as_many():
    with pytest.raises(ShapeError, match=r"\(2, 4\)"):
        Boxes(corners((0, 0, 1, 1), (0, 0, 2, 2)), np.ones(1, np.float32))
