"""The tissue: membranes lie where two neurites are equally near."""

import numpy as np
import pytest

from napari_mitoseg.samples.grid import Grid
from napari_mitoseg.samples.neurites import OVERLAP, Neurites, grow_neurites
from napari_mitoseg.samples.partition import FOLDS, partition

GRID = Grid((2, 32, 64), (40.0, 16.0, 16.0), np.zeros((2, 2)))


def test_two_neurites_meet_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_mitoseg.samples.partition.FOLDS", ((FOLDS[0][0], 0.0),))
    centres = np.array([[0.0, 256, 112], [0, 256, 912]])
    two = Neurites(centres, np.full(2, 200.0), np.array([1, 2], np.int32))
    tissue = partition(GRID, two, np.random.default_rng(0))
    # The face between 112 and 912 nm lies at 512 nm, column 32.
    assert (tissue.cells[:, :, :32] == 1).all()
    assert (tissue.cells[:, :, 33:] == 2).all()
    np.testing.assert_allclose(tissue.depth[0, 5, [22, 42]], 160.0, atol=0.5)
    np.testing.assert_allclose(tissue.tilt, 0.0, atol=1e-6)


def test_spheres_of_different_neurites_keep_apart() -> None:
    grown = grow_neurites(GRID, 260.0, None, np.random.default_rng(1))
    distance = np.linalg.norm(grown.centres[:, None] - grown.centres[None], axis=2)
    is_other = grown.cells[:, None] != grown.cells[None]
    least = OVERLAP * (grown.radii[:, None] + grown.radii[None])
    assert is_other.any()
    assert (distance > least)[is_other].all()


def test_unfolding_inverts_the_warp() -> None:
    rng = np.random.default_rng(2)
    grown = grow_neurites(GRID, 260.0, None, rng)
    tissue = partition(GRID, grown, rng)
    points = np.array([[40.0, 160, 480], [0, 320, 320]])
    shown = tissue.unfold(GRID, points)
    back = shown + tissue.warp[(slice(None), *GRID.voxel_at(shown))].T
    assert np.abs(back - points).max() < 60
