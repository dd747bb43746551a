"""Try scales: pictures of what is found at several sizes, one of which is chosen."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import Qt

from napari_mitoseg._napari.region_box import region_on_screen
from napari_mitoseg._napari.segment import MOST_TRIED, SegmentWidget
from napari_mitoseg._napari.tasks import Trial
from napari_mitoseg._napari.zoom_dialog import ZoomDialog, overlaid
from napari_mitoseg.errors import WeightsError
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.volume import Region

from .conftest import FakeJobs

Finish = Callable[..., None]


def trial(zoom: float, n_objects: int = 2) -> Trial:
    plane = np.arange(12, dtype=np.uint8).reshape(3, 4)
    return Trial(zoom, plane, plane > 9, n_objects)


def set_zoom(panel: SegmentWidget, zoom: float) -> None:
    panel.inference.set_value(InferenceSettings(zoom=zoom))


def tried(panel: SegmentWidget, finish: Finish) -> ZoomDialog:
    panel.zoom_button.click()
    finish(panel)
    return panel.zooms


def test_three_sizes_of_the_slice_on_screen_are_tried(
    panel: SegmentWidget,
    viewer: ViewerModel,
    image: Image,
    jobs: FakeJobs,
    finish: Finish,
) -> None:
    viewer.dims.set_current_step(0, 3)
    dialog = tried(panel, finish)
    assert [recipe.inference.zoom for recipe, _ in jobs.calls] == [0.67, 1, 1.5]
    assert {region for _, region in jobs.calls} == {Region((3, 0, 0), (4, 40, 50))}
    assert [button.text() for button in dialog.buttons] == [
        "Zoom 0.67: 1 mitochondrion",
        "Zoom 1 (now): 1 mitochondrion",
        "Zoom 1.5: 1 mitochondrion",
    ]
    assert len(viewer.layers) == 1


def test_the_one_that_is_clicked_is_set(
    panel: SegmentWidget, image: Image, jobs: FakeJobs, finish: Finish, qtbot: Any
) -> None:
    dialog = tried(panel, finish)
    qtbot.mouseClick(dialog.buttons[2], Qt.MouseButton.LeftButton)
    assert panel.recipe.inference.zoom == 1.5
    jobs.calls.clear()
    tried(panel, finish).close()
    assert [recipe.inference.zoom for recipe, _ in jobs.calls] == [1, 1.5, 2.25]
    assert panel.recipe.inference.zoom == 1.5


@pytest.mark.parametrize(("zoom", "zooms"), [(4.0, [2.67, 4]), (0.25, [0.25, 0.38])])
def test_what_is_not_allowed_is_not_tried(
    panel: SegmentWidget,
    image: Image,
    jobs: FakeJobs,
    finish: Finish,
    zoom: float,
    zooms: list[float],
) -> None:
    set_zoom(panel, zoom)
    tried(panel, finish)
    assert [recipe.inference.zoom for recipe, _ in jobs.calls] == zooms


def test_an_error_changes_nothing(
    panel: SegmentWidget, image: Image, jobs: FakeJobs, finish: Finish
) -> None:
    jobs.error = WeightsError("no such weights")
    panel.zoom_button.click()
    finish(panel)
    assert "no such weights" in panel.status.text()
    assert panel.recipe.inference.zoom == 1


def test_nothing_can_be_tried_without_an_image(panel: SegmentWidget) -> None:
    assert not panel.zoom_button.isEnabled()


@pytest.mark.parametrize(
    ("corners", "ndisplay", "expected"),
    [
        ([(0, 5, 10), (0, 24, 39)], 2, ((5, 10), (25, 40))),
        ([(0, 0, 0), (0, 0, 0)], 2, ((0, 0), (40, 50))),
        ([(0, 5, 10), (0, 24, 39)], 3, ((0, 0), (40, 50))),
    ],
)
def test_the_part_on_screen(
    viewer: ViewerModel, image: Image, corners: Any, ndisplay: int, expected: Any
) -> None:
    viewer.dims.set_current_step(0, 2)
    viewer.dims.ndisplay = ndisplay
    image.corner_pixels = np.array(corners)
    first, last = expected
    wanted = Region((2, *first), (3, *last))
    assert region_on_screen(viewer, image, MOST_TRIED) == wanted


def test_of_a_large_part_the_middle_is_taken(viewer: ViewerModel, image: Image) -> None:
    image.corner_pixels = np.array([(0, 0, 0), (0, 39, 49)])
    region = region_on_screen(viewer, image, 20)
    assert region.slices[1:] == (slice(10, 30), slice(15, 35))


def test_the_part_on_screen_of_a_pyramid(viewer: ViewerModel) -> None:
    fine = np.zeros((4, 400, 480), np.uint8)
    layer = Image([fine, fine[:, ::4, ::4]], multiscale=True, name="pyramid")
    viewer.add_layer(layer)
    layer.data_level = 1
    layer.corner_pixels = np.array([(0, 25, 30), (0, 75, 90)])
    region = region_on_screen(viewer, layer, MOST_TRIED)
    assert region.slices[1:] == (slice(100, 301), slice(120, 361))


def test_what_was_found_is_coloured() -> None:
    one = trial(1)
    colours = overlaid(one.plane, one.mask, (0, 11))
    assert colours.shape == (3, 4, 3)
    assert colours[0, 0].tolist() == [0, 0, 0]
    red, green, blue = colours[2, 3].tolist()
    assert red < green
    assert red < blue
    assert (colours[~one.mask].std(axis=-1) == 0).all()


def test_pictures_say_what_they_show(qtbot: Any) -> None:
    dialog = ZoomDialog([trial(0.5), trial(1, 1)], (0, 11), 0.5)
    qtbot.addWidget(dialog)
    texts = [button.text() for button in dialog.buttons]
    assert texts == ["Zoom 0.5 (now): 2 mitochondria", "Zoom 1: 1 mitochondrion"]
