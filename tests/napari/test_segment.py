"""The Segment widget, every interaction, with a network that only pretends."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image, Labels, Shapes

from napari_mitoseg._napari import tasks
from napari_mitoseg._napari.measure_box import ContextBox
from napari_mitoseg._napari.region_box import RANGE, RECTANGLE, SLICE
from napari_mitoseg._napari.segment import PREVIEW, RUN, SegmentWidget, describe_plan
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.inference.layout import Plan
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.io import read_labels
from napari_mitoseg.postprocessing import Chain, DenseCrf, Threshold
from napari_mitoseg.preprocessing import Pipeline, Register
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.volume import Region, Volume

from .conftest import CARD, SHAPE, SPACING, FakeJobs, add_stack

Finish = Callable[..., None]
NAMES = ["stack semantic", "stack boundary", "stack instances"]


def names(viewer: ViewerModel) -> list[str]:
    return [layer.name for layer in viewer.layers]


def segment(panel: SegmentWidget, finish: Finish) -> None:
    panel.run_button.click()
    assert panel.is_busy
    finish(panel)


def set_threshold(panel: SegmentWidget, value: float) -> None:
    rows = panel.postprocessing.rows
    (row,) = [row for row in rows if isinstance(row.step, Threshold)]
    slider: Any = row.form.editor("value")
    slider.setValue(value)


# ------------------------------------------------------------ before a run


def test_without_image_nothing_can_be_run(panel: SegmentWidget) -> None:
    assert panel.problem == "Open a stack, or choose an image layer."
    assert not panel.run_button.isEnabled()
    assert not panel.preview_button.isEnabled()


def test_calibrated_image_is_ready_at_once(panel: SegmentWidget, image: Image) -> None:
    assert panel.image.layer is image
    assert [box.value() for box in panel.image.spacing_box.boxes] == [*SPACING]
    assert panel.problem == ""
    assert panel.run_button.isEnabled()


def test_spacing_is_asked_for(panel: SegmentWidget, viewer: ViewerModel) -> None:
    layer = Image(np.zeros(SHAPE, np.uint8))
    viewer.add_layer(layer)
    assert "no spacing" in panel.problem
    assert not panel.run_button.isEnabled()
    for box, value in zip(panel.image.spacing_box.boxes, SPACING, strict=True):
        assert not panel.run_button.isEnabled()
        box.setValue(value)
    assert panel.run_button.isEnabled()
    assert layer.scale.tolist() == [*SPACING]
    assert [str(unit) for unit in layer.units] == ["nanometer"] * 3


@pytest.mark.parametrize(
    ("shape", "word"), [((5, 6, 3), "colour"), ((2, 2, 5, 6), "4 axes")]
)
def test_what_cannot_be_segmented_is_explained(
    panel: SegmentWidget, viewer: ViewerModel, shape: tuple[int, ...], word: str
) -> None:
    rgb = shape[-1] == 3
    viewer.add_layer(Image(np.zeros(shape, np.uint8), rgb=rgb))
    assert word in panel.problem
    assert not panel.run_button.isEnabled()


def test_spacing_follows_the_layer(panel: SegmentWidget, image: Image) -> None:
    image.scale = (50, 5, 5)
    assert [box.value() for box in panel.image.spacing_box.boxes] == [50, 5, 5]


def test_renamed_and_removed_layers_are_followed(
    panel: SegmentWidget, viewer: ViewerModel, image: Image
) -> None:
    image.name = "renamed"
    assert panel.image.choice.currentText() == "renamed"
    viewer.layers.remove(image)
    assert panel.image.layer is None
    assert not panel.run_button.isEnabled()


def test_model_shows_its_card(panel: SegmentWidget) -> None:
    assert panel.model.name == "fast"
    assert panel.model.card_line.text() == "40 × 8 × 8 nm"
    assert panel.model.licence_line.text() == "CC0"
    assert "Made up for tests" in panel.model.card_line.toolTip()


def test_estimate_is_shown(panel: SegmentWidget, image: Image, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: "about" in panel.estimate.text())
    assert panel.estimate.text() == "3 tiles · 1.0 GB · about 12 s on cpu"


def test_impossible_estimate_is_explained(
    panel: SegmentWidget, image: Image, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_cuda(*_: Any) -> Any:
        yield from ()
        msg = "no cuda here"
        raise InvalidParameterError(msg)

    monkeypatch.setattr(tasks, "estimate", no_cuda)
    panel.region.mode.setCurrentText(SLICE)
    qtbot.waitUntil(lambda: panel.estimate.text() == "no cuda here")
    assert panel.run_button.isEnabled()


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (Plan(1, 2**20, 0.1, "cpu"), "1 tile · 1 MB · about 1 s on cpu"),
        (Plan(9, 2**31, 7300, "cuda"), "9 tiles · 2.0 GB · about 2 h 2 min on cuda"),
    ],
)
def test_plan_in_words(plan: Plan, text: str) -> None:
    assert describe_plan(plan) == text


# ------------------------------------------------------------ a run


def test_run_gives_three_labels_layers_and_hidden_maps(
    panel: SegmentWidget, viewer: ViewerModel, image: Image, finish: Finish
) -> None:
    segment(panel, finish)
    labels = [layer for layer in viewer.layers if isinstance(layer, Labels)]
    assert [layer.name for layer in labels] == NAMES
    maps = [layer for layer in viewer.layers if type(layer) is Image]
    assert [layer.visible for layer in maps if layer is not image] == [False, False]
    for layer in (*labels, *maps):
        assert layer.data.shape == SHAPE
        assert layer.scale.tolist() == [*SPACING]
        assert [str(unit) for unit in layer.units] == ["nanometer"] * 3
        assert layer.axis_labels == ("z", "y", "x")
    assert "1 mitochondrion" in panel.status.text()
    np.testing.assert_array_equal(labels[0].data, image.data > 127)


@pytest.mark.usefixtures("image")
def test_the_probability_knows_what_it_is_worth(
    panel: SegmentWidget, viewer: ViewerModel, finish: Finish, qtbot: Any
) -> None:
    segment(panel, finish)
    box = ContextBox(viewer)
    qtbot.addWidget(box)
    assert box.context().calibration == ()
    box.probability.choose(viewer.layers["stack probability"])
    assert CARD.calibration
    assert box.context().calibration == CARD.calibration


def test_results_are_not_offered_as_images(
    panel: SegmentWidget, image: Image, finish: Finish
) -> None:
    segment(panel, finish)
    assert panel.image.choice.count() == 1
    assert panel.image.layer is image


def test_second_run_updates_the_layers(
    panel: SegmentWidget, viewer: ViewerModel, image: Image, finish: Finish
) -> None:
    segment(panel, finish)
    before = [*viewer.layers]
    image.data = np.roll(image.data, 3, axis=2)
    segment(panel, finish)
    assert [*viewer.layers] == before
    np.testing.assert_array_equal(viewer.layers[NAMES[0]].data, image.data > 127)


def test_run_cannot_be_started_twice(
    panel: SegmentWidget, image: Image, jobs: FakeJobs, finish: Finish
) -> None:
    jobs.gate.clear()
    panel.run_button.click()
    assert not panel.run_button.isEnabled()
    assert not panel.body.isEnabled()
    panel.start_run()
    panel.start_preview()
    jobs.gate.set()
    finish(panel)
    assert len(jobs.calls) == 1
    assert panel.run_button.isEnabled()
    assert panel.body.isEnabled()


def test_parameters_are_captured_when_run_is_pressed(
    panel: SegmentWidget, image: Image, jobs: FakeJobs, finish: Finish, qtbot: Any
) -> None:
    jobs.gate.clear()
    panel.run_button.click()
    qtbot.waitUntil(lambda: bool(jobs.calls))
    panel.inference.set_value(InferenceSettings(augmentation=8))
    jobs.gate.set()
    finish(panel)
    assert panel.shown[RUN].result.recipe.inference == InferenceSettings()


def test_finished_slices_appear_while_it_runs(
    panel: SegmentWidget,
    viewer: ViewerModel,
    image: Image,
    jobs: FakeJobs,
    finish: Finish,
    qtbot: Any,
) -> None:
    viewer.dims.set_current_step(0, 0)
    jobs.gate.clear()
    panel.run_button.click()
    qtbot.waitUntil(lambda: panel.progress.bar.value() > 0)
    filling = viewer.layers["stack probability"]
    assert filling.visible
    refreshed: list[Any] = []
    filling.events.set_data.connect(refreshed.append)
    viewer.dims.set_current_step(0, 2)
    refreshed.clear()
    jobs.gate.set()
    finish(panel)
    assert len(refreshed) == 1  # only when the slice on screen was finished
    assert not filling.visible


def test_progress_is_shown_in_words(
    panel: SegmentWidget, image: Image, jobs: FakeJobs, finish: Finish, qtbot: Any
) -> None:
    jobs.gate.clear()
    panel.run_button.click()
    qtbot.waitUntil(lambda: "Predicting" in panel.progress.bar.format())
    assert panel.progress.bar.format().startswith("17%")
    assert panel.progress.isVisibleTo(panel)
    jobs.gate.set()
    finish(panel)
    assert not panel.progress.isVisibleTo(panel)


def test_cancel_is_honoured_and_leaves_results_alone(
    panel: SegmentWidget,
    viewer: ViewerModel,
    image: Image,
    jobs: FakeJobs,
    finish: Finish,
    qtbot: Any,
) -> None:
    segment(panel, finish)
    before, data = [*viewer.layers], viewer.layers[NAMES[2]].data
    jobs.gate.clear()
    panel.run_button.click()
    qtbot.waitUntil(lambda: panel.progress.bar.value() > 0)
    panel.progress.cancel.click()
    assert not panel.progress.cancel.isEnabled()
    finish(panel, timeout=1000)
    assert [*viewer.layers] == before
    assert viewer.layers[NAMES[2]].data is data
    assert jobs.closed == 2
    assert "Cancelled" in panel.status.text()
    assert panel.run_button.isEnabled()


def test_library_error_mid_run_is_told_and_the_panel_lives(
    panel: SegmentWidget,
    viewer: ViewerModel,
    image: Image,
    jobs: FakeJobs,
    finish: Finish,
    errors: list[str],
) -> None:
    jobs.error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    segment(panel, finish)
    assert len(errors) == 1
    assert "mat1 and mat2" in errors[0]
    assert "mat1 and mat2" in panel.status.text()
    assert names(viewer) == ["stack"]
    jobs.error = None
    segment(panel, finish)
    assert NAMES[2] in names(viewer)


def test_users_error_is_told_in_its_own_words(
    panel: SegmentWidget,
    image: Image,
    jobs: FakeJobs,
    finish: Finish,
    errors: list[str],
) -> None:
    jobs.error = InvalidParameterError("The device 'cuda' was asked for.")
    segment(panel, finish)
    assert errors == ["The device 'cuda' was asked for."]
    assert panel.run_button.isEnabled()


def test_bug_is_raised_again(
    panel: SegmentWidget, image: Image, jobs: FakeJobs, finish: Finish, qtbot: Any
) -> None:
    jobs.error = KeyError("bug")
    with qtbot.captureExceptions() as raised:
        segment(panel, finish)
    assert [kind for kind, _, _ in raised] == [KeyError]
    assert panel.run_button.isEnabled()


def test_widget_deleted_mid_run_ends_the_job(
    viewer: ViewerModel, jobs: FakeJobs, qtbot: Any
) -> None:
    add_stack(viewer)
    jobs.gate.clear()
    widget = SegmentWidget(viewer)
    widget.start_run()
    qtbot.waitUntil(lambda: bool(jobs.calls))
    widget.deleteLater()
    qtbot.waitUntil(lambda: jobs.closed == 1, timeout=1000)


def test_image_removed_mid_run(
    panel: SegmentWidget,
    viewer: ViewerModel,
    image: Image,
    jobs: FakeJobs,
    finish: Finish,
    qtbot: Any,
) -> None:
    jobs.gate.clear()
    panel.run_button.click()
    qtbot.waitUntil(lambda: bool(jobs.calls))
    viewer.layers.clear()
    jobs.gate.set()
    finish(panel)
    assert NAMES[2] in names(viewer)


# ------------------------------------------------------------ region, preview


def test_preview_segments_the_slice_on_screen(
    panel: SegmentWidget,
    viewer: ViewerModel,
    image: Image,
    jobs: FakeJobs,
    finish: Finish,
) -> None:
    viewer.dims.set_current_step(0, 3)
    panel.preview_button.click()
    finish(panel)
    assert jobs.calls[0][1] == Region((3, 0, 0), (4, 40, 50))
    layer = viewer.layers["stack preview instances"]
    assert layer.data.shape == (1, 40, 50)
    assert layer.translate.tolist() == [120, 0, 0]
    assert PREVIEW in panel.shown
    segment(panel, finish)
    assert [name for name in names(viewer) if "preview" in name] == []


def test_layers_of_a_preview_move_instead_of_being_replaced(
    panel: SegmentWidget, viewer: ViewerModel, image: Image, finish: Finish
) -> None:
    for z in (3, 1):
        viewer.dims.set_current_step(0, z)
        panel.preview_button.click()
        finish(panel)
    layer = viewer.layers["stack preview instances"]
    assert layer.translate.tolist() == [40, 0, 0]
    before = {*viewer.layers}
    segment(panel, finish)
    assert {*viewer.layers} == before
    assert layer.name == NAMES[2]
    assert layer.data.shape == SHAPE
    assert layer.translate.tolist() == [0, 0, 0]


def test_cancelled_run_gives_the_preview_its_layers_back(
    panel: SegmentWidget,
    viewer: ViewerModel,
    image: Image,
    jobs: FakeJobs,
    finish: Finish,
    qtbot: Any,
) -> None:
    viewer.dims.set_current_step(0, 3)
    panel.preview_button.click()
    finish(panel)
    shown = {layer.name: (layer, layer.data) for layer in viewer.layers}
    jobs.gate.clear()
    panel.run_button.click()
    qtbot.waitUntil(lambda: panel.progress.bar.value() > 0)
    assert viewer.layers["stack probability"].data.shape == SHAPE
    panel.progress.cancel.click()
    finish(panel)
    assert {layer.name: (layer, layer.data) for layer in viewer.layers} == shown
    layer = viewer.layers["stack preview probability"]
    assert layer.translate.tolist() == [120, 0, 0]
    assert not layer.visible


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (SLICE, Region((4, 0, 0), (5, 40, 50))),
        (RANGE, Region((1, 0, 0), (4, 40, 50))),
        (RECTANGLE, Region((1, 10, 5), (4, 20, 25))),
    ],
)
def test_only_the_region_is_segmented(
    panel: SegmentWidget,
    viewer: ViewerModel,
    image: Image,
    finish: Finish,
    mode: str,
    expected: Region,
) -> None:
    viewer.dims.set_current_step(0, 4)
    corners = np.array([[0, 9.5, 4.5], [0, 9.5, 24.5], [0, 19.5, 24.5], [0, 19.5, 4.5]])
    shapes = Shapes([corners], scale=SPACING, units=("nm",) * 3)
    viewer.add_layer(shapes)
    panel.region.mode.setCurrentText(mode)
    panel.region.first.setValue(1)
    panel.region.last.setValue(3)
    segment(panel, finish)
    layer = viewer.layers[NAMES[0]]
    assert layer.data.shape == expected.shape
    assert layer.translate.tolist() == [
        a * s for a, s in zip(expected.start, SPACING, strict=True)
    ]
    np.testing.assert_array_equal(layer.data, image.data[expected.slices] > 127)


def test_rectangle_must_be_drawn_first(
    panel: SegmentWidget, viewer: ViewerModel, image: Image
) -> None:
    panel.region.mode.setCurrentText(RECTANGLE)
    assert panel.problem == "Draw a rectangle on the image first."
    assert not panel.run_button.isEnabled()
    panel.region.draw.click()
    (shapes,) = (layer for layer in viewer.layers if isinstance(layer, Shapes))
    assert shapes.mode == "add_rectangle"
    shapes.add_rectangles(np.array([[0, 5, 5], [0, 5, 9], [0, 9, 9], [0, 9, 5]]))
    assert panel.run_button.isEnabled()


def test_rectangle_outside_is_refused_in_words(
    panel: SegmentWidget, viewer: ViewerModel, image: Image, errors: list[str]
) -> None:
    corners = np.array([[0, 90, 90], [0, 90, 99], [0, 99, 99], [0, 99, 90]])
    viewer.add_layer(Shapes([corners], scale=SPACING, units=("nm",) * 3))
    panel.region.mode.setCurrentText(RECTANGLE)
    panel.start_run()
    assert not panel.is_busy
    assert "outside the image" in errors[0]


def test_single_image_gives_2d_layers(
    panel: SegmentWidget, viewer: ViewerModel, finish: Finish
) -> None:
    plane = np.zeros((40, 50), np.uint8)
    plane[10:20, 10:30] = 255
    viewer.add_layer(Image(plane, name="stack", scale=(8, 8), units=("nm",) * 2))
    panel.postprocessing.set_value(Chain(panel.postprocessing.value.steps[:-1]))
    segment(panel, finish)
    np.testing.assert_array_equal(viewer.layers[NAMES[0]].data, plane > 127)


# ------------------------------------------------------------ post-processing


def test_threshold_repeats_the_chain_and_not_the_network(
    panel: SegmentWidget,
    viewer: ViewerModel,
    image: Image,
    jobs: FakeJobs,
    finish: Finish,
    qtbot: Any,
) -> None:
    image.data = np.where(image.data, 200, 0).astype(np.uint8)
    segment(panel, finish)
    layers = [viewer.layers[name] for name in NAMES]
    assert layers[0].data.any()
    set_threshold(panel, 0.9)
    qtbot.waitUntil(lambda: not layers[0].data.any())
    assert [viewer.layers[name] for name in NAMES] == layers
    assert len(jobs.calls) == 1
    assert "0 mitochondria" in panel.status.text()
    assert layers[2].data.flags.writeable


def test_dragging_a_slider_runs_the_chain_once(
    panel: SegmentWidget,
    image: Image,
    finish: Finish,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    segment(panel, finish)
    ran: list[Chain] = []
    original = tasks.rechain

    def counted(results: Any, chain: Chain, caches: Any) -> Any:
        ran.append(chain)
        return (yield from original(results, chain, caches))

    monkeypatch.setattr(tasks, "rechain", counted)
    for value in (0.55, 0.6, 0.65, 0.7):
        set_threshold(panel, value)
    qtbot.waitUntil(lambda: bool(ran) and not panel.rechainer.is_busy)
    (chain,) = ran
    assert Threshold(value=0.7) in chain.steps


def test_preview_follows_the_chain_too(
    panel: SegmentWidget, viewer: ViewerModel, image: Image, finish: Finish, qtbot: Any
) -> None:
    image.data = np.where(image.data, 200, 0).astype(np.uint8)
    viewer.dims.set_current_step(0, 3)
    panel.preview_button.click()
    finish(panel)
    layer = viewer.layers["stack preview semantic"]
    assert layer.data.any()
    set_threshold(panel, 0.9)
    qtbot.waitUntil(lambda: not layer.data.any())


# ------------------------------------------------------------ files


def test_open_stack_with_spacing(
    panel: SegmentWidget, viewer: ViewerModel, tmp_path: Path, finish: Finish
) -> None:
    path = tmp_path / "cells.ome.tif"
    metadata = {
        "axes": "ZYX",
        "PhysicalSizeX": 0.008,
        "PhysicalSizeY": 0.008,
        "PhysicalSizeZ": 0.04,
    }
    data = np.arange(6 * 40 * 50, dtype=np.uint16).reshape(SHAPE)
    tifffile.imwrite(path, data, metadata=metadata)
    panel.image.opening.emit(path)
    finish(panel)
    (layer,) = viewer.layers
    assert panel.image.layer is layer
    assert panel.image.spacing == pytest.approx(SPACING)
    assert panel.run_button.isEnabled()
    np.testing.assert_array_equal(np.asarray(layer.data), data)


def test_open_stack_without_spacing_asks_for_it(
    panel: SegmentWidget, tmp_path: Path, finish: Finish
) -> None:
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, np.zeros(SHAPE, np.uint8))
    panel.open_stack(path)
    finish(panel)
    assert "no spacing" in panel.problem


def test_open_what_is_no_stack(
    panel: SegmentWidget,
    viewer: ViewerModel,
    tmp_path: Path,
    finish: Finish,
    errors: Any,
) -> None:
    path = tmp_path / "notes.tif"
    path.write_text("not an image")
    panel.open_stack(path)
    finish(panel)
    assert len(errors) == 1
    assert "notes.tif" in errors[0]
    assert not viewer.layers
    assert panel.body.isEnabled()


def test_recipe_goes_round(
    panel: SegmentWidget, tmp_path: Path, image: Image, finish: Finish
) -> None:
    recipe = Recipe(
        preprocessing=Pipeline([{"step": "invert"}]),
        model="fast",
        inference=InferenceSettings(augmentation=4, device="cpu"),
        postprocessing=Chain(
            [{"step": "threshold", "value": 0.3}, {"step": "connected-components"}]
        ),
    )
    panel.set_recipe(recipe)
    assert panel.recipe == recipe
    panel.save_recipe(tmp_path / "recipe.json")
    finish(panel)
    assert Recipe.load(tmp_path / "recipe.json") == recipe
    panel.set_recipe(Recipe())
    panel.load_recipe(tmp_path / "recipe.json")
    assert panel.recipe == recipe


def test_recipe_with_unknown_model_changes_nothing(
    panel: SegmentWidget, tmp_path: Path, errors: list[str]
) -> None:
    before = panel.recipe
    path = tmp_path / "recipe.json"
    path.write_text('{"model": "elsewhere", "inference": {"augmentation": 8}}')
    panel.load_recipe(path)
    assert "elsewhere" in errors[0]
    assert panel.recipe == before


@pytest.mark.parametrize("text", ["no json", '{"unheard": 1}'])
def test_bad_recipe_is_explained(
    panel: SegmentWidget, tmp_path: Path, errors: list[str], text: str
) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(text)
    panel.load_recipe(path)
    assert len(errors) == 1


def test_model_folder_that_is_none_is_explained(
    panel: SegmentWidget, tmp_path: Path, errors: list[str]
) -> None:
    assert not panel.model.add_folder(tmp_path)
    assert str(tmp_path) in errors[0]
    assert panel.model.name == "fast"


def test_model_folder_is_chosen(panel: SegmentWidget, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(CARD.model_dump_json())
    assert panel.model.add_folder(tmp_path)
    assert panel.recipe.model == str(tmp_path)


def test_results_are_saved_like_the_command_line(
    panel: SegmentWidget,
    viewer: ViewerModel,
    image: Image,
    tmp_path: Path,
    finish: Finish,
) -> None:
    assert not panel.save_button.isEnabled()
    segment(panel, finish)
    assert panel.save_button.isEnabled()
    panel.save_results(tmp_path / "out", "tiff")
    finish(panel)
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {
        "semantic.tif",
        "boundary.tif",
        "instances.tif",
        "measurements.csv",
        "recipe.json",
    }
    saved = read_labels(tmp_path / "out" / "instances.tif")
    assert saved.spacing == pytest.approx(SPACING)
    np.testing.assert_array_equal(saved.read(), viewer.layers[NAMES[2]].data)


# ------------------------------------------------------------ steps that see the image


def test_a_crf_sees_the_image_when_the_chain_is_run_again(
    panel: SegmentWidget, viewer: ViewerModel, image: Image, finish: Finish, qtbot: Any
) -> None:
    segment(panel, finish)
    panel.postprocessing._apply(panel.postprocessing.value.inserted(0, DenseCrf()))
    qtbot.waitUntil(lambda: not panel.rechainer.is_busy, timeout=10_000)
    qtbot.waitUntil(
        lambda: (
            panel.shown[RUN].result.recipe.postprocessing == panel.postprocessing.value
        ),
        timeout=10_000,
    )
    labels = viewer.layers["stack instances"].data
    np.testing.assert_array_equal(labels > 0, image.data > 0)


def test_registration_is_told_and_not_repeated(
    panel: SegmentWidget,
    image: Image,
    finish: Finish,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepared = []
    prepare = Register.prepare

    def counted(step: Register, volume: Volume) -> Any:
        prepared.append(step)
        return prepare(step, volume)

    monkeypatch.setattr(Register, "prepare", counted)
    panel.preprocessing.set_value(Pipeline([Register()]))
    for _ in range(2):
        segment(panel, finish)
    assert len(prepared) == 1
    assert "No section was moved" in panel.status.text()
    panel.preprocessing.set_value(Pipeline([Register(smoothness=500)]))
    segment(panel, finish)
    assert len(prepared) == 2
