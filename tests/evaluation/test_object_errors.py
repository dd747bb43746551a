"""Classes of objects, their table and their picture, by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_mitoseg.evaluation import ErrorClass, compare_labels, find_errors, runs
from napari_mitoseg.evaluation.table import tabulate
from napari_mitoseg.jobs import drain
from napari_mitoseg.volume import Volume


def volume(values):
    return Volume(np.array(values, ndmin=3))


def compare(prediction, truth, **options):
    job = compare_labels(volume(prediction), volume(truth), paint=True, **options)
    return drain(job)


def classes_of(evaluation):
    """Return the class of each object by side and label."""
    columns = evaluation.table.columns
    names = zip(columns["side"], columns["index"].tolist(), strict=True)
    return dict(zip(names, columns["class"], strict=True))


#        matched     split            merged               missed   spurious
TRUTH = [1, 1, 1, 0, 2, 2, 2, 2, 2, 0, 3, 3, 3, 0, 4, 4, 4, 0, 5, 5, 0, 0, 0]
FOUND = [9, 9, 9, 0, 6, 6, 0, 7, 7, 0, 8, 8, 8, 8, 8, 8, 8, 0, 0, 0, 0, 5, 5]


def test_one_of_each_by_hand():
    found = compare(FOUND, TRUTH)
    assert classes_of(found) == {
        ("truth", 1): "matched",
        ("truth", 2): "split",
        ("truth", 3): "merged",
        ("truth", 4): "merged",
        ("truth", 5): "missed",
        ("prediction", 5): "spurious",
        ("prediction", 6): "split",
        ("prediction", 7): "split",
        ("prediction", 8): "merged",
        ("prediction", 9): "matched",
    }
    counts = found.scores.errors
    assert counts.model_dump() == {
        "n_matched": 1,
        "n_missed": 1,
        "n_true_split": 1,
        "n_true_merged": 2,
        "n_spurious": 1,
        "n_predicted_split": 2,
        "n_predicted_merged": 1,
        "split_errors": 1,
        "merge_errors": 1,
    }
    painted = found.error_labels
    assert painted.dtype == np.uint8
    shown = [1, 1, 1, 0, 4, 4, 4, 4, 4, 0, 5, 5, 5, 5, 5, 5, 5, 0, 2, 2, 0, 3, 3]
    assert painted.ravel().tolist() == shown


def test_a_merge_with_a_match_leaves_the_match():
    # 8 is 3 with an IoU of 6/8, and has swallowed 4.
    found = compare([8] * 8, [3] * 6 + [4] * 2)
    assert classes_of(found) == {
        ("truth", 3): "matched",
        ("truth", 4): "merged",
        ("prediction", 8): "matched",
    }
    assert found.scores.errors.merge_errors == 1
    assert found.error_labels.ravel().tolist() == [1] * 6 + [5] * 2
    columns = found.table.columns
    assert columns["partners"] == ["8", "8", "3 4"]
    assert columns["iou"] == pytest.approx([6 / 8, 2 / 8, 6 / 8])


def test_a_fragment_beside_a_match_is_a_split():
    found = compare([8] * 6 + [9] * 2, [3] * 8)
    assert classes_of(found) == {
        ("truth", 3): "matched",
        ("prediction", 8): "matched",
        ("prediction", 9): "split",
    }
    assert found.scores.errors.split_errors == 1


def test_a_poor_partner_is_named():
    # An IoU of 1/3: neither split nor merged, one missed and one spurious.
    found = compare([7, 0, 0], [4, 4, 4])
    assert list(classes_of(found).values()) == ["missed", "spurious"]
    assert found.table.columns["partners"] == ["7", "4"]
    assert found.table.columns["iou"] == pytest.approx([1 / 3, 1 / 3])
    assert found.error_labels.ravel().tolist() == [3, 2, 2]


def test_table_says_where_objects_are():
    truth = np.zeros((3, 4, 5), np.uint32)
    truth[0, 1, 1:4] = truth[1, 2, 2] = 2**31 + 7
    columns = compare(np.zeros_like(truth), truth).table.columns
    assert columns["side"] == ["truth"]
    assert columns["index"].tolist() == [2**31 + 7]
    assert columns["n_voxels"].tolist() == [4]
    place = [columns[f"centroid_{letter}"][0] for letter in "zyx"]
    assert place == [1 / 4, 5 / 4, 2]
    box = [(columns[f"{k}_start"][0], columns[f"{k}_stop"][0]) for k in "zyx"]
    assert box == [(0, 2), (1, 3), (1, 4)]
    assert columns["partners"] == [""]


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 4)])
def test_empty_volumes_have_empty_tables(shape):
    nothing, all_of_it = np.zeros(shape, int), np.ones(shape, int)
    assert len(compare(nothing, nothing).table) == 0
    assert list(classes_of(compare(nothing, all_of_it)).values()) == ["missed"]
    found = compare(all_of_it, nothing)
    assert list(classes_of(found).values()) == ["spurious"]
    assert (found.error_labels == ErrorClass.SPURIOUS).all()


def test_no_table_without_instances_and_no_picture_unless_asked_for():
    masks = drain(compare_labels(volume([1]), volume([1]), instances=False))
    assert masks.table is masks.error_labels is masks.scores.errors is None
    assert drain(compare_labels(volume([1]), volume([1]))).error_labels is None


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_errors_explain_what_did_not_match(seed, voxels):
    rng = np.random.default_rng(seed)
    truth, found = (
        np.repeat(rng.integers(0, 6, (2, 4, 3)), rng.integers(1, 4, 3), axis=2)
        for _ in range(2)
    )
    width = min(truth.shape[2], found.shape[2])
    truth, found = truth[..., :width], found[..., :width]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "SLAB_VOXELS", voxels)
        evaluation = compare(found, truth)
    counts, at = evaluation.scores.errors, evaluation.scores.instances.at[0]
    assert counts.n_matched == at.true_positives
    lost = counts.n_missed + counts.n_true_split + counts.n_true_merged
    assert lost == at.false_negatives
    extra = counts.n_spurious + counts.n_predicted_split + counts.n_predicted_merged
    assert extra == at.false_positives
    for (side, label), name in classes_of(evaluation).items():
        here = (truth if side == "truth" else found) == label
        assert (evaluation.error_labels[here] >= ErrorClass[name.upper()]).all()
    assert ((evaluation.error_labels > 0) == ((truth > 0) | (found > 0))).all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_what_is_split_one_way_is_merged_the_other(seed):
    rng = np.random.default_rng(seed)
    truth, found = (volume(rng.integers(0, 4, (2, 3, 4))) for _ in range(2))
    forth = find_errors(tabulate(found, truth)).counts()
    back = find_errors(tabulate(truth, found)).counts()
    assert (forth.split_errors, forth.merge_errors) == (
        back.merge_errors,
        back.split_errors,
    )
