"""Interpolated shapes: hand-computed, and what holds for any two shapes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_mitoseg.annotation.interpolation import interpolate_masks
from napari_mitoseg.errors import InvalidParameterError, ShapeError

masks = arrays(np.bool_, (7, 9), elements=st.booleans())


def row(text: str) -> np.ndarray:
    return np.array([[letter == "#" for letter in text]])


def text(mask: np.ndarray) -> str:
    return "".join("#" if value else "." for value in mask[0])


@pytest.mark.parametrize(
    ("below", "above", "fraction", "expected"),
    [
        ("####..", "##....", 0.5, "###..."),
        (".####....", "...####..", 0.5, "..####..."),
        (".#####.", ".......", 0.25, ".#####."),
        (".#####.", ".......", 0.5, ".#####."),
        (".#####.", ".......", 0.75, "......."),
        ("##.....", ".....##", 0.5, "##....."),
        ("##....####", "......##..", 0.75, "......###."),
        ("##....####", "......##..", 0.25, "##....####"),
        ("#######", "#######", 0.3, "#######"),
        (".......", ".......", 0.3, "......."),
        ("#######", ".......", 0.4, "#######"),
    ],
)
def test_rows(below: str, above: str, fraction: float, expected: str) -> None:
    found = interpolate_masks(row(below), row(above), fraction)
    assert text(found) == expected


def test_disc_grows_to_the_disc_in_between() -> None:
    y, x = np.mgrid[-30:31, -30:31]
    small, large = (y**2 + x**2 <= r**2 for r in (8, 20))
    found = interpolate_masks(small, large, 0.5)
    expected = y**2 + x**2 <= 14**2
    assert (found & expected).sum() / (found | expected).sum() > 0.97


@given(masks, masks)
def test_ends_are_the_slices_themselves(below: np.ndarray, above: np.ndarray) -> None:
    np.testing.assert_array_equal(interpolate_masks(below, above, 0), below)
    np.testing.assert_array_equal(interpolate_masks(below, above, 1), above)


@given(masks, masks, st.floats(0.01, 0.99))
def test_common_stays_and_nothing_comes_from_nothing(
    below: np.ndarray, above: np.ndarray, fraction: float
) -> None:
    found = interpolate_masks(below, above, fraction)
    assert not (below & above & ~found).any()
    assert not (found & ~below & ~above).any() or (below & above).any()
    if abs(fraction - 0.5) > 1e-6:
        other_way = interpolate_masks(above, below, 1 - fraction)
        assert (found != other_way).sum() == 0


def test_bad_input_is_explained() -> None:
    mask = np.zeros((3, 4), bool)
    with pytest.raises(ShapeError, match=r"\(3, 4\) and \(4, 3\)"):
        interpolate_masks(mask, mask.T, 0.5)
    with pytest.raises(InvalidParameterError, match="0 to 1"):
        interpolate_masks(mask, mask, 1.5)
