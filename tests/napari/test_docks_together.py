"""Measure, Proofread and Export on one layer: each knows what the others do."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils._test_utils import read_only_mouse_event
from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks
from qtpy.QtWidgets import QDockWidget

from napari_mitoseg._napari import export, measure_tasks, proofread_tasks
from napari_mitoseg._napari.appearance import HIGHLIGHT
from napari_mitoseg._napari.edit_tool import EditTool
from napari_mitoseg._napari.export import ExportWidget
from napari_mitoseg._napari.layer_reading import Reading, why_held
from napari_mitoseg._napari.measure import MeasureWidget
from napari_mitoseg._napari.object_filter import ObjectFilter, Range
from napari_mitoseg._napari.proofread import ProofreadWidget
from napari_mitoseg._napari.shared_selection import shared_selection
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.proofreading import Delete, Merge, ReviewQueue
from napari_mitoseg.proofreading.review import ReviewItem

from .conftest import needs_screen

Finish = Callable[..., None]
SPACING = (40.0, 8.0, 8.0)
SHAPE = (6, 40, 50)
DOCKS = ("Measure mitochondria", "Proofread labels", "Export labels")


def made_up() -> np.ndarray[Any, Any]:
    """Return boxes of 400, 200, 100 and 50 voxels: 1, 2, 3, 4."""
    labels = np.zeros(SHAPE, np.uint16)
    labels[1:5, 2:12, 2:12] = 1
    labels[1:5, 20:30, 2:7] = 2
    labels[1:5, 20:30, 12:14] = 3
    labels[1:3, 20:25, 30:35] = 4
    return labels


@pytest.fixture
def layer(viewer: ViewerModel) -> Labels:
    """Labels in a viewer that shows slice 2."""
    added = viewer.add_layer(
        Labels(made_up(), name="cells", scale=SPACING, units=("nm",) * 3)
    )
    viewer.dims.set_current_step(0, 2)
    return added


@pytest.fixture
def measure(
    viewer: ViewerModel, layer: Labels, qtbot: Any, finish: Finish
) -> MeasureWidget:
    """The Measure widget with a table of the layer."""
    made = MeasureWidget(viewer)
    qtbot.addWidget(made)
    assert made.labels.layer is layer
    made.start_run()
    finish(made)
    return made


@pytest.fixture
def proofread(
    viewer: ViewerModel, layer: Labels, qtbot: Any, finish: Finish
) -> ProofreadWidget:
    """The Proofread widget after *Start*."""
    made = ProofreadWidget(viewer)
    qtbot.addWidget(made)
    made.start()
    finish(made)
    assert made.session.layer is layer
    return made


def click(viewer: ViewerModel, layer: Labels, voxel: Any, *held: str) -> None:
    """Press and release the mouse over a voxel; the canvas tells viewer and layer."""
    events = [
        read_only_mouse_event(
            type=kind,
            button=1,
            position=layer.data_to_world(voxel),
            pos=np.array(voxel[-2:], float) * 10,
            dims_displayed=[*layer._slice_input.displayed],
            view_direction=np.array([1.0, 0, 0]),
            modifiers=[*held],
        )
        for kind in ("mouse_press", "mouse_release")
    ]
    callbacks = (mouse_press_callbacks, mouse_release_callbacks)
    for event, callback in zip(events, callbacks, strict=True):
        callback(viewer, event)
        if viewer.layers.selection.active is layer:
            callback(layer, event)


def paint(viewer: ViewerModel, layer: Labels, voxel: Any, label: int) -> None:
    """Dab with napari's brush."""
    layer.mode, layer.selected_label = "paint", label
    click(viewer, layer, voxel)
    layer.mode = "pan_zoom"


def selected(measure: MeasureWidget) -> list[int]:
    found: list[int] = measure.current.columns["index"][measure.selection.rows].tolist()
    return found


# ------------------------------------------------------------------ what is selected


def test_a_row_selects_the_object_to_be_corrected(
    measure: MeasureWidget, proofread: ProofreadWidget, layer: Labels
) -> None:
    measure.table.selectRow(2)
    assert proofread.session.selection == (3,)
    assert layer.selected_label == 3
    measure.selection.select([0, 2])
    assert proofread.session.selection == (3, 1)  # who was first, stays first
    measure.selection.clear()
    assert proofread.session.selection == ()


def test_a_corrected_object_is_selected_in_the_table(
    measure: MeasureWidget, proofread: ProofreadWidget
) -> None:
    proofread.session.select([4, 2])
    assert selected(measure) == [2, 4]
    assert proofread.session.selection == (4, 2)
    rows = measure.table.selectionModel().selectedRows()
    assert sorted(row.row() for row in rows) == [1, 3]


@pytest.mark.parametrize("ndisplay", [2, 3])
def test_a_click_selects_once(
    measure: MeasureWidget,
    proofread: ProofreadWidget,
    viewer: ViewerModel,
    layer: Labels,
    ndisplay: int,
) -> None:
    viewer.dims.ndisplay = ndisplay
    session = proofread.session
    for held, voxel, expected in (
        ((), (2, 5, 5), (1,)),
        (("Shift",), (2, 22, 4), (1, 2)),
        (("Shift",), (2, 5, 5), (2,)),
        (("Shift",), (2, 39, 49), (2,)),
        ((), (2, 39, 49), ()),
        ((), (2, 22, 13), (3,)),
        ((), (-9, 90, 90), ()),  # beside the layer
    ):
        click(viewer, layer, voxel, *held)
        assert session.selection == expected
        assert selected(measure) == sorted(expected)
    click(viewer, layer, (2, 22, 13))
    viewer.layers.selection.active = None  # clicks no longer go to the layer
    click(viewer, layer, (2, 22, 4))
    assert (session.selection, selected(measure)) == ((2,), [2])
    click(viewer, layer, (2, 39, 49))
    assert (session.selection, selected(measure)) == ((), [])


def test_what_the_table_does_not_know_stays_selected(
    measure: MeasureWidget,
    proofread: ProofreadWidget,
    layer: Labels,
    viewer: ViewerModel,
    finish: Finish,
) -> None:
    paint(viewer, layer, (2, 36, 40), 9)
    proofread.session.select([9, 2])
    assert selected(measure) == [2]
    assert proofread.session.selection == (9, 2)
    other = viewer.add_layer(Labels(made_up(), name="b", scale=SPACING, units="nm"))
    measure.labels.choose(other)
    measure.labels.choose(layer)
    assert (proofread.session.selection, selected(measure)) == ((9, 2), [2])
    measure.start_run()
    finish(measure)
    assert (proofread.session.selection, selected(measure)) == ((9, 2), [2, 9])


def test_what_was_selected_before_start(
    measure: MeasureWidget, viewer: ViewerModel, qtbot: Any, finish: Finish
) -> None:
    measure.selection.select([1])
    made = ProofreadWidget(viewer)
    qtbot.addWidget(made)
    made.start()
    finish(made)
    assert made.session.selection == (2,)


def test_only_one_panel_marks_what_is_selected(
    measure: MeasureWidget,
    viewer: ViewerModel,
    layer: Labels,
    qtbot: Any,
    finish: Finish,
) -> None:
    own = layer.colormap
    measure.selection.select([1])
    assert layer.colormap is not own  # the others are dimmed
    correcting = ProofreadWidget(viewer)
    qtbot.addWidget(correcting)
    correcting.start()
    finish(correcting)
    assert correcting.session.selection == (2,)
    assert layer.colormap is own
    correcting.session.select([3])
    assert layer.colormap is own
    correcting.finish()
    assert layer.colormap.map(3) == pytest.approx(HIGHLIGHT, abs=0.01)
    measure.selection.clear()
    assert layer.colormap is own


def test_painting_is_not_disturbed(
    measure: MeasureWidget,
    proofread: ProofreadWidget,
    layer: Labels,
    viewer: ViewerModel,
) -> None:
    proofread.control.paint_new()
    assert layer.selected_label == 5
    measure.selection.select([1])
    assert layer.selected_label == 5
    click(viewer, layer, (2, 36, 40))
    assert proofread.session.selection == (5,)


def test_the_selection_outlives_neither_session_nor_layer(
    proofread: ProofreadWidget, layer: Labels
) -> None:
    shared = shared_selection(layer)
    proofread.session.select([3])
    proofread.finish()
    shared.select([1])  # nobody listens any more
    assert shared_selection(layer) is shared
    assert shared_selection(Labels(made_up())).labels == ()


def test_what_is_selected_can_be_exported(
    measure: MeasureWidget, viewer: ViewerModel, qtbot: Any
) -> None:
    widget = ExportWidget(viewer)
    qtbot.addWidget(widget)
    measure.selection.select([2])
    widget.picked.click()
    assert widget.settings.value.objects == (3,)


# ------------------------------------------------------------------ hidden objects


def test_what_is_merged_into_a_hidden_object_is_said(
    measure: MeasureWidget, proofread: ProofreadWidget
) -> None:
    measure.filter.set_filter(ObjectFilter((Range("n_voxels", high=150),)))
    proofread.session.select([1, 3])
    assert "1 is hidden by a filter" in proofread.operations.selected.text()
    proofread.control.choose("merge")
    assert proofread.status.text().endswith(
        "(1 is hidden by a filter: Measure, Show all.)"
    )
    measure.filter.show_all()
    proofread.session.select([2])
    assert "hidden" not in proofread.operations.selected.text()


def test_parts_of_a_split_have_colours_of_their_own(
    measure: MeasureWidget, proofread: ProofreadWidget, layer: Labels
) -> None:
    own = layer.colormap.map([5, 6])
    measure.colour.choose("n_voxels")
    measure.selection.clear()
    for n in (5, 6):
        layer.paint((n - 3, 36, 40), n)
    np.testing.assert_allclose(layer.colormap.map([5, 6]), own, atol=1e-6)
    assert not np.allclose(own[0], own[1])


# ------------------------------------------------------------------ while a job reads


READERS = (
    (measure_tasks, "measure"),
    (measure_tasks, "keep_labels"),
    (measure_tasks, "save_report"),
    (proofread_tasks, "rank"),
    (proofread_tasks, "save"),
    (proofread_tasks, "annotate"),
    (export, "export_labels"),
    (export, "export_objects"),
)


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What `read_until` waits for."""
    opened = threading.Event()
    yield opened
    opened.set()


def read_until(opened: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all jobs that read labels do nothing until something happens."""

    def slow(*_: Any) -> Job[None]:
        while not opened.wait(0.002):
            yield Progress(0, 1, "Reading")

    for module, name in READERS:
        monkeypatch.setattr(module, name, slow)


class Panels(NamedTuple):
    """All three, on one layer."""

    measure: MeasureWidget
    proofread: ProofreadWidget
    export: ExportWidget


@pytest.fixture
def panels(
    proofread: ProofreadWidget, viewer: ViewerModel, qtbot: Any, finish: Finish
) -> Panels:
    """All three panels, after object 4 was deleted and the others were measured."""
    proofread.session.apply(Delete(labels=(4,)))
    made = Panels(MeasureWidget(viewer), proofread, ExportWidget(viewer))
    qtbot.addWidget(made.measure)
    qtbot.addWidget(made.export)
    made.measure.start_run()
    finish(made.measure)
    proofread.session.select([2])
    return made


JOBS: dict[str, Callable[[Panels, Path], None]] = {
    "measured": lambda panels, _: panels.measure.start_run(),
    "copied": lambda panels, _: panels.measure.keep_shown(),
    "drawn": lambda panels, folder: panels.measure.save_report(folder / "a.html"),
    "ranked": lambda panels, _: panels.proofread.review.rank(),
    "saved": lambda panels, folder: panels.proofread.save(folder / "a.tif"),
    "turned into annotation": lambda panels, _: panels.proofread.annotate("slice"),
    "exported": lambda panels, folder: panels.export.export(folder / "b.tif"),
}


@pytest.mark.parametrize("doing", JOBS)
def test_edits_wait_for_jobs_that_read(
    doing: str,
    panels: Panels,
    layer: Labels,
    gate: threading.Event,
    tmp_path: Path,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_until(gate, monkeypatch)
    proofread, before = panels.proofread, layer.data.copy()
    JOBS[doing](panels, tmp_path)
    busy = next(one for one in panels if one.is_busy)
    monkeypatch.setattr(busy, "_done", None)  # nothing is found
    keys = {str(one): action for one, action in layer.keymap.items()}
    for act in (lambda: keys["D"](layer), layer.undo, layer.redo):
        act()
        np.testing.assert_array_equal(layer.data, before)
    proofread.control._apply([Merge(labels=(2, 3))])
    assert f"cells is being {doing}" in proofread.status.text()
    np.testing.assert_array_equal(layer.data, before)
    gate.set()
    qtbot.waitUntil(lambda: not busy.is_busy)
    layer.undo()
    assert 4 in layer.data


def test_no_object_is_deleted_from_the_review_meanwhile(
    panels: Panels, layer: Labels
) -> None:
    panels.proofread.review.take(ReviewQueue([ReviewItem(label=2)]), "Chosen")
    reading = Reading("measured", layer)
    reading.begin()
    panels.proofread.review.mark("delete")
    assert "is being measured" in panels.proofread.status.text()
    assert 2 in layer.data
    reading.end()
    panels.proofread.review.mark("delete")
    assert 2 not in layer.data


def test_a_preview_holds_the_labels_too(
    proofread: ProofreadWidget,
    layer: Labels,
    finish: Finish,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = threading.Event()
    preview = proofread_tasks.preview

    def slow(*given: Any) -> Job[Any]:
        while not opened.wait(0.002):
            yield Progress(0, 1)
        return (yield from preview(*given))

    monkeypatch.setattr(proofread_tasks, "preview", slow)
    monkeypatch.setattr("napari_mitoseg._napari.edit_control.AT_ONCE", 0)
    proofread.session.apply(Delete(labels=(4,)))
    proofread.session.select([1])
    proofread.control.choose("shrink")
    assert isinstance(proofread.control.tool, EditTool)
    layer.undo()
    assert "looked at for a preview" in proofread.status.text()
    opened.set()
    finish(proofread)
    assert why_held(layer) == ""
    proofread.control.apply()
    assert np.count_nonzero(layer.data == 1) < 400


def test_a_cancelled_job_lets_go(
    measure: MeasureWidget,
    layer: Labels,
    gate: threading.Event,
    finish: Finish,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_until(gate, monkeypatch)
    measure.start_run()
    assert "cells is being measured" in why_held(layer)
    measure.cancel()
    finish(measure)
    assert why_held(layer) == ""
    assert not gate.is_set()


def test_a_deleted_panel_lets_go(
    viewer: ViewerModel,
    layer: Labels,
    gate: threading.Event,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_until(gate, monkeypatch)
    made = MeasureWidget(viewer)
    made.start_run()
    assert why_held(layer)
    with qtbot.waitSignal(made.destroyed):
        made.deleteLater()
    assert why_held(layer) == ""


def test_a_spacing_is_given_once(
    viewer: ViewerModel, qtbot: Any, finish: Finish
) -> None:
    layer = viewer.add_layer(Labels(made_up(), name="bare"))
    measure, proofread = MeasureWidget(viewer), ProofreadWidget(viewer)
    export = ExportWidget(viewer)
    for widget in (measure, proofread, export):
        qtbot.addWidget(widget)
    proofread.start()
    finish(proofread)
    assert "Enter the spacing" in proofread._hint.text()
    assert "not known" in export._hint.text()
    for box, value in zip(measure.spacing.boxes, SPACING, strict=True):
        box.setValue(value)
    assert layer.scale.tolist() == [*SPACING]
    assert proofread._hint.text() == export._hint.text() == ""
    assert proofread.spacing.isHidden()
    assert export.spacing.value == SPACING


def test_two_jobs_hold_a_layer_until_both_have_ended() -> None:
    layer, other = Labels(made_up()), Labels(made_up())
    first, second = Reading("measured", layer, None), Reading("exported", layer, other)
    first.begin()
    second.begin()
    first.end()
    first.end()
    assert "is being exported" in why_held(layer)
    second.end()
    assert why_held(layer) == why_held(other) == ""


# ------------------------------------------------------------------ in a window


@needs_screen
def test_panels_share_a_place(make_napari_viewer: Any, qtbot: Any) -> None:
    window = make_napari_viewer(show=True)
    window.window.resize(1280, 800)
    docks = []
    for name in DOCKS:
        dock, widget = window.window.add_plugin_dock_widget("napari-mitoseg", name)
        docks.append(dock)
        qtbot.waitUntil(lambda one=widget: one._is_placed)
    main = window.window._qt_window
    assert {*main.tabifiedDockWidgets(docks[0])} == {*docks[1:]}
    assert all(isinstance(dock, QDockWidget) for dock in docks)
    front = [not dock.visibleRegion().isEmpty() for dock in docks]
    assert front == [False, False, True]
    qtbot.waitUntil(lambda: docks[2].height() > 600)
    layers = main.findChildren(QDockWidget, "layer list")
    assert not main.tabifiedDockWidgets(layers[0])


@needs_screen
def test_a_floating_panel_is_left_alone(make_napari_viewer: Any, qtbot: Any) -> None:
    window = make_napari_viewer(show=True)
    first, one = window.window.add_plugin_dock_widget("napari-mitoseg", DOCKS[0])
    qtbot.waitUntil(lambda: one._is_placed)
    first.setFloating(True)
    second, two = window.window.add_plugin_dock_widget("napari-mitoseg", DOCKS[1])
    qtbot.waitUntil(lambda: two._is_placed)
    assert not window.window._qt_window.tabifiedDockWidgets(second)
    assert first.isFloating()
