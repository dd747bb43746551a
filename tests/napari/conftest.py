"""Viewers without a screen, jobs without a network, and no thread left behind."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")

from napari.components import ViewerModel
from napari.layers import Image
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QThreadPool
from superqt.utils import WorkerBase

from napari_mitoseg._napari import annotation_tasks, tasks, train_tasks
from napari_mitoseg._napari.annotate import AnnotateWidget
from napari_mitoseg._napari.annotation_tasks import TrainingOrder
from napari_mitoseg._napari.panel import Panel
from napari_mitoseg._napari.segment import SegmentWidget
from napari_mitoseg._napari.train_tasks import DenseOrder, NetworkChoice
from napari_mitoseg.inference.layout import Plan
from napari_mitoseg.jobs import Job, Progress, drain
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.models.zoo import ModelCard, Score, TrainedModel
from napari_mitoseg.pipeline import Basis, Result, segment_again
from napari_mitoseg.postprocessing import ChainCache
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.training.dense_report import DenseResult
from napari_mitoseg.training.progress import TrainingProgress
from napari_mitoseg.training.sparse_report import SparseProgress, SparseResult
from napari_mitoseg.volume import Region, Volume

SHAPE = (6, 40, 50)
SPACING = (40.0, 8.0, 8.0)
CARD = ModelCard(
    name="fast",
    architecture="fast",
    spacing=(40.0, 8.0, 8.0),
    licence="CC0",
    description="Made up for tests.",
    calibration=((0.5, 0.2), (0.9, 0.95)),
)

needs_screen = pytest.mark.skipif(
    os.environ.get("QT_QPA_PLATFORM") in {"offscreen", "minimal"},
    reason="there is no OpenGL without a screen; run under Xvfb",
)


@pytest.fixture(autouse=True)
def _no_thread_left(qtbot: Any) -> Iterator[None]:
    """Fail a test that leaves a job running."""
    yield
    qtbot.waitUntil(lambda: not WorkerBase._worker_set, timeout=10_000)
    assert QThreadPool.globalInstance().waitForDone(10_000)


@pytest.fixture(autouse=True)
def errors() -> Iterator[list[str]]:
    """What napari was asked to tell the user."""
    notification_manager.records.clear()
    seen: list[str] = []

    def note(notification: Any) -> None:
        seen.append(notification.message)

    notification_manager.notification_ready.connect(note)
    yield seen
    notification_manager.notification_ready.disconnect(note)


@pytest.fixture(autouse=True)
def _no_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep runs in the background that others have started out of sight."""
    monkeypatch.setenv("MITOSEG_RUNS", str(tmp_path / "runs"))


@pytest.fixture
def viewer() -> ViewerModel:
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def image(viewer: ViewerModel) -> Image:
    """A calibrated stack, bright in the middle."""
    return add_stack(viewer)


def add_stack(viewer: ViewerModel, shape: tuple[int, ...] = SHAPE) -> Image:
    """Add a calibrated stack with a bright box to a viewer."""
    data = np.zeros(shape, np.uint8)
    data[1:5, 10:20, 10:30] = 255
    layer = Image(
        data,
        name="stack",
        scale=SPACING,
        units=("nm",) * 3,
        axis_labels=("z", "y", "x"),
    )
    viewer.add_layer(layer)
    return layer


class FakeJobs:
    """Stands for the network: bright is mitochondrion, one progress a slice."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.closed = 0
        self.calls: list[tuple[Recipe, Region]] = []

    def segment(
        self,
        volume: Volume,
        recipe: Recipe,
        region: Region,
        models: Any,  # noqa: ARG002 - what the real one takes
        maps: ProbabilityMaps | None = None,
        cache: ChainCache | None = None,
        prepared: Any = None,
    ) -> Job[Result]:
        """Pretend to run a recipe."""
        self.calls.append((recipe, region))
        if maps is None:
            maps = tasks.blank_maps(region, SPACING, CARD)
        try:
            depth, height, width = region.shape
            for z in range(depth):
                plane = volume.read_slice(region.start[0] + z)
                maps.semantic[z] = plane[region.slices[1:]]
                done = Region((z, 0, 0), (z + 1, height, width))
                yield Progress(z + 1, depth, "Predicting", done)
                while not self.gate.wait(0.002):
                    yield Progress(z + 1, depth, "Predicting")
                if self.error is not None:
                    raise self.error
        finally:
            self.closed += 1
        prepared = drain(prepared.prepare(volume, recipe.preprocessing))
        basis = Basis(maps, prepared, region)
        segmentation = drain(segment_again(basis, recipe.postprocessing, cache))
        return Result(maps, segmentation, recipe, basis, calibration=CARD.calibration)

    def estimate(self, volume: Volume, *_: Any) -> Job[Plan]:
        """Pretend to measure the network."""
        yield Progress(0, 1, "Estimating")
        return Plan(len(volume.shape), 2**30, 12.0, "cpu")

    def warm_up(self) -> Job[None]:
        """Pretend to import torch."""
        yield Progress(0, 1)


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> FakeJobs:
    """Replace the network."""
    fake = FakeJobs()
    for name in ("segment", "estimate", "warm_up"):
        monkeypatch.setattr(tasks, name, getattr(fake, name))
    monkeypatch.setattr("napari_mitoseg._napari.model_box.list_models", lambda: (CARD,))
    return fake


@pytest.fixture
def panel(viewer: ViewerModel, jobs: FakeJobs, qtbot: Any) -> SegmentWidget:
    """The widget without a window and without a network."""
    widget = SegmentWidget(viewer)
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def finish(qtbot: Any) -> Callable[..., None]:
    """Wait until a panel has nothing more to do."""

    def wait(widget: Panel, timeout: int = 20_000) -> None:
        qtbot.waitUntil(lambda: not widget.is_busy, timeout=timeout)

    return wait


class FakeTraining:
    """Stands for a training: ten steps, then bright is mitochondrion."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.closed = 0
        self.orders: list[TrainingOrder] = []
        self.seen: list[int] = []

    def train(self, order: TrainingOrder) -> Job[SparseResult]:
        """Pretend to train."""
        self.orders.append(order)
        try:
            for step in range(10):
                if order.stop():
                    break
                yield self._report(order, step)
                while step == 5 and not self.gate.wait(0.002) and not order.stop():
                    yield self._report(order, step)
                if step == 5 and self.error is not None:
                    raise self.error
        finally:
            self.closed += 1
        return self._result(order)

    def _report(self, order: TrainingOrder, step: int) -> SparseProgress:
        z = order.watch()
        self.seen.append(z)
        preview = (z, np.asarray(order.volume.read_slice(z) // 2))
        iou = None if step % 2 else step / 10
        return SparseProgress(
            step, 10, "Training", None, "N_se", 1 / (step + 1), iou, 70.0, preview
        )

    def _result(self, order: TrainingOrder) -> SparseResult:
        card = CARD.model_copy(update={"name": order.folder.name})
        order.folder.mkdir(parents=True, exist_ok=True)
        (order.folder / "model.json").write_text(card.model_dump_json())
        image = order.volume.read()
        doubt = np.linspace(0, 0.5, len(image), dtype=np.float32)
        model = TrainedModel(card, None)  # type: ignore[arg-type]
        half = (image // 2).astype(np.uint8)
        return SparseResult(model, order.folder, half, half, image, doubt, 0.8)


@pytest.fixture
def training(
    jobs: FakeJobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> FakeTraining:
    """Replace the training, and keep journals and models out of the user's folders."""
    monkeypatch.setenv("MITOSEG_ANNOTATIONS", str(tmp_path / "annotations"))
    monkeypatch.setenv("MITOSEG_MODELS", str(tmp_path / "models"))
    fake = FakeTraining()
    monkeypatch.setattr(annotation_tasks, "train", fake.train)
    monkeypatch.setattr(annotation_tasks, "warm_up", jobs.warm_up)
    return fake


@pytest.fixture
def annotator(
    viewer: ViewerModel, training: FakeTraining, qtbot: Any
) -> AnnotateWidget:
    """The Annotate widget without a window and without a training."""
    widget = AnnotateWidget(viewer)
    qtbot.addWidget(widget)
    return widget


NETWORKS = (NetworkChoice("fast", "Quick.", 2), NetworkChoice("resunet-r", "Deep.", 3))


class FakeDense:
    """Stands for a training on dense labels: ten steps."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.closed = 0
        self.orders: list[DenseOrder] = []

    def train(self, order: DenseOrder) -> Job[DenseResult]:
        """Pretend to train."""
        self.orders.append(order)
        try:
            for step in range(10):
                if order.stop():
                    break
                report = TrainingProgress(
                    step, 10, "Training", None, "Training", 1.0, step / 10, 70.0
                )
                yield report
                while step == 5 and not self.gate.wait(0.002) and not order.stop():
                    yield report
                if step == 5 and self.error is not None:
                    raise self.error
        finally:
            self.closed += 1
        card = CARD.model_copy(update={"name": order.folder.name})
        order.folder.mkdir(parents=True, exist_ok=True)
        (order.folder / "model.json").write_text(card.model_dump_json())
        model = TrainedModel(card, None)  # type: ignore[arg-type]
        score = Score(data="stack, slices 5–5", value=0.81, seen="same stack")
        return DenseResult(model, order.folder, (score,), 10, 1.0)

    def list_networks(self) -> Job[tuple[NetworkChoice, ...]]:
        """Pretend to import torch."""
        yield TrainingProgress(0, 1)
        return NETWORKS


@pytest.fixture
def dense(jobs: FakeJobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDense:
    """Replace the training, and keep models out of the user's folder."""
    monkeypatch.setenv("MITOSEG_MODELS", str(tmp_path / "models"))
    fake = FakeDense()
    monkeypatch.setattr(train_tasks, "train", fake.train)
    monkeypatch.setattr(train_tasks, "list_networks", fake.list_networks)
    return fake
