"""Journals that claim too much, or say nothing."""

import zlib
from pathlib import Path

import pytest

from napari_mitoseg.annotation.journal import find_journals, read_journal
from napari_mitoseg.annotation.records import MAGIC, NOTE, PAINT, Record, note
from napari_mitoseg.errors import ReadError
from napari_mitoseg.volume import Shape

SHAPE = (4, 10, 12)


def forged(path: Path, *parts: Record, shape: Shape = SHAPE) -> Path:
    """Write a journal whose checksums are right, whatever its records say."""
    header = {"image": "0" * 64, "shape": shape, "started": "2026-01-01T00:00:00Z"}
    content = MAGIC + b"".join(part.pack() for part in (note(header), *parts))
    path.write_bytes(content)
    return path


def runs(*given: tuple[int, int]) -> Record:
    """Return a stroke of runs, each its start and length, as they are given."""
    content = b"".join(n.to_bytes(4, "little") for n, _ in given)
    content += b"".join(n.to_bytes(4, "little") for _, n in given)
    return Record(PAINT, 0, zlib.compress(content + b"\1" * len(given)))


@pytest.mark.parametrize(
    "payload", [b"[1]", b"\xff", b"{", b"[" * 100_000, b"3", b'{"a":' * 9999]
)
def test_a_note_that_says_nothing(tmp_path: Path, payload: bytes) -> None:
    path = forged(tmp_path / "a.journal", Record(NOTE, 0, payload))
    with pytest.raises(ReadError, match="damaged note"):
        _ = read_journal(path).notes
    path.write_bytes(MAGIC + Record(NOTE, 0, payload).pack())
    with pytest.raises(ReadError, match="damaged note"):
        read_journal(path)
    assert find_journals("0" * 64, tmp_path) == ()


def test_a_journal_of_an_image_beyond_memory(tmp_path: Path) -> None:
    for shape in ((10**6, 10**6, 10**6), (-1, 4, 4)):
        content = read_journal(forged(tmp_path / "a.journal", shape=shape))
        with pytest.raises(ReadError, match="not memory enough"):
            content.labels()


@pytest.mark.parametrize(
    "given",
    [
        [(0, 10)] * 2,
        [(0, 5), (4, 2)],
        [(5, 2), (0, 2)],
        [(0, 2**32 - 1)],
        [(2**32 - 1, 1)],
        [(0, 10)] * 10**5,
    ],
)
def test_strokes_over_strokes_take_no_memory(
    tmp_path: Path, given: list[tuple[int, int]]
) -> None:
    path = forged(tmp_path / "a.journal", runs(*given))
    with pytest.raises(ReadError, match="does not fit its own image"):
        read_journal(path).labels()


def test_a_stroke_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    bomb = Record(PAINT, 0, zlib.compress(bytes(2**26)))
    with pytest.raises(ReadError, match="does not fit its own image"):
        read_journal(forged(tmp_path / "a.journal", bomb)).labels()
