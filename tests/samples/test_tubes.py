"""Tubes: the same physical size on every grid."""

import numpy as np
import pytest

from napari_mitoseg.samples.grid import Grid, smooth_field
from napari_mitoseg.samples.tubes import Tube, coverage, tube_depth

LENGTH, RADIUS = 800.0, 200.0  # nm
VOLUME = np.pi * RADIUS**2 * LENGTH + 4 / 3 * np.pi * RADIUS**3  # nm³


def _grid(spacing: tuple[float, float, float]) -> Grid:
    shape = tuple(int(1600 / s) for s in spacing)
    return Grid(shape, spacing, np.zeros((shape[0], 2)))  # type: ignore[arg-type]


@pytest.fixture
def capsule() -> Tube:
    path = np.array([[803.0, 797, 405], [803, 797, 805], [803, 797, 1205]])
    return Tube.along(path, np.full(3, RADIUS))


@pytest.mark.parametrize(
    "spacing", [(40.0, 8.0, 8.0), (20.0, 20.0, 20.0), (50.0, 16.0, 10.0)]
)
def test_volume_does_not_depend_on_the_spacing(
    spacing: tuple[float, float, float], capsule: Tube
) -> None:
    evaluated = tube_depth(_grid(spacing), capsule)
    assert evaluated is not None
    shown = (evaluated[1] > 0).sum() * np.prod(spacing)
    assert shown == pytest.approx(VOLUME, rel=0.04)


def test_depth_at_the_axis_is_the_radius(capsule: Tube) -> None:
    evaluated = tube_depth(_grid((20.0, 20.0, 20.0)), capsule)
    assert evaluated is not None
    box, depth = evaluated
    middle = tuple(40 - s.start for s in box)
    # The voxel at 800 nm lies 3 nm from the axis along z and along y.
    assert depth[middle] == pytest.approx(RADIUS - np.sqrt(18), abs=0.01)


def test_a_tube_outside_is_not_shown(capsule: Tube) -> None:
    far = Tube(capsule.starts + 5000, capsule.stops + 5000, capsule.radii)
    assert tube_depth(_grid((20.0, 20.0, 20.0)), far) is None


def test_misaligned_sections_move_the_tube(capsule: Tube) -> None:
    straight = _grid((40.0, 20.0, 20.0))
    offsets = np.zeros((40, 2))
    offsets[20] = 0.0, 100.0
    moved = Grid(straight.shape, straight.spacing, offsets)
    before, after = tube_depth(straight, capsule), tube_depth(moved, capsule)
    assert before is not None
    assert after is not None

    def middle(found: tuple[tuple[slice, ...], np.ndarray]) -> float:
        box, depth = found
        columns = np.nonzero(depth[20 - box[0].start] > 0)[1]
        return float(columns.mean() + box[2].start)

    # The section shows tissue 100 nm to the right, so the tube 5 pixels to the left.
    assert middle(after) == pytest.approx(middle(before) - 5, abs=0.1)


def test_oblique_surfaces_are_blurred_by_thick_sections() -> None:
    grid = Grid((3, 1, 1), (40.0, 8.0, 8.0), np.zeros((3, 2)))
    flat = np.array([-20.0, 20.0, 60.0], np.float32).reshape(3, 1, 1)
    np.testing.assert_allclose(coverage(grid, flat).ravel(), [0, 1, 1], atol=1e-6)
    half = np.array([-40.0, 0.0, 40.0], np.float32).reshape(3, 1, 1)
    np.testing.assert_allclose(coverage(grid, half).ravel(), [0, 0.5, 1], atol=1e-6)


def test_smooth_field_has_unit_spread_and_its_length() -> None:
    grid = Grid((8, 128, 128), (40.0, 8.0, 8.0), np.zeros((8, 2)))
    field = smooth_field(grid, 80.0, np.random.default_rng(0))
    assert field.std() == pytest.approx(1, abs=0.15)
    near = np.corrcoef(field[:, :, 1:].ravel(), field[:, :, :-1].ravel())[0, 1]
    far = np.corrcoef(field[:, :, 40:].ravel(), field[:, :, :-40].ravel())[0, 1]
    assert near > 0.95
    assert abs(far) < 0.15
