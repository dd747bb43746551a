"""Overlapping pieces add up to their weighted mean."""

import numpy as np
import pytest

from napari_mitoseg.inference.blending import Blender, ramp


def test_ramps_of_neighbours_add_up_to_one() -> None:
    falling = ramp(10, 4, rises=False, falls=True)
    rising = ramp(10, 4, rises=True, falls=False)
    assert falling[-4:] + rising[:4] == pytest.approx(np.ones(4))
    assert (falling[:-4] == 1).all()


def test_a_slice_is_the_weighted_mean_of_its_pieces() -> None:
    blender = Blender(1, (1, 3))
    left, right = np.float32([[[0.2, 0.2]]]), np.float32([[[0.8, 0.8]]])
    blender.add(5, (slice(0, 1), slice(0, 2)), left, np.float32([[1, 0.25]]))
    blender.add(5, (slice(0, 1), slice(1, 3)), right, np.float32([[0.75, 1]]))
    assert blender.take(5)[0, 0] == pytest.approx([0.2, 0.65, 0.8])


def test_taken_slices_are_forgotten() -> None:
    blender = Blender(1, (1, 1))
    one = np.ones((1, 1, 1), np.float32)
    blender.add(0, (slice(0, 1), slice(0, 1)), one, one[0])
    blender.take(0)
    with pytest.raises(KeyError):
        blender.take(0)
