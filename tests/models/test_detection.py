"""From the maps of the detector to boxes, by hand."""

import numpy as np
import pytest

from napari_mitoseg.boxes import Boxes
from napari_mitoseg.models.architectures import Detector
from napari_mitoseg.models.detection import (
    DetectionSettings,
    decode_boxes,
    top_down_mask,
)
from napari_mitoseg.models.detector import CELL, LARGEST, RARE

SETTINGS = DetectionSettings(confidence=0.5, overlap=0.4)


def empty_maps(cells=(8, 8)):
    return np.zeros((6, cells[0] * CELL, cells[1] * CELL), np.float32)


def put(maps, cell, score, sides):
    """Let a cell say that it is a centre, and how far its sides are in pixels."""
    y, x = (slice(i * CELL, (i + 1) * CELL) for i in cell)
    maps[1, y, x] = score
    maps[2:, y, x] = np.array(sides)[:, None, None] / LARGEST


def test_a_box_lies_around_the_anchor_of_its_cell():
    """Cell (3, 2): pixel (14, 10), whose centre is (14.5, 10.5)."""
    maps = empty_maps()
    put(maps, (3, 2), 0.9, (4.5, 2.5, 5.5, 6.5))
    boxes = decode_boxes(maps, SETTINGS)
    assert boxes.corners == pytest.approx(np.array([[10, 8, 20, 17]]), abs=1e-3)
    assert boxes.scores == pytest.approx([0.9])


def test_only_the_highest_of_neighbouring_cells_is_a_box():
    maps = empty_maps()
    put(maps, (3, 3), 0.8, (6, 6, 6, 6))
    put(maps, (3, 4), 0.9, (2, 2, 2, 2))
    assert decode_boxes(maps, SETTINGS).scores == pytest.approx([0.9])


def test_doubles_are_suppressed_and_doubt_is_left_out():
    maps = empty_maps()
    put(maps, (2, 2), 0.8, (8, 8, 8, 8))
    put(maps, (2, 4), 0.9, (8, 16, 8, 8))  # covers the same
    put(maps, (6, 6), 0.4, (4, 4, 4, 4))
    assert decode_boxes(maps, SETTINGS).scores == pytest.approx([0.9])
    all_of_them = decode_boxes(maps, SETTINGS, confidence=0.1)
    assert all_of_them.scores == pytest.approx([0.9, 0.4])


def test_boxes_end_at_the_edge_of_the_slice():
    maps = empty_maps()
    put(maps, (0, 7), 0.9, (100, 2.5, 100, 100))
    assert decode_boxes(maps, SETTINGS).corners == pytest.approx(
        np.array([[0, 28, 32, 32]]), abs=1e-3
    )


def test_the_surest_are_looked_at_where_there_are_too_many():
    maps = empty_maps()
    for column, score in ((0, 0.6), (3, 0.9), (6, 0.7)):
        put(maps, (4, column), score, (1, 1, 1, 1))
    few = SETTINGS.model_copy(update={"most": 2})
    assert decode_boxes(maps, few).scores == pytest.approx([0.9, 0.7])


def test_nothing_is_found_in_nothing():
    boxes = decode_boxes(empty_maps(), SETTINGS)
    assert boxes.corners.shape == (0, 4)


def test_the_mask_counts_inside_of_boxes_only():
    maps = empty_maps((1, 1))
    maps[0] = [[0.9, 0.9, 0.2, 0.9]] * 4
    mask = top_down_mask(maps, Boxes.of([(0, 1, 2, 4)]))
    assert mask.astype(int).tolist() == [[0, 1, 0, 1]] * 2 + [[0] * 4] * 2


def test_centres_are_rare_to_begin_with():
    import torch

    network = Detector.from_config({"widths": [4, 6]}).eval()
    with torch.inference_mode():
        centre = network(torch.randn(1, 1, 64, 64))[:, 1].sigmoid()
    assert centre.mean().item() == pytest.approx(RARE, rel=1)


def test_the_maps_of_boxes_are_the_same_all_over_a_cell():
    import torch

    network = Detector.from_config({"widths": [4, 6]}).eval()
    with torch.inference_mode():
        maps = network(torch.randn(1, 1, 16, 16))[0, 1:]
    cells = maps.unflatten(1, (4, CELL)).unflatten(3, (4, CELL))
    assert (cells == cells[:, :, :1, :, :1]).all()
