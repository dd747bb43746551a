"""Distances inside masks, the same whichever library finds them."""

from unittest import mock

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_mitoseg.proofreading import distances
from napari_mitoseg.proofreading.distances import distance_inside

SPACING = (40.0, 8.0, 6.0)


@given(hnp.arrays(bool, st.tuples(*(st.integers(1, 6),) * 3)))
def test_small_and_large_masks_are_treated_alike(mask: np.ndarray) -> None:
    small = distance_inside(mask, SPACING)
    with mock.patch.object(distances, "SMALL", 0):
        large = distance_inside(mask, SPACING)
    assert small.dtype == large.dtype == np.float32
    np.testing.assert_allclose(small, large, rtol=1e-5)


def test_a_mask_without_outside() -> None:
    found = distance_inside(np.ones((1, 3, 4), bool), (10.0, 1.0, 1.0))
    np.testing.assert_allclose(found, np.sqrt(100 + 9 + 16), rtol=1e-6)
