"""Real mitochondria: figures equal scikit-image's where it has the descriptor."""

import numpy as np
import pytest
from scipy.spatial import KDTree
from skimage.measure import regionprops

from napari_mitoseg.io import read_labels
from napari_mitoseg.jobs import drain
from napari_mitoseg.morphology import (
    ALL_FAMILIES,
    MeasurementSettings,
    measure_labels,
)

SPACING = (15.0, 16.0, 16.0)
ALL = MeasurementSettings(families=ALL_FAMILIES)

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module", params=["fib1-0-0-0", "fib1-1-0-3", "fib1-3-2-1"])
def measured(request, data_folder):
    path = data_folder / "urocell_masks" / f"{request.param}.tif"
    labels = read_labels(path).read()
    return labels, drain(measure_labels(labels, SPACING, ALL)).columns


@pytest.fixture(scope="module")
def regions(measured):
    return regionprops(measured[0], spacing=SPACING)


def test_size_position_and_axes_equal_those_of_regionprops(measured, regions):
    _, columns = measured
    assert columns["index"].tolist() == [region.label for region in regions]
    centroid = np.stack([columns[f"centroid_{a}_nm"] for a in "zyx"], axis=1)
    box = [columns[f"{a}_{end}"] for end in ("start", "stop") for a in "zyx"]
    np.testing.assert_allclose(centroid, [r.centroid for r in regions])
    np.testing.assert_array_equal(np.stack(box, axis=1), [r.bbox for r in regions])
    volume = columns["volume_um3"] * 1e9
    np.testing.assert_allclose(volume, [r.area for r in regions])
    diameter = [r.equivalent_diameter_area for r in regions]
    np.testing.assert_allclose(columns["equivalent_diameter_nm"], diameter)
    major = [r.axis_major_length for r in regions]
    np.testing.assert_allclose(columns["axis_major_nm"], major, rtol=1e-6)
    minor = [r.axis_minor_length for r in regions]
    np.testing.assert_allclose(columns["axis_minor_nm"], minor, rtol=1e-5)


def test_solidity_is_a_little_above_that_of_counted_voxels(measured, regions):
    _, columns = measured
    # The hull of scikit-image holds whole voxels, which shows in what is small; and
    # it takes long.
    for row in np.flatnonzero(columns["n_voxels"] > 3000)[::40]:
        theirs = regions[row].solidity
        assert theirs - 0.02 < columns["solidity"][row] < theirs + 0.1


def test_figures_are_possible(measured):
    _, columns = measured
    assert (columns["sphericity"] < 1).all()
    assert (columns["complexity_index"] > 9 / (4 * np.pi)).all()
    assert (columns["solidity"] <= 1).all()
    assert (columns["calibre_min_nm"] <= columns["calibre_mean_nm"]).all()
    assert (columns["n_branches"] >= 1).all()
    straight = columns["tortuosity"][columns["n_end_points"] > 1]
    assert (straight >= 1 - 1e-9).all()
    longest = np.nan_to_num(columns["longest_path_um"])
    assert (longest <= columns["skeleton_length_um"] + 1e-9).all()
    # A tube of length L has the second moments of an ellipsoid 1.3 L long.
    large = columns["n_voxels"] > 1000
    reach = columns["axis_major_nm"] / 1e3
    assert (columns["skeleton_length_um"] > 0.6 * reach)[large].all()


def test_distances_are_those_between_boundary_voxels(measured):
    labels, columns = measured
    index, gaps = columns["index"], columns["nearest_distance_nm"]
    slack = float(np.linalg.norm(SPACING))
    for row in range(0, len(index), 15):
        own = KDTree(np.argwhere(labels == index[row]) * SPACING)
        others = np.argwhere((labels > 0) & (labels != index[row])) * SPACING
        near = np.abs(others - own.data.mean(axis=0)).max(axis=1)
        # No farther away than the object reaches, and the gap.
        others = others[near < np.ptp(own.data, axis=0).max() + gaps[row] + slack]
        far = own.query(others, distance_upper_bound=gaps[row] + 2 * slack)[0].min()
        # Between the sides of the voxels, not between the centres.
        assert far - slack - 1e-6 <= gaps[row] <= far
