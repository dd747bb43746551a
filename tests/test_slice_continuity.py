"""Equations 1 to 3 of the morphological post-processing, worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import binary_erosion

from napari_mitoseg.errors import ShapeError
from napari_mitoseg.slice_continuity import (
    erode,
    fill_false_negatives,
    propose_erosions,
    refine_by_continuity,
    refine_with_truth,
    remove_false_positives,
    unite_with_truth,
)

MASKS = arrays(bool, st.tuples(*[st.integers(1, 7)] * 3))


def column(text):
    """One pixel through the slices: '.' background, '#' mitochondrion."""
    return np.array([c == "#" for c in text])[:, None, None]


def as_text(masks):
    return "".join("#" if m else "." for m in masks.ravel())


def rows(*texts):
    """Slices of one row each."""
    return np.array([[[c == "#" for c in text]] for text in texts])


@pytest.mark.parametrize(
    ("spacing", "erosions"),
    [
        ((5, 5, 5), 3),
        ((50, 10, 10), 6),
        ((16, 16, 16), 3),
        ((40, 5.9, 5.9), 7),
        ((50, 4.6, 4.6), 8),
        ((1, 100, 100), 1),
    ],
)
def test_erosions_follow_the_anisotropy(spacing, erosions):
    assert propose_erosions(spacing) == erosions


def test_erosion_by_hand():
    mask = np.zeros((7, 7), bool)
    mask[1:6, 1:6] = True
    once, twice = np.zeros((2, 7, 7), bool)
    once[2:5, 2:5] = True
    twice[3, 3] = True
    assert np.array_equal(erode(mask, 0), mask)
    assert np.array_equal(erode(mask, 1), once)
    assert np.array_equal(erode(mask, 2), twice)
    assert not erode(mask, 3).any()


@given(arrays(bool, st.tuples(*[st.integers(1, 12)] * 2)), st.integers(1, 4))
def test_one_large_erosion_is_many_small_ones(mask, times):
    small = binary_erosion(mask, np.ones((3, 3)), iterations=times, border_value=1)
    assert np.array_equal(erode(mask, times), small)


def test_equation_1_by_hand():
    """n = 1: one erosion in the next slice, two in the one after, then three."""
    truth = rows("...#######...", *["." * 13] * 3)
    coarse = rows("#............", "#............", ".............", ".............")
    is_truth = np.array([True, False, False, False])
    expected = rows("...#######...", "#...#####....", ".....###.....", "......#......")
    # A slice of one row is cut by the image's edges above and below, where nothing
    # erodes: only the ends of the row do.
    found = unite_with_truth(coarse, truth, is_truth, erosions=1)
    assert np.array_equal(found, expected)


def test_equation_1_takes_the_nearest_truth_and_both_when_equally_near():
    truth = rows("##########.....", "." * 15, "." * 15, "." * 15, ".....##########")
    is_truth = np.array([True, False, False, False, True])
    found = unite_with_truth(np.zeros_like(truth), truth, is_truth, erosions=1)
    assert np.array_equal(found[1], rows("#########......")[0])
    assert np.array_equal(found[2], rows("########.......")[0] | rows(
        ".......########")[0])  # fmt: skip
    assert np.array_equal(found[3], rows("......#########")[0])


def test_equation_1_without_truth_changes_nothing():
    coarse = rows("##..", ".##.")
    found = unite_with_truth(coarse, coarse, np.zeros(2, bool), erosions=3)
    assert np.array_equal(found, coarse)


@pytest.mark.parametrize(
    ("before", "run", "after"),
    [
        ("..#..", 1, "....."),
        (".##..", 1, ".##.."),
        (".##..", 2, "....."),
        (".###.", 2, ".###."),
        ("#....", 1, "#...."),
        ("##...", 2, "##..."),
        ("#.#.#", 1, "#...#"),
        (".#", 3, ".#"),
    ],
)
def test_equation_2_by_hand(before, run, after):
    assert as_text(remove_false_positives(column(before), run)) == after


@pytest.mark.parametrize(
    ("before", "run", "after"),
    [
        ("##.##", 1, "#####"),
        ("#..##", 1, "#..##"),
        ("#..##", 2, "#####"),
        ("#...#", 2, "#...#"),
        ("#...#", 3, "#####"),
        (".####", 1, ".####"),
        (".#.#.", 1, ".###."),
    ],
)
def test_equation_3_by_hand(before, run, after):
    assert as_text(fill_false_negatives(column(before), run)) == after


@pytest.mark.parametrize(
    ("before", "options", "after"),
    [
        ("..#..##.##..", {}, ".....#####.."),
        ("..#..##.##..", {"remove": False}, "..#..#####.."),
        ("..#..##.##..", {"fill": False}, ".....##.##.."),
        ("..##..###..###.", {"run": 2}, "......########."),
        ("..##..###..###.", {"run": 1}, "..##..###..###."),
    ],
)
def test_refinement_mends_runs_up_to_a_length(before, options, after):
    assert as_text(refine_by_continuity(column(before), **options)) == after


def test_soft_labels_hold_the_truth_and_use_it_as_neighbour():
    """Truth alone on its pixel stays and fills the gap; coarse ones alone go."""
    lone = np.zeros((1, 3, 3), bool)
    lone[0, 1, 1] = True  # gone after one erosion: Eq. 1 adds nothing
    coarse = column(".......#.#") & lone
    truth = column("..#.#.....") & lone
    is_truth = column("..#.#.....").ravel()
    found = refine_with_truth(coarse, truth, is_truth, erosions=1)
    assert as_text(found[:, 1, 1]) == "..###....#"
    assert found.sum() == 4


def test_truth_overrules_coarse_masks():
    coarse, truth = column("#####"), column(".....")
    is_truth = np.array([False, False, True, False, False])
    assert as_text(refine_with_truth(coarse, truth, is_truth, 3)) == "##.##"


@given(MASKS, st.integers(1, 3), st.integers(0, 2))
def test_equation_3_is_equation_2_of_the_background(masks, run, drift):
    filled = fill_false_negatives(masks, run, drift)
    assert np.array_equal(filled, ~remove_false_positives(~masks, run, drift))


@pytest.mark.parametrize(
    ("drift", "removed", "filled"),
    [
        (0, "...#.....", "###...###"),
        (1, "..###....", "##.....##"),
    ],
)
def test_drift_spares_outlines_that_move(drift, removed, filled):
    slices = rows("...#.....", "..####.#.", "...#.....")
    assert as_text(remove_false_positives(slices, drift=drift)[1]) == removed
    gap = rows("###...###", ".#.......", "###...###")
    assert as_text(fill_false_negatives(gap, drift=drift)[1]) == filled


@given(MASKS, st.integers(1, 3))
def test_refinement_is_the_same_upside_down(masks, run):
    refined = refine_by_continuity(masks, run)
    assert np.array_equal(refined, refine_by_continuity(masks[::-1], run)[::-1])


def test_shapes_that_do_not_belong_together_are_refused():
    with pytest.raises(ShapeError, match="do not belong together"):
        unite_with_truth(rows("##"), rows("###"), np.ones(1, bool), 1)
