"""Targets against hand-drawn ones."""

import numpy as np
import pytest
import torch

from napari_mitoseg.errors import AnnotationError
from napari_mitoseg.training.targets import (
    find_boundary,
    label_instances,
    labels_from_annotation,
    make_targets,
)


def rows(*lines: str) -> torch.Tensor:
    """Draw labels: one character a pixel, '?' unlabelled."""
    values = [[-1 if c == "?" else int(c) for c in line] for line in lines]
    return torch.tensor(values, dtype=torch.float32)[None, None]


def test_boundary_lies_two_pixels_to_both_sides_of_an_edge() -> None:
    boundary = find_boundary(rows("0000011111"))
    assert boundary.int().flatten().tolist() == [0, 0, 0, 1, 1, 1, 1, 0, 0, 0]


def test_boundary_runs_between_touching_instances() -> None:
    boundary = find_boundary(rows("1111122222"))
    assert boundary.int().flatten().tolist() == [0, 0, 0, 1, 1, 1, 1, 0, 0, 0]


def test_single_pixel_has_a_boundary_of_five_by_five() -> None:
    labels = torch.zeros(1, 1, 9, 9)
    labels[0, 0, 4, 4] = 3
    expected = torch.zeros(1, 1, 9, 9, dtype=torch.bool)
    expected[0, 0, 2:7, 2:7] = True
    assert torch.equal(find_boundary(labels), expected)


def test_boundary_is_found_slice_by_slice() -> None:
    labels = torch.zeros(1, 2, 6, 6)
    labels[0, 1] = 1
    assert not find_boundary(labels).any()


@pytest.mark.parametrize("labels", ["000000", "111111"])
def test_neither_empty_nor_full_has_a_boundary(labels: str) -> None:
    assert not find_boundary(rows(labels)).any()


def test_targets_and_where_they_are_known() -> None:
    """Semantic is known where labelled; boundary two pixels further away from '?'."""
    target, known = make_targets(rows("?000011"), ("semantic", "boundary"))
    assert target[0, 0, 0, 0].tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert known[0, 0, 0, 0].tolist() == [0, 1, 1, 1, 1, 1, 1]
    assert target[0, 1, 0, 0, 3:].tolist() == [1, 1, 1, 1]
    assert known[0, 1, 0, 0].tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_outputs_come_in_the_order_asked_for() -> None:
    both, _ = make_targets(rows("0011"), ("boundary", "semantic"))
    only, _ = make_targets(rows("0011"), ("semantic",))
    assert torch.equal(both[:, 1:], only)


def test_instances_are_connected_through_z_and_corners() -> None:
    mask = np.zeros((2, 3, 6), np.uint8)
    mask[0, 0, 0] = mask[1, 1, 1] = 1
    mask[0, 2, 5] = 7
    labels = label_instances(mask)
    assert labels[0, 0, 0] == labels[1, 1, 1] != labels[0, 2, 5]
    assert sorted(np.unique(labels)) == [0, 1, 2]


def test_annotation_is_decoded() -> None:
    annotation = np.array([[[2, 0, 1, 2]]], np.uint8)
    labels = labels_from_annotation(annotation)
    assert labels.tolist() == [[[1, -1, 0, 2]]]


@pytest.mark.parametrize("values", [[0, 0], [1, 1], [0, 2], [1, 2, 3], [255, 1, 2]])
def test_annotation_without_both_classes_or_with_others_is_refused(
    values: list[int],
) -> None:
    with pytest.raises(AnnotationError, match="must hold 1"):
        labels_from_annotation(np.array([[values]], np.uint8))
