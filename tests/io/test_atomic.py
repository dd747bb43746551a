"""All files of a run, or none."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from napari_mitoseg.errors import InvalidParameterError, WriteError
from napari_mitoseg.io import staged
from napari_mitoseg.io.atomic import check_writable

NAMES = ("a.txt", "b.txt")


def listing(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in sorted(folder.iterdir())}


def write_all(
    folder: Path, text: str = "new", then: BaseException | None = None
) -> None:
    with staged(folder, NAMES) as paths:
        for path in paths.values():
            path.write_text(text)
        if then is not None:
            raise then


def test_all_appear_together(tmp_path):
    with staged(tmp_path, NAMES) as paths:
        for path in paths.values():
            path.write_text("new")
        assert not any((tmp_path / name).exists() for name in NAMES)
    assert listing(tmp_path) == {"a.txt": "new", "b.txt": "new"}


def test_earlier_files_are_replaced_and_others_stay(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "mine.txt").write_text("mine")
    write_all(tmp_path)
    assert listing(tmp_path) == {"a.txt": "new", "b.txt": "new", "mine.txt": "mine"}


def test_a_folder_replaces_a_folder(tmp_path):
    (tmp_path / "r.zarr" / "deep").mkdir(parents=True)
    with staged(tmp_path, ["r.zarr"]) as paths:
        paths["r.zarr"].mkdir()
        (paths["r.zarr"] / "x").write_text("new")
    assert listing(tmp_path / "r.zarr") == {"x": "new"}
    assert len(list(tmp_path.iterdir())) == 1


def test_what_was_not_written_is_left_out(tmp_path):
    with staged(tmp_path, NAMES) as paths:
        paths["b.txt"].write_text("new")
    assert listing(tmp_path) == {"b.txt": "new"}


@pytest.mark.parametrize(
    "failure", [ValueError("x"), KeyboardInterrupt(), InvalidParameterError("x")]
)
def test_a_failure_leaves_everything_as_it_was(tmp_path, failure):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(type(failure)):
        write_all(tmp_path, then=failure)
    assert listing(tmp_path) == {"a.txt": "old"}


def test_a_closed_job_leaves_nothing(tmp_path):
    def job():
        with staged(tmp_path / "new", NAMES) as paths:
            paths["a.txt"].write_text("x")
            yield

    running = job()
    next(running)
    running.close()
    assert not list(tmp_path.iterdir())


def test_folders_made_for_the_run_go_with_it(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_all(tmp_path / "deep" / "er", then=KeyboardInterrupt())
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_replaced_keeps_all_old_ones(tmp_path, monkeypatch):
    for name in NAMES:
        (tmp_path / name).write_text("old")
    original = Path.replace

    def replace(self, target):
        if Path(target) == tmp_path / "b.txt" and self.read_text() == "new":
            raise PermissionError(errno.EACCES, "is open in another program")
        return original(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(WriteError, match="Close the files in other programs"):
        write_all(tmp_path)
    assert listing(tmp_path) == {"a.txt": "old", "b.txt": "old"}


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "Free some space or choose another folder"),
        (errno.EROFS, "Choose a folder on a disk that can be written to"),
        (errno.EACCES, "Close the files in other programs"),
    ],
)
def test_a_refusal_says_where_how_much_and_what_to_do(tmp_path, code, advice):
    folder = tmp_path / "out"
    with pytest.raises(WriteError, match=advice) as caught:
        write_all(folder, then=OSError(code, os.strerror(code)))
    message = str(caught.value)
    assert str(folder) in message
    assert "MB free" in message
    assert "\n" not in message
    assert not folder.exists()


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(WriteError, match="name of the folder"):
        write_all(tmp_path / "out")
    assert listing(tmp_path) == {"out": "mine"}


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from napari_mitoseg.errors import WriteError
from napari_mitoseg.io import staged, write_labels_tiff, write_result_zarr
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
labels = np.random.default_rng(0).integers(0, 2**32, (8, 64, 64), dtype=np.uint32)
folder = Path(sys.argv[1])
for name, write in (
    ("a.tif", lambda path: write_labels_tiff(path, labels, None)),
    ("a.zarr", lambda path: write_result_zarr(path, None, {"x": labels}, None)),
):
    try:
        with staged(folder / "out", [name, "first.txt"]) as paths:
            paths["first.txt"].write_text("done")
            write(paths[name])
    except WriteError as error:
        print(error)
print(sorted(folder.iterdir()))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_a_disk_that_takes_no_more_leaves_nothing(tmp_path):
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert len(lines) == 3, done.stdout
    assert all(line.startswith("Cannot write into") for line in lines[:2])
    assert lines[2] == "[]"


def test_trying_leaves_nothing(tmp_path):
    check_writable(tmp_path)
    check_writable(tmp_path / "deep" / "er")
    assert not any(tmp_path.iterdir())


def test_a_folder_that_cannot_be_is_refused_beforehand(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(WriteError, match="name of the folder"):
        check_writable(tmp_path / "file")
    assert listing(tmp_path) == {"file": "mine"}
