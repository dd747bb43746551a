"""The Export widget: what is asked for, what is written, what stands in the way."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtWidgets import QFileDialog

from napari_mitoseg._napari.export import ExportWidget
from napari_mitoseg._napari.export_kinds import kinds
from napari_mitoseg.exporting import ExportSettings, object_formats
from napari_mitoseg.io import read_labels
from napari_mitoseg.io.label_files import label_formats
from napari_mitoseg.io.meshes import mesh_formats

Finish = Callable[..., None]
SPACING = (40.0, 8.0, 8.0)
SHAPE = (6, 30, 40)
VOLUME, SURFACES, LINES, CROPS = range(4)


def boxes() -> np.ndarray[Any, Any]:
    data = np.zeros(SHAPE, np.uint32)
    data[1:4, 2:12, 3:30], data[2:5, 15:25, 3:30] = 1, 300
    return data


def add(viewer: ViewerModel, data: Any, **keywords: Any) -> Labels:
    n = np.asarray(data).ndim
    options = {"scale": SPACING[-n:], "units": ("nm",) * n, "name": "my: cells"}
    return viewer.add_layer(Labels(data, **options | keywords))


@pytest.fixture
def labels(viewer: ViewerModel) -> Labels:
    """A calibrated layer with the objects 1 and 300."""
    return add(viewer, boxes())


@pytest.fixture
def widget(viewer: ViewerModel, labels: Labels, qtbot: Any) -> ExportWidget:
    """The Export widget without a window."""
    made = ExportWidget(viewer)
    qtbot.addWidget(made)
    return made


def choose(widget: ExportWidget, kind: int, name: str) -> None:
    widget.kind.setCurrentIndex(kind)
    names = [one.name for one in kinds()[kind].formats]
    widget.format.setCurrentIndex(names.index(name))


def run(widget: ExportWidget, out: Path, finish: Finish) -> None:
    assert widget.problem == ""
    assert widget.run_button.isEnabled()
    widget.export(out)
    assert widget.is_busy
    assert not widget.run_button.isEnabled()
    finish(widget)


def test_every_format_is_offered() -> None:
    volume, surfaces, lines, crops = (
        {one.name for one in kind.formats} for kind in kinds()
    )
    assert volume == crops == set(label_formats)
    assert surfaces == set(mesh_formats)
    assert volume | surfaces | lines == set(object_formats())


@pytest.mark.parametrize("name", label_formats)
def test_a_volume(
    widget: ExportWidget, tmp_path: Path, finish: Finish, name: str
) -> None:
    choose(widget, VOLUME, name)
    out = tmp_path / f"a{label_formats[name].extensions[0]}"
    run(widget, out, finish)
    np.testing.assert_array_equal(read_labels(out).read(), boxes())
    assert read_labels(out).spacing == SPACING
    assert widget.status.text() == f"Exported {out}."


def test_surfaces_of_chosen_objects(
    widget: ExportWidget, labels: Labels, tmp_path: Path, finish: Finish
) -> None:
    choose(widget, SURFACES, "ply")
    labels.selected_label = 300
    widget.picked.click()
    assert widget.settings.value == ExportSettings(objects=(300,))
    run(widget, tmp_path / "a.ply", finish)
    mesh = trimesh.load_mesh(tmp_path / "a.ply", process=True)
    assert mesh.bounds[0] == pytest.approx([0.02, 0.116, 0.06], abs=0.01)
    assert mesh.is_watertight


def test_one_file_for_each(
    widget: ExportWidget, tmp_path: Path, finish: Finish
) -> None:
    choose(widget, LINES, "swc")
    widget.each.setChecked(True)
    assert widget.run_button.text() == "Export to a folder…"
    run(widget, tmp_path / "lines", finish)
    names = sorted(path.name for path in (tmp_path / "lines").iterdir())
    assert names == ["my--cells_001.swc", "my--cells_300.swc"]
    assert widget.status.text() == f"Exported 2 files to {tmp_path / 'lines'}."


def test_crops_with_their_image(
    widget: ExportWidget, viewer: ViewerModel, tmp_path: Path, finish: Finish
) -> None:
    image = viewer.add_layer(Image(np.zeros(SHAPE, np.uint8), name="em"))
    choose(widget, CROPS, "nrrd")
    widget.image.choose(image)
    run(widget, tmp_path / "crops", finish)
    names = sorted(path.name for path in (tmp_path / "crops").iterdir())
    assert len(names) == 5
    assert "my--cells_300_image.tif" in names


def test_only_the_settings_that_matter_are_shown(widget: ExportWidget) -> None:
    shown = {
        kind: [
            name
            for name in ExportSettings.model_fields
            if not widget.settings.editor(name).isHidden()
        ]
        for kind in range(4)
        if widget.kind.setCurrentIndex(kind) is None
    }
    assert shown[VOLUME] == shown[LINES] == ["objects"]
    assert shown[SURFACES] == ["objects", "unit"]
    assert shown[CROPS] == ["objects", "margin", "neighbours"]


def test_the_format_stays_where_both_have_it(widget: ExportWidget) -> None:
    choose(widget, VOLUME, "nrrd")
    widget.kind.setCurrentIndex(CROPS)
    assert widget.format.currentData().name == "nrrd"
    widget.kind.setCurrentIndex(SURFACES)
    assert widget.format.currentData().name == "obj"


def test_a_plane_of_labels(
    viewer: ViewerModel, qtbot: Any, tmp_path: Path, finish: Finish
) -> None:
    add(viewer, boxes()[1])
    widget = ExportWidget(viewer)
    qtbot.addWidget(widget)
    run(widget, tmp_path / "a.tif", finish)
    assert read_labels(tmp_path / "a.tif").spacing == (8.0, 8.0, 8.0)
    assert read_labels(tmp_path / "a.tif").shape == (1, 30, 40)


# ------------------------------------------------------------------ what is missing


def test_without_labels_nothing_can_be_exported(
    widget: ExportWidget, viewer: ViewerModel, labels: Labels
) -> None:
    viewer.layers.remove(labels)
    assert "Open or make labels" in widget.problem
    assert not widget.run_button.isEnabled()
    assert not widget.picked.isEnabled()


def test_lengths_ask_for_the_spacing(
    viewer: ViewerModel, qtbot: Any, tmp_path: Path, finish: Finish
) -> None:
    layer = add(viewer, boxes(), scale=(1, 1, 1), units=("pixel",) * 3)
    widget = ExportWidget(viewer)
    qtbot.addWidget(widget)
    assert widget.problem == ""
    assert "spacing is not known" in widget._hint.text()
    choose(widget, SURFACES, "stl")
    assert "no spacing" in widget.problem
    assert not widget.run_button.isEnabled()
    for box, value in zip(widget.spacing.boxes, SPACING, strict=True):
        box.setValue(value)
    assert widget.problem == ""
    assert layer.scale.tolist() == [*SPACING]
    run(widget, tmp_path / "a.stl", finish)
    assert trimesh.load_mesh(tmp_path / "a.stl").extents[2] < 0.3


def test_time_points_are_refused(viewer: ViewerModel, qtbot: Any) -> None:
    viewer.add_layer(Labels(np.zeros((2, 3, 4, 5), np.uint8)))
    widget = ExportWidget(viewer)
    qtbot.addWidget(widget)
    assert "has 4 axes" in widget.problem
    assert not any(box.isEnabled() for box in widget.spacing.boxes)


def test_an_image_of_another_size(widget: ExportWidget, viewer: ViewerModel) -> None:
    image = viewer.add_layer(Image(np.zeros((2, 3, 4), np.uint8), name="em"))
    choose(widget, CROPS, "nrrd")
    widget.image.choose(image)
    assert "another size" in widget.problem
    widget.kind.setCurrentIndex(VOLUME)
    assert widget.problem == ""


def test_an_object_that_is_not_there_is_said(
    widget: ExportWidget, tmp_path: Path, finish: Finish, errors: list[str]
) -> None:
    widget.settings.set_value(ExportSettings(objects=(7,)))
    run(widget, tmp_path / "a.nrrd", finish)
    assert errors == [widget.status.text()]
    assert "no object 7" in errors[0]
    assert not list(tmp_path.iterdir())


def test_background_is_no_object(widget: ExportWidget, labels: Labels) -> None:
    labels.selected_label = 0
    widget.picked.click()
    assert widget.settings.value == ExportSettings()
    assert "background" in widget.status.text()


# ------------------------------------------------------------------ dialogs


def test_the_dialog_suggests_a_name(
    widget: ExportWidget, tmp_path: Path, finish: Finish, monkeypatch: Any
) -> None:
    asked: list[Any] = []

    def answer(_parent: Any, _title: str, start: str, kind: str) -> tuple[str, str]:
        asked.append((start, kind))
        return str(tmp_path / "chosen"), kind

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    choose(widget, VOLUME, "nifti")
    widget.run_button.click()
    finish(widget)
    assert asked == [("my- cells.nii.gz", "NIfTI (*.nii.gz)")]
    assert [path.name for path in tmp_path.iterdir()] == ["chosen.nii.gz"]


def test_cancelled_dialogs_do_nothing(widget: ExportWidget, monkeypatch: Any) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    widget.run_button.click()
    choose(widget, CROPS, "nrrd")
    widget.run_button.click()
    assert not widget.is_busy
