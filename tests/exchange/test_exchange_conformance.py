"""Every network travels: exported, installed again, it says the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_mitoseg.errors import WeightsError
from napari_mitoseg.exchange.export import export_model
from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.models.zoo import load_model
from napari_mitoseg.volume import Volume

ALWAYS = ("fast", "resunet3d", "spatial-continuity")
GRAPHS = [
    pytest.param(name, marks=() if name in ALWAYS else pytest.mark.slow)
    for name in architectures
    if name != "cascade"
]


def check_same(folder: Path, name: str, volume: Volume, predict: Any) -> None:
    """Compare the installed model with the one it was exported from."""
    original, travelled = load_model(folder), load_model(name)
    before, after = predict(original, volume), predict(travelled, volume)
    shown = [original.network.outputs.index(o) for o in travelled.network.outputs]
    # At the ends of a stack, two networks in a row see other neighbours than one.
    inner = slice(3, -3) if "continuity" in folder.name else slice(None)
    assert after[inner] == pytest.approx(before[inner][:, shown], abs=1e-5)
    assert np.ptp(before[inner][:, shown]) > 1e-3
    assert travelled.card.spacing == (40, 8, 8)
    assert travelled.card.licence == "CC-BY-4.0"


@pytest.mark.parametrize("name", GRAPHS)
def test_package_with_torchscript(
    name: str,
    tmp_path: Path,
    volume: Volume,
    write_model: Any,
    install: Any,
    predict: Any,
) -> None:
    folder, out = write_model(name), tmp_path / "out.zip"
    drain(export_model(str(folder), out))
    install(out, name="ours")
    install(out, name="graph", weights="torchscript", trust=True)
    assert load_model("ours").card.architecture == name
    check_same(folder, "ours", volume, predict)
    check_same(folder, "graph", volume, predict)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in architectures if name != "cascade"])
def test_package_with_onnx(
    name: str,
    tmp_path: Path,
    volume: Volume,
    write_model: Any,
    install: Any,
    predict: Any,
) -> None:
    folder, out = write_model(name), tmp_path / "out.zip"
    drain(export_model(str(folder), out, weights=("onnx",)))
    install(out, name="back", weights="onnx")
    check_same(folder, "back", volume, predict)


@pytest.mark.parametrize("name", GRAPHS)
def test_bare_torchscript(
    name: str,
    tmp_path: Path,
    volume: Volume,
    write_model: Any,
    install: Any,
    predict: Any,
) -> None:
    folder, out = write_model(name), tmp_path / "out.pt"
    written = drain(export_model(str(folder), out, "torchscript"))
    assert written == (out, tmp_path / "out.json")
    install(out, name="back", trust=True)
    check_same(folder, "back", volume, predict)


def test_bare_onnx(
    tmp_path: Path, volume: Volume, write_model: Any, install: Any, predict: Any
) -> None:
    """What packages carry; `test_package_with_onnx` takes every network."""
    folder, out = write_model("fast"), tmp_path / "out.onnx"
    drain(export_model(str(folder), out, "onnx"))
    install(tmp_path / "out.json", name="back")
    check_same(folder, "back", volume, predict)


@pytest.mark.parametrize("name", architectures.names())
def test_own_archive(name: str, tmp_path: Path, write_model: Any, install: Any) -> None:
    folder, out = write_model(name), tmp_path / "out.zip"
    drain(export_model(str(folder), out, "mitoseg"))
    card = install(out)
    assert card == load_model(folder).card
    weights = load_model(folder).network.state_dict()
    for key, value in load_model(card.name).network.state_dict().items():
        assert value.equal(weights[key])


@pytest.mark.parametrize("kind", ["bioimageio", "torchscript", "onnx"])
def test_a_cascade_says_how_it_can_travel(
    kind: str, tmp_path: Path, write_model: Any
) -> None:
    folder = write_model("cascade")
    endings = {"bioimageio": ".zip", "torchscript": ".pt", "onnx": ".onnx"}
    out = tmp_path / f"out{endings[kind]}"
    with pytest.raises(WeightsError, match="--format mitoseg"):
        drain(export_model(str(folder), out, kind))
    assert not out.exists()


def test_tiles_of_a_bare_graph_leave_no_trace(
    tmp_path: Path, volume: Volume, write_model: Any, install: Any
) -> None:
    """Slices are normalised before a bare graph, tiles are not."""
    folder = write_model("unet2d")
    drain(export_model(str(folder), tmp_path / "out.pt", "torchscript"))
    install(tmp_path / "out.pt", name="back", trust=True)
    settings = InferenceSettings(automatic_tiles=False, tile=80, device="cpu")
    first = drain(predict_maps(volume, load_model(folder), settings))
    second = drain(predict_maps(volume, load_model("back"), settings))
    difference = first.semantic.astype(int) - second.semantic
    assert np.abs(difference).max() <= 1
