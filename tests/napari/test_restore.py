"""The Restore widget, every interaction, with a network that only pretends."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Shapes

from napari_mitoseg._napari import restore_tasks
from napari_mitoseg._napari.reader import LayerData
from napari_mitoseg._napari.restore import STOP, TRAIN, RestoreWidget
from napari_mitoseg._napari.restore_tasks import InterpolationOrder
from napari_mitoseg.errors import DeviceMemoryError
from napari_mitoseg.inference.noisy_slices import DetectorSettings, NoisySlice
from napari_mitoseg.jobs import Job
from napari_mitoseg.models.interpolation_file import CARD_FILE, InterpolationCard
from napari_mitoseg.preprocessing import Restore
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.training.interpolation import InterpolationProgress
from napari_mitoseg.volume import Volume

from .conftest import SHAPE, SPACING, add_stack

Finish = Callable[..., None]

FOUND = (
    NoisySlice(2, 7.0, ((4, 6, 20, 30),), "dark"),
    NoisySlice(4, 9.0, (), "misaligned"),
)
CARD = InterpolationCard(data="stack", steps=10, psnr=20, psnr_of_mean=19)


class FakeNetwork:
    """Stands for training, finding and restoring."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.orders: list[InterpolationOrder] = []
        self.steps: list[Restore] = []
        self.settings: list[DetectorSettings] = []

    def train(self, order: InterpolationOrder) -> Job[InterpolationCard]:
        """Pretend to train: ten steps, and wait at the gate in the fifth."""
        self.orders.append(order)
        for step in range(10):
            if order.stop():
                break
            yield InterpolationProgress(step, 10, "Training", loss=1 / (step + 1))
            while step == 5 and not self.gate.wait(0.002) and not order.stop():
                yield InterpolationProgress(step, 10, "Training", loss=0.2)
            if self.error is not None:
                raise self.error
        order.folder.mkdir(parents=True, exist_ok=True)
        (order.folder / CARD_FILE).write_text(CARD.model_dump_json())
        return CARD

    def find(
        self, volume: Volume, folder: Path, settings: DetectorSettings
    ) -> Job[tuple[NoisySlice, ...]]:
        """Pretend to look."""
        assert (folder / CARD_FILE).is_file()
        self.settings.append(settings)
        yield InterpolationProgress(0, 1, volume.name)
        return FOUND

    def restore(self, volume: Volume, step: Restore) -> Job[LayerData]:
        """Give back the stack with marked slices at 99."""
        self.steps.append(step)
        yield InterpolationProgress(0, 1, "Restoring")
        data = volume.read().copy()
        data[list(step.slices)] = 99
        return data, {"name": f"{volume.name} restored"}, "image"


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    monkeypatch.setenv("MITOSEG_MODELS", str(tmp_path / "models"))
    fake = FakeNetwork()
    for name in ("train", "find", "restore"):
        monkeypatch.setattr(restore_tasks, name, getattr(fake, name))
    return fake


@pytest.fixture
def widget(viewer: ViewerModel, network: FakeNetwork, qtbot: Any) -> RestoreWidget:
    panel = RestoreWidget(viewer)
    qtbot.addWidget(panel)
    return panel


@pytest.fixture
def trained(widget: RestoreWidget, image: Image, finish: Finish) -> RestoreWidget:
    """The widget with a stack it has been trained on."""
    widget.train_button.click()
    finish(widget)
    return widget


def marks_of(widget: RestoreWidget) -> tuple[Any, Any]:
    return widget.step.slices, widget.step.boxes


def test_without_image_nothing_can_be_done(widget: RestoreWidget) -> None:
    assert "Open a stack" in widget.restore_problem
    for button in (widget.train_button, widget.find_button, widget.restore_button):
        assert not button.isEnabled()
    for act in (widget.start_training, widget.find_noisy, widget.restore):
        act()
    assert not widget.is_busy


@pytest.mark.parametrize("shape", [(40, 50), (2, 40, 50)])
def test_too_few_slices_are_refused(
    widget: RestoreWidget, viewer: ViewerModel, shape: tuple[int, ...]
) -> None:
    viewer.add_image(np.zeros(shape, np.uint8), name="flat")
    assert "at least three slices" in widget.problem
    assert not widget.train_button.isEnabled()


def test_training_keeps_a_network_for_this_image(
    trained: RestoreWidget, network: FakeNetwork, tmp_path: Path
) -> None:
    (order,) = network.orders
    assert order.folder == tmp_path / "models" / "interpolation" / "stack"
    assert order.volume.shape == SHAPE
    assert "20.0 dB" in trained.trained.text()
    assert "19.0 dB" in trained.trained.text()
    assert trained.find_button.isEnabled()
    assert "Mark slices" in trained.restore_problem


def test_stop_keeps_what_there_is(
    widget: RestoreWidget,
    image: Image,
    network: FakeNetwork,
    qtbot: Any,
    finish: Finish,
) -> None:
    network.gate.clear()
    widget.train_button.click()
    qtbot.waitUntil(lambda: widget.progress.bar.value() == 500)
    assert widget.train_button.text() == STOP
    assert not widget.restore_button.isEnabled()
    widget.train_button.click()
    assert not widget.train_button.isEnabled()
    finish(widget)
    assert widget.card == CARD
    assert widget.train_button.text() == TRAIN


def test_cancel_keeps_nothing(
    widget: RestoreWidget,
    image: Image,
    network: FakeNetwork,
    qtbot: Any,
    finish: Finish,
) -> None:
    network.gate.clear()
    widget.train_button.click()
    qtbot.waitUntil(lambda: widget.progress.bar.value() == 500)
    widget.progress.cancel.click()
    finish(widget)
    assert widget.card is None
    assert widget.train_button.text() == TRAIN


def test_errors_are_said(
    widget: RestoreWidget,
    image: Image,
    network: FakeNetwork,
    finish: Finish,
    errors: list[str],
) -> None:
    network.error = DeviceMemoryError("Too little memory.")
    widget.train_button.click()
    finish(widget)
    assert "Too little memory." in errors[-1]
    assert widget.train_button.isEnabled()


def test_proposals_are_listed_worst_first_and_jumped_to(
    trained: RestoreWidget, viewer: ViewerModel, network: FakeNetwork, finish: Finish
) -> None:
    trained.find_button.click()
    finish(trained)
    rows = [trained.table.item(n, 0).text() for n in range(trained.table.rowCount())]
    assert rows == ["4", "2"]
    assert network.settings[0].threshold == 5
    for row, z in ((1, 2), (0, 4)):
        trained.table.setCurrentCell(row, 0)
        assert viewer.dims.point[0] == z * SPACING[0]


def test_proposals_become_marks_once(
    trained: RestoreWidget, viewer: ViewerModel, finish: Finish
) -> None:
    trained.find_button.click()
    finish(trained)
    for _ in range(2):
        trained.mark_found.click()
        assert marks_of(trained) == ((4,), ((2, 4, 6, 20, 30),))
    (layer,) = [one for one in viewer.layers if isinstance(one, Shapes)]
    assert len(layer.data) == 2
    assert "whole slices: 1, regions: 1" in trained.marked.text()
    layer.data = layer.data[:1]
    assert len(marks_of(trained)[0]) + len(marks_of(trained)[1]) == 1


def test_only_selected_proposals_are_marked(
    trained: RestoreWidget, finish: Finish
) -> None:
    trained.find_button.click()
    finish(trained)
    trained.table.selectRow(1)
    trained.mark_found.click()
    assert marks_of(trained) == ((), ((2, 4, 6, 20, 30),))


def test_slice_on_screen_is_marked(trained: RestoreWidget, viewer: ViewerModel) -> None:
    viewer.dims.set_point(0, 3 * SPACING[0])
    trained.mark_slice.click()
    trained.mark_slice.click()
    assert marks_of(trained) == ((3,), ())


def test_drawn_shapes_are_marks_in_voxels(
    trained: RestoreWidget, viewer: ViewerModel, image: Image
) -> None:
    trained.draw_button.click()
    layer = trained.marks.layer_of(image)
    assert viewer.layers.selection.active is layer
    assert layer is not None
    assert layer.mode == "add_rectangle"
    triangle = np.array([(1, 2.2, 3.1), (1, 9.6, 3.4), (1, 5.0, 12.7)])
    layer.add_polygons([triangle])
    assert marks_of(trained) == ((), ((1, 2, 3, 10, 13),))
    layer.scale = [2 * value for value in SPACING]
    assert trained.step.boxes == ((2, 4, 6, 19, 25),)


def test_training_leaves_marked_slices_out(
    trained: RestoreWidget, network: FakeNetwork, viewer: ViewerModel, finish: Finish
) -> None:
    viewer.dims.set_point(0, 3 * SPACING[0])
    trained.mark_slice.click()
    trained.train_button.click()
    finish(trained)
    assert network.orders[-1].skipped == (3,)


def test_restored_image_is_a_new_layer(
    trained: RestoreWidget,
    viewer: ViewerModel,
    image: Image,
    network: FakeNetwork,
    finish: Finish,
) -> None:
    before = np.array(image.data)
    viewer.dims.set_point(0, 3 * SPACING[0])
    trained.mark_slice.click()
    assert trained.restore_button.isEnabled()
    trained.restore_button.click()
    finish(trained)
    layer = viewer.layers["stack restored"]
    assert (np.asarray(layer.data)[3] == 99).all()
    np.testing.assert_array_equal(image.data, before)
    np.testing.assert_array_equal(layer.scale, image.scale)
    assert list(layer.units) == list(image.units)
    step = Restore.parse(layer.metadata["restore"])
    assert step == network.steps[0]
    assert step.slices == (3,)
    assert viewer.layers[-1] is trained.marks.layer_of(image)
    assert trained.image.layer is image
    trained.image.choose(layer)  # to look again, with the same network
    assert trained.name.text() == "stack"
    assert trained.find_button.isEnabled()
    assert marks_of(trained) == ((), ())


def test_recipe_holds_the_marks(
    trained: RestoreWidget, viewer: ViewerModel, tmp_path: Path, finish: Finish
) -> None:
    viewer.dims.set_point(0, 3 * SPACING[0])
    trained.mark_slice.click()
    trained.save_recipe(tmp_path / "recipe.json")
    finish(trained)
    (step,) = Recipe.load(tmp_path / "recipe.json").preprocessing.steps
    assert step == trained.step
    content = json.loads((tmp_path / "recipe.json").read_text())
    assert content["preprocessing"][0]["slices"] == [3]


def test_each_image_has_its_own_marks_and_network(
    trained: RestoreWidget, viewer: ViewerModel, image: Image
) -> None:
    viewer.dims.set_point(0, 3 * SPACING[0])
    trained.mark_slice.click()
    other = add_stack(viewer)
    other.name = "other"
    trained.image.choose(other)
    assert trained.name.text() == "other"
    assert marks_of(trained) == ((), ())
    assert trained.card is None
    trained.image.choose(image)
    assert marks_of(trained) == ((3,), ())
    assert trained.card == CARD


def test_removed_marks_are_forgotten(
    trained: RestoreWidget, viewer: ViewerModel, image: Image
) -> None:
    trained.mark_slice.click()
    layer = trained.marks.layer_of(image)
    viewer.layers.remove(layer)
    assert "Nothing is marked" in trained.marked.text()
    assert not trained.restore_button.isEnabled()


def test_closed_widget_lets_go(viewer: ViewerModel, image: Image, qtbot: Any) -> None:
    panel = RestoreWidget(viewer)
    panel.marks.draw(image)
    with qtbot.waitSignal(panel.destroyed):
        panel.deleteLater()
    add_stack(viewer)
    viewer.layers.clear()


def test_real_network_restores_in_a_thread(
    viewer: ViewerModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: Any,
    finish: Finish,
) -> None:
    from napari_mitoseg.training.interpolation_settings import InterpolationSettings

    monkeypatch.setenv("MITOSEG_MODELS", str(tmp_path / "models"))
    chance = np.random.default_rng(0)
    plane = chance.integers(50, 200, (24, 24))
    stack = np.stack([plane] * 9).astype(np.uint8)
    stack[4] = 0
    image = viewer.add_image(stack, name="noisy", scale=SPACING, units=("nm",) * 3)
    panel = RestoreWidget(viewer)
    qtbot.addWidget(panel)
    panel.training.set_value(
        InterpolationSettings(limit="steps", steps=2, patch=16, batch=1, device="cpu")
    )
    panel.train_button.click()
    finish(panel, 60_000)
    panel.find_button.click()
    finish(panel, 60_000)
    assert [one.z for one in panel.table.found] == [4]
    panel.mark_found.click()
    panel.restore_button.click()
    finish(panel, 60_000)
    restored = viewer.layers["noisy restored"].data
    assert restored.dtype == np.uint8
    assert restored[4].std() > 5
    assert abs(int(restored[4].mean()) - int(plane.mean())) < 3
    np.testing.assert_array_equal(restored[3], plane)
    assert (np.asarray(image.data)[4] == 0).all()
