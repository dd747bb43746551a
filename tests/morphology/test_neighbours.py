"""Distances and contacts between objects."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation
from scipy.spatial.distance import cdist

from napari_mitoseg.jobs import drain
from napari_mitoseg.morphology import (
    Context,
    MeasurementSettings,
    measure_labels,
    nearest,
    survey_labels,
)

SPACING = (40.0, 8.0, 8.0)
ISOTROPIC = (10.0, 10.0, 10.0)
NEIGHBOURS = MeasurementSettings(families=("neighbours", "surface"))


def measured(labels, spacing=SPACING, **layers):
    context = Context(contacts=layers)
    return drain(measure_labels(labels, spacing, NEIGHBOURS, context=context)).columns


def by_force(labels, spacing):
    """Look at every pair of voxels."""
    points = {k: np.argwhere(labels == k) for k in np.unique(labels[labels > 0])}
    gaps = {}
    for k, own in points.items():
        lengths = {
            j: cdist(own * spacing, other * spacing).min()
            for j, other in points.items()
            if j != k
        }
        gaps[k] = min(lengths.values())
    return gaps


def touching(labels, label):
    near = binary_dilation(labels == label, np.ones((3, 3, 3), bool))
    return {*labels[near].tolist()} - {0, label}


def boxes(seed, n):
    rng = np.random.default_rng(seed)
    labels = np.zeros((8, 40, 40), np.uint16)
    for k in range(1, n + 1):
        low = rng.integers(0, [7, 36, 36])
        z, y, x = (
            slice(a, a + b) for a, b in zip(low, rng.integers(1, 5, 3), strict=True)
        )
        labels[z, y, x] = k
    return labels


# One above the other: the centres of other voxels are nearer to one another.
@example(20310, 9, 0)
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 12), st.sampled_from([0, 3, 1000]))
def test_nearest_is_that_of_all_pairs_of_voxels(seed, n, n_large):
    labels = boxes(seed, n)
    survey = drain(survey_labels(labels, SPACING))
    if len(survey) < 2:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "N_LARGE", n_large)
        search = nearest._Search(survey)
        expected = by_force(labels, SPACING)
        for row, label in enumerate(survey.index.tolist()):
            found, beside = search.nearest(row), touching(labels, label)
            if beside:
                assert found.gap == 0
                assert survey.index[found.row] in beside
            else:
                assert found.length == pytest.approx(expected[label])


def test_a_corner_is_a_contact_though_another_centre_is_nearer():
    labels = np.zeros((2, 3, 12), np.uint8)
    labels[0, 0, 0], labels[1, 1, 1], labels[0, 0, 6] = 1, 2, 3
    survey = drain(survey_labels(labels, SPACING))
    distance, nearest_one = drain(nearest.find_nearest(survey))
    assert distance[0] == 0
    assert nearest_one[0] == 2


def test_gap_is_that_between_the_boxes_of_voxels():
    labels = np.zeros((5, 5, 30), np.uint8)
    labels[2, 2, 3:6], labels[2, 2, 10:12], labels[4, 2, 28] = 1, 2, 3
    columns = measured(labels)
    # Voxels 6 to 9 are free; 12 to 27, and one slice.
    expected = [4 * 8, 4 * 8, np.hypot(16 * 8, 40)]
    np.testing.assert_allclose(columns["nearest_distance_nm"], expected)
    assert columns["nearest_label"].tolist() == [2, 1, 2]


def test_touching_objects_have_no_gap():
    labels = np.zeros((4, 6, 6), np.uint8)
    labels[:2, :3], labels[2:, :3], labels[:2, 3:] = 1, 2, 3
    columns = measured(labels)
    assert columns["nearest_distance_nm"].tolist() == [0, 0, 0]
    # The one across the shortest side of a voxel.
    assert columns["nearest_label"].tolist() == [3, 1, 1]


def test_an_object_alone_has_no_neighbour():
    labels = np.zeros((3, 4, 5), np.uint8)
    labels[1, 1, 1] = 1
    columns = measured(labels)
    assert np.isnan(columns["nearest_distance_nm"][0])
    assert columns["nearest_label"][0] == 0
    assert columns["n_contacts"][0] == 0
    assert columns["contact_area_um2"][0] == 0


def halves(radius, spacing, tilt):
    """A ball cut in two by a plane through its centre."""
    n = [int(np.ceil(radius / step)) + 2 for step in spacing]
    grid = np.meshgrid(
        *(np.arange(-k, k + 1) * s for k, s in zip(n, spacing, strict=True)),
        indexing="ij",
    )
    z, y, _ = grid
    inside = sum(np.square(g) for g in grid) <= radius**2
    side = np.cos(tilt) * z + np.sin(tilt) * y > 0.1
    return np.where(inside, np.where(side, 2, 1), 0).astype(np.uint8)


@pytest.mark.parametrize("spacing", [SPACING, ISOTROPIC])
@pytest.mark.parametrize("tilt", [0, 0.6, np.pi / 2])
def test_contact_area_is_that_of_the_disc_between_two_half_balls(spacing, tilt):
    columns = measured(halves(300, spacing, tilt), spacing)
    disc = np.pi * 300**2 / 1e6
    np.testing.assert_allclose(columns["contact_area_um2"], disc, rtol=0.12)
    assert columns["n_contacts"].tolist() == [1, 1]
    assert (columns["contact_area_um2"] < columns["surface_area_um2"]).all()


def test_contact_with_another_layer():
    labels = halves(300, ISOTROPIC, 0.3)
    columns = measured(
        np.where(labels == 1, 5, 0), ISOTROPIC, nucleus=labels == 2, empty=labels > 9
    )
    disc = np.pi * 300**2 / 1e6
    assert columns["contact_nucleus_um2"][0] == pytest.approx(disc, rel=0.12)
    assert columns["contact_empty_um2"][0] == 0
    assert columns["contact_area_um2"][0] == 0


def test_objects_far_apart_do_not_touch():
    labels = np.zeros((6, 30, 40), np.uint8)
    labels[1:5, 5:25, 5:15], labels[1:5, 5:25, 20:30] = 1, 2
    columns = measured(labels)
    assert columns["contact_area_um2"].tolist() == [0, 0]
    assert columns["nearest_distance_nm"].tolist() == [40, 40]
