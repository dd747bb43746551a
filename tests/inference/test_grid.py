"""Voxel geometry between the volume and the model's grid."""

import numpy as np
import pytest

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.inference.grid import Grid, spacing_ratio
from napari_mitoseg.volume import Region, Volume


def test_shape_follows_the_spacing() -> None:
    grid = Grid.between((10, 100, 100), (1.0, 0.5, 2.0))
    assert grid.model == (10, 50, 200)


def test_nearly_equal_spacing_is_left_alone() -> None:
    assert Grid.between((10, 100, 100), (1.04, 0.97, 1.0)).model == (10, 100, 100)


def test_both_grids_share_their_centre() -> None:
    grid = Grid((1, 9, 9), (1, 3, 27))
    assert grid.to_model(1, 4) == pytest.approx(1)
    assert grid.to_model(2, 4) == pytest.approx(13)
    assert grid.to_native(2, grid.to_model(2, 7)) == pytest.approx(7)


def test_covering_has_both_neighbours_of_every_voxel() -> None:
    grid = Grid((4, 100, 100), (4, 37, 100))
    box = grid.covering(Region((1, 10, 10), (2, 20, 20)))
    assert box == Region((1, 3, 10), (2, 8, 20))


def test_covering_has_all_that_is_averaged_where_the_model_sees_more() -> None:
    grid = Grid((4, 100, 100), (4, 250, 100))
    # A triangle of 2.5 voxels to each side of 25.75, and of 48.25.
    box = grid.covering(Region((1, 10, 10), (2, 20, 20)))
    assert box == Region((1, 24, 10), (2, 51, 20))


def test_missing_spacing_is_asked_for() -> None:
    volume = Volume(np.zeros((1, 2, 2)), name="stack.tif")
    with pytest.raises(InvalidParameterError, match=r"stack\.tif states no spacing"):
        spacing_ratio(volume, (40, 8, 8), resample=True, resample_z=False)
    ratio = spacing_ratio(volume, (40, 8, 8), resample=False, resample_z=False)
    assert ratio == (1, 1, 1)


@pytest.mark.parametrize(
    ("resample", "resample_z", "ratio"),
    [
        (True, True, (3, 1.5, 0.75)),
        (True, False, (1, 1.5, 0.75)),
        (False, True, (1.5, 1.5, 1.5)),
        (False, False, (1, 1.5, 1.5)),
    ],
)
def test_zoom_enlarges_the_axes_that_are_resampled(resample, resample_z, ratio) -> None:
    volume = Volume(np.zeros((2, 2, 2)), (80, 8, 4))
    switches = {"resample": resample, "resample_z": resample_z}
    assert spacing_ratio(volume, (40, 8, 8), zoom=1.5, **switches) == ratio
