"""Normalisation of a slice: scale, padding, types."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_mitoseg.models.normalize import LIMIT, find_padding, normalize_slice


@pytest.fixture
def plane() -> NDArray[np.float64]:
    """Noise of mean 100 and deviation 20."""
    return np.random.default_rng(0).normal(100, 20, (64, 80))


def test_mean_and_deviation(plane: NDArray[np.float64]) -> None:
    result = normalize_slice(plane)
    assert result.dtype == np.float32
    assert result.mean() == pytest.approx(0, abs=0.02)
    assert result.std() == pytest.approx(1, abs=0.03)


@given(gain=st.floats(0.01, 100), offset=st.floats(-1000, 1000))
def test_gain_and_offset_cancel(gain: float, offset: float) -> None:
    plane = np.random.default_rng(1).normal(100, 20, (32, 32))
    np.testing.assert_allclose(
        normalize_slice(plane * gain + offset), normalize_slice(plane), atol=2e-3
    )


def test_order_of_grey_values_is_kept(plane: NDArray[np.float64]) -> None:
    """Contrast is not inverted: dark stays dark."""
    result = normalize_slice(plane)
    assert (np.diff(result.ravel()[np.argsort(plane.ravel())]) >= 0).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", ">u2", "int16", "float32"])
def test_types_do_not_matter(plane: NDArray[np.float64], dtype: str) -> None:
    whole = plane.round()
    np.testing.assert_allclose(
        normalize_slice(whole.astype(dtype)), normalize_slice(whole), atol=1e-5
    )


def test_hot_pixels_do_not_matter(plane: NDArray[np.float64]) -> None:
    hot = plane.copy()
    hot[3, 4] = 1e6
    result = normalize_slice(hot)
    assert result[3, 4] == LIMIT
    np.testing.assert_allclose(
        np.delete(result.ravel(), 3 * 80 + 4),
        np.delete(normalize_slice(plane).ravel(), 3 * 80 + 4),
        atol=0.05,
    )


@pytest.mark.parametrize("value", [0, 255, 100])
def test_padding_takes_no_part(plane: NDArray[np.float64], value: float) -> None:
    padded = np.full((100, 100), float(value))
    padded[20:84, 10:90] = plane
    result = normalize_slice(padded)
    np.testing.assert_allclose(
        result[20:84, 10:90], normalize_slice(plane), rtol=0, atol=1e-6
    )
    assert (result[:20] == 0).all()


def test_small_dark_corner_is_content(plane: NDArray[np.float64]) -> None:
    plane[:5, :5] = 0
    assert not find_padding(plane).any()


def test_saturated_area_inside_is_content(plane: NDArray[np.float64]) -> None:
    plane[20:50, 20:50] = 255
    assert not find_padding(plane).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (16, 16)])
def test_constant_slice_becomes_zero(shape: tuple[int, int]) -> None:
    assert (normalize_slice(np.full(shape, 7, np.uint8)) == 0).all()


def test_input_is_left_alone(plane: NDArray[np.float64]) -> None:
    plane.setflags(write=False)
    normalize_slice(plane)
