"""Redrawing a box shows the same as redrawing everything."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Labels

from napari_mitoseg._napari import label_redraw
from napari_mitoseg._napari.label_redraw import redraw, redraw_change
from napari_mitoseg.proofreading import Delete, LabelEditor
from napari_mitoseg.volume import Region

SHAPE = (5, 12, 16)
BOX = Region((1, 2, 3), (4, 9, 12))


def make(dtype: str, folder: Path | None) -> Any:
    labels = np.random.default_rng(0).integers(0, 9, SHAPE).astype(dtype)
    if folder is None:
        return labels
    path = str(folder / "a.zarr")
    stored = zarr.create_array(path, shape=SHAPE, dtype=dtype, chunks=(2, 5, 7))
    stored[...] = labels
    return stored


def shown(layer: Labels) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    image = layer._slice.image
    return image.raw.copy(), image.view.copy()


@pytest.mark.parametrize("on_disk", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint32", "int64"])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
@pytest.mark.parametrize("ndisplay", [2, 3])
def test_a_box_is_drawn(
    viewer: ViewerModel,
    tmp_path: Path,
    on_disk: bool,
    dtype: str,
    order: Sequence[int],
    ndisplay: int,
) -> None:
    layer = viewer.add_layer(Labels(make(dtype, tmp_path if on_disk else None)))
    viewer.dims.order = tuple(order)
    viewer.dims.ndisplay = ndisplay
    viewer.dims.current_step = (2, 4, 5)
    layer.data[BOX.slices] = 11
    redraw(layer, BOX)
    assert (shown(layer)[0] == 11).any()
    assert_is_drawn(layer)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
@pytest.mark.parametrize("ndisplay", [2, 3])
def test_an_edit_on_disk_is_drawn_and_taken_back(
    viewer: ViewerModel, tmp_path: Path, order: Sequence[int], ndisplay: int
) -> None:
    layer = viewer.add_layer(Labels(make("uint32", tmp_path)))
    viewer.dims.order = tuple(order)
    viewer.dims.ndisplay = ndisplay
    viewer.dims.current_step = (2, 4, 5)
    editor = LabelEditor(layer.data, None)
    change = editor.apply(Delete(labels=(1, 2, 3)))
    redraw_change(layer, change)
    assert not np.isin(shown(layer)[0], [1, 2, 3]).any()
    assert_is_drawn(layer)
    editor.undo()
    redraw_change(layer, change, undone=True)
    assert np.isin(shown(layer)[0], [1, 2, 3]).any()
    assert_is_drawn(layer)


def assert_is_drawn(layer: Labels) -> None:
    """Compare with what a refresh shows."""
    seen = shown(layer)
    layer.refresh()
    for own, whole in zip(seen, shown(layer), strict=True):
        np.testing.assert_array_equal(own, whole)


def test_contours_are_drawn(viewer: ViewerModel) -> None:
    layer = viewer.add_layer(Labels(make("uint32", None)))
    layer.contour = 1
    viewer.dims.set_current_step(0, 2)
    layer.data[BOX.slices] = 11
    redraw(layer, BOX)
    seen = shown(layer)
    layer.refresh()
    np.testing.assert_array_equal(seen[1], shown(layer)[1])


def test_only_the_box_is_drawn(viewer: ViewerModel) -> None:
    layer = viewer.add_layer(Labels(make("uint32", None)))
    viewer.dims.set_current_step(0, 2)
    told: list[Any] = []
    layer.events.labels_update.connect(told.append)
    redraw(layer, BOX)
    assert told[0].data.shape == (7, 9)
    assert [*told[0].offset] == [2, 3]
    redraw(layer, Region((3, 0, 0), (5, 4, 4)))
    assert len(told) == 1


def test_another_napari_redraws_everything(
    viewer: ViewerModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = viewer.add_layer(Labels(make("uint32", None)))
    viewer.dims.set_current_step(0, 2)
    monkeypatch.setattr(label_redraw, "USED", ("_of_another_version",))
    layer.data[BOX.slices] = 11
    redraw(layer, BOX)
    assert (layer._slice.image.view == layer._slice.image.view[4, 5]).sum() >= 63
