"""What is suspicious, in what order, and what is kept of a review."""

import json
from typing import Any

import numpy as np
import pytest

from napari_mitoseg.errors import InvalidParameterError, ReadError, ShapeError
from napari_mitoseg.jobs import drain
from napari_mitoseg.proofreading import (
    AbruptEnd,
    Delete,
    Disagreement,
    Evidence,
    Gap,
    LabelEditor,
    LowProbability,
    Merge,
    OddShape,
    OddSize,
    ReviewItem,
    ReviewQueue,
    ReviewState,
    SeparatePieces,
    ThinNeck,
    TouchesBorder,
    rank,
    suspicions,
)

SPACING = (40.0, 10.0, 10.0)
ISOTROPIC = (10.0, 10.0, 10.0)


def ranked(labels, *reasons, spacing=ISOTROPIC, **evidence):
    editor = LabelEditor(labels, spacing)
    return drain(rank(editor.workspace, Evidence(**evidence), reasons or None))


def balls(*centres, shape=(15, 20, 20), radius=5):
    labels = np.zeros(shape, np.uint8)
    grid = np.indices(shape)
    for label, centre in enumerate(centres, start=1):
        far = ((grid - np.array(centre)[:, None, None, None]) ** 2).sum(axis=0)
        labels[far <= radius**2] = label
    return labels


def test_the_border_counts_a_little():
    queue = ranked(balls((7, 3, 10), (7, 13, 10), radius=4), TouchesBorder())
    assert [(i.label, i.score) for i in queue] == [(1, 0.2), (2, 0.0)]
    assert queue[1].reasons == ("touches the border of the volume in y",)
    assert queue[2].reasons == ()
    assert queue[2].point == (7, 13, 10)


def test_an_image_has_no_border_in_z():
    labels = balls((0, 10, 10), shape=(1, 20, 20))[0]
    assert ranked(labels, TouchesBorder())[1].score == 0


def test_sizes_unlike_the_others():
    labels = np.zeros((1, 10, 200), np.uint8)
    for n, width in enumerate([10, 11, 9, 10, 10, 1, 90]):
        start = [0, 12, 24, 36, 48, 60, 70][n]
        labels[0, :, start : start + width] = n + 1
    queue = ranked(labels, OddSize(), spacing=None)
    assert [i.label for i in queue][:2] == [6, 7]
    assert queue[6].reasons == ("much smaller than the others",)
    assert queue[7].reasons == ("much larger than the others",)
    assert [queue[n].score for n in range(1, 6)] == [0] * 5


def test_few_objects_are_unlike_none():
    labels = np.zeros((1, 1, 20), np.uint8)
    labels[0, 0, 0], labels[0, 0, 2:] = 1, 2
    assert [i.score for i in ranked(labels, OddSize())] == [0, 0]


def test_shapes_unlike_the_others():
    labels = np.zeros((9, 60, 60), np.uint8)
    for n in range(5):
        labels[1:8, 1:8, 10 * n + 1 : 10 * n + 8] = n + 1
    labels[2:4, 12:14, 1:59] = 6
    queue = ranked(labels, OddShape())
    assert [i.label for i in queue if i.score > 0] == [6]
    assert "drawn out" in queue[6].reasons[0]


@pytest.mark.parametrize(
    ("dtype", "values"), [(np.uint8, (255, 153)), (np.float32, (1.0, 0.6))]
)
def test_low_probability(dtype, values):
    labels = balls((7, 7, 7), (7, 7, 15), radius=2)
    maps = np.zeros(labels.shape, dtype)
    for label, value in zip((1, 2), values, strict=True):
        maps[labels == label] = value
    queue = ranked(labels, LowProbability(), probability=maps)
    assert queue.items[0].label == 2
    assert queue[2].reasons == ("mean probability 0.60",)
    assert queue[2].score == pytest.approx((0.85 - 0.6) / 0.35, abs=1e-4)
    assert queue[1].score == 0


def test_other_labels_that_agree_and_do_not():
    labels = np.zeros((1, 6, 30), np.uint8)
    labels[0, :, :8], labels[0, :, 10:18], labels[0, :, 20:28] = 1, 2, 3
    other = labels.astype(np.uint16) + 7 * (labels > 0)
    other[0, :, 14:18] = 30  # divided there
    other[0, :, 20:28] = 0  # missing there
    queue = ranked(labels, Disagreement(), others=[labels, other])
    assert [(i.label, i.score) for i in queue] == [
        (3, 1),
        (2, pytest.approx(2 / 3)),
        (1, 0),
    ] or [(i.label, round(i.score, 2)) for i in queue] == [
        (3, 1.0),
        (2, 0.67),
        (1, 0.0),
    ]
    assert queue[2].reasons == ("other labels agree to 50 % only",)


def test_abrupt_ends_in_the_volume_only():
    labels = np.zeros((12, 20, 40), np.uint8)
    labels[0:6, 2:12, 2:12] = 1  # starts at the border, ends abruptly
    labels[0:12, 2:12, 15:25] = 2  # through the whole volume
    labels[balls((6, 8, 33), shape=labels.shape, radius=5) > 0] = 3
    queue = ranked(labels, AbruptEnd())
    assert [(i.label, i.score) for i in queue] == [(1, 1), (2, 0), (3, 0)]
    assert queue[1].reasons == ("ends in slice 5 with 100 % of its largest area",)


def dumbbell(width):
    labels = balls((10, 10, 12), (10, 10, 37), shape=(21, 21, 50), radius=9)
    labels[labels > 0] = 1
    far = (np.indices((21, 21)) - 10) ** 2
    labels[far.sum(axis=0) <= (width / 2) ** 2, 12:38] = 1
    return labels


def test_thin_necks():
    scores = [ranked(dumbbell(w), ThinNeck())[1].score for w in (3, 9, 18)]
    assert scores[0] > 0.9
    assert scores[0] > scores[1] > scores[2] == 0
    assert "a neck of 40 nm between" in ranked(dumbbell(3), ThinNeck())[1].reasons[0]


def test_a_spike_is_no_neck():
    labels = balls((10, 10, 12), shape=(21, 21, 50), radius=9)
    labels[10, 10, 12:40] = 1
    labels[9:12, 9:12, 40:43] = 1
    assert ranked(labels, ThinNeck())[1].score == 0


def tubes(*pieces, shape=(15, 40, 120)):
    labels = np.zeros(shape, np.uint8)
    z, y, x = np.indices(shape)
    for n, (row, first, last) in enumerate(pieces, start=1):
        round_ = (z - 7) ** 2 + (y - row) ** 2 <= 16
        labels[round_ & (x >= first) & (x < last)] = n
    return labels


def test_tubes_end_to_end_and_side_by_side():
    facing = ranked(tubes((10, 5, 50), (10, 54, 110)), Gap())
    assert [i.score > 0.6 for i in facing] == [True, True]
    assert facing[1].reasons == ("ends 50 nm from object 2, in the same direction",)
    passing = ranked(tubes((10, 5, 110), (22, 5, 110)), Gap())
    assert [i.score for i in passing] == [0, 0]
    apart = ranked(tubes((10, 5, 40), (10, 70, 110)), Gap())
    assert [i.score for i in apart] == [0, 0]


def test_what_is_missing_says_nothing():
    queue = ranked(dumbbell(3), spacing=None)
    assert queue[1].score == 0


@pytest.mark.parametrize("name", suspicions)
def test_every_suspicion_copes_with_every_volume(name, blobs, stored):
    kinds = [blobs(), blobs((1, 30, 34)), blobs((1, 30, 34))[0], np.ones((1, 1), int)]
    for labels in kinds:
        for spacing in (SPACING, None):
            held = stored(labels)
            evidence = {"probability": labels > 0, "others": [labels]}
            queue = ranked(held, suspicions[name](), spacing=spacing, **evidence)
            assert len(queue) == len(np.unique(labels[labels > 0]))
            assert all(0 <= item.score <= 1 for item in queue)
            assert all(bool(item.reasons) == (item.score > 0) for item in queue)
            assert all(all(item.reasons) for item in queue)
            np.testing.assert_array_equal(held[...], labels)


@pytest.mark.parametrize("name", suspicions)
def test_suspicions_as_json(name):
    suspicion = suspicions[name]()
    written = json.loads(suspicion.model_dump_json())
    assert type(suspicion).parse(written) == suspicion
    assert suspicion.title
    assert all(field.description for field in type(suspicion).model_fields.values())


def test_large_objects_are_looked_at_sparsely(monkeypatch):
    from napari_mitoseg.proofreading import sampling

    whole = ranked(dumbbell(3), ThinNeck())[1].score
    monkeypatch.setattr(sampling, "SEEN_VOXELS", 4000)
    monkeypatch.setattr(sampling, "READ_VOXELS", 2000)
    assert ranked(dumbbell(3), ThinNeck())[1].score == pytest.approx(whole, abs=0.3)


def test_evidence_of_another_shape(blobs):
    with pytest.raises(ShapeError, match="shape of the labels"):
        ranked(blobs(), probability=np.zeros((2, 3, 4)))


def items(n: int) -> list[Any]:
    return [ReviewItem(label=k, score=1 / k, reasons=("so",)) for k in range(n, 0, -1)]


def test_going_through_the_queue():
    queue = ReviewQueue(items(4))
    assert [i.label for i in queue] == [1, 2, 3, 4]
    assert queue.next().label == 1
    queue.mark(1, "correct")
    assert queue.next().label == 2
    assert queue.next(after=3).label == 4
    queue.mark(4, ReviewState.DELETE)
    assert queue.next(after=3).label == 2
    assert queue.previous(before=2).label == 1
    assert queue.previous(before=1) is None
    assert (queue.n_done, queue.progress.fraction) == (2, 0.5)
    assert queue.labels_in(ReviewState.DELETE) == (4,)
    queue.mark(1, "open")
    queue.mark(2, "fixed")
    queue.mark(3, "fixed")
    assert queue.next(after=3).label == 1
    queue.mark(1, "fixed")
    assert queue.next() is None
    assert queue.counts[ReviewState.FIXED] == 3


def test_marks_of_what_is_not_there():
    queue = ReviewQueue(items(2))
    with pytest.raises(InvalidParameterError, match="no object 9"):
        queue.mark(9, "correct")
    with pytest.raises(InvalidParameterError, match="state"):
        queue.mark(1, "perfect")


def test_a_review_survives_edits_and_their_undoing():
    labels = np.zeros((1, 1, 12), np.uint8)
    labels[0, 0] = [1, 0, 2, 0, 3, 0, 3, 0, 4, 0, 4, 0]
    editor = LabelEditor(labels, None)
    queue = drain(rank(editor.workspace))
    queue.mark(2, "correct")
    for edit, there in [
        (Merge(labels=(1, 2)), {1, 3, 4}),
        (SeparatePieces(label=3), {1, 3, 4, 5}),
        (Delete(labels=(4,)), {1, 3, 5}),
    ]:
        queue.follow(editor.index, editor.apply(edit).touched)
        assert {i.label for i in queue} == there == set(editor.index)
    assert queue[5].reasons == ("was made by an edit",)
    queue.mark(5, "fixed")
    while editor.n_undo:
        queue.follow(editor.index, editor.undo().touched)
    assert {i.label for i in queue} == {1, 2, 3, 4}
    assert queue[2].state is ReviewState.CORRECT
    while editor.n_redo:
        editor.redo()
    queue.follow(editor.index)
    assert queue[5].state is ReviewState.FIXED
    assert len(queue) == 3


def test_a_review_is_saved_and_taken_up_again(tmp_path):
    labels = np.array([[[1, 0, 2, 2, 0, 3]]], np.uint8)
    editor = LabelEditor(labels, None)
    queue = drain(rank(editor.workspace))
    queue.mark(3, "delete")
    path = tmp_path / "new" / "review.json"
    queue.save(path)
    queue.mark(1, "fixed")
    queue.save(path)
    again = ReviewQueue.load(path)
    assert again.items == queue.items
    assert [p.name for p in path.parent.iterdir()] == ["review.json"]
    editor.apply(Delete(labels=(3,)))
    assert len(ReviewQueue.load(path, editor.index)) == 2


@pytest.mark.parametrize("text", ["", "[]", '{"items": [{"label": 0}]}', '{"a": 1}'])
def test_files_that_are_no_review(tmp_path, text):
    path = tmp_path / "review.json"
    path.write_text(text)
    with pytest.raises(ReadError, match="review"):
        ReviewQueue.load(path)
    with pytest.raises(ReadError, match="nowhere"):
        ReviewQueue.load(tmp_path / "nowhere.json")
