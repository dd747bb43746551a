"""Reviewed slices and objects become what a model is trained with."""

import numpy as np
import pytest

from napari_mitoseg.annotation.encoding import Annotation
from napari_mitoseg.errors import AnnotationError, InvalidParameterError
from napari_mitoseg.proofreading import LabelEditor, annotate_reviewed

SPACING = (40.0, 10.0, 10.0)


def workspace(labels, spacing=SPACING):
    return LabelEditor(labels, spacing).workspace


def row():
    labels = np.zeros((3, 1, 12), np.uint8)
    labels[1, 0] = [0, 0, 0, 0, 3, 3, 0, 5, 0, 0, 0, 0]
    return labels


def test_slices_become_complete():
    found = annotate_reviewed(workspace(row(), None), slices=[1])
    assert found.complete == found.labelled == (1,)
    assert found.labels[1, 0].tolist() == [1, 1, 1, 1, 2, 2, 1, 2, 1, 1, 1, 1]


def test_objects_get_a_margin_in_nm():
    """Another object in the margin that nobody looked at stays unlabelled."""
    found = annotate_reviewed(workspace(row()), objects=[3], margin_nm=30)
    assert found.labels[1, 0].tolist() == [0, 1, 1, 1, 2, 2, 1, 0, 1, 0, 0, 0]
    assert not found.labels[[0, 2]].any()
    both = annotate_reviewed(workspace(row()), objects=[3, 5], margin_nm=40)
    assert both.labels[1, 0].tolist() == [1, 1, 1, 1, 2, 2, 1, 2, 1, 1, 1, 1]
    assert both.labels[0, 0].tolist() == [0, 0, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0]


def test_without_margin_no_spacing_is_needed():
    found = annotate_reviewed(workspace(row(), None), objects=[5], margin_nm=0)
    assert found.labels.sum() == 2
    with pytest.raises(InvalidParameterError, match="spacing"):
        annotate_reviewed(workspace(row(), None), objects=[5])


def test_what_was_annotated_before_stays():
    before = np.zeros((3, 1, 12), np.uint8)
    before[0] = 1
    before[1, 0, 3] = 2
    found = annotate_reviewed(
        workspace(row()), objects=[3], margin_nm=10, onto=Annotation(before)
    )
    assert found.labels[1, 0].tolist() == [0, 0, 0, 2, 2, 2, 1, 0, 0, 0, 0, 0]
    assert found.complete == (0,)
    assert before[1].sum() == 2


def test_an_image():
    found = annotate_reviewed(workspace(row()[1]), objects=[5], margin_nm=10)
    assert found.labels.shape == (1, 1, 12)
    assert found.labels[0, 0, 6:9].tolist() == [1, 2, 1]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({}, AnnotationError, "Nothing was reviewed"),
        ({"slices": [3]}, InvalidParameterError, "no slice 3"),
        ({"objects": [4]}, InvalidParameterError, "no object 4"),
        (
            {"slices": [0], "onto": Annotation(np.zeros((1, 1, 1), np.uint8))},
            AnnotationError,
            "shape",
        ),
    ],
)
def test_what_cannot_be_turned_into_an_annotation(given, error, message):
    with pytest.raises(error, match=message):
        annotate_reviewed(workspace(row()), **given)
