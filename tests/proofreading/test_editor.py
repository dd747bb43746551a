"""Undo gives back every voxel, and the index stays true, whatever is done."""

import contextlib
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_mitoseg.errors import InvalidParameterError, ShapeError, WriteError
from napari_mitoseg.jobs import drain
from napari_mitoseg.proofreading import (
    CutAtPlane,
    Delete,
    Grow,
    LabelEditor,
    Merge,
    Operation,
    SeparatePieces,
    index_labels,
    label_array,
    operations,
    workspace,
)
from napari_mitoseg.proofreading.label_array import LabelArray
from napari_mitoseg.proofreading.object_index import tight_region
from napari_mitoseg.volume import Region

SPACING = (40.0, 10.0, 10.0)
SHAPE = (8, 30, 34)
EDITS = st.tuples(
    st.sampled_from([*operations.names(), "stroke", "stroke"]), st.integers(0, 10**6)
)


def stroke(editor: LabelEditor, rng: np.random.Generator) -> None:
    """Paint a box around the editor, then record it, as a viewer does."""
    low = rng.integers(0, SHAPE)
    high = np.minimum(low + rng.integers(1, (4, 12, 12)), SHAPE)
    region = Region(tuple(low.tolist()), tuple(high.tolist()))
    before = editor.read(region)
    after = np.full_like(before, rng.integers(0, 14) * rng.integers(0, 2))
    editor.workspace.array.write(region, after)
    editor.record(region, before, after)


def operation_at(name: str, editor: LabelEditor, rng: np.random.Generator) -> Operation:
    """Return an operation on objects that are there, or on one that is not."""
    labels = [*editor.index, 99]
    label = labels[rng.integers(len(labels))]
    entry = editor.index.get(label)
    voxels = np.zeros((1, 3), int)
    if entry is not None:
        voxels = np.argwhere(editor.read(entry.region) == label) + entry.region.start
    points = [tuple(p) for p in rng.permutation(voxels)[:3].tolist()]
    z, y, x = points[0]
    chosen: dict[str, Any] = {
        "label": label,
        "labels": tuple(rng.permutation(labels)[:3].tolist()),
        "target": labels[0] * int(rng.integers(0, 2)),
        "point": points[0],
        "points": tuple(points),
        "line": ((z, y - int(rng.integers(20)), 0), (z, y, x), (z, y, SHAPE[2])),
        "outline": ((z, y, x), (z, y, x + 8), (z, y + 8, int(rng.integers(SHAPE[2])))),
        "normal": tuple(rng.integers(-1, 2, 3).tolist()),
        "distance_nm": float(rng.integers(5, 50)),
        "first": z,
        "last": z + int(rng.integers(0, 3)),
        "n_above": int(rng.integers(0, 2)),
        "in_slices": bool(rng.integers(0, 2)),
    }
    operation = operations[name]
    names = [field for field in operation.model_fields if field in chosen]
    return operation(**{field: chosen[field] for field in names})


def do(editor: LabelEditor, edit: tuple[str, int]) -> None:
    name, seed = edit
    rng = np.random.default_rng(seed)
    if name == "stroke":
        stroke(editor, rng)
        return
    # What is refused must change nothing, which the caller looks at.
    with contextlib.suppress(InvalidParameterError):
        editor.apply(operation_at(name, editor, rng))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(todo=st.lists(EDITS, min_size=1, max_size=7), n_back=st.integers(0, 3))
def test_any_sequence_is_undone_and_redone(stored, blobs, todo, n_back):
    labels = stored(blobs())
    editor = LabelEditor(labels, SPACING)
    for n, edit in enumerate(todo):
        do(editor, edit)
        if n == 2:
            for _ in range(n_back):
                editor.undo()
        assert editor.index == drain(index_labels(labels))
    final = labels[...].copy()
    n_done = editor.n_undo
    while editor.undo() is not None:
        assert editor.index == drain(index_labels(labels))
    np.testing.assert_array_equal(labels[...], blobs())
    assert editor.n_redo >= n_done
    for _ in range(n_done):
        assert editor.redo() is not None
    np.testing.assert_array_equal(labels[...], final)
    assert editor.index == drain(index_labels(labels))


def test_painting_by_box(editor):
    labels = editor.workspace.array.data
    was = labels[...].copy()
    region = Region((1, 2, 3), (3, 6, 9))
    change = editor.paint(region, np.full(region.shape, 7), "Filled")
    assert change.name == "Filled"
    assert (labels[region.slices] == 7).all()
    assert editor.index == drain(index_labels(labels))
    editor.undo()
    np.testing.assert_array_equal(labels[...], was)


def test_a_stroke_that_is_not_there_is_refused(editor):
    region = Region((0, 0, 0), (1, 2, 2))
    before = editor.read(region)
    with pytest.raises(InvalidParameterError, match="Record each stroke as soon"):
        editor.record(region, before, before + 1)
    assert not editor.n_undo


def test_undo_stops_at_what_was_changed_behind_its_back(editor):
    labels = editor.workspace.array.data
    editor.apply(Delete(labels=(1,)))
    labels[...] = np.where(labels[...] == 0, 5, labels[...])
    changed = labels[...].copy()
    with pytest.raises(InvalidParameterError, match="changed by something else"):
        editor.undo()
    np.testing.assert_array_equal(labels[...], changed)
    assert editor.n_undo == 1


def test_two_dimensions(stored, blobs):
    image = blobs((1, 30, 34))[0]
    labels = stored(image)
    editor = LabelEditor(labels, SPACING)
    label = next(iter(editor.index))
    editor.apply(Grow(label=label, distance_nm=20))
    assert labels[...].ndim == 2
    assert editor.label_at((0, 99, 0)) == 0
    region = editor.index[label].region
    assert (region.start[0], region.stop[0]) == (0, 1)
    editor.undo()
    np.testing.assert_array_equal(labels[...], image)


def test_new_objects_never_take_a_number_that_was_in_use():
    labels = np.zeros((1, 1, 9), np.uint8)
    labels[0, 0] = [1, 0, 1, 0, 5, 0, 2, 0, 2]
    editor = LabelEditor(labels, None)
    editor.apply(Delete(labels=(5,)))
    assert editor.apply(SeparatePieces(label=1)).made == (6,)
    editor.undo()
    assert editor.apply(SeparatePieces(label=2)).made == (7,)


def test_a_full_type_takes_gaps_and_then_says_so():
    labels = np.zeros((1, 1, 600), np.uint8)
    labels[0, 0, 0:510:2] = np.arange(1, 256)
    labels[0, 0, 520] = labels[0, 0, 522] = 9
    editor = LabelEditor(labels, None)
    was = labels.copy()
    with pytest.raises(InvalidParameterError, match=r"255 that uint8 .* uint32"):
        editor.apply(SeparatePieces(label=9))
    np.testing.assert_array_equal(labels, was)
    editor.apply(Delete(labels=(100, 101)))
    assert editor.apply(SeparatePieces(label=9)).made == (100, 101)


def test_history_keeps_within_its_memory():
    labels = np.zeros((4, 40, 40), np.uint16)
    for n in range(16):
        labels[n // 4, 10 * (n % 4) : 10 * (n % 4) + 9, :30] = n + 1
    editor = LabelEditor(labels, None, limit_bytes=6000)
    for n in range(16):
        editor.apply(Delete(labels=(n + 1,)))
    history = editor.history
    assert history.n_bytes <= 6000
    assert history.n_dropped + editor.n_undo == 16
    assert editor.n_undo > 3
    while editor.n_undo:
        editor.undo()
    assert np.unique(labels).tolist() == [0, *range(history.n_dropped + 1, 17)]


def test_the_newest_edit_is_kept_however_large():
    labels = np.arange(1, 1001, dtype=np.uint16).reshape(10, 10, 10)
    editor = LabelEditor(labels, None, limit_bytes=1)
    editor.apply(Merge(labels=tuple(range(1, 1001))))
    assert editor.n_undo == 1
    editor.undo()
    assert labels[9, 9, 9] == 1000


def test_edits_are_kept_as_runs():
    """An object of 270 000 voxels takes a few thousand runs, not voxels."""
    labels = np.zeros((30, 100, 100), np.uint32)
    labels[:, 5:95, :] = 1
    editor = LabelEditor(labels, None)
    change = editor.apply(Delete(labels=(1,)))
    assert change.n_voxels == 270_000
    assert change.n_bytes < 30 * 90 * 16 + 1000


def test_large_objects_are_edited_in_blocks(monkeypatch, blobs):
    monkeypatch.setattr(label_array, "BLOCK_VOXELS", 500)
    labels = blobs()
    labels[labels == 0] = 11
    was = labels.copy()
    editor = LabelEditor(labels, SPACING)
    sizes = []
    read = editor.workspace.array.read

    def watched(region):
        sizes.append(int(np.prod(region.shape)))
        return read(region)

    monkeypatch.setattr(editor.workspace.array, "read", watched)
    editor.apply(Delete(labels=(11,)))
    editor.apply(Merge(labels=(1, 2, 3)))
    assert max(sizes) <= 34 * 30
    assert len(sizes) > 10
    while editor.n_undo:
        editor.undo()
    np.testing.assert_array_equal(labels, was)


class Watched:
    """Labels in chunks that note what is read and written."""

    def __init__(self, data: zarr.Array) -> None:
        self.data, self.read, self.written = data, [], []
        self.shape, self.dtype, self.chunks = data.shape, data.dtype, data.chunks

    def __getitem__(self, key):
        self.read.append(key)
        return self.data[key]

    def __setitem__(self, key, value):
        self.written.append(key)
        self.data[key] = value


def test_only_chunks_that_change_are_written(in_zarr):
    labels = np.zeros((6, 32, 32), np.uint16)
    labels[0:2, 2:30, 2:5] = 1  # an L, whose box holds a chunk without it
    labels[0:2, 2:5, 2:30] = 1
    labels[5, 31, 31] = 2
    watched = Watched(in_zarr(labels))
    editor = LabelEditor(watched, None)
    watched.read.clear()
    editor.apply(Delete(labels=(1,)))
    corners = {tuple(axis.start for axis in key) for key in watched.written}
    assert corners == {(0, 0, 0), (0, 16, 0), (0, 0, 16)}
    assert len(watched.written) == 3
    assert all(key[0].stop <= 3 for key in watched.read)


class Failing(Watched):
    """Labels on a disk that is full after two chunks."""

    def __setitem__(self, key, value):
        if len(self.written) == 2:
            self.written.append(key)
            raise OSError(28, "No space left on device")
        super().__setitem__(key, value)


def test_a_disk_that_refuses_leaves_nothing_half_done(blobs, in_zarr):
    stored = in_zarr(blobs())
    editor = LabelEditor(Failing(stored), None)
    index = drain(index_labels(stored))
    with pytest.raises(WriteError, match=r"on device\. Nothing was changed"):
        editor.apply(Delete(labels=tuple(editor.index)))
    np.testing.assert_array_equal(stored[...], blobs())
    assert editor.index == index
    assert not editor.n_undo


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.zeros((2, 3, 4)), InvalidParameterError, "hold float64 values"),
        (np.zeros((2, 3, 4), bool), InvalidParameterError, "hold bool values"),
        (np.full((2, 3, 4), -1), InvalidParameterError, "hold -1"),
        (np.zeros(4, int), ShapeError, "two axes"),
        (np.zeros((1, 2, 3, 4), int), ShapeError, "two axes"),
        (np.zeros((0, 3, 4), int), ShapeError, "at least one voxel"),
    ],
)
def test_what_are_no_labels(labels, error, message):
    with pytest.raises(error, match=message):
        LabelEditor(labels, SPACING)


def test_read_only_labels(blobs):
    labels = blobs()
    labels.setflags(write=False)
    with pytest.raises(InvalidParameterError, match="read-only"):
        LabelEditor(labels, SPACING)
    store = {}
    zarr.create_array(store, shape=(4, 4), dtype=np.uint8)
    with pytest.raises(InvalidParameterError, match="read-only"):
        LabelEditor(zarr.open_array(store, mode="r"), SPACING)


def test_wrong_spacing(blobs):
    with pytest.raises(InvalidParameterError, match="above zero"):
        LabelEditor(blobs(), (0.0, 1.0, 1.0))


@pytest.mark.parametrize(
    ("region", "values", "error"),
    [
        (Region((0, 0, 0), (1, 2, 2)), np.zeros((1, 2, 3), int), ShapeError),
        (Region((7, 0, 0), (9, 1, 1)), np.zeros((2, 1, 1), int), InvalidParameterError),
        (Region((0, 0, 0), (1, 1, 1)), np.full((1, 1, 1), 0.5), InvalidParameterError),
        (Region((0, 0, 0), (1, 1, 1)), np.full((1, 1, 1), -1), InvalidParameterError),
        (
            Region((0, 0, 0), (1, 1, 1)),
            np.full((1, 1, 1), 99999),
            InvalidParameterError,
        ),
    ],
)
def test_boxes_that_do_not_fit(region, values, error, blobs):
    editor = LabelEditor(blobs(), SPACING)
    with pytest.raises(error):
        editor.paint(region, values)
    assert not editor.n_undo


def test_no_objects_at_all():
    editor = LabelEditor(np.zeros((2, 3, 4), np.uint8), SPACING)
    assert len(editor.index) == 0
    with pytest.raises(InvalidParameterError, match="no object 1 among the 0"):
        editor.apply(Delete(labels=(1,)))
    editor.paint(Region((0, 0, 0), (1, 1, 1)), np.ones((1, 1, 1), int))
    assert editor.index[1].n_voxels == 1


def test_large_numbers_of_sparse_labels():
    labels = np.zeros((2, 3, 4), np.uint64)
    labels[0, 0, 0], labels[1, 2, 3] = 7, 2**40
    index = drain(index_labels(labels))
    assert list(index) == [7, 2**40]
    assert index[2**40].region == Region((1, 2, 3), (2, 3, 4))
    assert index.unused(2, labels.dtype) == (2**40 + 1, 2**40 + 2)


@pytest.mark.parametrize("voxels", [1 << 22, 64])
def test_the_smallest_box_is_found_from_any_larger_one(monkeypatch, voxels, stored):
    monkeypatch.setattr(label_array, "BLOCK_VOXELS", voxels)
    labels = np.zeros((9, 40, 37), np.uint8)
    labels[2, 5, 30] = labels[7, 33, 3] = labels[4, 20, 20] = 1
    labels[0], labels[:, 0] = 2, 2
    array = LabelArray(stored(labels))
    tight = Region((2, 5, 3), (8, 34, 31))
    for box in [Region.whole(labels.shape), Region((1, 5, 2), (9, 36, 31)), tight]:
        assert tight_region(array, 1, box) == tight
    assert tight_region(array, 3, Region.whole(labels.shape)) is None


def test_erasing_at_a_side_of_a_huge_object_reads_only_near_it(in_zarr, monkeypatch):
    monkeypatch.setattr(label_array, "BLOCK_VOXELS", 2000)
    labels = np.ones((3, 320, 320), np.uint8)
    labels[:, 0, 0] = 2
    watched = Watched(in_zarr(labels))
    editor = LabelEditor(watched, None)
    region = Region((0, 319, 300), (1, 320, 310))
    before = editor.read(region)
    watched.read.clear()
    editor.paint(region, np.zeros_like(before))
    n_chunks = 20 * 20
    assert len(watched.read) < n_chunks / 4
    assert editor.index == drain(index_labels(watched))


def test_a_preview_that_is_out_of_date_is_refused():
    labels = np.zeros((1, 1, 9), np.uint8)
    labels[0, 0] = [1, 0, 1, 0, 2, 0, 2, 0, 3]
    editor = LabelEditor(labels, None)
    first = editor.preview(SeparatePieces(label=1))
    editor.apply(SeparatePieces(label=2))
    with pytest.raises(InvalidParameterError, match="number 4 was given to another"):
        editor.commit(first)
    gone = editor.preview(Delete(labels=(3,)))
    editor.apply(Merge(labels=(1, 3)))
    with pytest.raises(InvalidParameterError, match="changed by something else"):
        editor.commit(gone)
    assert labels[0, 0].tolist() == [1, 0, 1, 0, 2, 0, 4, 0, 1]
    assert editor.n_undo == 2


def test_an_object_too_large_to_be_looked_at_can_still_be_cut(monkeypatch):
    monkeypatch.setattr(workspace, "CROP_VOXELS", 2000)
    labels = np.ones((20, 20, 20), np.uint8)
    editor = LabelEditor(labels, SPACING)
    with pytest.raises(InvalidParameterError, match="Cut the object at a plane"):
        editor.apply(Grow(label=1))
    editor.apply(CutAtPlane(label=1, point=(9, 0, 0)))
    assert editor.index[2].n_voxels == 4000


def test_numbers_beyond_all_measure():
    with pytest.raises(InvalidParameterError, match="Renumber"):
        LabelEditor(np.full((1, 1, 1), 2**63, np.uint64), None)


def test_labels_that_are_computed_cannot_be_edited():
    class Computed(Watched):
        dask = None

    with pytest.raises(InvalidParameterError, match="computed when they are read"):
        LabelEditor(Computed(zarr.zeros((4, 4), dtype=np.uint8)), None)


def test_what_was_undone_is_forgotten_by_the_next_edit(editor):
    first, second, *_ = editor.index
    editor.apply(Delete(labels=(first,)))
    editor.undo()
    assert editor.n_redo
    editor.apply(Delete(labels=(second,)))
    assert not editor.n_redo
    assert editor.redo() is None
    known = editor.history
    assert known.n_bytes == sum(change.n_bytes for change in known.done)


def test_shards_are_written_as_a_whole(blobs):
    labels = zarr.create_array(
        {}, shape=SHAPE, chunks=(2, 8, 8), shards=(4, 16, 16), dtype=np.uint16
    )
    labels[...] = blobs()
    editor = LabelEditor(labels, SPACING)
    assert editor.workspace.array.chunk == (4, 16, 16)
    check_there_and_back(editor, labels, blobs())


def test_hdf5(tmp_path, blobs):
    with h5py.File(tmp_path / "labels.h5", "w") as file:
        labels = file.create_dataset("main", data=blobs(), chunks=(3, 16, 16))
        editor = LabelEditor(labels, SPACING)
        assert editor.workspace.array.is_chunked
        check_there_and_back(editor, labels, blobs())


def test_another_byte_order(blobs):
    labels = blobs().astype(">u2")
    check_there_and_back(LabelEditor(labels, SPACING), labels, blobs())


def check_there_and_back(editor: LabelEditor, labels: Any, was: np.ndarray) -> None:
    first, second, third, *_ = editor.index
    editor.apply(Merge(labels=(first, second)))
    editor.apply(Grow(label=first, distance_nm=20))
    editor.apply(Delete(labels=(third,)))
    edited = labels[...].copy()
    assert not (edited == third).any()
    assert editor.index == drain(index_labels(labels))
    while editor.n_undo:
        editor.undo()
    np.testing.assert_array_equal(labels[...], was)
    while editor.n_redo:
        editor.redo()
    np.testing.assert_array_equal(labels[...], edited)
