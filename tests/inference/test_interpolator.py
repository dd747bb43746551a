"""Whole slices interpolated tile by tile."""

import numpy as np
import pytest
import torch

from napari_mitoseg.errors import WeightsError
from napari_mitoseg.inference.interpolation import Interpolator, load_interpolator
from napari_mitoseg.models.interpolation import InterpolationNetwork
from napari_mitoseg.models.interpolation_file import (
    InterpolationCard,
    save_interpolation,
)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return InterpolationNetwork.from_config({"reach": 2, "widths": [3, 4]})


def planes(shape, dtype=np.uint8):
    chance = np.random.default_rng(0)
    return chance.integers(0, 255, (2, *shape)).astype(dtype)


@pytest.mark.parametrize("shape", [(150, 130), (17, 96), (5, 3), (1, 1)])
def test_tiled_equals_untiled(network, shape):
    below, above = planes(shape)
    small, large = Interpolator(network, tile=1), Interpolator(network, tile=1024)
    middle = small(below, above)
    assert (middle.shape, middle.dtype) == (shape, np.float32)
    np.testing.assert_allclose(middle, large(below, above), atol=2e-3)


def test_a_box_is_that_part_of_the_whole(network):
    below, above = planes((90, 100))
    interpolate = Interpolator(network, tile=64)
    whole = interpolate(below, above)
    part = interpolate(below, above, (13, 20, 77, 51))
    np.testing.assert_allclose(part, whole[13:77, 20:51], atol=2e-3)


def test_grey_scale_is_kept(network):
    below, above = planes((20, 20)).astype(np.float32)
    interpolate = Interpolator(network)
    middle = interpolate(below, above)
    brighter = interpolate(below * 100 + 7, above * 100 + 7)
    np.testing.assert_allclose(brighter, middle * 100 + 7, rtol=1e-3)


def test_a_constant_pair_stays_constant(network):
    flat = np.full((8, 8), 9, np.uint16)
    np.testing.assert_allclose(Interpolator(network)(flat, flat), 9, rtol=1e-6)


def test_missing_network_is_said(tmp_path):
    with pytest.raises(WeightsError, match="Train an interpolation network"):
        load_interpolator(tmp_path / "nothing")


def test_the_same_weights_are_loaded_once_and_others_anew(tmp_path, network):
    card = InterpolationCard(data="stack")
    save_interpolation(network, card, tmp_path)
    first = load_interpolator(tmp_path, "cpu")
    assert load_interpolator(tmp_path, "cpu") is first
    torch.manual_seed(1)
    other = InterpolationNetwork.from_config({"reach": 1, "widths": [3]})
    save_interpolation(other, card, tmp_path)
    again = load_interpolator(tmp_path, "cpu")
    assert again is not first
    assert again.network.config == other.config
