"""The journal: nothing painted is lost, whatever happens to program and disk."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_mitoseg.annotation import journal as journals
from napari_mitoseg.annotation import recorder
from napari_mitoseg.annotation.journal import (
    Journal,
    create_journal,
    find_journals,
    fingerprint,
    journals_folder,
    read_journal,
    resume_journal,
)
from napari_mitoseg.annotation.recorder import Recorder
from napari_mitoseg.annotation.records import MAGIC, Record, iter_records, stroke
from napari_mitoseg.errors import AnnotationError, ReadError, WriteError
from napari_mitoseg.volume import Volume

SHAPE = (4, 10, 12)
IMAGE = "a" * 64
Labels = NDArray[np.uint8]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MITOSEG_ANNOTATIONS", str(tmp_path))
    return tmp_path


@pytest.fixture
def labels() -> Labels:
    return np.zeros(SHAPE, np.uint8)


def begun() -> Journal:
    return create_journal(IMAGE, SHAPE, "my stack")


def resumed(path: Path) -> Labels:
    journal, found = resume_journal(path, IMAGE, SHAPE)
    journal.close()
    return found


def paint(labels: Labels, seed: int) -> int:
    """Paint a random box in a random slice, as a stroke would; return the slice."""
    rng = np.random.default_rng(seed)
    z, y, x = (int(rng.integers(n)) for n in labels.shape)
    labels[z, y : y + 5, x : x + 7] = rng.integers(3)
    return z


# ------------------------------------------------------------ records


@given(
    st.dictionaries(st.integers(0, 119), st.integers(0, 2), max_size=60),
    st.integers(0, 2),
)
def test_stroke_goes_round(painted: dict[int, int], before: int) -> None:
    changed = np.array(sorted(painted), np.intp)
    values = np.array([painted[i] for i in sorted(painted)], np.uint8)
    plane = np.full((10, 12), before, np.uint8)
    expected = plane.copy()
    expected.reshape(-1)[changed] = values
    ((record, _),) = iter_records(MAGIC + stroke(3, changed, values).pack())
    record.apply(plane)
    assert record.z == 3
    np.testing.assert_array_equal(plane, expected)


def test_stroke_takes_few_bytes() -> None:
    plane = np.zeros((1024, 1024), bool)
    plane[200:260, 300:400] = True
    changed = np.flatnonzero(plane)
    packed = stroke(0, changed, np.full(len(changed), 2, np.uint8)).pack()
    assert len(packed) < 500


def test_stroke_outside_the_slice_is_refused() -> None:
    record = stroke(0, np.array([120]), np.array([1], np.uint8))
    with pytest.raises(ValueError, match="outside"):
        record.apply(np.zeros((10, 12), np.uint8))
    cut = Record(b"P", 0, stroke(0, np.array([1]), np.array([1], np.uint8)).payload)
    cut.apply(np.zeros((10, 12), np.uint8))


# ------------------------------------------------------------ a session


def test_strokes_are_there_again(labels: Labels) -> None:
    notes = Recorder(begun())
    for seed in range(20):
        notes.record(labels, paint(labels, seed))
    notes.journal.note(proposed=[0, 2], every=2)
    notes.journal.note(proposed=[1])
    notes.journal.close()
    journal, found = resume_journal(notes.journal.path, IMAGE, SHAPE)
    np.testing.assert_array_equal(found, labels)
    assert journal.notes == {"proposed": [1], "every": 2}
    labels[2] = 1
    again = Recorder(journal, found)
    assert again.record(labels, 2)
    journal.close()
    np.testing.assert_array_equal(resumed(journal.path), labels)


def test_unchanged_slice_is_not_written(labels: Labels) -> None:
    notes = Recorder(begun())
    size = notes.journal.size
    assert not notes.record(labels, 0)
    assert notes.record_all(labels) == ()
    labels[1, 2, 3] = 2
    labels[3, 2, 3] = 1
    assert notes.record_all(labels) == (1, 3)
    assert notes.record_all(labels) == ()
    assert notes.journal.size > size
    notes.journal.close()


def test_erasing_is_painting(labels: Labels) -> None:
    notes = Recorder(begun())
    labels[1] = 2
    notes.record(labels, 1)
    labels[1] = 0
    notes.record(labels, 1)
    notes.journal.close()
    assert not resumed(notes.journal.path).any()


def test_states_of_slices_follow(labels: Labels) -> None:
    notes = Recorder(begun())
    labels[1, 0, 0] = 2
    labels[2] = 1
    notes.record_all(labels)
    assert (notes.labelled, notes.complete) == ({1, 2}, {2})
    labels[2, 0, 0] = 0
    labels[1] = 0
    notes.record_all(labels)
    assert (notes.labelled, notes.complete) == ({2}, set())
    notes.journal.close()
    labels[3] = 1
    known = Recorder(begun(), labels)
    assert (known.labelled, known.complete) == ({2, 3}, {3})
    known.journal.close()


def test_size_on_disk_is_known(labels: Labels) -> None:
    notes = Recorder(begun())
    for seed in range(5):
        notes.record(labels, paint(labels, seed))
        assert notes.journal.size == notes.journal.path.stat().st_size
    notes.journal.close()


def test_discarded_journal_is_gone(labels: Labels) -> None:
    journal = begun()
    journal.discard()
    assert not journal.path.exists()


# ------------------------------------------------------------ compaction


def test_long_journal_is_written_anew(
    labels: Labels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "COMPACT_BYTES", 3000)
    notes = Recorder(begun())
    notes.journal.note(proposed=[1, 2])
    sizes = []
    for seed in range(300):
        notes.record(labels, paint(labels, seed))
        sizes.append(notes.journal.size)
    assert max(sizes) < 4000
    assert np.diff(sizes).min() < -1000
    notes.journal.close()
    content = read_journal(notes.journal.path)
    assert content.notes == {"proposed": [1, 2]}
    np.testing.assert_array_equal(content.labels(), labels)


def test_failed_compaction_leaves_the_journal(
    labels: Labels, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = Recorder(begun())
    notes.record(labels, paint(labels, 0))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        with pytest.raises(WriteError, match="No space left"):
            notes.compact()
    notes.record(labels, paint(labels, 1))
    notes.journal.close()
    np.testing.assert_array_equal(resumed(notes.journal.path), labels)
    assert [*notes.journal.path.parent.glob("*.part")] == []


# ------------------------------------------------------------ damage


@pytest.mark.parametrize("cut", [1, 5, 14, 30])
def test_cut_off_record_loses_only_itself(labels: Labels, cut: int) -> None:
    notes = Recorder(begun())
    for seed in range(6):
        notes.record(labels, paint(labels, seed))
    before, size = labels.copy(), notes.journal.size
    labels[1, 3:7, 2:9] = 3 - labels[1, 3:7, 2:9]
    labels[labels > 2] = 1
    notes.record(labels, 1)
    notes.journal.close()
    path = notes.journal.path
    path.write_bytes(path.read_bytes()[: size + cut])
    assert read_journal(path).n_lost == cut
    journal, found = resume_journal(path, IMAGE, SHAPE)
    np.testing.assert_array_equal(found, before)
    Recorder(journal, found).record(labels, 1)
    journal.close()
    assert read_journal(path).n_lost == 0
    np.testing.assert_array_equal(resumed(path), labels)


def test_any_damaged_byte_is_noticed(labels: Labels) -> None:
    notes = Recorder(begun())
    states = [labels.copy()]
    for seed in range(4):
        notes.record(labels, paint(labels, seed))
        states.append(labels.copy())
    notes.journal.close()
    path = notes.journal.path
    good = path.read_bytes()
    start = next(end for _, end in iter_records(good))
    for position in range(start, len(good), 3):
        path.write_bytes(
            good[:position] + bytes([good[position] ^ 0x55]) + good[position + 1 :]
        )
        content = read_journal(path)
        assert content.n_lost > 0
        np.testing.assert_array_equal(content.labels(), states[len(content.records)])


@pytest.mark.parametrize("content", [b"", b"II*\0 a picture", MAGIC, MAGIC + b"xx"])
def test_what_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.journal"
    path.write_bytes(content)
    with pytest.raises(ReadError, match="no journal"):
        read_journal(path)


def test_missing_journal_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="cannot be read"):
        read_journal(tmp_path / "a.journal")
    with pytest.raises(WriteError, match="No such file"):
        resume_journal(tmp_path / "a.journal", IMAGE, SHAPE)


def test_stroke_that_does_not_fit_is_refused(labels: Labels) -> None:
    journal = begun()
    journal.paint(9, np.array([0]), np.array([1], np.uint8))
    journal.close()
    with pytest.raises(ReadError, match="does not fit"):
        resumed(journal.path)


# ------------------------------------------------------------ other images, windows


def test_journal_of_another_image_is_refused(labels: Labels) -> None:
    journal = begun()
    journal.close()
    with pytest.raises(AnnotationError, match="another image"):
        resume_journal(journal.path, "b" * 64, SHAPE)
    with pytest.raises(AnnotationError, match=r"this one is \(5, 10, 12\)"):
        resume_journal(journal.path, IMAGE, (5, 10, 12))
    resumed(journal.path)


def test_journal_in_use_is_refused(labels: Labels) -> None:
    notes = Recorder(begun())
    labels[0] = 1
    notes.record(labels, 0)
    assert find_journals(IMAGE) == ()
    with pytest.raises(AnnotationError, match="in use"):
        resume_journal(notes.journal.path, IMAGE, SHAPE)
    notes.journal.close()
    (found,) = find_journals(IMAGE)
    assert found.path == notes.journal.path


def test_journals_of_an_image_are_found(labels: Labels, folder: Path) -> None:
    paths = []
    for n, image in enumerate([IMAGE, IMAGE, "b" * 64, "a" * 8 + "c" * 56]):
        notes = Recorder(create_journal(image, SHAPE, f"stack {n}"))
        labels[n] = 2
        notes.record_all(labels)
        notes.journal.close()
        os.utime(notes.journal.path, (n, n))
        paths.append(notes.journal.path)
    begun().close()  # nothing painted: not worth an offer
    (folder / f"x-{IMAGE[:8]}-y.journal").write_text("no journal")
    found = find_journals(IMAGE)
    assert [one.path for one in found] == [paths[1], paths[0]]
    assert [one.painted for one in found] == [(0, 1), (0,)]
    assert found[0].header.name == "stack 1"


def test_image_is_known_by_its_content() -> None:
    rng = np.random.default_rng(0)
    data = rng.integers(0, 255, (5, 600, 700), dtype=np.uint8)
    known = fingerprint(Volume(data, name="a"))
    assert fingerprint(Volume(data.copy(), (40, 8, 8), "b")) == known
    assert fingerprint(Volume(data[:, ::-1])) != known
    assert fingerprint(Volume(data[:, :, 1:])) != known
    assert fingerprint(Volume(data.astype(np.uint16))) != known
    assert len(fingerprint(Volume(data[:1, :3, :4]))) == 64


def test_folder_can_be_chosen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert journals_folder() == folder
    monkeypatch.delenv("MITOSEG_ANNOTATIONS")
    assert journals_folder().name == "annotations"


# ------------------------------------------------------------ the disk


def test_full_disk_loses_nothing(
    labels: Labels, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = Recorder(begun())
    notes.record(labels, paint(labels, 0))
    write, good = os.write, notes.journal.size

    def nearly_full(handle: int, content: bytes) -> int:
        if len(content) > 5:
            return write(handle, content[:5])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(journals.os, "write", nearly_full)
        for z in (1, 2):
            labels[z, 2:5, 3:7] = z
            with pytest.raises(WriteError, match=r"No space left.*make room"):
                notes.record(labels, z)
        assert notes.journal.path.stat().st_size == good
    labels[3] = 1
    notes.record(labels, 3)
    notes.journal.close()
    np.testing.assert_array_equal(resumed(notes.journal.path), labels)


def test_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot be written"):
        create_journal(IMAGE, SHAPE, folder=tmp_path / "file" / "below")


# ------------------------------------------------------------ the end of the program

PAINTER = """
import sys
from pathlib import Path
import numpy as np
from napari_mitoseg.annotation.journal import create_journal
from napari_mitoseg.annotation.recorder import Recorder

seed, shape = int(sys.argv[1]), (4, 300, 300)
rng = np.random.default_rng(seed)
labels = np.zeros(shape, np.uint8)
notes = Recorder(create_journal("a" * 64, shape))
while True:
    z, y, x = (int(rng.integers(n)) for n in shape)
    labels[z, y : y + 60, x : x + 60] = rng.integers(3, size=1, dtype=np.uint8)
    notes.record(labels, z)
    print("painted", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kill_loses_at_most_the_last_stroke(seed: int, folder: Path) -> None:
    n_seen = 0
    with subprocess.Popen(
        [sys.executable, "-c", PAINTER, str(seed)],
        stdout=subprocess.PIPE,
        env={**os.environ, "MITOSEG_ANNOTATIONS": str(folder)},
    ) as process:
        assert process.stdout is not None
        for _ in range(200 + 37 * seed):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        n_seen = 200 + 37 * seed + len(process.stdout.read().splitlines())
    (content,) = find_journals(IMAGE)
    found = content.labels()
    rng = np.random.default_rng(seed)
    labels = np.zeros((4, 300, 300), np.uint8)
    for _ in range(n_seen):
        z, y, x = (int(rng.integers(n)) for n in labels.shape)
        labels[z, y : y + 60, x : x + 60] = rng.integers(3, size=1, dtype=np.uint8)
    after = labels.copy()
    z, y, x = (int(rng.integers(n)) for n in labels.shape)
    after[z, y : y + 60, x : x + 60] = rng.integers(3, size=1, dtype=np.uint8)
    assert n_seen > 200
    assert np.array_equal(found, labels) or np.array_equal(found, after)
