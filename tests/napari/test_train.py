"""The Train widget, every interaction, with a training that only pretends."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import Qt

from napari_mitoseg._napari import train_tasks
from napari_mitoseg._napari.annotation_layer import ANNOTATION
from napari_mitoseg._napari.image_box import MADE_BY_US
from napari_mitoseg._napari.train import TrainWidget
from napari_mitoseg._napari.training_panel import STOP, TRAIN
from napari_mitoseg.errors import DeviceMemoryError
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.zoo import load_model
from napari_mitoseg.preprocessing import Pipeline

from .conftest import SHAPE, SPACING, FakeDense, add_stack

Finish = Callable[..., None]
REAL_TRAIN, REAL_LIST = train_tasks.train, train_tasks.list_networks


@pytest.fixture
def trainer(viewer: ViewerModel, dense: FakeDense, qtbot: Any) -> TrainWidget:
    """The Train widget without a window and without a training."""
    widget = TrainWidget(viewer)
    qtbot.addWidget(widget)
    qtbot.waitUntil(lambda: not widget.lister.is_busy)
    return widget


def add_labels(
    viewer: ViewerModel, shape: tuple[int, ...] = SHAPE, **keywords: Any
) -> Labels:
    """Add labels of the bright box."""
    data = np.zeros(shape, np.uint8)
    data[1:5, 10:20, 10:30] = 1
    layer = Labels(data, name="truth", scale=SPACING, units=("nm",) * 3, **keywords)
    viewer.add_layer(layer)
    return layer


@pytest.fixture
def labels(viewer: ViewerModel, image: Image) -> Labels:
    """Labels of the stack."""
    return add_labels(viewer)


def test_nothing_can_be_trained_without_image_and_labels(
    trainer: TrainWidget, viewer: ViewerModel
) -> None:
    assert "Open a stack" in trainer.training_problem
    add_stack(viewer)
    assert "Choose the labels" in trainer.training_problem
    assert not trainer.train_button.isEnabled()
    trainer.start_training()
    assert not trainer.is_busy
    add_labels(viewer)
    assert trainer.training_problem == ""
    assert trainer.train_button.isEnabled()


def test_image_without_spacing_asks_for_it(
    trainer: TrainWidget, viewer: ViewerModel
) -> None:
    viewer.add_layer(Image(np.zeros(SHAPE, np.uint8)))
    add_labels(viewer)
    assert "no spacing" in trainer.training_problem


def test_labels_of_another_shape_are_refused(
    trainer: TrainWidget, viewer: ViewerModel, image: Image
) -> None:
    add_labels(viewer, (6, 40, 40))
    assert "(6, 40, 40), the image (6, 40, 50)" in trainer.training_problem
    assert not trainer.pairs.add_button.isEnabled()


def test_sparse_annotations_are_no_dense_labels(
    trainer: TrainWidget, viewer: ViewerModel, image: Image
) -> None:
    add_labels(viewer, metadata={MADE_BY_US: ANNOTATION})
    assert trainer.pairs.choice.count() == 0


def test_a_training_gets_what_is_shown(
    trainer: TrainWidget, dense: FakeDense, labels: Labels, finish: Finish
) -> None:
    settings = trainer.training.settings.model_copy(
        update={"minutes": 3.0, "augmentation": "challenge", "validation": 0.3}
    )
    trainer.training.set_settings(settings)
    trainer.training.network.setCurrentText("resunet-r")
    trainer.train_button.click()
    painted = labels.data.copy()
    labels.data[:] = 7
    finish(trainer)
    (order,) = dense.orders
    assert order.settings.architecture == "resunet-r"
    assert (order.settings.minutes, order.settings.validation) == (3.0, 0.3)
    assert (order.settings.augmentation, order.settings.start) == (
        "challenge",
        "scratch",
    )
    ((volume, truth),) = order.pairs
    assert volume.spacing == SPACING
    np.testing.assert_array_equal(truth.read(), painted)
    assert order.folder.name == "stack-resunet-r"
    assert not order.resume


def test_images_are_preprocessed_as_the_editor_says(
    trainer: TrainWidget, dense: FakeDense, labels: Labels, finish: Finish
) -> None:
    editor = trainer.training.preprocessing
    editor.add_button.menu().aboutToShow.emit()
    (invert,) = (
        action for action in editor.add_button.menu().actions()
        if action.text() == "Invert"
    )  # fmt: skip
    invert.trigger()
    trainer.train_button.click()
    finish(trainer)
    (order,) = dense.orders
    assert order.settings.preprocessing == ({"step": "invert"},)


def test_sections_must_stay_where_their_labels_are(
    trainer: TrainWidget, labels: Labels
) -> None:
    editor = trainer.training.preprocessing
    editor.set_value(Pipeline([{"step": "register"}]))
    assert "Register" in trainer.training_problem
    assert "moves sections" in trainer.training_problem


def test_networks_are_offered_and_explained(trainer: TrainWidget) -> None:
    box = trainer.training.network
    assert [box.itemText(n) for n in range(box.count())] == ["fast", "resunet-r"]
    assert box.itemData(1, Qt.ItemDataRole.ToolTipRole) == "Deep. (3D)"
    assert box.currentText() == "fast"


def test_models_are_called_after_image_and_network(
    trainer: TrainWidget, labels: Labels
) -> None:
    name = trainer.training.name
    assert name.text() == "stack-fast"
    trainer.training.network.setCurrentText("resunet-r")
    assert name.text() == "stack-resunet-r"
    name.setText("mine")
    trainer.training.network.setCurrentText("fast")
    assert name.text() == "mine"


def test_a_3d_network_is_refused_on_a_single_slice(
    trainer: TrainWidget, viewer: ViewerModel
) -> None:
    add_stack(viewer, shape=(1, 40, 50))
    add_labels(viewer, (1, 40, 50))
    assert trainer.training_problem == ""
    trainer.training.network.setCurrentText("resunet-r")
    assert "resunet-r is a 3D network" in trainer.training_problem


def test_a_model_to_start_from_brings_its_network(
    trainer: TrainWidget, labels: Labels
) -> None:
    assert trainer.training.network.isEnabled()
    trainer.training.start.set_name("fast")
    assert not trainer.training.network.isEnabled()
    settings = trainer.training.settings
    assert (settings.start, settings.architecture) == ("fast", "")


def test_several_images_are_gathered(
    trainer: TrainWidget,
    viewer: ViewerModel,
    labels: Labels,
    dense: FakeDense,
    finish: Finish,
) -> None:
    first = trainer.image.usable
    assert first is not None
    trainer.pairs.add()
    assert not trainer.pairs.add_button.isEnabled()
    second = add_stack(viewer, (7, 40, 50))
    other = add_labels(viewer, (7, 40, 50))
    trainer.image.choose(second)
    trainer.pairs.choice.setCurrentIndex(trainer.pairs.choice.findData(other))
    trainer.pairs.add()
    assert trainer.pairs.list.count() == 2
    trainer.train_button.click()
    finish(trainer)
    assert [pair[0].shape[0] for pair in dense.orders[0].pairs] == [6, 7]
    trainer.pairs.list.setCurrentRow(0)
    trainer.pairs.remove_button.click()
    assert trainer.pairs.pairs == ((second, other),)
    viewer.layers.remove(other)
    assert trainer.pairs.list.count() == 0


def test_curves_are_drawn_and_the_result_is_told(
    trainer: TrainWidget, labels: Labels, finish: Finish
) -> None:
    assert trainer.curves.isHidden()
    trainer.train_button.click()
    finish(trainer)
    assert not trainer.curves.isHidden()
    assert len(trainer.curves.loss) == 10
    assert trainer.curves.iou[-1][1] == pytest.approx(0.9)
    assert "Trained 'stack-fast'" in trainer.status.text()
    assert "IoU 0.81" in trainer.status.text()
    assert trainer.train_button.text() == f"{TRAIN} (replaces 'stack-fast')"


def test_stop_keeps_the_best(
    trainer: TrainWidget, dense: FakeDense, labels: Labels, finish: Finish, qtbot: Any
) -> None:
    dense.gate.clear()
    trainer.train_button.click()
    qtbot.waitUntil(lambda: len(trainer.curves.loss) > 5)
    assert trainer.train_button.text() == STOP
    assert not trainer.training.isEnabled()
    assert not trainer.pairs.isEnabled()
    trainer.train_button.click()
    assert trainer.train_button.text() == "Stopping"
    finish(trainer)
    assert "Trained" in trainer.status.text()
    assert trainer.pairs.isEnabled()


def test_cancel_leaves_everything(
    trainer: TrainWidget, dense: FakeDense, labels: Labels, finish: Finish, qtbot: Any
) -> None:
    dense.gate.clear()
    trainer.train_button.click()
    qtbot.waitUntil(lambda: len(trainer.curves.loss) > 5)
    trainer.progress.cancel.click()
    finish(trainer)
    assert dense.closed == 1
    assert "cancelled" in trainer.status.text()
    assert trainer.train_button.text() == TRAIN
    assert not dense.orders[0].folder.exists()


def test_an_error_is_shown(
    trainer: TrainWidget,
    dense: FakeDense,
    labels: Labels,
    finish: Finish,
    errors: list[str],
) -> None:
    dense.error = DeviceMemoryError("Too little memory.")
    trainer.train_button.click()
    finish(trainer)
    assert errors == ["Too little memory."]
    assert trainer.status.text() == "Too little memory."
    assert trainer.train_button.isEnabled()


def test_an_interrupted_training_can_be_continued(
    trainer: TrainWidget,
    dense: FakeDense,
    labels: Labels,
    finish: Finish,
    tmp_path: Path,
) -> None:
    assert trainer.continue_check.isHidden()
    state = tmp_path / "models" / "stack-fast" / ".training" / "state.json"
    state.parent.mkdir(parents=True)
    state.write_text("{}")
    trainer.show_training()
    assert not trainer.continue_check.isHidden()
    trainer.continue_check.setChecked(True)
    trainer.train_button.click()
    finish(trainer)
    assert dense.orders[0].resume


def test_an_image_without_contrast_is_refused(
    trainer: TrainWidget,
    labels: Labels,
    finish: Finish,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(train_tasks, "train", REAL_TRAIN)
    image = trainer.image.usable
    assert image is not None
    image.data = np.full(SHAPE, 7, np.uint8)
    trainer.train_button.click()
    finish(trainer, 60_000)
    assert "no contrast" in trainer.status.text()


def test_lists_are_real() -> None:
    networks = drain(REAL_LIST())
    assert {"fast", "unet2d", "resunet-r"} <= {one.name for one in networks}
    assert all(one.about and one.dimensions in {2, 3} for one in networks)


def test_a_real_training_ends_in_the_list_of_models(
    trainer: TrainWidget,
    labels: Labels,
    finish: Finish,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(train_tasks, "train", REAL_TRAIN)
    noise = np.random.default_rng(0).integers(0, 40, SHAPE).astype(np.uint8)
    image = trainer.image.usable
    assert image is not None
    image.data = np.where(labels.data > 0, 60, 160).astype(np.uint8) + noise
    settings = trainer.training.settings.model_copy(
        update={"config": {"widths": [4, 6]}, "steps": 2, "validation": 0.4}
    )
    trainer.training.set_settings(settings)
    trainer.train_button.click()
    finish(trainer, 60_000)
    assert "Trained 'stack-fast'" in trainer.status.text()
    card = load_model("stack-fast").card
    assert card.command.startswith("napari-mitoseg train IMAGE LABELS --model fast")
