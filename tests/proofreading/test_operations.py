"""What each operation does to shapes whose answer is known."""

import numpy as np
import pytest

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.proofreading import (
    CutAtPlane,
    Delete,
    EraseBranch,
    FillHoles,
    Grow,
    Interpolate,
    LabelEditor,
    Merge,
    NewObject,
    RelabelInSlices,
    SeparatePieces,
    Shrink,
    Smooth,
    SplitByDistance,
    SplitByLine,
    SplitBySeeds,
    Through,
)

SPACING = (40.0, 10.0, 10.0)
ISOTROPIC = (10.0, 10.0, 10.0)


def empty(*shape):
    return np.zeros(shape, np.uint8)


def ball(shape, centre, radius, spacing=ISOTROPIC):
    """Voxels within a radius in nm of a voxel."""
    grid = np.indices(shape).reshape(3, -1).T
    far = np.linalg.norm((grid - centre) * spacing, axis=1)
    return (far <= radius).reshape(shape)


def dumbbell():
    """Two balls of 90 nm, joined by a bar of 30 nm, along x."""
    labels = empty(21, 21, 50)
    labels[10 - 1 : 10 + 2, 10 - 1 : 10 + 2, 12:38] = 4
    labels[ball(labels.shape, (10, 10, 12), 90)] = 4
    labels[ball(labels.shape, (10, 10, 37), 90)] = 4
    return labels


def sizes(labels):
    return dict(
        zip(*(v.tolist() for v in np.unique(labels, return_counts=True)), strict=True)
    )


def test_merge_keeps_the_first_number():
    labels = empty(1, 2, 4)
    labels[0] = [[1, 1, 2, 2], [0, 7, 7, 0]]
    editor = LabelEditor(labels, None)
    change = editor.apply(Merge(labels=(7, 1, 2)))
    assert labels[0].tolist() == [[7, 7, 7, 7], [0, 7, 7, 0]]
    assert (change.n_voxels, change.removed, change.touched) == (4, (1, 2), (1, 2, 7))
    assert len(editor.index) == 1
    assert editor.index[7].n_voxels == 6


def test_delete_leaves_others():
    labels = empty(1, 2, 3)
    labels[0] = [[1, 2, 1], [3, 2, 3]]
    editor = LabelEditor(labels, None)
    editor.apply(Delete(labels=(1, 3)))
    assert labels[0].tolist() == [[0, 2, 0], [0, 2, 0]]


def test_holes_are_filled_in_space_and_in_slices():
    labels = empty(5, 7, 7)
    labels[:, 1:6, 1:6] = 3
    labels[2, 3, 3] = 0  # enclosed
    labels[:, 2, 2] = 0  # a tunnel from top to bottom
    labels[2, 4, 4] = 9  # another object
    inside = LabelEditor(labels.copy(), None)
    inside.apply(FillHoles(label=3))
    assert sizes(inside.workspace.array.data) == {0: 5 * 24 + 5, 3: 125 - 5 - 1, 9: 1}
    sliced = LabelEditor(labels.copy(), None)
    sliced.apply(FillHoles(label=3, in_slices=True))
    assert sizes(sliced.workspace.array.data) == {0: 5 * 24, 3: 125 - 1, 9: 1}


def test_a_hole_open_to_the_side_stays():
    labels = empty(5, 5, 5)
    labels[...] = 1
    labels[0, 2, 2] = 0
    editor = LabelEditor(labels, None)
    assert not editor.apply(FillHoles(label=1))
    assert not editor.n_undo


def test_grow_and_shrink_measure_in_nm():
    labels = empty(9, 21, 21)
    labels[4, 10, 10] = 5
    editor = LabelEditor(labels, SPACING)
    editor.apply(Grow(label=5, distance_nm=45))
    np.testing.assert_array_equal(
        labels == 5, ball(labels.shape, (4, 10, 10), 45, SPACING)
    )
    assert (labels == 5).any(axis=(1, 2)).sum() == 3
    # 40 nm reaches the next slice, 45 nm four pixels within one.
    assert (labels[4, 10] == 5).sum() == 9


def test_shrink_takes_what_is_near_the_outside():
    labels = empty(7, 21, 21)
    labels[1:6, 1:20, 1:20] = 2
    editor = LabelEditor(labels, SPACING)
    expected = empty(7, 21, 21)
    expected[1:6, 3:18, 3:18] = 2
    editor.apply(Shrink(label=2, distance_nm=20))
    np.testing.assert_array_equal(labels, expected)
    expected[...] = 0
    expected[2:5, 7:14, 7:14] = 2
    editor.apply(Shrink(label=2, distance_nm=40))
    np.testing.assert_array_equal(labels, expected)


def test_shrink_spares_the_side_of_the_volume():
    labels = empty(3, 9, 9)
    labels[...] = 1
    labels[:, :, 0] = 0
    editor = LabelEditor(labels, ISOTROPIC)
    editor.apply(Shrink(label=1, distance_nm=10))
    assert (labels == 1).sum() == 3 * 9 * 7


def test_growing_stops_at_other_objects():
    labels = empty(1, 3, 12)
    labels[0, :, 2:4] = 1
    labels[0, :, 5] = 2
    editor = LabelEditor(labels, SPACING)
    editor.apply(Grow(label=1, distance_nm=60))
    assert labels[0, 1].tolist() == [1, 1, 1, 1, 1, 2, 0, 0, 0, 0, 0, 0]


def test_smoothing_keeps_the_volume_and_takes_spikes():
    labels = empty(15, 21, 21)
    body = ball(labels.shape, (7, 10, 10), 60)
    labels[body] = 1
    labels[7, 10, 16:20] = 1
    before = sizes(labels)[1]
    editor = LabelEditor(labels, ISOTROPIC)
    editor.apply(Smooth(label=1, radius_nm=15))
    assert sizes(labels)[1] == before
    assert not labels[7, 10, 18:].any()
    assert (labels > 0)[ball(labels.shape, (7, 10, 10), 45)].all()


def test_smoothing_never_paints_over_others():
    labels = empty(5, 9, 9)
    labels[1:4, 2:7, 2:5] = 1
    labels[1:4, 2:7, 5:8] = 2
    editor = LabelEditor(labels, ISOTROPIC)
    editor.apply(Smooth(label=1, radius_nm=20))
    assert sizes(labels)[2] == 45
    assert (labels[1:4, 2:7, 5:8] == 2).all()


@pytest.mark.parametrize(
    "operation",
    [
        SplitByDistance(label=4),
        SplitBySeeds(label=4, points=((10, 10, 8), (10, 12, 40))),
        SplitByLine(label=4, line=((10, 0, 24), (10, 20, 25))),
        CutAtPlane(label=4, point=(10, 10, 24), normal=(0, 0, 1)),
    ],
    ids=lambda operation: operation.name,
)
def test_a_dumbbell_falls_into_its_two_ends(operation):
    labels = dumbbell()
    was = labels.copy()
    editor = LabelEditor(labels, ISOTROPIC)
    change = editor.apply(operation)
    assert change.made == (5,)
    np.testing.assert_array_equal(labels > 0, was > 0)
    left, right = labels[10, 10, 12], labels[10, 10, 37]
    assert {left, right} == {4, 5}
    assert (labels[..., :21][was[..., :21] > 0] == left).all()
    assert (labels[..., 29:][was[..., 29:] > 0] == right).all()


def test_the_part_of_the_first_point_keeps_its_number():
    labels = dumbbell()
    editor = LabelEditor(labels, ISOTROPIC)
    editor.apply(SplitBySeeds(label=4, points=((10, 10, 40), (10, 10, 5))))
    assert labels[10, 10, 37] == 4
    assert labels[10, 10, 12] == 5


def test_seeds_may_miss_the_middle_of_a_tube():
    labels = empty(21, 21, 60)
    z, y, _ = np.indices(labels.shape)
    labels[(z - 10) ** 2 + (y - 10) ** 2 <= 64] = 1
    editor = LabelEditor(labels, ISOTROPIC)
    editor.apply(SplitBySeeds(label=1, points=((10, 10, 10), (5, 14, 50))))
    found = sizes(labels)
    assert found[1] / (found[1] + found[2]) == pytest.approx(0.5, abs=0.05)


def test_necks_count_in_nm():
    """A neck of two slices is wide where slices are far apart."""
    labels = empty(9, 31, 61)
    labels[:, 5:26, 2:28] = 1
    labels[:, 5:26, 33:59] = 1
    labels[4:6, 5:26, 28:33] = 1
    wide, narrow = (LabelEditor(labels.copy(), s) for s in (SPACING, (5.0, 10.0, 10.0)))
    # 110 nm in the parts; 40 nm in the neck, or 5 nm.
    depth = SplitByDistance(label=1, min_depth_nm=90)
    narrow.apply(depth)
    with pytest.raises(InvalidParameterError, match="no neck 90 nm deep"):
        wide.apply(depth)
    block = empty(5, 9, 9)
    block[1:4, 2:7, 2:7] = 1
    with pytest.raises(InvalidParameterError, match=r"no neck\. Split it by"):
        LabelEditor(block, SPACING).apply(SplitByDistance(label=1))


def test_three_parts():
    labels = empty(13, 13, 45)
    for x in (7, 22, 37):
        labels[ball(labels.shape, (6, 6, x), 60)] = 1
    labels[6, 6, 7:38] = 1
    editor = LabelEditor(labels, ISOTROPIC)
    change = editor.apply(SplitByDistance(label=1, n_parts=3))
    assert change.made == (2, 3)
    assert len({labels[6, 6, x] for x in (7, 22, 37)}) == 3


def test_a_line_in_one_slice_cuts_there_only():
    labels = empty(3, 5, 9)
    labels[:, 1:4, 1:8] = 1
    editor = LabelEditor(labels, None)
    line = SplitByLine(label=1, line=((1, 0, 5), (1, 4, 5)), through=Through.SLICE)
    editor.apply(line)
    assert sizes(labels[0]) == sizes(labels[2]) == {0: 24, 1: 21}
    assert labels[1, 2].tolist() == [0, 1, 1, 1, 1, 1, 2, 2, 0] or labels[
        1, 2
    ].tolist() == [0, 1, 1, 1, 1, 2, 2, 2, 0]


def test_a_diagonal_line_leaves_no_bridge():
    labels = empty(1, 20, 20)
    labels[0, 2:18, 2:18] = 1
    editor = LabelEditor(labels, None)
    editor.apply(SplitByLine(label=1, line=((0, 0, 0), (0, 19, 19))))
    found = sizes(labels)
    assert abs(found[1] - found[2]) <= 32
    assert found[1] + found[2] == 256


def test_a_line_that_ends_inside_cuts_nothing():
    labels = empty(1, 9, 9)
    labels[0, 1:8, 1:8] = 1
    editor = LabelEditor(labels, None)
    with pytest.raises(InvalidParameterError, match="does not cut object 1 in two"):
        editor.apply(SplitByLine(label=1, line=((0, 0, 4), (0, 5, 4))))


def test_a_piece_that_the_line_misses_stays():
    labels = empty(1, 5, 15)
    labels[0, 1:4, 1:8] = 1
    labels[0, 1:4, 10:14] = 1
    editor = LabelEditor(labels, None)
    editor.apply(SplitByLine(label=1, line=((0, 0, 3), (0, 4, 3))))
    assert (labels[0, 1:4, 10:14] == 1).all()
    assert labels[0, 2, 6] == 1
    assert labels[0, 2, 1] == 2


def test_pieces_become_objects():
    labels = empty(1, 3, 7)
    labels[0, 1] = [6, 0, 6, 6, 0, 6, 6]
    editor = LabelEditor(labels, None)
    editor.apply(SeparatePieces(label=6))
    assert labels[0, 1].tolist() == [8, 0, 6, 6, 0, 7, 7]


def test_a_plane_faces_a_direction_in_space():
    labels = empty(10, 40, 5)
    labels[...] = 1
    editor = LabelEditor(labels, SPACING)
    editor.apply(CutAtPlane(label=1, point=(5, 20, 2), normal=(1, 1, 0)))
    z, y = np.mgrid[:10, :40]
    beyond = (z - 5) * 40 + (y - 20) * 10 > 0
    np.testing.assert_array_equal(labels[:, :, 3] == 2, beyond)


def test_a_plane_along_the_axes_needs_no_spacing():
    labels = empty(4, 3, 3)
    labels[...] = 1
    editor = LabelEditor(labels, None)
    editor.apply(CutAtPlane(label=1, point=(1, 0, 0), normal=(-2, 0, 0)))
    assert labels[:, 0, 0].tolist() == [2, 1, 1, 1]


def test_a_branch_is_erased_up_to_the_body():
    labels = empty(21, 60, 80)
    z, y, x = np.indices(labels.shape)
    labels[((z - 10) ** 2 + (y - 12) ** 2 <= 49) & (x > 5) & (x < 75)] = 1
    body = labels.copy()
    labels[((z - 10) ** 2 + (x - 40) ** 2 <= 9) & (y >= 12) & (y < 50)] = 1
    editor = LabelEditor(labels, ISOTROPIC)
    editor.apply(EraseBranch(label=1, point=(10, 40, 40)))
    assert not labels[:, 21:].any()
    kept = labels[body > 0]
    assert (kept > 0).mean() > 0.999
    with pytest.raises(InvalidParameterError, match="lies in no side branch"):
        editor.apply(EraseBranch(label=1, point=(10, 12, 40)))


def test_an_outline_becomes_an_object_beside_others():
    labels = empty(4, 8, 8)
    labels[1, 2, 2] = 6
    editor = LabelEditor(labels, None)
    square = ((1, 1, 1), (1, 1, 4), (1, 4, 4), (1, 4, 1))
    change = editor.apply(NewObject(outline=square, n_below=1))
    assert change.made == (7,)
    assert sizes(labels) == {0: 256 - 32, 6: 1, 7: 31}
    assert editor.index[7].region.slices == np.s_[1:3, 1:5, 1:5]
    editor.apply(NewObject(outline=((0, 0, 0), (0, 0, 1), (0, 1, 0)), label=6))
    assert sizes(labels[0]) == {0: 61, 6: 3}


def test_gaps_are_interpolated():
    labels = empty(5, 9, 9)
    labels[0, 2:7, 2:7] = 3
    labels[4, 2:7, 2:7] = 3
    labels[2, 4, 4] = 8
    editor = LabelEditor(labels, None)
    editor.apply(Interpolate(label=3))
    assert sizes(labels) == {0: 405 - 125, 3: 124, 8: 1}


def test_between_chosen_slices_the_object_is_replaced():
    labels = empty(3, 9, 9)
    labels[0, 2:7, 2:7] = labels[2, 2:7, 2:7] = 3
    labels[1, 4, 1:9] = 3
    editor = LabelEditor(labels, None)
    editor.apply(Interpolate(label=3, between=(0, 2)))
    np.testing.assert_array_equal(labels[1], labels[0])


def test_slices_change_hands():
    labels = empty(4, 1, 2)
    labels[..., 0], labels[..., 1] = 1, 2
    editor = LabelEditor(labels, None)
    editor.apply(RelabelInSlices(label=1, first=2, last=9, target=2))
    editor.apply(RelabelInSlices(label=1, first=1, last=1))
    assert labels[:, 0, 0].tolist() == [1, 3, 2, 2]
