"""Surfaces and centrelines of single objects."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_mitoseg.morphology import mesh_object, skeletonize_object
from napari_mitoseg.morphology.centreline import Branch, Graph, trace_voxels
from napari_mitoseg.morphology.field import resampled, smooth_field
from napari_mitoseg.morphology.pruning import pruned

SPACING = (40.0, 8.0, 8.0)
ISOTROPIC = (10.0, 10.0, 10.0)

seeds = st.integers(0, 2**32 - 1)
spacings = st.tuples(*(st.sampled_from([4.0, 7.0, 16.0, 30.0]),) * 3)


def blob(seed):
    """Something lumpy in one piece."""
    noise = np.random.default_rng(seed).normal(size=(14, 16, 18))
    smooth = ndimage.gaussian_filter(noise, 2.5)
    parts, _ = ndimage.label(smooth > 0.3 * smooth.max())
    mask = parts == np.bincount(parts[parts > 0]).argmax()
    return mask[ndimage.find_objects(mask.astype(int))[0]]


@settings(max_examples=30, deadline=None)
@given(seeds, spacings)
def test_mesh_is_closed_and_keeps_the_volume(seed, spacing):
    mask = blob(seed)
    mesh = mesh_object(mask, spacing)
    a, b, c = mesh.faces.T
    edges = np.concatenate([np.stack(p, axis=1) for p in ((a, b), (b, c), (c, a))])
    forth = {tuple(edge) for edge in edges.tolist()}
    assert len(forth) == len(edges)
    assert forth == {(q, p) for p, q in forth}
    volume = mask.sum() * np.prod(spacing) / 1e9
    assert mesh.volume_um3 == pytest.approx(volume, rel=0.02)
    # No body of that volume has less surface.
    assert mesh.area_um2 > 0.99 * np.pi ** (1 / 3) * (6 * volume) ** (2 / 3)


def test_triangles_run_counter_clockwise_seen_from_outside_in_xyz():
    mesh = mesh_object(np.ones((4, 9, 9), bool), ISOTROPIC)
    a, b, c = (mesh.vertices[mesh.faces[:, k], ::-1].astype(float) for k in range(3))
    signed = np.einsum("ij,ij->", a, np.cross(b, c)) / 6e9
    assert signed == pytest.approx(4 * 9 * 9 * 1e-6, rel=0.01)


def test_mesh_lies_where_the_object_is():
    mask = np.ones((4, 12, 12), bool)
    mesh = mesh_object(mask, SPACING, (10, 20, 30))
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    expected = (np.array([10, 20, 30]) + np.array([3, 11, 11]) / 2) * SPACING
    np.testing.assert_allclose((low + high) / 2, expected, atol=2)
    np.testing.assert_allclose(high - low, [160, 96, 96], atol=20)


@pytest.mark.parametrize("bins", [1, 3])
def test_field_lies_where_the_object_is(bins):
    spacing = (10.0 * 2 * bins, 10.0, 10.0)
    mask = np.zeros((3, 9, 12), bool)
    mask[1, 3:6, 6:9] = True
    field = smooth_field(mask, spacing)
    grid = np.moveaxis(np.indices(field.values.shape), 0, -1)
    places = grid * field.spacing + field.origin
    weights = field.values[..., None]
    centre = (places * weights).sum(axis=(0, 1, 2)) / weights.sum()
    np.testing.assert_allclose(centre, [1 * spacing[0], 40, 70], atol=0.5)
    fine = resampled(field, 5.0)
    assert fine.spacing == (5.0, 5.0, 5.0)
    np.testing.assert_allclose(fine.sample(centre[None]), field.sample(centre[None]))


def test_a_large_object_is_looked_at_more_coarsely(monkeypatch):
    from napari_mitoseg.morphology import field

    mask = np.ones((40, 60, 60), bool)
    fine = mesh_object(mask, ISOTROPIC)
    monkeypatch.setattr(field, "FIELD_VOXELS", 20_000)
    coarse = mesh_object(mask, ISOTROPIC)
    assert len(coarse.vertices) < len(fine.vertices) / 2
    assert coarse.area_um2 == pytest.approx(fine.area_um2, rel=0.04)
    assert coarse.volume_um3 == pytest.approx(fine.volume_um3, rel=0.005)


@settings(max_examples=25, deadline=None)
@given(seeds, spacings)
def test_skeleton_is_a_graph_within_the_object(seed, spacing):
    mask = blob(seed)
    skeleton = skeletonize_object(mask, spacing)
    n = len(skeleton.nodes)
    degree = np.bincount(skeleton.edges.ravel(), minlength=n)
    np.testing.assert_array_equal(np.flatnonzero(degree == 1), np.sort(skeleton.ends))
    np.testing.assert_array_equal(np.flatnonzero(degree > 2), np.sort(skeleton.joints))
    assert skeleton.n_branches >= 1
    assert (skeleton.radius_nm[skeleton.ends] == 0).all()
    assert (np.delete(skeleton.radius_nm, skeleton.ends) > 0).all()
    size = np.multiply(mask.shape, spacing)
    slack = 3 * max(spacing)
    assert (skeleton.nodes > -slack).all()
    assert (skeleton.nodes < size + slack).all()


def test_skeleton_lies_where_the_object_is():
    mask = np.zeros((5, 61, 13), bool)
    mask[:, :, :] = True
    here = skeletonize_object(mask, SPACING)
    there = skeletonize_object(mask, SPACING, (1, 2, 3))
    np.testing.assert_allclose(
        there.nodes - here.nodes, [[40, 16, 24]] * len(here.nodes)
    )
    np.testing.assert_allclose(here.nodes[:, 2], 6 * 8, atol=12)
    assert here.nodes[:, 1].min() == pytest.approx(-4, abs=12)
    assert here.nodes[:, 1].max() == pytest.approx(60 * 8 + 4, abs=12)


def test_two_pieces_are_two_branches():
    mask = np.zeros((5, 5, 70), bool)
    mask[:, :, :30] = mask[:, :, 40:] = True
    skeleton = skeletonize_object(mask, ISOTROPIC)
    assert skeleton.n_branches == 2
    assert skeleton.ends.size == 4
    assert skeleton.n_loops == 0
    path, _ = skeleton.longest_path_nm()
    assert path == pytest.approx(300, rel=0.05)


def test_a_thread_too_thin_for_smoothing_stays_whole():
    mask = np.zeros((3, 9, 60), bool)
    mask[1, 4, :] = True
    mask[:, :, :12] = mask[:, :, -12:] = True
    skeleton = skeletonize_object(mask, (30.0, 8.0, 8.0))
    path, _ = skeleton.longest_path_nm()
    assert path == pytest.approx(60 * 8, rel=0.1)


def test_another_size_of_cubes_is_tried_where_thinning_loses_an_arm(monkeypatch):
    from napari_mitoseg.morphology import skeleton as module

    mask = np.zeros((9, 90, 90), bool)
    mask[:, 40:49, :] = mask[:, 40:, 40:49] = True
    given = skeletonize_object(mask, ISOTROPIC)
    thinned, calls = module.skeletonize, []

    def losing(solid):
        thin = thinned(solid)
        calls.append(solid.shape)
        if len(calls) == 1:
            thin[:, thin.shape[1] // 3 :] = False
        return thin

    monkeypatch.setattr(module, "skeletonize", losing)
    found = skeletonize_object(mask, ISOTROPIC)
    assert len(set(calls)) == 2
    assert found.n_branches == given.n_branches == 3
    assert found.length_um == pytest.approx(given.length_um, rel=0.02)


def test_cavities_are_no_loops():
    mask = np.ones((15, 15, 15), bool)
    mask[5:10, 5:10, 5:10] = False
    skeleton = skeletonize_object(mask, ISOTROPIC)
    assert skeleton.n_loops == 0
    assert skeleton.n_branches == 1


def lines(text):
    return np.array([[c == "#" for c in line] for line in text.split()])[None]


def test_trace_a_cross():
    graph = trace_voxels(lines("..#.. ..#.. ##### ..#.. ..#.."))
    assert len(graph.branches) == 4
    assert sorted(graph.degrees().values()) == [1, 1, 1, 1, 4]


def test_trace_a_ring():
    graph = trace_voxels(lines(".##. #..# #..# .##."))
    assert len(graph.branches) == 1
    assert graph.branches[0].is_loop
    assert graph.branches[0].length == pytest.approx(4 + 4 * np.sqrt(2))


def test_trace_a_ring_with_a_handle():
    graph = trace_voxels(lines(".##... #..### #..#.. .##..."))
    assert sorted(graph.degrees().values()) == [1, 3]
    assert sum(branch.is_loop for branch in graph.branches) == 1


def test_trace_single_voxels():
    graph = trace_voxels(lines("#.#"))
    assert len(graph.nodes) == 2
    assert not graph.branches
    assert len(graph.pieces()) == 2


def fork(side):
    nodes = {0: [0, 0, 0], 1: [0, 0, 50], 2: [0, 0, 100], 3: [0, side, 50]}
    graph = Graph({name: np.array(place, float) for name, place in nodes.items()})
    for a, b in ((0, 1), (1, 2), (1, 3)):
        points = np.linspace(graph.nodes[a], graph.nodes[b], 5)
        graph.branches.append(Branch(a, b, points))
    return graph


@pytest.mark.parametrize(("side", "n_branches"), [(14, 1), (16, 3)])
def test_side_branches_shorter_than_one_and_a_half_radii_are_spurs(side, n_branches):
    graph = pruned(fork(side), lambda points: np.full(len(points), 10.0), 1.0)
    assert len(graph.branches) == n_branches
    total = sum(branch.length for branch in graph.branches)
    assert total == pytest.approx(100 if n_branches == 1 else 100 + side)


def test_junctions_within_each_other_are_one():
    graph = fork(60)
    graph.nodes |= {4: np.array([0, 0, 58.0]), 5: np.array([0, -60, 58.0])}
    first = graph.branches[1]
    graph.branches[1] = Branch(4, 2, np.array([graph.nodes[4], graph.nodes[2]]))
    graph.branches.append(Branch(1, 4, np.array([first.points[0], graph.nodes[4]])))
    graph.branches.append(Branch(4, 5, np.array([graph.nodes[4], graph.nodes[5]])))
    pruned(graph, lambda points: np.full(len(points), 10.0), 1.0)
    assert sorted(graph.degrees().values()) == [1, 1, 1, 1, 4]
