"""Labelling slab by slab equals labelling at once."""

import cc3d
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_mitoseg import labelling
from napari_mitoseg.labelling import (
    count_voxels,
    iter_slabs,
    label_components,
    look_up,
    measure_extents,
    unique_pairs,
)


@pytest.fixture
def small_slabs(monkeypatch):
    monkeypatch.setattr(labelling, "SLAB_VOXELS", 60)


def random_mask(shape, share, seed=0):
    return np.random.default_rng(seed).random(shape) < share


@pytest.mark.parametrize("connectivity", [6, 18, 26])
@pytest.mark.parametrize("share", [0.0, 0.15, 0.4, 1.0])
@pytest.mark.parametrize("shape", [(9, 6, 7), (1, 30, 7), (3, 9, 9), (8, 3, 3)])
def test_slabs_are_joined_into_components(small_slabs, shape, share, connectivity):
    mask = random_mask(shape, share)
    labels, n = label_components(mask, connectivity)
    whole, n_whole = cc3d.connected_components(
        mask, connectivity=connectivity, return_N=True
    )
    assert n == n_whole
    assert labels.dtype == np.uint32
    assert set(np.unique(labels[mask])) == set(range(1, n + 1))
    pairs = unique_pairs(labels[mask], whole[mask])
    assert pairs.shape == (2, n)
    np.testing.assert_array_equal(labels > 0, mask)


@given(
    st.tuples(st.integers(1, 6), st.integers(1, 9), st.integers(1, 9)),
    st.integers(2, 80),
    st.sampled_from([6, 18, 26]),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=80, deadline=None)
def test_components_are_numbered_by_their_first_voxel(shape, voxels, near, seed):
    mask = random_mask(shape, 0.35, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labelling, "SLAB_VOXELS", voxels)
        labels, n = label_components(mask, near)
    numbers, first = np.unique(labels[mask], return_index=True)
    assert numbers[np.argsort(first)].tolist() == list(range(1, n + 1))


def test_a_snake_through_all_slabs_is_one_component(small_slabs):
    mask = np.zeros((12, 5, 5), bool)
    mask[:, 0, 0] = mask[-1, 0, :] = mask[:, 0, 4] = True
    assert label_components(mask, 6)[1] == 1
    mask[-1, 0, 2] = False
    assert label_components(mask, 6)[1] == 2


@pytest.mark.parametrize(("connectivity", "n"), [(6, 3), (18, 2), (26, 1)])
def test_neighbours_across_slabs(monkeypatch, connectivity, n):
    monkeypatch.setattr(labelling, "SLAB_VOXELS", 9)
    mask = np.zeros((3, 3, 3), bool)
    mask[0, 0, 0] = mask[1, 0, 1] = mask[2, 1, 2] = True
    assert label_components(mask, connectivity)[1] == n


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 200))
@settings(max_examples=60, deadline=None)
def test_slabs_cover_each_voxel_once(z, y, x, voxels):
    seen = np.zeros((z, y, x), int)
    for slab in iter_slabs(seen.shape, voxels=voxels):
        seen[slab] += 1
    assert (seen == 1).all()


def test_extents_by_hand(small_slabs):
    labels = np.zeros((20, 4, 4), np.uint32)
    labels[0:2, 1, 1:3] = 1
    labels[19, 3, 3] = 3
    extents = measure_extents(labels, 3)
    assert extents.n_voxels.tolist()[1:] == [4, 0, 1]
    assert extents.start.tolist()[1] == [0, 1, 1]
    assert extents.stop.tolist()[1] == [2, 2, 3]
    np.testing.assert_allclose(extents.centroid[1], [0.5, 1, 1.5])
    assert np.isnan(extents.centroid[2]).all()
    np.testing.assert_allclose(extents.centroid[3], [19, 3, 3])


def test_extents_of_a_label_above_the_number_of_voxels():
    labels = np.array([[[0, 7]]], np.uint32)
    assert measure_extents(labels, 7).n_voxels.tolist() == [1, *[0] * 6, 1]


def test_counts_agree_with_extents(small_slabs):
    labels, n = label_components(random_mask((9, 6, 7), 0.2), 26)
    extents = measure_extents(labels, n)
    np.testing.assert_array_equal(count_voxels(labels, n)[1:], extents.n_voxels[1:])


def test_look_up_leaves_its_input(small_slabs):
    labels = np.array([[[0, 1, 2]]], np.uint32)
    labels.setflags(write=False)
    assert look_up(np.array([0, 5, 0]), labels).tolist() == [[[0, 5, 0]]]


def test_unique_pairs_of_large_labels():
    top = 2**32 - 1
    pairs = unique_pairs(np.array([top, 0, top]), np.array([1, top, 1]))
    assert pairs.T.tolist() == [[0, top], [top, 1]]


@pytest.mark.parametrize("voxels", [60, 1 << 20])
def test_read_only_arrays_are_welcome(monkeypatch, voxels):
    monkeypatch.setattr(labelling, "SLAB_VOXELS", voxels)
    mask = random_mask((20, 30, 30), 0.2)
    mask.setflags(write=False)
    labels, n = label_components(mask, 26)
    labels.setflags(write=False)
    measured = measure_extents(labels, n)
    assert measured.n_voxels.sum() == mask.size
    assert count_voxels(labels, n).sum() == mask.sum()
    assert look_up(np.arange(n + 1), labels).max() == n


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5, 5), (3, 3, 3), (1, 31, 33)])
@pytest.mark.parametrize("connectivity", [6, 18, 26])
def test_thin_shapes_full_of_single_voxels(shape, connectivity) -> None:
    mask = np.zeros(shape, bool)
    mask[::2, ::2, ::2] = True
    labels, n = label_components(mask, connectivity)
    assert n == np.count_nonzero(mask)
    assert labels[mask].tolist() == list(range(1, n + 1))
