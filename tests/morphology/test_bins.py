"""Bins of histograms."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_mitoseg.morphology.bins import MOST_BINS, bin_edges

POSITIVE = hnp.arrays(float, st.integers(1, 80), elements=st.floats(1e-6, 1e6))


LAST_DIGIT = np.array([1e-6, np.nextafter(1e-6, 1)])


@given(POSITIVE, st.booleans())
@example(LAST_DIGIT, False)
@example(np.repeat(LAST_DIGIT, 40), True)
def test_no_value_falls_out_of_the_bins(values: np.ndarray, log: bool) -> None:
    edges = bin_edges(values, log=log)
    assert np.histogram(values, edges)[0].sum() == values.size
    assert 2 <= edges.size <= MOST_BINS + 1


def test_bins_of_one_value_of_none_and_of_many() -> None:
    assert bin_edges(np.zeros(0), log=False).size == 2
    assert bin_edges(np.full(9, 3.0), log=True).size == 2
    many = np.random.default_rng(0).normal(size=100_000)
    assert bin_edges(many, log=False).size == MOST_BINS + 1
    assert bin_edges(many, log=False, most=40).size == 41
