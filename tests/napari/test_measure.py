"""The Measure widget: table, canvas and plots that show the same objects."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from types import SimpleNamespace
from typing import Any

import dask.array as da
import numpy as np
import psutil
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)
from qtpy.QtCore import QItemSelectionModel, QModelIndex, Qt
from qtpy.QtWidgets import QScrollArea, QWidget

from napari_mitoseg._napari import measure_tasks
from napari_mitoseg._napari.appearance import HIGHLIGHT
from napari_mitoseg._napari.edit_preview import PREVIEW
from napari_mitoseg._napari.file_patterns import file_patterns
from napari_mitoseg._napari.image_box import MADE_BY_US
from napari_mitoseg._napari.measure import STALE, MeasureWidget
from napari_mitoseg._napari.object_colormap import ObjectColormap
from napari_mitoseg._napari.object_filter import ObjectFilter, Range
from napari_mitoseg._napari.plot_box import HISTOGRAM, SCATTER
from napari_mitoseg.io.tables import table_formats
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.morphology import ALL_FAMILIES

from .conftest import add_stack, needs_screen

Finish = Callable[..., None]
SPACING = (40.0, 10.0, 10.0)
SHAPE = (6, 30, 40)


def made_up(dtype: Any = np.uint32) -> np.ndarray[Any, Any]:
    """Return four objects of 100, 16, 12 and 4 voxels; the last has a large label."""
    labels = np.zeros(SHAPE, dtype)
    labels[1:5, 5:10, 5:10] = 1
    labels[2, 20:24, 30:34] = 2
    labels[0, 0:3, 20:24] = 5
    labels[5, 15:17, 2:4] = 70_000 if np.dtype(dtype).itemsize > 2 else 9
    return labels


def add(viewer: ViewerModel, name: str, data: Any, **keywords: Any) -> Labels:
    options = {"scale": SPACING, "units": ("nm",) * 3, "name": name} | keywords
    return viewer.add_layer(Labels(data, **options))


@pytest.fixture
def layer(viewer: ViewerModel) -> Labels:
    return add(viewer, "mitochondria", made_up())


@pytest.fixture
def widget(viewer: ViewerModel, qtbot: Any) -> MeasureWidget:
    """The Measure widget without a window."""
    made = MeasureWidget(viewer)
    qtbot.addWidget(made)
    return made


@pytest.fixture
def measured(layer: Labels, widget: MeasureWidget, finish: Finish) -> MeasureWidget:
    """The widget after it has measured `layer`."""
    run(widget, finish)
    return widget


def run(widget: MeasureWidget, finish: Finish) -> None:
    widget.run_button.click()
    assert widget.is_busy
    finish(widget)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Limit the processor time of a block; other work on the machine does not count."""
    begin = process_time()
    yield
    assert process_time() - begin < seconds


def shown_labels(widget: MeasureWidget) -> list[int]:
    """Return the labels of the table, from top to bottom."""
    objects = widget.table.objects
    return [int(one) for one in objects.columns["index"][objects.rows]]


def selected_labels(widget: MeasureWidget) -> list[int]:
    return widget.current.columns["index"][widget.selection.rows].tolist()


def alpha(layer: Labels, label: int) -> float:
    return float(np.ravel(layer.colormap.map(label))[3])


def click(
    viewer: ViewerModel,
    position: tuple[float, ...],
    *,
    modifiers: tuple[str, ...] = (),
    drag: int = 0,
    along: tuple[float, ...] | None = None,
) -> None:
    """Press and release the mouse at a place in the world, in nm."""
    event = SimpleNamespace(
        type="mouse_press",
        button=1,
        pos=np.array([50, 50]),
        position=position,
        view_direction=along,
        dims_displayed=[1, 2] if along is None else [0, 1, 2],
        modifiers=modifiers,
        is_dragging=False,
        handled=False,
    )
    mouse_press_callbacks(viewer, event)
    if drag:
        event.type, event.pos = "mouse_move", np.array([50, 50 + drag])
        mouse_move_callbacks(viewer, event)
    event.type = "mouse_release"
    mouse_release_callbacks(viewer, event)


# ------------------------------------------------------------------ what is missing


def test_an_image_is_not_measured(widget: MeasureWidget, viewer: ViewerModel) -> None:
    assert "Open or make labels" in widget.problem
    add_stack(viewer)
    assert "An image has no objects to measure" in widget.problem
    assert not widget.run_button.isEnabled()


def test_the_spacing_is_asked_for(
    widget: MeasureWidget, viewer: ViewerModel, finish: Finish
) -> None:
    layer = viewer.add_layer(Labels(made_up(), name="bare"))
    assert "no spacing" in widget.problem
    assert not widget.run_button.isEnabled()
    assert [box.value() for box in widget.spacing.boxes] == [0, 0, 0]
    for box, value in zip(widget.spacing.boxes, SPACING, strict=True):
        assert not widget.run_button.isEnabled()
        box.setValue(value)
    assert layer.scale.tolist() == [*SPACING]
    run(widget, finish)
    assert widget.current.columns["volume_um3"][0] == pytest.approx(100 * 4e-6)


def test_four_axes_are_refused_in_words(
    widget: MeasureWidget, viewer: ViewerModel
) -> None:
    viewer.add_layer(Labels(np.zeros((2, *SHAPE), np.uint8), name="film"))
    assert "film has 4 axes" in widget.problem
    assert not widget.spacing.boxes[0].isEnabled()


def test_negative_labels_are_refused_and_nothing_is_changed(
    widget: MeasureWidget, viewer: ViewerModel, finish: Finish, errors: list[str]
) -> None:
    layer = add(viewer, "a", -made_up(np.int32))
    run(widget, finish)
    assert "below 0" in widget.status.text()
    assert errors
    assert widget.current is None
    assert layer.features.empty


def test_empty_labels_give_no_rows(
    widget: MeasureWidget, viewer: ViewerModel, finish: Finish
) -> None:
    add(viewer, "empty", np.zeros(SHAPE, np.uint16))
    run(widget, finish)
    assert widget.summary.text() == "No labelled objects."
    assert "no labelled objects" in widget.status.text()
    assert widget.tabs.isHidden()
    assert not widget.save_button.isEnabled()


def test_a_mask_is_said_to_be_one(
    widget: MeasureWidget, viewer: ViewerModel, finish: Finish
) -> None:
    add(viewer, "mask", (made_up() > 0).astype(np.uint8))
    run(widget, finish)
    assert "Everything has one label" in widget.status.text()


def test_another_shape_of_the_tissue_is_refused(
    widget: MeasureWidget, viewer: ViewerModel, layer: Labels, finish: Finish
) -> None:
    tissue = add(viewer, "tissue", np.ones((6, 30, 39), np.uint8))
    widget.labels.choose(layer)
    widget.context.tissue.choose(tissue)
    run(widget, finish)
    assert "(6, 30, 39)" in widget.status.text()
    assert widget.current is None


# ------------------------------------------------------------------ what is measured


def test_table_summary_and_features(measured: MeasureWidget, layer: Labels) -> None:
    columns = measured.current.columns
    assert columns["index"].tolist() == [1, 2, 5, 70_000]
    assert columns["n_voxels"].tolist() == [100, 16, 12, 4]
    np.testing.assert_allclose(
        columns["volume_um3"], np.array([100, 16, 12, 4]) * 4e-6, rtol=1e-12
    )
    first, second = measured.summary.text().splitlines()
    # 6 × 30 × 40 voxels are 0.0288 µm³; 132 of 7200 are labelled.
    assert first == "4 objects · 139 per µm³ · 1.83 % of the volume"
    assert second.startswith("Median volume 5.6e-05 µm³")
    assert layer.features["index"].tolist() == [1, 2, 5, 70_000]
    assert layer.features["n_voxels"].tolist() == [100, 16, 12, 4]
    assert not [name for name in layer.features if name.endswith("_start")]
    assert shown_labels(measured) == [1, 2, 5, 70_000]


def test_features_of_others_stay(
    layer: Labels, widget: MeasureWidget, finish: Finish
) -> None:
    layer.features = {"index": [2, 1, 99], "cell": ["b", "a", "z"]}
    widget.families.set_families(("size", "shape"))
    run(widget, finish)
    assert layer.features["index"].tolist() == [1, 2, 5, 70_000]
    assert layer.features["cell"].tolist()[:2] == ["a", "b"]
    assert layer.features["cell"].isna().tolist() == [False, False, True, True]
    assert "elongation" in layer.features
    widget.families.set_families(("size",))
    run(widget, finish)
    assert "elongation" not in layer.features
    assert layer.features["cell"].tolist()[:2] == ["a", "b"]
    layer.features = {"cell": ["background", "a", "b"]}  # rows are labels
    run(widget, finish)
    assert layer.features["cell"].tolist()[:2] == ["a", "b"]


def test_headings_say_the_unit(measured: MeasureWidget) -> None:
    objects = measured.table.objects
    names = list(objects.columns)
    column = names.index("volume_um3")
    across = Qt.Orientation.Horizontal
    assert objects.headerData(column, across) == "Volume (µm³)"
    tip = objects.headerData(column, across, Qt.ItemDataRole.ToolTipRole)
    assert tip.startswith("volume_um3: ")
    assert objects.data(objects.index(0, column)) == "0.0004"
    border = names.index("touches_border")
    assert [objects.data(objects.index(n, border)) for n in range(4)] == [
        "no",
        "no",
        "yes",
        "yes",
    ]


def test_tissue_is_the_denominator(
    widget: MeasureWidget, viewer: ViewerModel, layer: Labels, finish: Finish
) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[:3] = 1
    widget.context.tissue.choose(add(viewer, "tissue", mask))
    widget.labels.choose(layer)
    run(widget, finish)
    assert "278 per µm³ · 3.67 % of the tissue" in widget.summary.text()


def test_every_family_with_image_and_contacts(
    widget: MeasureWidget, viewer: ViewerModel, layer: Labels, finish: Finish
) -> None:
    image = add_stack(viewer, SHAPE)
    other = add(viewer, "nucleus", (made_up() == 2).astype(np.uint8))
    widget.labels.choose(layer)
    widget.context.image.choose(image)
    widget.context.contacts.tick(other)
    widget.families.set_families(ALL_FAMILIES)
    run(widget, finish)
    order = widget.current.measured.order
    assert order.settings.families == ALL_FAMILIES
    assert order.context.intensity is image.data
    assert [*order.context.contacts] == ["nucleus"]
    assert "surface_area_um2" in widget.current.columns
    contacts = widget.context.contacts
    offered = [contacts.item(n).text() for n in range(contacts.count())]
    assert offered == ["nucleus"]  # not the layer itself
    widget.labels.choose(other)
    assert [contacts.item(n).text() for n in range(contacts.count())] == [layer.name]
    assert not widget.context.context().contacts


@pytest.mark.parametrize("kind", ["zarr", "dask", "pyramid", "uint8", "int64"])
def test_any_kind_of_array(
    kind: str, widget: MeasureWidget, viewer: ViewerModel, finish: Finish
) -> None:
    data: Any = made_up(np.uint8 if kind == "uint8" else np.int64)
    plain = data
    if kind == "zarr":
        data = zarr.array(data, chunks=(2, 16, 16))
    elif kind == "dask":
        data = da.from_array(data, chunks=(2, 16, 16))
    elif kind == "pyramid":
        data = [data, data[:, ::2, ::2]]
    layer = add(viewer, kind, data)
    run(widget, finish)
    assert widget.current.columns["n_voxels"].tolist() == [100, 16, 12, 4]
    widget.filter.set_filter(ObjectFilter((Range("n_voxels", 13),)))
    assert alpha(layer, 1) == 1
    assert alpha(layer, 5) == 0
    widget.jump(1)
    assert viewer.dims.point[0] == 2 * 40
    np.testing.assert_array_equal(
        np.asarray(data[0] if kind == "pyramid" else data), plain
    )


def test_images_have_areas(
    widget: MeasureWidget, viewer: ViewerModel, finish: Finish
) -> None:
    add(viewer, "plane", made_up()[2], scale=(10, 10), units=("nm",) * 2)
    widget.families.set_families(ALL_FAMILIES)
    run(widget, finish)
    assert widget.current.columns["area_um2"].tolist() == pytest.approx(
        [0.0025, 0.0016]
    )
    assert "volume_um3" not in widget.current.columns
    assert "of the image" in widget.summary.text()
    widget.jump(1)
    assert viewer.scene.camera.center[1:] == (215, 315)


def test_a_million_objects_stay_quick(
    widget: MeasureWidget, viewer: ViewerModel, finish: Finish
) -> None:
    n = 1_000_000
    add(viewer, "many", np.arange(1, n + 1, dtype=np.uint32).reshape(1, 1000, 1000))
    run(widget, lambda one: finish(one, timeout=60_000))
    objects = widget.table.objects
    assert objects.rowCount() == n
    with at_most(3):
        objects.sort(1, Qt.SortOrder.DescendingOrder)
        widget.selection.select(np.arange(0, n, 3))
        widget.filter.set_filter(ObjectFilter((Range("index", 10),)))
    with at_most(3):
        widget.colour.choose("centroid_x_nm")


# ------------------------------------------------------------------ links


def test_a_row_leads_to_its_object(
    measured: MeasureWidget, layer: Labels, viewer: ViewerModel
) -> None:
    measured.table.selectRow(1)
    assert selected_labels(measured) == [2]
    assert viewer.dims.point[0] == 2 * 40
    assert viewer.scene.camera.center[1:] == (21.5 * 10, 31.5 * 10)
    assert layer.colormap.map(2) == pytest.approx(HIGHLIGHT, abs=0.01)
    assert 0 < alpha(layer, 1) < 0.5
    viewer.dims.set_point(0, 0)
    measured.table.clicked.emit(measured.table.objects.index(1, 0))
    assert viewer.dims.point[0] == 2 * 40


def test_a_row_leads_to_its_object_in_3d(
    measured: MeasureWidget, viewer: ViewerModel
) -> None:
    viewer.dims.ndisplay = 3
    measured.table.selectRow(1)
    assert viewer.scene.camera.center == (2 * 40, 21.5 * 10, 31.5 * 10)


def test_several_rows_are_highlighted_and_the_view_stays(
    measured: MeasureWidget, layer: Labels, viewer: ViewerModel
) -> None:
    measured.table.selectRow(0)
    before = tuple(viewer.dims.point)
    chosen = QItemSelectionModel.SelectionFlag
    index = measured.table.objects.index(3, 0)
    measured.table.selectionModel().select(index, chosen.Select | chosen.Rows)
    assert selected_labels(measured) == [1, 70_000]
    assert tuple(viewer.dims.point) == before
    assert layer.colormap.map(70_000) == pytest.approx(HIGHLIGHT, abs=0.01)


def test_a_click_in_the_canvas_selects_the_row(
    measured: MeasureWidget, viewer: ViewerModel
) -> None:
    measured.table.objects.sort(1, Qt.SortOrder.AscendingOrder)
    viewer.dims.set_point(0, 2 * 40)
    click(viewer, (80, 215, 315))
    assert selected_labels(measured) == [2]
    rows = {one.row() for one in measured.table.selectionModel().selectedRows()}
    assert [shown_labels(measured)[row] for row in rows] == [2]
    click(viewer, (80, 60, 60), modifiers=("Shift",))
    assert selected_labels(measured) == [1, 2]
    click(viewer, (80, 60, 60), modifiers=("Shift",))
    assert selected_labels(measured) == [2]
    click(viewer, (80, 0, 0))
    assert selected_labels(measured) == []


def test_a_click_in_3d_selects_the_first_object_behind_it(
    measured: MeasureWidget, viewer: ViewerModel
) -> None:
    viewer.dims.ndisplay = 3
    click(viewer, (-500, 70, 70), along=(1, 0, 0))
    assert selected_labels(measured) == [1]
    click(viewer, (-500, 10, 210), along=(1, 0, 0))
    assert selected_labels(measured) == [5]
    layer = viewer.layers["mitochondria"]
    layer.data[5, 5:10, 5:10] = 2
    measured.filter.set_filter(ObjectFilter((Range("n_voxels", high=50),)))
    click(viewer, (-500, 70, 70), along=(1, 0, 0))  # through 1, which is hidden
    assert selected_labels(measured) == [2]
    click(viewer, (-500, 0, 0), along=(1, 0, 0))
    assert selected_labels(measured) == []


def test_panning_and_painting_select_nothing(
    measured: MeasureWidget, layer: Labels, viewer: ViewerModel
) -> None:
    click(viewer, (80, 215, 315), drag=30)
    assert selected_labels(measured) == []
    viewer.layers.selection.active = layer
    layer.mode = "fill"
    click(viewer, (80, 215, 315))
    assert selected_labels(measured) == []
    layer.mode = "pan_zoom"
    click(viewer, (80, 215, 315), drag=2)
    assert selected_labels(measured) == [2]


def test_clicking_what_is_new_or_hidden(
    measured: MeasureWidget, layer: Labels, viewer: ViewerModel
) -> None:
    layer.data[2, 0, 0] = 12
    layer.refresh()
    click(viewer, (80, 0, 0))
    assert "Label 12 was not there" in measured.status.text()
    measured.filter.set_filter(ObjectFilter((Range("n_voxels", 50),)))
    click(viewer, (80, 215, 315))
    assert selected_labels(measured) == []


def test_an_object_that_is_gone_is_said_to_be(
    measured: MeasureWidget, layer: Labels, viewer: ViewerModel
) -> None:
    layer.data[...] = 0
    measured.jump(1)
    assert "Label 2 is no longer there" in measured.status.text()
    viewer.layers.remove(layer)
    assert measured.current is None
    measured.jump(1)  # nothing to jump to, and no error


def test_sorting_keeps_what_is_selected(measured: MeasureWidget) -> None:
    measured.selection.select([2])
    objects = measured.table.objects
    objects.sort(list(objects.columns).index("volume_um3"))
    assert shown_labels(measured) == [70_000, 5, 2, 1]
    (row,) = {one.row() for one in measured.table.selectionModel().selectedRows()}
    assert row == 1
    assert selected_labels(measured) == [5]


# ------------------------------------------------------------------ filter, colour


def test_filters_hide_and_bring_back(measured: MeasureWidget, layer: Labels) -> None:
    original, data = layer.colormap, layer.data.copy()
    measured.filter.add.setCurrentIndex(measured.filter.add.findData("n_voxels"))
    measured.filter.add.activated.emit(measured.filter.add.currentIndex())
    row = measured.filter.rows["n_voxels"]
    assert row.low.placeholderText() == "4"
    row.low.setText("12")
    row.low.editingFinished.emit()
    assert shown_labels(measured) == [1, 2, 5]
    row.high.setText("16")
    row.high.editingFinished.emit()
    assert shown_labels(measured) == [2, 5]
    assert [alpha(layer, one) for one in (1, 2, 5, 70_000)] == [0, 1, 1, 0]
    assert layer.colormap.map(2) == pytest.approx(original.map(2), abs=0.01)
    assert measured.count.text() == "2 shown, 2 hidden"
    measured.filter.undo()
    assert shown_labels(measured) == [1, 2, 5]
    measured.filter.show_all()
    assert layer.colormap is original
    assert measured.count.text() == "4 shown"
    measured.filter.undo()
    assert shown_labels(measured) == [1, 2, 5]
    np.testing.assert_array_equal(layer.data, data)


def test_what_is_no_number_gives_way(measured: MeasureWidget) -> None:
    measured.filter.set_filter(ObjectFilter((Range("n_voxels", 12),)))
    field = measured.filter.rows["n_voxels"].low
    for wrong in ("many", "nan", "1e999"):
        field.setText(wrong)
        field.editingFinished.emit()
        assert field.text() == "12"
    assert shown_labels(measured) == [1, 2, 5]
    field.setText("")
    field.editingFinished.emit()
    assert shown_labels(measured) == [1, 2, 5, 70_000]


def test_only_what_is_selected(measured: MeasureWidget, layer: Labels) -> None:
    measured.filter.only.click()
    assert "Select objects first" in measured.status.text()
    measured.selection.select([1, 3])
    measured.filter.only.click()
    assert shown_labels(measured) == [2, 70_000]
    measured.selection.clear()
    assert [alpha(layer, one) for one in (1, 2, 70_000)] == [0, 1, 1]


def test_what_is_shown_becomes_a_layer(
    measured: MeasureWidget, layer: Labels, viewer: ViewerModel, finish: Finish
) -> None:
    layer.translate = (40, 0, 0)
    measured.filter.set_filter(ObjectFilter((Range("n_voxels", 13),)))
    measured.keep_button.click()
    finish(measured)
    kept = viewer.layers["mitochondria shown"]
    np.testing.assert_array_equal(kept.data, np.where(layer.data <= 2, layer.data, 0))
    assert kept.data.dtype == layer.data.dtype
    assert kept.translate.tolist() == [40, 0, 0]
    assert kept.scale.tolist() == [*SPACING]


def test_a_copy_that_does_not_fit_is_refused(
    measured: MeasureWidget,
    viewer: ViewerModel,
    finish: Finish,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = SimpleNamespace(available=1000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    measured.keep_shown()
    finish(measured)
    assert "so much memory is not free" in measured.status.text()
    assert len(viewer.layers) == 1


def test_colours_follow_a_column_and_go_back(
    measured: MeasureWidget, layer: Labels
) -> None:
    original = layer.colormap
    measured.colour.choose("n_voxels")
    assert isinstance(layer.colormap, ObjectColormap)
    colours = [layer.colormap.map(one) for one in (70_000, 5, 2, 1)]
    green = [float(one[1]) for one in colours]
    assert green == sorted(green)  # viridis: the larger the greener
    assert green[0] < 0.1
    assert green[-1] > 0.8
    low, high = measured.colour.low, measured.colour.high
    assert 4 < low.value < 12
    high.setText("12")
    high.editingFinished.emit()
    same = [layer.colormap.map(one) for one in (5, 2, 1)]
    np.testing.assert_allclose(same, [same[0]] * 3)
    measured.colour.choose(None)
    assert layer.colormap is original


def test_colours_the_user_chose_meanwhile_come_back(
    measured: MeasureWidget, layer: Labels
) -> None:
    measured.colour.choose("n_voxels")
    layer.new_colormap(seed=3)
    chosen = layer.colormap
    measured.selection.select([0])
    assert layer.colormap.map(1) == pytest.approx(HIGHLIGHT, abs=0.01)
    measured.selection.clear()
    measured.colour.choose(None)
    assert layer.colormap is chosen


def test_selected_label_alone_still_works(
    measured: MeasureWidget, layer: Labels
) -> None:
    measured.colour.choose("n_voxels")
    layer.selected_label = 2
    layer.show_selected_label = True
    assert layer.colormap.map(1)[3] == 0
    assert layer.colormap.map(2)[3] == 1
    texture = layer.colormap._data_to_texture(layer.data[2])
    np.testing.assert_array_equal(texture > 0, layer.data[2] == 2)


def test_closing_the_widget_gives_colours_back(
    layer: Labels, viewer: ViewerModel, finish: Finish, qtbot: Any
) -> None:
    original = layer.colormap
    widget = MeasureWidget(viewer)
    run(widget, finish)
    widget.filter.set_filter(ObjectFilter((Range("n_voxels", 13),)))
    assert layer.colormap is not original
    n_callbacks = len(viewer.mouse_drag_callbacks)
    with qtbot.waitSignal(widget.destroyed):
        widget.deleteLater()
    assert layer.colormap is original
    assert len(viewer.mouse_drag_callbacks) == n_callbacks - 1
    layer.data = layer.data.copy()


# ------------------------------------------------------------------ edits


@pytest.mark.parametrize("edit", ["paint", "fill", "undo", "data", "scale", "setitem"])
def test_edits_make_the_table_stale(
    edit: str, layer: Labels, widget: MeasureWidget, finish: Finish
) -> None:
    layer.paint((3, 3, 3), 1)
    run(widget, finish)
    assert widget.stale.isHidden()
    if edit == "paint":
        layer.paint((2, 21, 31), 1)
    elif edit == "fill":
        layer.fill((2, 21, 31), 7)
    elif edit == "undo":
        layer.undo()
    elif edit == "data":
        layer.data = made_up()
    elif edit == "scale":
        layer.scale = (50, 10, 10)
    else:
        layer.data_setitem((np.array([1]), np.array([1]), np.array([1])), 3)
    assert not widget.stale.isHidden()
    assert widget.stale.text() == STALE
    run(widget, finish)
    assert widget.stale.isHidden()


def test_looking_around_is_no_edit(
    measured: MeasureWidget, layer: Labels, viewer: ViewerModel
) -> None:
    viewer.dims.set_point(0, 120)
    layer.refresh()
    layer.opacity = 0.3
    measured.selection.select([1])
    measured.colour.choose("n_voxels")
    assert measured.stale.isHidden()


def test_an_edit_while_it_is_measured_counts(
    layer: Labels,
    widget: MeasureWidget,
    finish: Finish,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate, real = threading.Event(), measure_tasks.measure

    def slow(order: Any) -> Job[Any]:
        while not gate.wait(0.002):
            yield Progress(0, 1)
        return (yield from real(order))

    monkeypatch.setattr(measure_tasks, "measure", slow)
    widget.run_button.click()
    layer.paint((2, 0, 0), 1)
    gate.set()
    finish(widget)
    assert not widget.stale.isHidden()


def test_a_cancelled_run_changes_nothing(
    measured: MeasureWidget, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(_order: Any) -> Job[None]:
        while True:
            yield Progress(0, 1)

    before = measured.current
    monkeypatch.setattr(measure_tasks, "measure", endless)
    measured.run_button.click()
    assert not measured.body.isEnabled()
    measured.cancel()
    finish(measured)
    assert measured.current is before
    assert measured.run_button.isEnabled()


# ------------------------------------------------------------------ several layers


def test_each_layer_keeps_its_table_and_filter(
    measured: MeasureWidget, layer: Labels, viewer: ViewerModel, finish: Finish
) -> None:
    measured.filter.set_filter(ObjectFilter((Range("n_voxels", 13),)))
    measured.selection.select([0])
    other = add(viewer, "others", made_up(np.uint8))
    measured.labels.choose(other)
    assert measured.current is None
    assert measured.results.isHidden()
    assert alpha(layer, 1) == 1  # no longer highlighted, but still filtered
    assert alpha(layer, 5) == 0
    run(measured, finish)
    assert shown_labels(measured) == [1, 2, 5, 9]
    measured.labels.choose(layer)
    assert shown_labels(measured) == [1, 2]
    assert not measured.results.isHidden()
    assert selected_labels(measured) == [1]  # as it was left
    assert alpha(layer, 2) < 1
    measured.selection.clear()
    measured.colour.choose("n_voxels")
    run(measured, finish)  # once more: filter and colours stay
    assert shown_labels(measured) == [1, 2]
    assert alpha(layer, 5) == 0
    assert measured.colour.column.currentData() == "n_voxels"
    assert layer.colormap.map(1)[2] < 0.2  # the yellow end of viridis


def test_groups_of_layers(
    measured: MeasureWidget, viewer: ViewerModel, finish: Finish
) -> None:
    doubled = np.where(made_up(np.uint8) == 9, 0, made_up(np.uint8))
    other = add(viewer, "treated", doubled)
    measured.labels.choose(other)
    run(measured, finish)
    box = measured.groups
    box.column.setCurrentIndex(box.column.findData("n_voxels"))
    found = {one.name: sorted(one.values.tolist()) for one in box.groups()}
    assert found == {"mitochondria": [4, 12, 16, 100], "treated": [12, 16, 100]}
    captions = [one.caption for one in box.groups()]
    assert captions[1].splitlines() == ["treated", "n = 3", "median", "16"]
    box.layers.item(0, 1).setText("all")
    box.layers.item(1, 1).setText("all")
    (together,) = box.groups()
    assert together.caption.splitlines() == ["all", "n = 7", "2 layers", "median", "16"]
    box.layers.item(0, 0).setCheckState(Qt.CheckState.Unchecked)
    assert [one.values.size for one in box.groups()] == [3]
    measured.filter.set_filter(ObjectFilter((Range("n_voxels", 13),)))
    assert [one.values.tolist() for one in box.groups()] == [[100, 16]]
    viewer.layers.remove(other)
    assert [*measured.layers.known] == [viewer.layers["mitochondria"]]
    assert [one.values.size for one in box.groups()] == [2]
    run(measured, finish)
    assert [one.values.size for one in box.groups()] == [2]


# ------------------------------------------------------------------ plots


def test_a_range_of_the_histogram_selects(measured: MeasureWidget) -> None:
    plot = measured.plot
    plot.along.setCurrentIndex(plot.along.findData("n_voxels"))
    plot.select_span(10, 20)
    assert selected_labels(measured) == [2, 5]
    measured.filter.set_filter(ObjectFilter((Range("n_voxels", 13),)))
    plot.select_span(10, 20)
    assert selected_labels(measured) == [2]


def test_a_lasso_selects(measured: MeasureWidget, qtbot: Any) -> None:
    plot = measured.plot
    plot.kind.setCurrentText(SCATTER)
    plot.along.setCurrentIndex(plot.along.findData("n_voxels"))
    plot.up.setCurrentIndex(plot.up.findData("n_slices"))
    plot.canvas.redraw()
    plot.select_inside([(10, 0), (20, 0), (20, 2), (10, 2)])
    assert selected_labels(measured) == [2, 5]
    plot.log_along.setChecked(True)
    plot.canvas.redraw()
    plot.select_inside([(50, 3), (200, 3), (200, 5), (50, 5)])
    assert selected_labels(measured) == [1]
    plot.select_inside([(0, 0)])
    assert selected_labels(measured) == []


def test_plots_have_the_colours_of_the_window(
    measured: MeasureWidget, viewer: ViewerModel
) -> None:
    canvas = measured.plot.canvas
    dark = canvas.style_now()
    viewer.theme = "light"
    light = canvas.style_now()
    assert dark.background != light.background
    measured.plot.canvas.redraw()
    face = canvas.axes.get_facecolor()
    assert min(face[:3]) > 0.8
    viewer.theme = "dark"


def test_figures_are_saved_black_on_white(
    measured: MeasureWidget, tmp_path: Path
) -> None:
    canvas = measured.plot.canvas
    measured.plot.kind.setCurrentText(HISTOGRAM)
    measured.save_figure(canvas, tmp_path / "a.svg")
    words = (tmp_path / "a.svg").read_text()
    assert "Volume (µm³)" in words
    assert "#000000" in words
    assert "Saved" in measured.status.text()
    measured.save_figure(canvas, tmp_path / "a.docx")
    assert "a.docx does not say which kind" in measured.status.text()
    assert [one.name for one in tmp_path.iterdir()] == ["a.svg"]


# ------------------------------------------------------------------ files


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".xlsx"])
def test_tables_are_saved(
    ending: str, measured: MeasureWidget, tmp_path: Path, finish: Finish
) -> None:
    import pandas as pd

    measured.filter.set_filter(ObjectFilter((Range("n_voxels", 13),)))
    path = tmp_path / f"table{ending}"
    measured.save_table(path)
    finish(measured)
    read = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".xlsx": pd.read_excel}
    saved = read[ending](path)
    assert saved["index"].tolist() == [1, 2, 5, 70_000]
    assert saved["volume_um3"].tolist() == pytest.approx(
        measured.current.columns["volume_um3"].tolist(), rel=1e-12
    )
    assert "z_start" in saved
    assert saved["shown"].tolist() == [True, True, False, False]
    assert "(*.csv)" in file_patterns(table_formats)


def test_a_report_is_written(
    measured: MeasureWidget,
    layer: Labels,
    viewer: ViewerModel,
    tmp_path: Path,
    finish: Finish,
) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[:3] = 1
    measured.context.image.choose(add_stack(viewer, SHAPE))
    measured.context.tissue.choose(add(viewer, "tissue", mask))
    measured.labels.choose(layer)
    measured.save_report(tmp_path / "page.html")
    finish(measured)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "mitochondria" in page
    assert "data:image/png" in page
    layer.paint((2, 0, 0), 1)
    measured.save_report(tmp_path / "later.html")
    assert measured.status.text() == STALE
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]


def test_an_unknown_ending_is_refused(
    measured: MeasureWidget, tmp_path: Path, finish: Finish
) -> None:
    measured.save_table(tmp_path / "table.odt")
    finish(measured)
    assert "table.odt has no ending" in measured.status.text()
    assert not [*tmp_path.iterdir()]


# ------------------------------------------------------------------ in a window


def drag(canvas: Any, corners: list[tuple[float, float]]) -> None:
    """Draw with the mouse in a plot, through values of its axes."""
    from matplotlib.backend_bases import MouseEvent

    places = canvas.axes.transData.transform(np.array(corners))
    (first, *rest), last = places, places[-1]
    MouseEvent("button_press_event", canvas.canvas, *first, 1)._process()
    for place in rest:
        MouseEvent("motion_notify_event", canvas.canvas, *place, 1)._process()
    MouseEvent("button_release_event", canvas.canvas, *last, 1)._process()


@needs_screen
def test_selecting_with_the_mouse_in_plots(measured: MeasureWidget, qtbot: Any) -> None:
    plot = measured.plot
    measured.resize(400, 800)
    measured.show()
    measured.tabs.setCurrentWidget(plot)
    plot.along.setCurrentIndex(plot.along.findData("n_voxels"))
    plot.up.setCurrentIndex(plot.up.findData("n_slices"))
    qtbot.waitUntil(lambda: plot.canvas.axes is not None)
    for kind, corners in (
        (HISTOGRAM, [(8, 1), (15, 1), (20, 1)]),
        (SCATTER, [(8, 1.5), (20, 1.5), (20, 0.9), (8, 0.9), (8, 1.5)]),
    ):
        plot.kind.setCurrentText(kind)
        plot.canvas.canvas.draw()
        for _ in range(2):  # again, in the plot that was drawn anew
            measured.selection.select([0])
            plot.canvas.canvas.draw()
            drag(plot.canvas, corners)
            assert selected_labels(measured) == [2, 5]
    measured.close()


@needs_screen
def test_the_row_of_a_clicked_object_is_scrolled_to(
    make_napari_viewer: Any, finish: Finish
) -> None:
    window = make_napari_viewer(show=True)
    window.window.resize(1280, 800)
    labels = np.arange(1, 601, dtype=np.uint16).reshape(1, 20, 30)
    add(window, "many", labels)
    _, widget = window.window.add_plugin_dock_widget(
        "napari-mitoseg", "Measure mitochondria"
    )
    run(widget, finish)
    table = widget.table
    for label in (580, 3):
        y, x = np.argwhere(labels[0] == label)[0]
        click(window, (0.0, float(y) * 10, float(x) * 10))
        assert selected_labels(widget) == [label]
        place = table.visualRect(table.objects.index(label - 1, 0)).center()
        assert table.viewport().rect().contains(place)


@needs_screen
def test_in_a_window(
    make_napari_viewer: Any, qtbot: Any, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_STRICT_QT", "1")
    window = make_napari_viewer()
    long = "2021-03-14_Hippocampus_CA1_" * 5
    layer = add(window, long, made_up())
    window.add_layer(Image(np.zeros(SHAPE, np.uint8), name=f"{long} image"))
    _, widget = window.window.add_plugin_dock_widget(
        "napari-mitoseg", "Measure mitochondria"
    )
    window.window.show()
    window.window.resize(1280, 800)
    scroll = widget.body.parent().parent()
    assert isinstance(scroll, QScrollArea)
    run(widget, finish)
    for page in range(widget.tabs.count()):  # nothing needs to be scrolled to
        widget.tabs.setCurrentIndex(page)
        qtbot.waitUntil(lambda: widget.body.height() <= scroll.viewport().height())
    for section in widget.sections.values():
        section.button.set_expanded(True)
    widget.filter.set_filter(ObjectFilter((Range("volume_um3", 1e-9),)))
    widget.colour.choose("n_voxels")
    for page in range(widget.tabs.count()):
        widget.tabs.setCurrentIndex(page)
        qtbot.wait(10)
        assert widget.body.minimumSizeHint().width() <= widget.minimumWidth() - 20
    assert widget.plot.canvas.axes is not None
    assert widget.groups.canvas.axes is not None
    for ndisplay in (2, 3):
        window.dims.ndisplay = ndisplay
        widget.selection.select([1])
        pixels = window.screenshot(canvas_only=True, flash=False)
        widget.selection.clear()
        assert (pixels[..., :3] != window.screenshot(flash=False)[..., :3]).any()
    assert isinstance(layer.colormap, ObjectColormap)


def test_the_model_of_nothing_has_no_rows(widget: MeasureWidget) -> None:
    assert widget.table.objects.rowCount(QModelIndex()) == 0
    assert widget.table.objects.columnCount() == 0


def test_the_preview_of_proofreading_is_not_offered(
    measured: MeasureWidget, viewer: ViewerModel, layer: Labels
) -> None:
    add(viewer, "marks", made_up(), metadata={MADE_BY_US: PREVIEW})
    assert measured.labels.layers() == [layer]
    assert measured.context.tissue.layers() == [layer]
    assert measured.context.contacts.count() == 0


def test_colours_come_back_when_the_dock_is_closed(
    measured: MeasureWidget, layer: Labels, qtbot: Any
) -> None:
    own = layer.colormap
    dock = QWidget()
    qtbot.addWidget(dock)
    measured.setParent(dock)
    measured.colour.choose("volume_um3")
    assert layer.colormap is not own
    measured.setParent(None)
    assert layer.colormap is own
