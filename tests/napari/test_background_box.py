"""Runs in the background from the Segment widget: start, watch, stop, close, rejoin."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from time import sleep
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image, Labels, Shapes
from qtpy.QtCore import QEvent
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QMainWindow, QMessageBox

from napari_mitoseg._napari import background_box, background_tasks
from napari_mitoseg._napari.background_box import LEAVE, STOP
from napari_mitoseg._napari.background_layers import BackgroundLayers, show_result
from napari_mitoseg._napari.close_guard import CloseGuard
from napari_mitoseg._napari.layers import path_of
from napari_mitoseg._napari.region_box import in_words
from napari_mitoseg._napari.segment import SegmentWidget
from napari_mitoseg.distributed import background
from napari_mitoseg.distributed.run_folder import IDENTITY, PARTIAL, opened, run_of
from napari_mitoseg.distributed.sources import FileSource, PartSource
from napari_mitoseg.distributed.subject import read_subject
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


def test_what_was_said_before_is_not_said_of_a_new_run(
    widget: SegmentWidget, runs: FakeRuns, on_disk: Image, tmp_path: Path, qtbot: Any
) -> None:
    widget.say("There is no dask scheduler.")
    widget.background.start(tmp_path / "out")
    qtbot.waitUntil(lambda: bool(runs.started))
    assert not widget.status.text()


@pytest.mark.parametrize(("answer", "n_started"), [("Yes", 1), ("No", 0)])
def test_an_earlier_result_is_not_replaced_without_asking(
    answer: str,
    n_started: int,
    widget: SegmentWidget,
    runs: FakeRuns,
    on_disk: Image,
    tmp_path: Path,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / ZARR).mkdir()
    asked: list[str] = []

    def question(*texts: Any) -> Any:
        asked.append(texts[-1])
        return QMessageBox.StandardButton[answer]

    monkeypatch.setattr(QMessageBox, "question", question)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    widget.background.start_button.click()
    runs.is_over = True
    qtbot.waitUntil(lambda: not widget.background.is_running)
    assert len(runs.started) == n_started
    assert "holds a result already" in asked[0]


def test_a_run_is_stopped_while_a_scheduler_is_looked_for(
    started: SegmentWidget,
    runs: FakeRuns,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: Any,
) -> None:
    answered = Event()

    def looking(_address: str) -> Job[tuple[str, ...]]:
        yield Progress(0, 1)
        answered.wait(10)
        return ()

    monkeypatch.setattr(background_tasks, "test_scheduler", looking)
    started.background.side.start(looking, "tcp://far:1")
    started.background.stop()
    qtbot.waitUntil(lambda: runs.stopped == [tmp_path / "out"], timeout=5_000)
    answered.set()
    qtbot.waitUntil(lambda: not started.background.side.is_busy)


def test_no_memory_given_is_not_shown_as_zero(widget: SegmentWidget) -> None:
    memory: Any = widget.background.form.editor("memory")
    assert memory.text() == "half of what is free"
    memory.setValue(2.0)
    assert widget.background.settings.memory == 2.0
    assert "2.0" in memory.text()


def test_a_layer_in_memory_is_to_be_saved_first(
    widget: SegmentWidget, runs: FakeRuns, image: Image, tmp_path: Path
) -> None:
    widget.background.start(tmp_path / "out")
    assert "is in memory only" in widget.status.text()
    assert not runs.started


def test_the_chosen_region_is_what_is_run(
    widget: SegmentWidget, runs: FakeRuns, on_disk: Image, tmp_path: Path, qtbot: Any
) -> None:
    widget.region.mode.setCurrentText("Slices…")
    widget.region.first.setValue(2)
    widget.region.last.setValue(4)
    box = widget.background
    box.start(tmp_path / "out")
    qtbot.waitUntil(lambda: bool(runs.started))
    ((order, shape),) = runs.started
    assert shape == SHAPE
    assert order.region == Region((2, 0, 0), (5, 40, 50))
    assert order.command[order.command.index("--region") + 1] == "2:5,0:40,0:50"
    assert box.about.text() == "Slices 2–4 of stack"
    assert not box.about.isHidden()
    runs.is_over = True
    qtbot.waitUntil(lambda: not box.is_running)
    assert box.about.isHidden()


def test_a_region_outside_is_refused(
    widget: SegmentWidget, runs: FakeRuns, on_disk: Image, tmp_path: Path
) -> None:
    viewer = widget.viewer
    widget.region.mode.setCurrentText("Rectangle…")
    widget.background.start(tmp_path / "out")
    assert "Draw a rectangle" in widget.status.text()
    viewer.add_layer(Shapes([[[-90, -90], [-90, -9], [-9, -9], [-9, -90]]]))
    widget.background.start(tmp_path / "out")
    assert "outside the image" in widget.status.text()
    assert not runs.started


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (Region.whole(SHAPE), "the whole image"),
        (Region((1, 0, 0), (2, 40, 50)), "slice 1"),
        (Region((0, 3, 4), (6, 40, 9)), "y 3–39, x 4–8"),
    ],
)
def test_regions_in_words(region: Region, words: str) -> None:
    assert in_words(region, SHAPE) == words


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


PART = Region((2, 10, 0), (5, 40, 45))


@pytest.fixture
def begun(on_disk: Image, tmp_path: Path) -> Path:
    """The folder of a run over `PART` that has looked at its image."""
    folder = tmp_path / "out"
    path = path_of(on_disk)
    assert path is not None
    source = PartSource(FileSource(path, SPACING), PART)
    with opened(folder, {"input": source.identity()}, restart=False) as kept:
        kept.array("maps/semantic", PART.shape, "uint8", (2, 20, 50))
        kept.record("predict", 0, {})
    return folder


def fill(folder: Path, value: int) -> None:
    """Write the first two slices of the map."""
    maps = run_of(folder).array("maps/semantic", PART.shape, "uint8", (2, 20, 50))
    shape = (2, *PART.shape[1:])
    maps.write(Region.whole(shape), np.full(shape, value, np.uint8))


def corners(layer: Any) -> list[list[float]]:
    """Where the first and the last voxel of a layer lie."""
    array = layer.data[0] if layer.multiscale else layer.data
    ends = ((0, 0, 0), np.array(array.shape) - 1)
    return [np.asarray(layer.data_to_world(end)).tolist() for end in ends]


def corners_of(image: Image, region: Region) -> list[list[float]]:
    ends = (region.start, np.array(region.stop) - 1)
    return [np.asarray(image.data_to_world(end)).tolist() for end in ends]


def test_the_map_is_shown_as_far_as_it_is(
    viewer: ViewerModel, on_disk: Image, begun: Path
) -> None:
    on_disk.translate = (7, 8, 9)
    layers = BackgroundLayers(viewer, on_disk, PART, begun.with_name("none"))
    layers.show_filling()
    assert len(viewer.layers) == 1
    layers = BackgroundLayers(viewer, on_disk, PART, begun)
    layers.show_filling()
    filling = viewer.layers[-1]
    assert tuple(filling.scale) == SPACING
    assert corners(filling) == corners_of(on_disk, PART)
    assert not np.asarray(filling.data[0]).any()
    fill(begun, 7)
    layers.show_filling()
    assert len(viewer.layers) == 2
    assert (np.asarray(filling.data[:2]) == 7).all()


@pytest.mark.parametrize(("z", "is_drawn"), [(1, False), (2, True), (4, True)])
def test_only_a_slice_of_the_region_is_drawn_anew(
    viewer: ViewerModel, on_disk: Image, begun: Path, z: int, is_drawn: bool
) -> None:
    layers = BackgroundLayers(viewer, on_disk, PART, begun)
    layers.show_filling()
    viewer.dims.set_current_step(0, z)
    drawn: list[Any] = []
    viewer.layers[-1].events.set_data.connect(drawn.append)
    fill(begun, 9)
    layers.show_filling()
    assert bool(drawn) is is_drawn


def test_the_map_of_another_region_is_not_shown(
    viewer: ViewerModel, on_disk: Image, begun: Path
) -> None:
    other = PART.moved((1, 0, 0))
    BackgroundLayers(viewer, on_disk, other, begun).show_filling()
    assert len(viewer.layers) == 1


@pytest.mark.parametrize("is_open", [True, False])
def test_a_run_that_is_joined_lies_on_its_image(
    viewer: ViewerModel,
    widget: SegmentWidget,
    runs: FakeRuns,
    on_disk: Image,
    begun: Path,
    qtbot: Any,
    is_open: bool,
) -> None:
    fill(begun, 5)
    if not is_open:
        viewer.layers.clear()
    box = widget.background
    box.rejoin(begun)
    assert box.about.text() == "Slices 2–4, y 10–39, x 0–44 of stack.tif"
    filling = viewer.layers[-1]
    assert filling.name == "stack out probability"
    # Opened later, the image is where it was.
    assert corners(filling) == corners_of(on_disk, PART)
    truth = np.full(PART.shape, 3, np.uint32)
    arrays = {"instances": truth}
    write_result_zarr(begun / ZARR, None, arrays, SPACING, origin=PART.start)
    runs.outcome = runs.is_over = True
    qtbot.waitUntil(lambda: not box.is_running)
    labels = viewer.layers[-1]
    assert filling not in viewer.layers
    assert corners(labels) == corners_of(on_disk, PART)
    np.testing.assert_array_equal(np.asarray(labels.data), truth)


@pytest.mark.parametrize("text", ["{", "{}", '{"input": {"shape": [1, 2]}}'])
def test_a_run_that_says_nothing_readable_has_no_subject(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / PARTIAL).mkdir()
    (tmp_path / PARTIAL / IDENTITY).write_text(text)
    assert read_subject(tmp_path) is None


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
    segment.region.mode.setCurrentText("Slices…")
    segment.region.first.setValue(2)
    segment.background.start(out)
    qtbot.waitUntil(lambda: str(out) in segment.status.text(), timeout=120_000)
    labels = viewer.layers[-1]
    assert isinstance(labels, Labels)
    assert labels.name == "em out instances"
    assert corners(labels) == corners_of(layer, Region((2, 0, 0), (8, 128, 128)))
    expected = read_labels(out / ZARR).read()
    np.testing.assert_array_equal(np.asarray(labels.data), expected)
    assert expected.any()


def test_a_pyramid_is_shown_as_one(viewer: ViewerModel, tmp_path: Path) -> None:
    truth = np.zeros((4, 600, 700), np.uint32)
    truth[1:3, 100:300, 200:500] = 3
    write_result_zarr(tmp_path / ZARR, None, {"instances": truth}, SPACING)
    labels = show_result(viewer, tmp_path, "mine")
    assert labels.multiscale
    assert not labels.translate.any()
    assert tuple(labels.scale) == SPACING
    np.testing.assert_array_equal(np.asarray(labels.data[0]), truth)
