"""Model folders that claim too much, or are damaged."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_mitoseg.errors import MitoSegError, WeightsError
from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.models.base import Network
from napari_mitoseg.models.interpolation import InterpolationNetwork
from napari_mitoseg.models.interpolation_file import (
    InterpolationCard,
    load_interpolation,
    save_interpolation,
)
from napari_mitoseg.models.zoo import ModelCard, list_models, load_model, save_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    network = architectures["fast"].from_config({"widths": [2, 3]})
    card = ModelCard(name="tiny", architecture="fast", spacing=(40.0, 8.0, 8.0))
    save_model(network, card, tmp_path / "tiny")
    return tmp_path / "tiny"


def edit(folder: Path, card_file: str = "model.json", **changes: Any) -> None:
    path = folder / card_file
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("widths", [[-4, 4], [0, 1], [2.5, 3], [10**9, 10**9]])
def test_widths_outside_their_bounds(folder: Path, widths: list[float]) -> None:
    edit(folder, config={"widths": widths})
    with pytest.raises(WeightsError, match="widths"):
        load_model(folder)


def test_a_network_larger_than_its_weights_takes_no_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(folder, config={"widths": [4096] * 6})  # four gigabytes
    built: list[str] = []
    build = architectures["fast"].from_config

    def note(values: dict[str, Any]) -> Network:
        network = build(values)
        built.append(next(network.parameters()).device.type)
        return network

    monkeypatch.setattr(architectures["fast"], "from_config", note)
    with pytest.raises(WeightsError, match="does not fit the architecture"):
        load_model(folder)
    assert built == ["meta"]


def test_an_interpolation_network_larger_than_its_weights(tmp_path: Path) -> None:
    network = InterpolationNetwork.from_config({"widths": [4, 4]})
    save_interpolation(network, InterpolationCard(data="a"), tmp_path / "a")
    before = load_interpolation(tmp_path / "a").network.state_dict()
    torch.testing.assert_close(before, network.state_dict())
    edit(tmp_path / "a", "interpolation.json", config={"widths": [4096] * 6})
    with pytest.raises(WeightsError, match="does not fit the architecture"):
        load_interpolation(tmp_path / "a")
    edit(tmp_path / "a", "interpolation.json", config={"widths": [-4, 4]})
    with pytest.raises(MitoSegError, match="greater than or equal to 1"):
        load_interpolation(tmp_path / "a")


@pytest.mark.parametrize("name", architectures.names())
def test_every_network_is_built_without_memory_first(name: str) -> None:
    with torch.device("meta"):
        network = architectures[name].from_config({})
    expected = architectures[name].from_config({})
    shapes = {key: value.shape for key, value in expected.state_dict().items()}
    assert {k: v.shape for k, v in network.state_dict().items()} == shapes
    assert all(p.device.type == "meta" for p in network.parameters())


def test_messages_stay_short(folder: Path) -> None:
    edit(folder, sha256="0" * 10**6)
    with pytest.raises(WeightsError, match="damaged or belongs") as caught:
        load_model(folder)
    assert len(str(caught.value)) < 600
    edit(folder, name="n" * 10**5)
    with pytest.raises(WeightsError, match="at most 200 characters") as caught:
        load_model(folder)
    assert len(str(caught.value)) < 600
    edit(folder, **{"x" * 10**5: 1}, spacing=["y" * 10**5] * 3)
    with pytest.raises(WeightsError, match="is no model card") as caught:
        load_model(folder)
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("text", ["[" * 10**5, '{"name": ' * 10**4, "\ufeff{}", ""])
def test_a_card_nested_too_deeply(folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text, encoding="utf-8")
    with pytest.raises(WeightsError, match="is no model card"):
        load_model(folder)


def test_a_card_that_is_absurdly_long(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (folder / "model.json").open("r+b") as file:
        file.truncate(2**24 + 1)
    with pytest.raises(WeightsError, match="longer than 16,777,216 bytes"):
        load_model(folder)
    monkeypatch.setenv("MITOSEG_MODELS", str(folder.parent))
    assert "tiny" not in {card.name for card in list_models()}


@pytest.mark.parametrize("length", [0, 2**32, 2**63, 2**64 - 1])
def test_a_header_of_weights_that_claims_any_length(folder: Path, length: int) -> None:
    path = folder / "weights.safetensors"
    content = length.to_bytes(8, "little") + path.read_bytes()[8:]
    path.write_bytes(content)
    edit(folder, sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(WeightsError, match="no safetensors file"):
        load_model(folder)
