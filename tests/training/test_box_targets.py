"""What the detector is asked for, against hand-computed values."""

import numpy as np
import pytest
import torch

from napari_mitoseg.boxes import Boxes
from napari_mitoseg.models.detection import DetectionSettings, decode_boxes
from napari_mitoseg.models.detector import LARGEST, OUTPUTS
from napari_mitoseg.training.box_targets import draw_targets, make_box_targets
from napari_mitoseg.training.targets import make_targets


def test_values_by_hand():
    """A box of 24×48: deviations 4 and 8 pixels; centre (32, 44) between pixels."""
    target = draw_targets(Boxes.of([(20, 20, 44, 68)]), (64, 96))
    y, x = 35, 51  # 3.5 and 7.5 pixels from the middle
    expected = np.exp(-0.5 * ((3.5 / 4) ** 2 + (7.5 / 8) ** 2))
    assert target[0, y, x] == pytest.approx(expected, rel=1e-5)
    sides = target[1:, y, x] * LARGEST
    assert sides == pytest.approx([15.5, 31.5, 8.5, 16.5], abs=1e-4)
    assert not target[:, :20].any()
    assert not target[:, 44:].any()


def test_small_boxes_have_a_centre_as_wide_as_a_cell():
    target = draw_targets(Boxes.of([(8, 8, 9, 9)]), (16, 16))
    assert target[0, 8, 8] == pytest.approx(1)
    assert np.count_nonzero(target[0]) > 4


def test_where_boxes_overlap_the_nearer_centre_counts():
    target = draw_targets(Boxes.of([(0, 0, 32, 32), (0, 24, 32, 56)]), (32, 64))
    lefts = target[2, 16, [17, 38]] * LARGEST
    assert lefts == pytest.approx([17.5, 14.5], abs=1e-4)


def test_boxes_drawn_are_boxes_read():
    """The truth, given to the decoder as the answer of a perfect detector."""
    truth = [(3, 5, 30, 28), (40, 40, 60, 90), (70, 10, 95, 90), (8, 60, 20, 72)]
    target = draw_targets(Boxes.of(truth), (96, 96))
    maps = np.concatenate([np.zeros((1, 96, 96), np.float32), target])
    found = decode_boxes(maps, DetectionSettings())
    assert len(found) == 4
    for box in truth:
        assert np.abs(found.corners - box).max(axis=1).min() < 1e-3


def test_boxes_are_found_slice_by_slice_and_where_labels_are():
    labels = torch.zeros(2, 3, 16, 16)
    labels[1, 2, 4:12, 4:12] = 5
    labels[0, 0, :, :8] = -1
    target, known = make_box_targets(labels)
    assert target.shape == known.shape == (2, 5, 3, 16, 16)
    assert target[1, 0, 2].max() > 0.9
    assert target.sum() == target[1, :, 2].sum()
    assert (known[0, 0, 0, :, :8] == 0).all()
    assert (known[0, 0, 0, :, 8:] == 1).all()
    counted = known[1, 1, 2] > 0
    assert (known[1, 1, 2][counted] == target[1, 0, 2][counted]).all()
    assert (target[1, 0, 2][~counted] < 0.2).all()


def test_a_detector_is_asked_for_its_mask_and_its_boxes():
    labels = torch.zeros(1, 1, 16, 16)
    labels[..., 4:12, 4:12] = 3
    target, known = make_targets(labels, OUTPUTS)
    assert target.shape == known.shape == (1, 6, 1, 16, 16)
    assert torch.equal(target[:, 0], (labels > 0).float())
    torch.testing.assert_close(target[:, 1:], make_box_targets(labels)[0])
