"""The colormap of objects: what the canvas gets is what `map` says."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from napari.layers import Labels

from napari_mitoseg._napari import object_colormap
from napari_mitoseg._napari.appearance import (
    HIGHLIGHT,
    NO_VALUE,
    Appearance,
    coloured,
)
from napari_mitoseg._napari.object_colormap import (
    LARGEST_TABLE,
    MOST_NUMBERED,
    UNKNOWN,
    ObjectColormap,
)

RED, GREEN, CLEAR = (1, 0, 0, 1), (0, 1, 0, 1), (0, 0, 0, 0)


@pytest.mark.parametrize("largest", [9, LARGEST_TABLE + 5, 2**40])
def test_colours_by_label(largest: int) -> None:
    index = np.array([2, 5, largest])
    colormap = ObjectColormap(index, np.array([RED, GREEN, CLEAR], np.float32))
    labels = np.array([0, 2, 5, largest, 3, largest + 1, -4])
    expected = [CLEAR, RED, GREEN, CLEAR, *UNKNOWN, *UNKNOWN, CLEAR]
    np.testing.assert_allclose(colormap.map(labels), expected, atol=1e-6)


@pytest.mark.parametrize("largest", [9, LARGEST_TABLE + 5])
@pytest.mark.parametrize("most", [0, MOST_NUMBERED])
def test_new_labels_take_turns_in_colour(largest: int, most: int) -> None:
    index = np.array([1, 2, largest])
    colours = np.array([RED, GREEN, RED], np.float32)
    others = [(0, 0, 1, 1), (0, 1, 1, 1), (1, 1, 0, 1)]
    with mock.patch.object(object_colormap, "MOST_NUMBERED", most):
        colormap = ObjectColormap(index, colours, others)
    new = np.array([3, 4, 5, largest + 3 - largest % 3 + 1])
    expected = [others[2], others[0], others[1], others[0]]
    np.testing.assert_allclose(colormap.map(new), expected, atol=1e-6)
    np.testing.assert_allclose(colormap.map(index), colours, atol=1e-6)


def test_new_objects_look_as_without_us() -> None:
    layer = Labels(np.array([[0, 1, 2, 99]]))
    look = Appearance(layer, np.array([1, 2]))
    own = layer.colormap.map(np.array([3, 70, 99]))
    look.colours = coloured(np.array([1.0, 2.0]), "gray", (1, 2))
    look.apply()
    assert isinstance(layer.colormap, ObjectColormap)
    np.testing.assert_allclose(layer.colormap.map([3, 70, 99]), own, atol=1e-6)
    look.selected = np.array([0])
    look.apply()
    dimmed = layer.colormap.map([3, 70, 99])
    np.testing.assert_allclose(dimmed[:, :3], own[:, :3], atol=1e-6)
    assert (dimmed[:, 3] < own[:, 3]).all()


def test_coloured_objects_take_a_byte_a_voxel_however_many_there_are() -> None:
    n = MOST_NUMBERED + 1
    layer = Labels(np.zeros((2, 2), np.int32))
    look = Appearance(layer, np.arange(1, n + 1))
    values = np.arange(n, dtype=float)
    values[0] = np.nan
    look.colours = coloured(values, "turbo", (1, n))
    look.selected = np.array([7])
    look.apply()
    assert layer.colormap._data_to_texture(layer.data).dtype == np.uint8


@given(
    hnp.arrays(np.uint32, (6, 7), elements=st.integers(0, 12)),
    st.sampled_from([np.uint8, np.int16, np.uint32, np.int64]),
    st.integers(1, 12),
    st.sampled_from([0, MOST_NUMBERED]),
)
def test_the_texture_shows_the_mapped_colours(
    labels: np.ndarray, dtype: type, n: int, most: int
) -> None:
    data = labels.astype(dtype)
    colours = np.random.default_rng(n).random((n, 4)).round(2).astype(np.float32)
    with mock.patch.object(object_colormap, "MOST_NUMBERED", most):
        colormap = ObjectColormap(np.arange(1, n + 1), colours)
    assert colormap.is_recolourable == (most > 0)
    texture = colormap._data_to_texture(data)
    if data.dtype.itemsize <= 2:
        drawn = colormap._get_mapping_from_cache(data.dtype)[texture]
    else:
        palette = colormap._values_mapping_to_minimum_values_set()[1]
        drawn = np.stack([palette[int(one)] for one in texture.ravel()])
        drawn = drawn.reshape(*data.shape, 4)
    visible = colormap.map(data)[..., 3] > 0
    np.testing.assert_allclose(drawn[visible], colormap.map(data)[visible])
    assert not drawn[~visible][:, 3].any()
    assert (colormap.map(data)[visible] > 0).any(axis=-1).all()


def test_hidden_objects_are_background_to_the_renderer() -> None:
    n = MOST_NUMBERED + 1
    colours = np.tile(np.array(RED, np.float32), (n, 1))
    colours[1] = CLEAR
    colormap = ObjectColormap(np.arange(1, n + 1), colours)
    texture = colormap._data_to_texture(np.array([0, 1, 2], np.uint32))
    assert (texture > 0).tolist() == [False, True, False]
    assert texture.dtype == np.uint8


@pytest.mark.parametrize("dtype", [np.uint8, np.uint32])
def test_recolouring_leaves_the_voxels_alone(dtype: type) -> None:
    colormap = ObjectColormap(np.array([1, 2]), np.array([RED, CLEAR], np.float32))
    data = np.array([0, 1, 2], dtype)
    before = colormap._data_to_texture(data)
    np.testing.assert_allclose(colormap.map(data), [CLEAR, RED, CLEAR])
    colormap.recolour(np.array([CLEAR, GREEN], np.float32))
    np.testing.assert_array_equal(colormap._data_to_texture(data), before)
    np.testing.assert_allclose(colormap.map(data), [CLEAR, CLEAR, GREEN])


def test_many_colours_take_two_bytes() -> None:
    colours = np.ones((5000, 4), np.float32)
    colours[:, 0] = np.arange(5000) % 250 / 255
    colours[:, 1] = np.arange(5000) // 250 / 255
    colormap = ObjectColormap(np.arange(1, 5001), colours)
    texture = colormap._data_to_texture(np.arange(5001, dtype=np.uint32))
    assert texture.dtype == np.uint16
    assert np.unique(texture).size == 5001
    np.testing.assert_allclose(colormap.map(4321), colours[4320], atol=1e-6)


def test_values_become_colours() -> None:
    values = np.array([-9.0, 0.0, 5.0, 10.0, 99.0, np.nan, np.inf])
    found = coloured(values, "gray", (0, 10))
    np.testing.assert_allclose(found[:, 0], [0, 0, 0.5, 1, 1, 0.5, 0.5], atol=0.01)
    np.testing.assert_allclose(found[-1], NO_VALUE)
    turned = coloured(values[:5], "gray", (10, 0))
    np.testing.assert_allclose(turned[:, 0], [1, 1, 0.5, 0, 0], atol=0.01)
    np.testing.assert_allclose(
        coloured(values[:2], "gray", (3, 3))[:, 0], 0.5, atol=0.01
    )


def test_an_appearance_without_changes_is_the_layer_itself() -> None:
    layer = Labels(np.array([[0, 1, 2]]))
    original = layer.colormap
    look = Appearance(layer, np.array([1, 2]))
    look.apply()
    assert layer.colormap is original
    look.shown[0] = False
    look.apply()
    assert np.ravel(layer.colormap.map(1))[3] == 0
    np.testing.assert_allclose(layer.colormap.map(2), original.map(2), atol=0.003)
    ours = layer.colormap
    look.selected = np.array([1])
    look.apply()
    assert layer.colormap is ours
    np.testing.assert_allclose(layer.colormap.map(2), HIGHLIGHT, atol=0.003)
    look.shown[0] = True
    look.selected = np.array([], int)
    look.apply()
    assert layer.colormap is original
