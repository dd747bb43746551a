"""Multi-slice fusion on hand-made stacks of boxes."""

import pytest

from napari_mitoseg.box_fusion import FusionSettings, fuse_slices
from napari_mitoseg.boxes import Boxes

HERE, THERE = (10, 10, 20, 30), (50, 50, 60, 60)
NONE = Boxes.of([])


def box(*corners, score=1.0):
    return Boxes.of(corners, [score] * len(corners))


def fused(*slices, **changes):
    return fuse_slices(slices, FusionSettings(**({"reach": 2} | changes)))


def corners(slices):
    return [sorted(map(tuple, s.corners.tolist())) for s in slices]


def test_slices_100_and_102_of_the_paper():
    """Fig. 11: missed in slices 100 and 102, detected in those around."""
    found = fused(box(HERE), NONE, box(HERE), NONE, box(HERE), reach=1)
    assert corners(found) == [[HERE]] * 5


def test_a_recovered_box_lies_between_its_neighbours():
    first, last = (0, 0, 12, 12), (3, 3, 15, 15)
    found = fused(box(first, score=0.9), NONE, NONE, box(last, score=0.6))
    assert corners(found)[1:3] == [[(1, 1, 13, 13)], [(2, 2, 14, 14)]]
    assert found[1].scores == pytest.approx([0.6])


@pytest.mark.parametrize(("reach", "closed"), [(0, False), (1, False), (2, True)])
def test_a_gap_is_closed_up_to_the_reach(reach, closed):
    found = fused(box(HERE), NONE, NONE, box(HERE), reach=reach)
    assert [len(s) for s in found] == ([1, 1, 1, 1] if closed else [1, 0, 0, 1])


def test_nothing_grows_beyond_the_ends_of_a_run():
    found = fused(NONE, box(HERE), box(HERE), NONE, NONE)
    assert [len(s) for s in found] == [0, 1, 1, 0, 0]


def test_a_box_that_is_there_is_not_doubled():
    moved = (10, 14, 20, 34)
    found = fused(box(HERE), box(moved), box(HERE), NONE, box(HERE))
    assert corners(found) == [[HERE], [moved], [HERE], [HERE], [HERE]]


def test_boxes_of_other_objects_are_not_joined():
    found = fused(box(HERE), NONE, box(THERE))
    assert [len(s) for s in found] == [1, 0, 1]


def test_objects_are_recovered_one_by_one():
    both = box(HERE, THERE)
    found = fused(both, box(THERE), both)
    assert corners(found) == [[HERE, THERE]] * 3
    assert found[1].corners[0].tolist() == list(THERE)  # what was detected comes first


def test_each_box_has_one_partner():
    """Two boxes before the gap, one behind it: it goes with the better one."""
    near, far = (0, 0, 10, 10), (0, 4, 10, 14)
    found = fused(box(near, far), NONE, box(near), overlap=0.3)
    assert corners(found)[1] == [near]


def test_fit_that_is_needed():
    """IoU of a box and one moved by half its width: 1/3."""
    slices = box((0, 0, 4, 4)), NONE, box((0, 2, 4, 6))
    assert len(fused(*slices, overlap=0.3)[1]) == 1
    assert len(fused(*slices, overlap=0.35)[1]) == 0


def test_the_direction_of_the_stack_does_not_matter():
    slices = [box(HERE), NONE, box(HERE, THERE), NONE, NONE, box(THERE), box(HERE)]
    forward, backward = fused(*slices), fused(*slices[::-1])
    assert corners(forward) == corners(backward)[::-1]


@pytest.mark.parametrize("slices", [[], [box(HERE)], [NONE, NONE]])
def test_stacks_too_short_for_a_gap(slices):
    assert corners(fused(*slices)) == corners(slices)
