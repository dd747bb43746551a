"""The Proofread widget: clicks, keys and buttons on labels of every kind."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dask.array as da
import numpy as np
import psutil
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils._proxies import PublicOnlyProxy
from napari.utils._test_utils import read_only_mouse_event
from napari.utils.colormaps import DirectLabelColormap
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)
from napari.utils.shortcuts import default_shortcuts
from qtpy.QtWidgets import QWidget

from napari_mitoseg._napari import edit_control
from napari_mitoseg._napari.edit_keys import (
    APPLY,
    BRUSH,
    CANCEL,
    CORRECT,
    FIXED,
    NEXT,
    offers,
)
from napari_mitoseg._napari.edit_preview import FILLED, OUTLINE, change_marks, outlined
from napari_mitoseg._napari.layers import spacing_of
from napari_mitoseg._napari.proofread import ProofreadWidget
from napari_mitoseg.io import read_labels
from napari_mitoseg.proofreading import operations

from .conftest import needs_screen

Finish = Callable[..., None]
SPACING = (40.0, 8.0, 8.0)
SHAPE = (6, 40, 50)


def made_up() -> np.ndarray[Any, Any]:
    """Return a dumb-bell (1), two boxes (2, 3) and one with a hole (4)."""
    labels = np.zeros(SHAPE, np.uint16)
    labels[1:5, 3:13, 3:13] = 1
    labels[1:5, 3:13, 17:27] = 1
    labels[1:5, 7:9, 13:17] = 1
    labels[1:5, 20:30, 3:13] = 2
    labels[1:5, 20:30, 15:25] = 3
    labels[1:5, 20:35, 30:45] = 4
    labels[2:4, 25:28, 35:38] = 0
    return labels


def add(viewer: ViewerModel, data: Any, **keywords: Any) -> Labels:
    """Add calibrated labels."""
    known = {"scale": SPACING[-data.ndim :], "units": ("nm",) * data.ndim}
    return viewer.add_layer(Labels(data, **{"name": "cells", **known, **keywords}))


@pytest.fixture
def layer(viewer: ViewerModel) -> Labels:
    """Labels in a viewer that shows slice 2."""
    added = add(viewer, made_up())
    viewer.dims.set_current_step(0, 2)
    return added


@pytest.fixture
def widget(viewer: ViewerModel, qtbot: Any) -> ProofreadWidget:
    """The widget without a window."""
    made = ProofreadWidget(viewer)
    qtbot.addWidget(made)
    return made


@pytest.fixture
def begun(layer: Labels, widget: ProofreadWidget, finish: Finish) -> ProofreadWidget:
    """The widget after *Start*."""
    begin(widget, finish)
    return widget


def begin(widget: ProofreadWidget, finish: Finish) -> None:
    widget.start_button.click()
    assert widget.is_busy
    finish(widget)
    assert widget.session is not None


def mouse(layer: Labels, kind: str, voxel: Sequence[int], **more: Any) -> Any:
    displayed = [*layer._slice_input.displayed]
    return read_only_mouse_event(
        type=kind,
        button=1,
        position=layer.data_to_world(voxel),
        pos=np.array(voxel[-2:], float) * 10,
        dims_displayed=displayed,
        **more,
    )


def click(layer: Labels, voxel: Sequence[int], *modifiers: str, **more: Any) -> None:
    """Press and release the mouse over a voxel."""
    more["modifiers"] = [*modifiers]
    mouse_press_callbacks(layer, mouse(layer, "mouse_press", voxel, **more))
    mouse_release_callbacks(layer, mouse(layer, "mouse_release", voxel, **more))


def drag(layer: Labels, *voxels: Sequence[int], **more: Any) -> None:
    """Drag the mouse over voxels."""
    mouse_press_callbacks(layer, mouse(layer, "mouse_press", voxels[0], **more))
    for voxel in voxels[1:]:
        event = mouse(layer, "mouse_move", voxel, is_dragging=True, **more)
        mouse_move_callbacks(layer, event)
    mouse_release_callbacks(layer, mouse(layer, "mouse_release", voxels[-1], **more))


def press(layer: Labels, key: str) -> None:
    """Press a key while the layer is selected."""
    found = {str(one): action for one, action in layer.keymap.items()}
    found[key.replace("-", "+")](layer)


def labels_in(layer: Labels) -> list[int]:
    found: list[int] = np.unique(np.asarray(layer.data)).tolist()
    return [label for label in found if label]


# ---------------------------------------------------------------- what can be corrected


def test_nothing_to_correct(widget: ProofreadWidget, viewer: ViewerModel) -> None:
    assert "Open labels" in widget.problem
    viewer.add_layer(Image(np.zeros(SHAPE, np.float32)))
    assert "Convert to Labels" in widget.problem
    assert not widget.start_button.isEnabled()


def test_four_axes_are_refused(widget: ProofreadWidget, viewer: ViewerModel) -> None:
    viewer.add_layer(Labels(np.zeros((2, *SHAPE), np.uint8), name="film"))
    assert "film has 4 axes" in widget.problem
    assert widget.copy_button.isHidden()


def locked(data: Any, _folder: Path) -> Any:
    data = data.copy()
    data.flags.writeable = False
    return data


def on_disk(data: Any, folder: Path) -> Any:
    stored = zarr.create_array(
        str(folder / "a.zarr"), shape=data.shape, dtype=data.dtype, chunks=(2, 16, 16)
    )
    stored[...] = data
    return stored


def read_only(data: Any, folder: Path) -> Any:
    on_disk(data, folder)
    return zarr.open_array(str(folder / "a.zarr"), mode="r")


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        (locked, "read-only"),
        (read_only, "read-only"),
        (lambda data, _: da.from_array(data), "computed"),
        (lambda data, _: [data, data[:, ::2, ::2]], "pyramid"),
    ],
)
def test_what_cannot_be_written_is_copied(
    widget: ProofreadWidget,
    viewer: ViewerModel,
    finish: Finish,
    tmp_path: Path,
    kept: Any,
    reason: str,
) -> None:
    data = kept(made_up(), tmp_path)
    options: dict[str, Any] = {"scale": SPACING, "units": ("nm",) * 3}
    original = viewer.add_layer(
        Labels(data, multiscale=isinstance(data, list), name="cells", **options)
    )
    assert reason in widget.problem
    widget.copy_button.click()
    finish(widget)
    assert widget.problem == ""
    copy = widget.labels.layer
    assert copy is not original
    assert spacing_of(copy) == SPACING
    begin(widget, finish)
    widget.session.select([2])
    press(copy, "D")
    assert labels_in(copy) == [1, 3, 4]
    first = original.data[0] if isinstance(data, list) else original.data
    np.testing.assert_array_equal(np.asarray(first), made_up())


def test_a_copy_that_does_not_fit_is_refused(
    widget: ProofreadWidget,
    viewer: ViewerModel,
    finish: Finish,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer.add_layer(Labels(da.from_array(made_up())))
    free = SimpleNamespace(available=100)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    widget.copy()
    finish(widget)
    assert "so much memory is not free" in widget.status.text()
    assert len(viewer.layers) == 1


def test_spacing_is_asked_for(
    widget: ProofreadWidget, viewer: ViewerModel, finish: Finish
) -> None:
    layer = viewer.add_layer(Labels(made_up(), name="cells"))
    begin(widget, finish)
    assert "Enter the spacing" in widget._hint.text()
    click(layer, (2, 25, 5))
    press(layer, "U")
    assert "spacing" in widget.operations.wanted.text()
    assert not widget.operations.apply.isEnabled()
    press(layer, "Q")
    for box, value in zip(widget.spacing.boxes, SPACING, strict=True):
        box.setValue(value)
    assert spacing_of(layer) == SPACING
    assert widget._hint.text() == ""
    press(layer, "U")
    assert widget.operations.apply.isEnabled()


# ---------------------------------------------------------------- selecting, merging


def test_clicks_select(begun: ProofreadWidget, layer: Labels) -> None:
    session = begun.session
    click(layer, (2, 25, 5))
    assert session.selection == (2,)
    assert layer.selected_label == 2
    click(layer, (2, 25, 18), "Shift")
    assert session.selection == (2, 3)
    click(layer, (2, 25, 5), "Control")
    assert session.selection == (3,)
    assert "Object 3" in begun.operations.selected.text()
    drag(layer, (2, 25, 5), (2, 30, 5))
    assert session.selection == (3,)
    click(layer, (2, 0, 0))
    assert session.selection == ()
    assert "Click on an object" in begun.operations.selected.text()


def test_a_click_while_painting_is_a_dab(begun: ProofreadWidget, layer: Labels) -> None:
    layer.mode = "paint"
    layer.selected_label = 9
    click(layer, (2, 37, 48))
    assert begun.session.selection == ()
    assert 9 in labels_in(layer)
    assert begun.session.editor.n_undo == 1


def test_merge_delete_and_undo_by_key(begun: ProofreadWidget, layer: Labels) -> None:
    click(layer, (2, 25, 5))
    click(layer, (2, 25, 18), "Shift")
    press(layer, "G")
    assert labels_in(layer) == [1, 2, 4]
    assert begun.session.selection == (2,)
    assert begun.operations.undo.text() == "Undo (1)"
    press(layer, "D")
    assert labels_in(layer) == [1, 4]
    layer.undo()
    assert begun.status.text() == "Undone: Delete."
    layer.undo()
    np.testing.assert_array_equal(layer.data, made_up())
    begun.operations.redo.click()
    assert labels_in(layer) == [1, 2, 4]


def test_no_settings_are_shown_after_a_refusal(
    begun: ProofreadWidget, layer: Labels, qtbot: Any
) -> None:
    begun.show()
    click(layer, (2, 25, 5))
    press(layer, "Shift-S")
    qtbot.waitUntil(lambda: "of one piece" in begun.status.text())
    qtbot.wait(10)
    assert not [one for one in begun.operations._forms.values() if one.isVisible()]
    begun.close()


def test_nothing_selected_is_said(begun: ProofreadWidget, layer: Labels) -> None:
    press(layer, "D")
    assert "Click on an object" in begun.status.text()
    click(layer, (2, 25, 5))
    press(layer, "G")
    assert "two objects or more" in begun.status.text()
    np.testing.assert_array_equal(layer.data, made_up())


# ---------------------------------------------------------------- previews


def preview_of(widget: ProofreadWidget, qtbot: Any) -> Labels | None:
    qtbot.waitUntil(lambda: not widget.control._soon.isActive())
    found = widget.control.preview.layer
    return found if found is not None and found.visible else None


def test_selection_is_marked(
    begun: ProofreadWidget, layer: Labels, viewer: ViewerModel, qtbot: Any
) -> None:
    click(layer, (2, 25, 5))
    shown = preview_of(begun, qtbot)
    assert shown is not None
    assert shown.data.shape == (4, 10, 10)
    assert set(np.unique(shown.data)) == {FILLED, OUTLINE}
    np.testing.assert_allclose(shown.data_to_world((0, 0, 0)), (40, 160, 24))
    assert viewer.layers.selection.active is layer
    assert shown not in begun.labels.layers()
    click(layer, (2, 0, 0))
    assert preview_of(begun, qtbot) is None


def test_split_by_points(begun: ProofreadWidget, layer: Labels, qtbot: Any) -> None:
    press(layer, "S")
    assert "Click once in each part" in begun.operations.wanted.text()
    click(layer, (2, 8, 7))
    assert not begun.operations.apply.isEnabled()
    click(layer, (2, 8, 22))
    assert begun.operations.apply.isEnabled()
    np.testing.assert_array_equal(layer.data, made_up())
    shown = preview_of(begun, qtbot)
    assert shown is not None
    assert len(np.unique(shown.data[:, ::2])) >= 3
    press(layer, APPLY)
    assert labels_in(layer) == [1, 2, 3, 4, 5]
    assert len({layer.data[2, 8, 7], layer.data[2, 8, 22]}) == 2
    assert set(begun.session.selection) == {1, 5}
    assert begun.control.tool is None
    layer.undo()
    np.testing.assert_array_equal(layer.data, made_up())


def test_split_by_a_line(begun: ProofreadWidget, layer: Labels) -> None:
    press(layer, "K")
    assert not layer.mouse_pan
    drag(layer, (2, 1, 15), (2, 8, 15), (2, 15, 15))
    assert begun.operations.apply.isEnabled()
    press(layer, "K")
    assert labels_in(layer) == [1, 2, 3, 4, 5]
    assert layer.data[2, 8, 5] != layer.data[2, 8, 22]
    assert layer.mouse_pan


def test_a_line_beside_everything(begun: ProofreadWidget, layer: Labels) -> None:
    press(layer, "K")
    drag(layer, (2, 0, 0), (2, 0, 40))
    assert "no object" in begun.status.text()
    assert not begun.operations.apply.isEnabled()


def test_split_at_necks(begun: ProofreadWidget, layer: Labels) -> None:
    click(layer, (2, 8, 7))
    press(layer, "T")
    assert begun.operations.apply.isEnabled()
    begun.operations.apply.click()
    assert layer.data[2, 8, 5] != layer.data[2, 8, 22]


def test_cancel_leaves_everything(
    begun: ProofreadWidget, layer: Labels, qtbot: Any
) -> None:
    click(layer, (2, 8, 7))
    press(layer, "T")
    press(layer, CANCEL)
    assert begun.control.tool is None
    assert begun.operations.apply.isHidden()
    np.testing.assert_array_equal(layer.data, made_up())
    assert begun.session.editor.n_undo == 0
    shown = preview_of(begun, qtbot)
    assert shown is not None
    assert set(np.unique(shown.data)) <= {0, FILLED, OUTLINE}


def test_settings_change_the_preview(begun: ProofreadWidget, layer: Labels) -> None:
    click(layer, (2, 25, 5))
    press(layer, "U")
    form = begun.operations._forms["grow"]
    form.editor("distance_nm").setValue(8.0)
    few = begun.operations.wanted.text()
    form.editor("distance_nm").setValue(40.0)
    assert begun.operations.wanted.text() != few
    press(layer, APPLY)
    assert layer.data[2, 25, 13:16].tolist() == [2, 2, 3]
    assert layer.data[2, 19, 5] == 2


def test_cut_along_a_slice_and_along_a_line(
    begun: ProofreadWidget, layer: Labels
) -> None:
    press(layer, "W")
    click(layer, (2, 25, 5))
    press(layer, APPLY)
    assert layer.data[2, 25, 5] != layer.data[3, 25, 5]
    layer.undo()
    press(layer, "W")
    drag(layer, (2, 18, 8), (2, 32, 8))
    press(layer, APPLY)
    assert layer.data[3, 25, 4] != layer.data[3, 25, 12]
    assert layer.data[1, 25, 4] == layer.data[4, 25, 4]


def test_a_new_object_by_outline_and_interpolation(
    begun: ProofreadWidget, layer: Labels, viewer: ViewerModel
) -> None:
    for z in (1, 4):
        viewer.dims.set_current_step(0, z)
        press(layer, "Shift-O")
        drag(layer, (z, 36, 5), (z, 36, 15), (z, 39, 15), (z, 39, 5))
        press(layer, APPLY)
        assert begun.session.selection == (5,)
    assert 5 not in layer.data[2]
    press(layer, "I")
    assert (layer.data[1:5, 37, 8] == 5).all()


def test_a_new_object_by_brush(begun: ProofreadWidget, layer: Labels) -> None:
    click(layer, (2, 25, 5))
    press(layer, BRUSH)
    assert begun.session.selection == ()
    assert layer.mode == "paint"
    assert layer.selected_label == 5
    layer.brush_size = 3
    click(layer, (2, 37, 40))
    assert 5 in labels_in(layer)
    assert begun.session.selection == (5,)
    assert layer.preserve_labels
    layer.undo()
    np.testing.assert_array_equal(layer.data, made_up())
    begun.finish()
    assert not layer.preserve_labels


def test_several_objects_one_after_the_other(
    begun: ProofreadWidget, layer: Labels
) -> None:
    click(layer, (2, 25, 5))
    click(layer, (2, 25, 18), "Shift")
    press(layer, "U")
    press(layer, APPLY)
    assert begun.session.editor.n_undo == 2
    gap = layer.data[2, 25, 13:15]
    assert set(gap.tolist()) <= {2, 3}


def test_a_large_object_is_worked_on_in_a_thread(
    begun: ProofreadWidget,
    layer: Labels,
    finish: Finish,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edit_control, "AT_ONCE", 10)
    click(layer, (2, 8, 7))
    press(layer, "T")
    assert begun.is_busy
    finish(begun)
    press(layer, APPLY)
    assert layer.data[2, 8, 5] != layer.data[2, 8, 22]


def test_another_object_is_clicked_while_the_first_is_worked_on(
    begun: ProofreadWidget,
    layer: Labels,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edit_control, "AT_ONCE", 10)
    click(layer, (2, 25, 5))
    press(layer, "U")
    assert begun.is_busy
    click(layer, (2, 25, 18))
    qtbot.waitUntil(lambda: bool(begun.control.previews) and not begun.is_busy)
    press(layer, APPLY)
    assert (layer.data == 3).sum() > (made_up() == 3).sum()
    assert (layer.data == 2).sum() == (made_up() == 2).sum()


def test_of_a_very_large_object_some_slices_are_marked(
    begun: ProofreadWidget,
    layer: Labels,
    viewer: ViewerModel,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edit_control, "LARGEST_SHOWN", 200)
    click(layer, (2, 25, 5))
    shown = preview_of(begun, qtbot)
    assert shown is not None
    assert shown.data.shape == (2, 10, 10)
    viewer.dims.set_current_step(0, 4)
    shown = preview_of(begun, qtbot)
    assert shown is not None
    place = shown.data_to_world((0, 0, 0))[0] / 40
    assert place <= 4 < place + 2


def test_three_dimensions(
    begun: ProofreadWidget, layer: Labels, viewer: ViewerModel, qtbot: Any
) -> None:
    viewer.dims.ndisplay = 3
    along_z = {"view_direction": np.array([1.0, 0, 0])}
    click(layer, (0, 25, 5), **along_z)
    assert begun.session.selection == (2,)
    assert preview_of(begun, qtbot) is not None
    press(layer, "W")
    click(layer, (0, 25, 18), **along_z)
    assert begun.control.tool.points == [(1, 25, 18)]
    press(layer, APPLY)
    assert layer.data[1, 25, 18] != layer.data[2, 25, 18]
    press(layer, "K")
    drag(layer, (0, 25, 5), (0, 30, 5), **along_z)
    assert "3D" in begun.status.text()


def test_a_plane(widget: ProofreadWidget, viewer: ViewerModel, finish: Finish) -> None:
    layer = add(viewer, made_up()[2])
    begin(widget, finish)
    click(layer, (25, 5))
    assert widget.operations.selected.text() == "Object 2 · 0.0064 µm²"
    click(layer, (25, 18), "Shift")
    press(layer, "G")
    press(layer, "S")
    click(layer, (8, 7))
    click(layer, (8, 22))
    press(layer, APPLY)
    assert layer.data[8, 5] != layer.data[8, 22]
    layer.undo()
    layer.undo()
    np.testing.assert_array_equal(layer.data, made_up()[2])


def test_zarr(
    widget: ProofreadWidget, viewer: ViewerModel, finish: Finish, tmp_path: Path
) -> None:
    layer = add(viewer, on_disk(made_up(), tmp_path))
    viewer.dims.set_current_step(0, 2)
    begin(widget, finish)
    click(layer, (2, 25, 5))
    click(layer, (2, 25, 18), "Shift")
    press(layer, "G")
    stored = zarr.open_array(str(tmp_path / "a.zarr"), mode="r")[...]
    assert np.unique(stored).tolist() == [0, 1, 2, 4]
    np.testing.assert_array_equal(layer._slice.image.raw, stored[2])


# ---------------------------------------------------------------- lifetime


def test_painting_meanwhile_is_not_lost(
    widget: ProofreadWidget, layer: Labels, finish: Finish
) -> None:
    widget.start()
    layer.paint((2, 37, 40), 9)
    finish(widget)
    finish(widget)
    assert 9 in widget.session.editor.index
    assert widget.session.editor.n_undo == 1


@pytest.mark.parametrize("how", ["finish", "another", "deleted", "closed"])
def test_napari_gets_its_own_back(
    layer: Labels, viewer: ViewerModel, how: str, qtbot: Any, finish: Finish
) -> None:
    begun = ProofreadWidget(viewer, parent := QWidget())
    begin(begun, finish)
    click(layer, (2, 25, 5))
    press(layer, "D")
    if how == "finish":
        begun.start_button.click()
    elif how == "another":
        begun.labels.choose(add(viewer, made_up(), name="others"))
    elif how == "deleted":
        with qtbot.waitSignal(begun.destroyed):
            begun.deleteLater()
    else:
        begun.setParent(None)
    if how != "deleted":
        assert begun.session is None
        assert not begun.operations.isEnabled()
        assert not [one for one in viewer.layers if "preview" in one.name]
    assert not layer.keymap
    assert "undo" not in vars(layer)
    layer.undo()
    np.testing.assert_array_equal(layer.data, made_up())
    if how == "closed":  # nobody else does
        with qtbot.waitSignal(begun.destroyed):
            begun.deleteLater()
    parent.deleteLater()


def test_a_layer_is_removed(
    begun: ProofreadWidget, layer: Labels, viewer: ViewerModel
) -> None:
    press(layer, "S")
    viewer.layers.remove(layer)
    assert begun.session is None
    assert "removed" in begun.status.text()
    assert "Open labels" in begun.problem


def test_data_are_replaced(
    begun: ProofreadWidget, layer: Labels, finish: Finish
) -> None:
    layer.data = made_up()[::-1].copy()
    assert begun.session is None
    assert "replaced" in begun.status.text()
    begin(begun, finish)


def test_the_preview_layer_is_deleted(
    begun: ProofreadWidget, layer: Labels, viewer: ViewerModel, qtbot: Any
) -> None:
    click(layer, (2, 25, 5))
    viewer.layers.remove(preview_of(begun, qtbot))
    viewer.layers.selection.active = layer
    click(layer, (2, 8, 5))
    assert preview_of(begun, qtbot) in viewer.layers


def test_another_layer_is_selected(
    begun: ProofreadWidget, layer: Labels, viewer: ViewerModel, qtbot: Any
) -> None:
    viewer.add_layer(Image(np.zeros(SHAPE)))
    qtbot.waitUntil(lambda: "Select the layer cells" in begun._hint.text())
    viewer.layers.selection.active = layer
    qtbot.waitUntil(lambda: begun._hint.text() == "")


def test_a_second_widget_waits(
    begun: ProofreadWidget, layer: Labels, viewer: ViewerModel, qtbot: Any
) -> None:
    other = ProofreadWidget(viewer)
    qtbot.addWidget(other)
    assert "corrected already" in other.problem
    other.start()
    assert not other.is_busy
    begun.finish()
    assert other.problem == ""
    assert "undo" not in vars(layer)


def test_a_spacing_that_is_given_elsewhere(
    begun: ProofreadWidget, layer: Labels, qtbot: Any
) -> None:
    click(layer, (2, 25, 5))
    preview_of(begun, qtbot)
    layer.scale = (80.0, 4.0, 4.0)
    press(layer, "U")
    assert begun.session.editor.spacing == (80.0, 4.0, 4.0)
    shown = preview_of(begun, qtbot)
    assert shown is not None
    assert shown.scale.tolist() == [80, 4, 4]


@pytest.mark.parametrize("name", ["out.tif", "out.nrrd"])
def test_save(
    name: str, begun: ProofreadWidget, layer: Labels, finish: Finish, tmp_path: Path
) -> None:
    begun.save(tmp_path / name)
    finish(begun)
    saved = read_labels(tmp_path / name)
    assert saved.spacing == pytest.approx(SPACING)
    np.testing.assert_array_equal(saved.read(), layer.data)


# ---------------------------------------------------------------- words and keys


def test_keys_do_not_clash() -> None:
    own = [one.key for one in offers() if one.key]
    own += [APPLY, CANCEL, BRUSH, NEXT, CORRECT, FIXED]
    assert len(own) == len(set(own))
    of_labels = ("label", "polygon", "brush_size", "visibility", "hold_for")
    taken = {
        str(key)
        for name, keys in default_shortcuts.items()
        for key in keys
        if any(word in name for word in of_labels)
    }
    assert {"M", "V", "Space", "Shift+V"} <= taken
    assert not {key.replace("-", "+") for key in own} & taken


def test_every_operation_is_offered() -> None:
    assert {one.name for one in offers()} == {*operations}


def test_marks() -> None:
    mask = np.zeros((1, 7, 7), bool)
    mask[0, 1:6, 1:6] = True
    marks = outlined(mask)
    assert int((marks == FILLED).sum()) == 1
    assert int((marks == OUTLINE).sum()) == 24
    before, after = np.array([[[1, 1, 2, 0]]]), np.array([[[1, 3, 0, 0]]])
    seen = change_marks(before, after)[0, 0].tolist()
    assert seen[0] != seen[1]
    assert seen[2:] == [3, 0]


@needs_screen
def test_in_a_window(
    make_napari_viewer: Any, qtbot: Any, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_STRICT_QT", "1")
    window = make_napari_viewer()
    layer = add(window, made_up(), name="2021-03-14_Hippocampus_CA1_" * 5)
    _, widget = window.window.add_plugin_dock_widget(
        "napari-mitoseg", "Proofread labels"
    )
    window.window.resize(1280, 800)
    begin(widget, finish)
    click(layer, (2, 25, 5))
    for offer in offers():
        widget.operations.show_tool(offer.name)
        assert widget.body.minimumSizeHint().width() <= widget.minimumWidth() - 20
    press(layer, "D")
    window.window.remove_dock_widget(widget)
    assert widget.session is None
    layer.undo()
    assert 2 in labels_in(layer)
    with qtbot.waitSignal(widget.destroyed):
        widget.deleteLater()


def test_hidden_objects_are_not_clicked(begun: ProofreadWidget, layer: Labels) -> None:
    seen = {None: "red", 0: "transparent", 2: "transparent"}
    layer.colormap = DirectLabelColormap(color_dict=seen)
    click(layer, (2, 25, 5))
    assert begun.session.selection == ()
    click(layer, (2, 25, 18))
    assert begun.session.selection == (3,)


def test_the_hint_knows_the_layer_through_napari_proxies(
    viewer: ViewerModel, layer: Labels, qtbot: Any, finish: Finish
) -> None:
    widget = ProofreadWidget(PublicOnlyProxy(viewer))
    qtbot.addWidget(widget)
    begin(widget, finish)
    assert viewer.layers.selection.active is layer
    assert widget._hint.text() == ""
    viewer.layers.selection.active = None
    qtbot.waitUntil(lambda: "Select the layer" in widget._hint.text())
