"""Runs in the background from the Segment widget: start, watch, stop, close, rejoin."""

from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import QEvent
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QApplication, QMainWindow

from napari_mitoseg._napari import background_box, background_tasks
from napari_mitoseg._napari.background_box import LEAVE, STOP
from napari_mitoseg._napari.background_layers import BackgroundLayers, show_result
from napari_mitoseg._napari.close_guard import CloseGuard
from napari_mitoseg._napari.layers import path_of
from napari_mitoseg._napari.segment import SegmentWidget
from napari_mitoseg.distributed import background
from napari_mitoseg.distributed.run_folder import PARTIAL, RunFolder
from napari_mitoseg.errors import JobError
from napari_mitoseg.io import read_labels, write_result_zarr
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.outputs import ZARR
from napari_mitoseg.volume import Region, Volume

from .conftest import SHAPE, SPACING, FakeJobs, add_stack


class FakeRuns:
    """Stands for the process of a run."""

    def __init__(self) -> None:
        self.started: list[tuple[Any, ...]] = []
        self.watched: list[Path] = []
        self.going_on: list[Path] = []
        self.stopped: list[Path] = []
        self.is_over = False
        self.outcome: bool | Exception = False

    def start_run(self, *order: Any) -> Job[bool]:
        self.started.append(order)
        return (yield from self._run())

    def watch_run(self, folder: Path) -> Job[bool]:
        self.watched.append(folder)
        return (yield from self._run())

    def stop_run(self, folder: Path) -> Job[None]:
        yield Progress(0, 1)
        self.stopped.append(folder)
        self.is_over = True

    def find_runs(self) -> Job[list[Path]]:
        yield Progress(0, 1)
        return self.going_on

    def _run(self) -> Job[bool]:
        while not self.is_over:
            yield Progress(300, 1000, "Predicting")
            sleep(0.01)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> FakeRuns:
    fake = FakeRuns()
    for name in ("start_run", "watch_run", "stop_run", "find_runs"):
        monkeypatch.setattr(background_tasks, name, getattr(fake, name))
    return fake


@pytest.fixture
def on_disk(viewer: ViewerModel, tmp_path: Path) -> Image:
    """A stack that was opened from a file."""
    layer = add_stack(viewer)
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.asarray(layer.data))
    layer.metadata["napari-mitoseg-path"] = str(path)
    return layer


@pytest.fixture
def widget(
    viewer: ViewerModel, jobs: FakeJobs, runs: FakeRuns, qtbot: Any
) -> Iterator[SegmentWidget]:
    segment = SegmentWidget(viewer)
    qtbot.addWidget(segment)
    qtbot.waitUntil(lambda: not segment.background.side.is_busy)
    yield segment
    runs.is_over = True


def test_a_run_is_started_with_what_is_shown(
    widget: SegmentWidget, runs: FakeRuns, on_disk: Image, tmp_path: Path, qtbot: Any
) -> None:
    box = widget.background
    box.form.editor("workers").setValue(2)
    box.start(tmp_path / "out")
    qtbot.waitUntil(lambda: "30%" in box.progress.bar.format())
    ((order, shape),) = runs.started
    assert (order.image, shape, order.spacing) == (path_of(on_disk), SHAPE, SPACING)
    assert (order.recipe, order.folder) == (widget.recipe, tmp_path / "out")
    assert (order.settings.workers, order.settings.memory) == (2, 0)
    assert not box.start_button.isEnabled()
    assert widget.run_button.isEnabled()
    box.start(tmp_path / "other")
    assert len(runs.started) == 1


def test_stop_says_how_to_go_on(
    widget: SegmentWidget, runs: FakeRuns, on_disk: Image, tmp_path: Path, qtbot: Any
) -> None:
    box = widget.background
    box.start(tmp_path / "out")
    qtbot.waitUntil(lambda: bool(runs.started))
    box.progress.cancel.click()
    qtbot.waitUntil(lambda: not box.is_running)
    assert runs.stopped == [tmp_path / "out"]
    assert "again to go on" in widget.status.text()
    assert box.start_button.isEnabled()


def test_why_a_run_has_failed_is_shown(
    widget: SegmentWidget, runs: FakeRuns, on_disk: Image, tmp_path: Path, qtbot: Any
) -> None:
    runs.outcome, runs.is_over = JobError("The disk is full."), True
    widget.background.start(tmp_path / "out")
    qtbot.waitUntil(lambda: widget.status.text() == "The disk is full.")


def test_a_layer_in_memory_is_to_be_saved_first(
    widget: SegmentWidget, runs: FakeRuns, image: Image, tmp_path: Path
) -> None:
    widget.background.start(tmp_path / "out")
    assert "is in memory only" in widget.status.text()
    assert not runs.started


def test_a_part_of_the_image_is_refused(
    widget: SegmentWidget, runs: FakeRuns, on_disk: Image, tmp_path: Path
) -> None:
    widget.region.mode.setCurrentText("Current slice")
    widget.background.start(tmp_path / "out")
    assert "takes the whole image" in widget.status.text()
    assert not runs.started


def test_a_run_that_goes_on_is_watched_when_the_widget_opens(
    viewer: ViewerModel, jobs: FakeJobs, runs: FakeRuns, tmp_path: Path, qtbot: Any
) -> None:
    runs.going_on = [tmp_path]
    segment = SegmentWidget(viewer)
    qtbot.addWidget(segment)
    qtbot.waitUntil(lambda: runs.watched == [tmp_path])
    assert segment.background.is_running
    assert f"A run into {tmp_path} is going on" in segment.status.text()
    runs.is_over = True
    qtbot.waitUntil(lambda: not segment.background.is_running)


@pytest.fixture
def started(
    widget: SegmentWidget, runs: FakeRuns, on_disk: Image, tmp_path: Path, qtbot: Any
) -> SegmentWidget:
    """The widget with a run into ``out``."""
    assert widget.background.may_close()
    widget.background.start(tmp_path / "out")
    qtbot.waitUntil(lambda: bool(runs.started))
    return widget


@pytest.mark.parametrize(
    ("answer", "closes", "stops"),
    [(LEAVE, True, False), (STOP, True, True), ("", False, False)],
)
def test_closing_asks_what_becomes_of_the_run(
    started: SegmentWidget,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    closes: bool,
    stops: bool,
) -> None:
    box, stopped = started.background, []
    monkeypatch.setattr(background_box, "ask_at_close", lambda *_: answer)
    monkeypatch.setattr(background, "stop", stopped.append)
    assert box.may_close() is closes
    assert stopped == ([tmp_path / "out"] if stops else [])


def test_the_guard_holds_a_close_back(qtbot: Any) -> None:
    class Window(QMainWindow):
        may = False

        def may_close(self) -> bool:
            return self.may

    window = Window()
    qtbot.addWidget(window)
    guard = CloseGuard(window, window.may_close)
    guard.watch_window_of(window)
    for may in (False, True):
        window.may = may
        event = QCloseEvent()
        QApplication.sendEvent(window, event)
        assert event.isAccepted() is may
    assert event.type() == QEvent.Type.Close


def test_the_scheduler_is_tested(
    widget: SegmentWidget, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    def workers(address: str) -> Job[tuple[str, ...]]:
        yield Progress(0, 1)
        return (f"{address} × 1", "other × 4")

    monkeypatch.setattr(background_tasks, "test_scheduler", workers)
    box = widget.background
    assert not box.test_button.isEnabled()
    box.form.editor("scheduler").setText("tcp://here:1")
    box.form.editor("scheduler").editingFinished.emit()
    box.test_button.click()
    qtbot.waitUntil(lambda: "2 workers: tcp://here:1 × 1" in widget.status.text())


def test_the_map_is_shown_as_far_as_it_is(viewer: ViewerModel, tmp_path: Path) -> None:
    layers = BackgroundLayers(viewer, add_stack(viewer), tmp_path)
    layers.show_filling()
    assert len(viewer.layers) == 1
    kept = RunFolder(tmp_path / PARTIAL)
    stored = kept.array("maps/semantic", SHAPE, "uint8", (2, 20, 50))
    layers.show_filling()
    filling = viewer.layers[-1]
    assert tuple(filling.scale) == SPACING
    assert not np.asarray(filling.data[0]).any()
    stored.write(Region((0, 0, 0), (2, 40, 50)), np.full((2, 40, 50), 7, np.uint8))
    layers.show_filling()
    assert len(viewer.layers) == 2
    assert (np.asarray(filling.data[:2]) == 7).all()


def test_a_real_run_ends_in_instances(
    viewer: ViewerModel, tiny_em: tuple[Volume, Volume], tmp_path: Path, qtbot: Any
) -> None:
    em = tiny_em[0]
    path = tmp_path / "em.tif"
    tifffile.imwrite(path, em.read())
    layer = Image(em.read(), name="em", scale=em.spacing, units=("nm",) * 3)
    layer.metadata["napari-mitoseg-path"] = str(path)
    viewer.add_layer(layer)
    segment = SegmentWidget(viewer)
    qtbot.addWidget(segment)
    out = tmp_path / "out"
    qtbot.waitUntil(lambda: not segment.problem, timeout=20_000)
    segment.background.start(out)
    qtbot.waitUntil(lambda: str(out) in segment.status.text(), timeout=120_000)
    labels = viewer.layers[-1]
    assert isinstance(labels, Labels)
    assert labels.name == "em out instances"
    assert tuple(labels.scale) == em.spacing
    expected = read_labels(out / ZARR).read()
    np.testing.assert_array_equal(np.asarray(labels.data), expected)
    assert expected.any()


def test_a_pyramid_is_shown_as_one(viewer: ViewerModel, tmp_path: Path) -> None:
    truth = np.zeros((4, 600, 700), np.uint32)
    truth[1:3, 100:300, 200:500] = 3
    write_result_zarr(tmp_path / ZARR, None, {"instances": truth}, SPACING)
    labels = show_result(viewer, tmp_path, "mine")
    assert labels.multiscale
    assert tuple(labels.scale) == SPACING
    np.testing.assert_array_equal(np.asarray(labels.data[0]), truth)
