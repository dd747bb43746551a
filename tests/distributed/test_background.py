"""Runs in a process of their own: watched, stopped, gone on with, and why they fail."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import tifffile

from napari_mitoseg import cli
from napari_mitoseg.distributed import background
from napari_mitoseg.distributed.background import Order
from napari_mitoseg.distributed.run_folder import LOCK, is_partial
from napari_mitoseg.distributed.settings import BlockSettings
from napari_mitoseg.distributed.status import STATUS, Status, read_status, write_status
from napari_mitoseg.errors import JobError, WriteError
from napari_mitoseg.file_lock import lock
from napari_mitoseg.io import read_labels
from napari_mitoseg.jobs import drain
from napari_mitoseg.outputs import ZARR
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.volume import Region, Volume

SPACING = (40.0, 16.0, 16.0)


@pytest.fixture
def order(
    tiny_em: tuple[Volume, Volume], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Order]:
    monkeypatch.setenv("MITOSEG_RUNS", str(tmp_path / "runs"))
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, tiny_em[0].read())
    folder = tmp_path / "out"
    yield Order(path, SPACING, Recipe(), folder, BlockSettings(memory=1.0))
    background.stop(folder)


def test_a_run_in_the_background_gives_the_result_of_the_command(
    order: Order, tmp_path: Path
) -> None:
    order = replace(order, region=Region((2, 0, 0), (8, 100, 128)))
    background.start(order)
    assert background.is_running(order.folder)
    assert background.running_folders() == [order.folder]
    job = background.watch(order.folder)
    assert next(job).total == 1000
    assert drain(job)
    assert not background.is_running(order.folder)
    assert background.running_folders() == []
    assert {path.name for path in order.folder.iterdir()} == {
        ZARR,
        "measurements.csv",
        "recipe.json",
    }
    other = tmp_path / "other"
    options = ("--spacing", "40,16,16", "--format", "zarr", "--out", str(other))
    part = ("--region", "2:,:100,:")
    cli.main(["segment", str(order.image), *options, *part, "--no-blocks"])
    found = [read_labels(f / ZARR).read() for f in (order.folder, other)]
    assert found[0].shape == (6, 100, 128)
    assert (found[0] == found[1]).all()
    assert found[0].any()


def test_a_stopped_run_goes_on(order: Order) -> None:
    background.start(order)
    with pytest.raises(WriteError, match="A run is going on"):
        background.start(order)
    while not is_partial(order.folder):
        time.sleep(0.02)
    background.stop(order.folder)
    assert not background.is_running(order.folder)
    if not (order.folder / ZARR).exists():
        assert not drain(background.watch(order.folder))
        assert not (order.folder / LOCK).exists() or is_partial(order.folder)
    background.start(order)
    assert drain(background.watch(order.folder))


def test_why_a_run_has_failed(order: Order) -> None:
    order.image.unlink()
    background.start(order)
    with pytest.raises(JobError, match=r"There is no file or folder .*stack\.tif"):
        drain(background.watch(order.folder))
    assert not background.is_running(order.folder)


def test_the_command_says_all_that_was_ordered(order: Order) -> None:
    more = replace(order, settings=BlockSettings(workers=3, scheduler="tcp://here:1"))
    words = list(more.command)
    assert words[:2] == ["segment", str(order.image)]
    options = dict(zip(words[2:-1:2], words[3:-1:2], strict=True))
    assert words[-1] == "--blocks"
    assert options.pop("--recipe").endswith("recipe.json")
    assert options == {
        "--out": str(order.folder),
        "--spacing": "40.0,16.0,16.0",
        "--format": "zarr",
        "--workers": "3",
        "--scheduler": "tcp://here:1",
    }


def test_a_run_that_someone_else_has_started_is_running(order: Order) -> None:
    """One on another computer that shares the disk holds the lock."""
    order.folder.mkdir()
    with (order.folder / LOCK).open("w") as held:
        assert lock(held.fileno())
        assert background.is_running(order.folder)
        with pytest.raises(WriteError, match="A run is going on"):
            background.start(order)


def test_a_process_that_has_gone_runs_no_more(tmp_path: Path) -> None:
    """Its number may belong to another one: this one, here."""
    write_status(tmp_path, Status("running", 0.5, "Predicting", os.getpid(), 12.0))
    status = read_status(tmp_path)
    assert status is not None
    assert (status.state, status.fraction) == ("lost", 0.5)


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("", "ended without a word: it was killed, perhaps for lack of memory"),
        ("Traceback (most recent call last):\n  …\nKeyError: 3\n", "not: KeyError: 3"),
        ("napari-mitoseg: The disk is full.\n", "^The disk is full.$"),
    ],
)
def test_a_run_that_was_killed_or_broke_down_was_not_stopped(
    log: str, said: str, order: Order
) -> None:
    order.folder.mkdir()
    gone = Status("running", 0.5, "Predicting", os.getpid(), 12.0)
    write_status(order.folder, gone)
    notes = background.notes_of(order.folder)
    notes.mkdir(parents=True)
    (notes / background.LOG).write_text(log)
    with pytest.raises(JobError, match=said):
        drain(background.watch(order.folder))


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"state": 1}'])
def test_a_damaged_status_says_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / STATUS).write_text(text)
    assert read_status(tmp_path) is None
