"""Indexing a stack that is read plane by plane."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_mitoseg.io.planes import PlaneStack

ARRAY = np.arange(5 * 6 * 7, dtype=">u2").reshape(5, 6, 7)


def stack() -> PlaneStack:
    return PlaneStack(ARRAY.shape, ARRAY.dtype, lambda z, y, x: ARRAY[z, y, x])


def axis_keys(n: int) -> st.SearchStrategy:
    return st.integers(-n, n - 1) | st.slices(n)


@given(key=st.tuples(axis_keys(5), axis_keys(6), axis_keys(7)))
def test_any_index_gives_what_numpy_gives(key):
    np.testing.assert_array_equal(stack()[key], ARRAY[key])


@pytest.mark.parametrize("key", [2, slice(1, 3), ..., (..., 0), (1, ...), (0, ..., 3)])
def test_missing_axes_are_read_whole(key):
    np.testing.assert_array_equal(stack()[key], ARRAY[key])


def test_values_come_out_in_native_byte_order():
    assert stack()[0].dtype == np.dtype("=u2")
    assert np.asarray(stack()).dtype == np.dtype("=u2")


def test_only_the_part_asked_for_is_read():
    asked = []

    def read(z, y, x):
        asked.append((z, y, x))
        return ARRAY[z, y, x]

    lazy = PlaneStack(ARRAY.shape, ARRAY.dtype, read)
    lazy[3, 2:4, 1]
    assert asked == [(3, slice(2, 4), slice(1, 2))]


def test_a_slice_out_of_range_is_an_index_error():
    with pytest.raises(IndexError):
        stack()[5]
