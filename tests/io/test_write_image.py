"""Greyscale stacks as TIFF."""

import numpy as np
import pytest

from napari_mitoseg.io import read_volume, write_image_tiff
from napari_mitoseg.volume import Volume

SPACING = (40.0, 5.9, 4.6)


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [
        ("u1", "u1"),
        (">u2", "u2"),
        ("u2", "u2"),
        ("f4", "f4"),
        ("f8", "f4"),
        ("i2", "i2"),
    ],
)
def test_values_and_spacing_come_back(tmp_path, dtype, stored):
    values = np.random.default_rng(0).integers(0, 120, (3, 20, 30)).astype(dtype)
    write_image_tiff(tmp_path / "a.tif", Volume(values, SPACING))
    found = read_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(found.read(), values)
    assert (found.dtype, found.spacing) == (np.dtype(stored), SPACING)


def test_a_stack_without_spacing_stays_without(tmp_path):
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_image_tiff(tmp_path / "a.tif", Volume(values))
    assert read_volume(tmp_path / "a.tif").spacing is None
