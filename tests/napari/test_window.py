"""The widget in a real window: a whole run, and windows closed in the middle."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtWidgets import QScrollArea

from napari_mitoseg._napari.annotate import AnnotateWidget
from napari_mitoseg._napari.reader import image_data
from napari_mitoseg._napari.segment import RUN, SegmentWidget
from napari_mitoseg._napari.train import TrainWidget
from napari_mitoseg.models.zoo import list_models
from napari_mitoseg.postprocessing import Chain

from .conftest import FakeDense, FakeJobs, FakeTraining, add_stack, needs_screen

Finish = Callable[..., None]
pytestmark = needs_screen


@pytest.fixture
def window(make_napari_viewer: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A napari window; one that leaves widgets behind fails."""
    monkeypatch.setenv("NAPARI_STRICT_QT", "1")
    return make_napari_viewer()


def dock(window: Any) -> SegmentWidget:
    _, widget = window.window.add_plugin_dock_widget(
        "napari-mitoseg", "Segment mitochondria"
    )
    return widget


def test_window_closed_mid_run(window: Any, jobs: FakeJobs, qtbot: Any) -> None:
    add_stack(window)
    widget = dock(window)
    jobs.gate.clear()
    widget.start_run()
    qtbot.waitUntil(lambda: bool(jobs.calls))
    window.close()
    qtbot.waitUntil(lambda: jobs.closed == 1, timeout=2000)


def test_dock_removed_mid_run(window: Any, jobs: FakeJobs, qtbot: Any) -> None:
    add_stack(window)
    widget = dock(window)
    jobs.gate.clear()
    widget.start_run()
    qtbot.waitUntil(lambda: bool(jobs.calls))
    window.window.remove_dock_widget(widget)
    widget.deleteLater()
    qtbot.waitUntil(lambda: jobs.closed == 1, timeout=2000)
    window.dims.set_current_step(0, 1)


def test_nothing_is_cut_off_at_the_side(
    window: Any, jobs: FakeJobs, qtbot: Any
) -> None:
    layer = add_stack(window)
    layer.name = "2021-03-14_Hippocampus_CA1_" * 5
    widget = dock(window)
    window.window.resize(1280, 800)
    for row in widget.postprocessing.rows:
        row.title.set_expanded(True)
    widget.sections["Post-processing"].button.set_expanded(True)
    qtbot.waitUntil(lambda: widget.body.width() > 0)
    assert widget.body.minimumSizeHint().width() <= widget.minimumWidth() - 20


@pytest.fixture
def annotating(window: Any, training: FakeTraining, finish: Finish) -> AnnotateWidget:
    """The Annotate widget in a window, with an annotation of a long name."""
    add_stack(window).name = "2021-03-14_Hippocampus_CA1_" * 5
    _, widget = window.window.add_plugin_dock_widget(
        "napari-mitoseg", "Annotate and train"
    )
    window.window.resize(1280, 800)
    widget.begin()
    finish(widget)
    widget.annotation.mark_complete(2)
    return widget


def test_annotating_fits_into_a_small_window(
    window: Any, annotating: AnnotateWidget, finish: Finish, qtbot: Any
) -> None:
    window.window.show()
    window.window.resize(1280, 800)
    annotating.start_training()
    finish(annotating)
    qtbot.waitUntil(annotating.curves.isVisible)
    (scroll,) = annotating.findChildren(QScrollArea)
    qtbot.waitUntil(lambda: annotating.body.height() <= scroll.viewport().height())
    assert annotating.body.minimumSizeHint().width() <= annotating.minimumWidth() - 20


def test_keys_reach_the_annotation(
    window: Any, annotating: AnnotateWidget, qtbot: Any
) -> None:
    annotation = annotating.annotation
    assert annotation is not None
    annotating.go_to(1)
    canvas = window.window._qt_viewer.canvas.native
    qtbot.keyClick(canvas, "C")
    assert 1 in annotation.complete
    qtbot.keyClick(canvas, "S")
    assert annotation.layer.selected_label == 1
    qtbot.keyClick(canvas, "N")
    assert annotation.current == 5


def test_window_closed_mid_training(
    window: Any, annotating: AnnotateWidget, training: FakeTraining, qtbot: Any
) -> None:
    training.gate.clear()
    annotating.start_training()
    qtbot.waitUntil(lambda: len(training.seen) > 6)
    window.close()
    qtbot.waitUntil(lambda: training.closed == 1, timeout=2000)


@pytest.fixture
def labelled(window: Any, dense: FakeDense, qtbot: Any) -> TrainWidget:
    """The Train widget in a window, with labels of a long name in its list."""
    image = add_stack(window)
    image.name = "2021-03-14_Hippocampus_CA1_" * 5
    truth = (image.data > 0).astype(np.uint8)
    window.add_labels(truth, scale=image.scale, units=image.units, name=image.name)
    _, widget = window.window.add_plugin_dock_widget(
        "napari-mitoseg", "Train on labels"
    )
    qtbot.waitUntil(lambda: not widget.lister.is_busy)
    widget.pairs.add()
    return widget


def test_training_fits_into_a_small_window(
    window: Any, labelled: TrainWidget, finish: Finish, qtbot: Any
) -> None:
    window.window.show()
    window.window.resize(1280, 800)
    labelled.start_training()
    finish(labelled)
    qtbot.waitUntil(labelled.curves.isVisible)
    scroll = labelled.body.parent().parent()
    assert isinstance(scroll, QScrollArea)
    qtbot.waitUntil(lambda: labelled.body.height() <= scroll.viewport().height())
    assert labelled.body.minimumSizeHint().width() <= labelled.minimumWidth() - 20


def test_window_closed_mid_training_on_labels(
    window: Any, labelled: TrainWidget, dense: FakeDense, qtbot: Any
) -> None:
    dense.gate.clear()
    labelled.start_training()
    qtbot.waitUntil(lambda: len(labelled.curves.loss) > 5)
    window.close()
    qtbot.waitUntil(lambda: dense.closed == 1, timeout=2000)


@pytest.mark.skipif(not list_models(), reason="no model is embedded")
def test_whole_run_with_the_embedded_model(
    window: Any, tiny_em: Any, finish: Finish, qtbot: Any
) -> None:
    volume, truth = tiny_em
    data, keywords, _ = image_data(volume)
    window.add_image(data, **{**keywords, "name": "tissue"})
    widget = dock(window)
    widget.run_button.click()
    finish(widget, timeout=60_000)
    labels = [layer for layer in window.layers if isinstance(layer, Labels)]
    assert [layer.name for layer in labels] == [
        "tissue semantic",
        "tissue boundary",
        "tissue instances",
    ]
    found = labels[0].data > 0
    assert found.shape == truth.shape
    overlap = (found & (truth > 0)).sum() / (found | (truth > 0)).sum()
    assert overlap > 0.2  # the model itself is judged elsewhere
    result = widget.shown[RUN].result
    widget.postprocessing.set_value(
        Chain([{"step": "threshold"}, {"step": "connected-components"}])
    )
    widget.postprocessing.changed.emit(widget.postprocessing.value)
    qtbot.waitUntil(lambda: widget.shown[RUN].result is not result, timeout=20_000)
    np.testing.assert_array_equal(labels[2].data > 0, labels[0].data > 0)
