"""What napari remembers of strokes, read as boxes before and after."""

from typing import Any

import numpy as np
import pytest
from napari.layers import Labels

from napari_mitoseg._napari.strokes import read_stroke
from napari_mitoseg.volume import Region


@pytest.fixture
def layer() -> Labels:
    """Empty labels."""
    return Labels(np.zeros((3, 20, 20), np.uint16))


def told(layer: Labels) -> list[Any]:
    """Collect what the layer tells of its strokes."""
    found: list[Any] = []
    layer.events.paint.connect(lambda event: found.append(event.value))
    return found


def test_a_stroke_of_two_dabs(layer: Labels) -> None:
    layer.data[1, 4, 4] = 9
    original, found = layer.data.copy(), told(layer)
    layer.brush_size = 3
    with layer.block_history():
        layer.paint((1, 4, 4), 5)
        layer.paint((1, 4, 6), 6)
    stroke = read_stroke(layer.data, found[0])
    box = stroke.region.slices
    assert stroke.region == Region((1, 3, 3), (2, 6, 8))
    np.testing.assert_array_equal(stroke.before, original[box])
    np.testing.assert_array_equal(stroke.after, layer.data[box])
    assert set(np.unique(stroke.before)) == {0, 9}


def test_a_fill_is_told_of_before_it_is_done(layer: Labels) -> None:
    layer.data[2, 5:8, 5:8] = 3
    during: list[Any] = []

    def note(event: Any) -> None:
        during.append(read_stroke(layer.data, event.value))

    layer.events.paint.connect(note)
    layer.fill((2, 6, 6), 4)
    assert during[0].region == Region((2, 5, 5), (3, 8, 8))
    assert (during[0].before == 3).all()
    assert (during[0].after == 4).all()


def test_single_voxels(layer: Labels) -> None:
    found = told(layer)
    index = (np.array([0, 2]), np.array([1, 3], np.uint8), np.array([4, 4]))
    layer.data_setitem(index, [7, 8])
    stroke = read_stroke(layer.data, found[0])
    assert stroke.region == Region((0, 1, 4), (3, 4, 5))
    assert stroke.before.sum() == 0
    assert stroke.after[0, 0, 0] == 7
    assert stroke.after[2, 2, 0] == 8


def test_a_plane_is_its_only_slice() -> None:
    layer = Labels(np.zeros((20, 20), np.uint8))
    found = told(layer)
    layer.brush_size = 1
    layer.paint((3, 4), 2)
    stroke = read_stroke(layer.data, found[0])
    assert stroke.region == Region((0, 3, 4), (1, 4, 5))
    assert stroke.after.tolist() == [[[2]]]
    assert stroke.is_in(layer.data)
    layer.data[3, 4] = 1
    assert not stroke.is_in(layer.data)
