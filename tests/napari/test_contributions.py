"""What the manifest offers: widget, menu, readers, writers, samples."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Labels, Layer
from npe2 import PluginManifest
from npe2.manifest.utils import import_python_name
from qtpy.QtWidgets import QWidget

from napari_mitoseg._napari import sample_data
from napari_mitoseg._napari.annotate import AnnotateWidget
from napari_mitoseg._napari.evaluate import EvaluateWidget
from napari_mitoseg._napari.export import ExportWidget
from napari_mitoseg._napari.measure import MeasureWidget
from napari_mitoseg._napari.proofread import ProofreadWidget
from napari_mitoseg._napari.reader import contrast_of, get_reader, read_layers
from napari_mitoseg._napari.restore import RestoreWidget
from napari_mitoseg._napari.segment import SegmentWidget
from napari_mitoseg._napari.train import TrainWidget
from napari_mitoseg._napari.writer import spacing_in, write_layer
from napari_mitoseg.errors import ReadError
from napari_mitoseg.io import limits, read_labels, write_labels, write_result_zarr
from napari_mitoseg.io.label_files import label_formats
from napari_mitoseg.samples import synthetic_em
from napari_mitoseg.volume import Volume

SHAPE = (4, 20, 30)
SPACING = (40.0, 8.0, 8.0)


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_distribution("napari-mitoseg")


def test_every_command_can_be_imported(manifest: PluginManifest) -> None:
    manifest.validate_imports()
    for command in manifest.contributions.commands or []:
        assert callable(import_python_name(command.python_name))
        assert command.id.startswith("napari-mitoseg.")


@pytest.mark.parametrize(
    ("widget", "menu"),
    [
        (SegmentWidget, "napari/layers/segment"),
        (AnnotateWidget, "napari/layers/segment"),
        (TrainWidget, "napari/layers/segment"),
        (RestoreWidget, "napari/layers/segment"),
        (ProofreadWidget, "napari/layers/segment"),
        (EvaluateWidget, "napari/layers/measure"),
        (MeasureWidget, "napari/layers/measure"),
        (ExportWidget, "napari/layers/measure"),
    ],
)
def test_widgets_are_in_the_layers_menu(
    manifest: PluginManifest, widget: type[QWidget], menu: str
) -> None:
    commands = {one.id: one for one in manifest.contributions.commands or []}

    def opened(items: Any) -> list[Any]:
        return [import_python_name(commands[i.command].python_name) for i in items]

    assert widget in opened(manifest.contributions.menus[menu])
    assert widget in opened(manifest.contributions.widgets)


def write_stack(path: Path, *, calibrated: bool) -> np.ndarray[Any, Any]:
    data = np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)
    metadata: dict[str, Any] = {"axes": "ZYX"}
    if calibrated:
        metadata |= {
            "PhysicalSizeX": 8,
            "PhysicalSizeXUnit": "nm",
            "PhysicalSizeY": 8,
            "PhysicalSizeYUnit": "nm",
            "PhysicalSizeZ": 40,
            "PhysicalSizeZUnit": "nm",
        }
    tifffile.imwrite(path, data, ome=True, metadata=metadata)
    return data


def test_calibrated_tiff_becomes_a_layer_in_nm(tmp_path: Path) -> None:
    path = tmp_path / "cells.tif"
    data = write_stack(path, calibrated=True)
    reader = get_reader(str(path))
    assert reader is not None
    (layer_data,) = reader(str(path))
    layer = Layer.create(*layer_data)
    assert layer.scale.tolist() == [*SPACING]
    assert [str(unit) for unit in layer.units] == ["nanometer"] * 3
    np.testing.assert_array_equal(np.asarray(layer.data), data)


def test_labels_of_a_region_lie_where_it_does(tmp_path: Path) -> None:
    path = tmp_path / "result.ome.zarr"
    labels = np.arange(24, dtype=np.uint32).reshape(2, 3, 4)
    write_result_zarr(path, None, {"instances": labels}, SPACING, origin=(1, 5, 0))
    (layer_data,) = read_layers(str(path))
    layer = Layer.create(*layer_data)
    assert isinstance(layer, Labels)
    assert layer.translate.tolist() == [40.0, 40.0, 0.0]
    (alone,) = read_layers(str(path / "labels" / "instances"))
    assert Layer.create(*alone).translate.tolist() == [40.0, 40.0, 0.0]


def test_tiff_without_spacing_is_left_to_napari(tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    write_stack(path, calibrated=False)
    assert get_reader(str(path)) is None


@pytest.mark.parametrize("name", ["broken.tif", "missing.tif", "empty"])
def test_what_is_no_stack_is_left_to_others(tmp_path: Path, name: str) -> None:
    (tmp_path / "broken.tif").write_text("no image")
    (tmp_path / "empty").mkdir()
    assert get_reader(str(tmp_path / name)) is None
    assert get_reader([str(tmp_path / name)]) is None


def test_folder_of_images_becomes_a_layer(tmp_path: Path) -> None:
    for n in range(3):
        plane = np.full((20, 30), n * 10, np.uint8)
        tifffile.imwrite(tmp_path / f"slice_{n}.tif", plane)
    reader = get_reader(str(tmp_path))
    assert reader is not None
    ((data, _, kind),) = reader(str(tmp_path))
    assert kind == "image"
    assert np.asarray(data)[:, 0, 0].tolist() == [0, 10, 20]


@pytest.mark.parametrize(
    "name",
    ["a.tif", "a.ome.tif", "a.zarr", "a.ome.zarr", "a.h5", "a.nii.gz", "a.nrrd"],
)
@pytest.mark.parametrize("largest", [300, 70_000])
def test_labels_go_round(
    tmp_path: Path, manifest: PluginManifest, name: str, largest: int
) -> None:
    boxes = np.zeros(SHAPE, np.uint32)
    boxes[1:3, 2:9, 3:12], boxes[2:, 11:18, 3:12] = 1, largest
    labels = Labels(boxes, name="cells", scale=(0.04, 0.008, 0.008), units=("um",) * 3)
    data, attributes, _ = labels.as_layer_data_tuple()
    path = str(tmp_path / name)
    assert write_layer(path, data, attributes) == [path]
    saved = read_labels(path)
    assert saved.spacing == pytest.approx(SPACING)
    np.testing.assert_array_equal(saved.read(), labels.data)
    reader = get_reader(path)
    assert reader is not None
    ((opened, keywords, kind),) = reader(path)
    assert kind == "labels"
    assert keywords["scale"] == pytest.approx(SPACING)
    opened[0, 0, 0] = 9  # can be painted in


def test_labels_larger_than_the_memory_stay_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = np.zeros(SHAPE, np.uint16)
    boxes[1:3, 2:9, 3:12] = 300
    write_labels(tmp_path / "a.ome.zarr", boxes, SPACING)
    monkeypatch.setattr(limits, "MEMORY_SHARE", 0)
    ((data, keywords, kind),) = read_layers(str(tmp_path / "a.ome.zarr"))
    assert kind == "labels"
    assert not isinstance(data, np.ndarray)
    viewer = ViewerModel()
    layer = viewer.add_labels(data, **keywords)
    viewer.dims.set_current_step(0, 2)
    assert layer._slice.image.raw.max() == 300


@pytest.mark.parametrize("name", label_formats)
def test_napari_offers_every_format(manifest: PluginManifest, name: str) -> None:
    written = {
        ending: one
        for one in manifest.contributions.writers or []
        for ending in one.filename_extensions
    }
    read = {
        pattern.removeprefix("*")
        for one in manifest.contributions.readers or []
        for pattern in one.filename_patterns
    }
    for ending in label_formats[name].extensions:
        assert written[ending].layer_types == ["labels"]
        assert any(ending.endswith(known) for known in read)


@pytest.mark.parametrize("name", ["a.h5", "a.nii.gz", "a.nrrd"])
def test_an_image_in_these_formats_is_an_image(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, SHAPE, dtype=np.uint8)
    write_labels(tmp_path / name, noise, SPACING)
    ((data, keywords, kind),) = read_layers(str(tmp_path / name))
    assert kind == "image"
    assert keywords["scale"] == SPACING
    np.testing.assert_array_equal(np.asarray(data), noise)


def test_plane_of_labels_is_written_as_one_slice(tmp_path: Path) -> None:
    write_layer(str(tmp_path / "a.tif"), np.ones((5, 6), np.uint8), {})
    saved = read_labels(tmp_path / "a.tif")
    assert saved.shape == (1, 5, 6)
    assert saved.spacing is None


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"scale": (40, 8, 8), "units": ("nm",) * 3}, SPACING),
        ({"scale": (8, 8), "units": ("nm",) * 2}, (8.0, 8.0, 8.0)),
        ({"scale": (1, 1, 1), "units": ("pixel",) * 3}, None),
        ({"scale": (1, 1, 1)}, None),
    ],
)
def test_spacing_of_written_layers(attributes: Any, expected: Any) -> None:
    assert spacing_in(attributes) == expected


def test_contrast_comes_from_the_middle_slice() -> None:
    data = np.zeros((3, 10, 10), np.uint16)
    data[1] = np.arange(100).reshape(10, 10) + 500
    low, high = contrast_of(Volume(data))
    assert low == pytest.approx(500.1, abs=0.5)
    assert high == pytest.approx(598.9, abs=0.5)
    assert contrast_of(Volume(np.zeros((1, 2, 2), np.uint16))) == (0.0, 1.0)


def test_synthetic_sample_has_its_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    small = synthetic_em((4, 64, 64), (40.0, 16.0, 16.0))
    monkeypatch.setattr(sample_data, "synthetic_em", lambda: small)
    image, truth = (Layer.create(*data) for data in sample_data.synthetic())
    assert image.name == "synthetic EM"
    assert isinstance(truth, Labels)
    assert not truth.visible
    np.testing.assert_array_equal(truth.data, small[1])
    assert image.scale.tolist() == truth.scale.tolist() == [40, 16, 16]


def test_epfl_sample_says_when_it_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def offline() -> Any:
        msg = "no network"
        raise ReadError(msg)

    monkeypatch.setattr(sample_data, "epfl_ca1", offline)
    with pytest.raises(ReadError, match="no network"):
        sample_data.epfl()
