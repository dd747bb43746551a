"""The normalisation inside packages is the one that networks are trained on."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_mitoseg.exchange.normalization import Normalization, find_padding
from napari_mitoseg.models.normalize import find_padding as find_padding_of_a_slice
from napari_mitoseg.models.normalize import normalize_slice


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(2, 9), st.integers(2, 9)),
        elements=st.sampled_from([0.0, 0.0, 3.0, 7.0, 200.0]),
    )
)
def test_any_small_slice(plane: np.ndarray) -> None:
    found = Normalization()(torch.from_numpy(plane)[None, None])[0, 0].numpy()
    assert found == pytest.approx(normalize_slice(plane), abs=1e-5)


def test_frames_wedges_and_steps_are_padding() -> None:
    grey = np.random.default_rng(0).integers(1, 255, (3, 60, 80)).astype(np.float32)
    grey[0, :5] = grey[0, -5:] = grey[0, :, :7] = grey[0, :, -7:] = 0
    rows, columns = np.indices((60, 80))
    grey[1][rows + columns // 2 < 40] = 255
    grey[2][(rows // 10) * 10 > columns] = 0
    found = find_padding(torch.from_numpy(grey)).numpy()
    for plane, padding in zip(grey, found, strict=True):
        assert (padding == find_padding_of_a_slice(plane)).all()
        assert padding.any()
