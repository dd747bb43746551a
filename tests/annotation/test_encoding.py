"""What was painted, and whether it can be trained from."""

import numpy as np
import pytest

from napari_mitoseg.annotation.encoding import (
    Annotation,
    as_annotation,
    check_annotation,
)
from napari_mitoseg.errors import AnnotationError

SHAPE = (3, 2, 2)
COMPLETE = [[1, 1], [1, 2]]
PARTIAL = [[0, 0], [1, 2]]
EMPTY = [[0, 0], [0, 0]]


def painted(*slices: list[list[int]]) -> Annotation:
    return Annotation(np.array(slices, np.uint8))


def test_complete_and_labelled_slices() -> None:
    annotation = painted(PARTIAL, COMPLETE, EMPTY)
    assert annotation.complete == (1,)
    assert annotation.labelled == (0, 1)


def test_a_good_annotation_passes() -> None:
    check_annotation(
        painted(COMPLETE, EMPTY, PARTIAL),
        SHAPE,
        need_complete=True,
        need_unlabelled=True,
    )
    check_annotation(painted(PARTIAL, EMPTY, EMPTY), SHAPE)


@pytest.mark.parametrize(
    ("slices", "message"),
    [
        ((COMPLETE, EMPTY), r"shape \(2, 2, 2\), the image \(3, 2, 2\)"),
        ((COMPLETE, EMPTY, [[0, 3], [7, 0]]), "holds the values 3, 7"),
        ((EMPTY, EMPTY, EMPTY), "empty: every pixel is 0"),
        (([[1, 1], [1, 1]], EMPTY, EMPTY), r"Only background \(1\) is painted"),
        (([[2, 2], [2, 2]], EMPTY, EMPTY), r"Only mitochondrion \(2\) is painted"),
        ((PARTIAL, EMPTY, PARTIAL), "Slices 0, 2 are painted in part"),
        ((COMPLETE, COMPLETE, COMPLETE), "All 3 slices are labelled completely"),
    ],
)
def test_bad_annotations_are_refused_with_a_hint(
    slices: tuple[list[list[int]], ...], message: str
) -> None:
    with pytest.raises(AnnotationError, match=message):
        check_annotation(
            painted(*slices), SHAPE, need_complete=True, need_unlabelled=True
        )


def test_what_is_not_asked_for_is_not_needed() -> None:
    check_annotation(painted(COMPLETE, COMPLETE, COMPLETE), SHAPE)


def test_any_integer_type_is_taken() -> None:
    annotation = as_annotation(np.array([[[0, 1, 2]]], np.int64))
    assert annotation.labels.dtype == np.uint8
    assert annotation.labels.tolist() == [[[0, 1, 2]]]


def test_values_that_would_wrap_are_refused() -> None:
    with pytest.raises(AnnotationError, match="-1, 258"):
        as_annotation(np.array([[[-1, 0, 258]]], np.int64))
