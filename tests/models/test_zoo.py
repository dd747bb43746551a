"""Cards, loading, and everything that can be wrong with a model folder."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from napari_mitoseg.errors import (
    InvalidParameterError,
    UnknownNameError,
    WeightsError,
    WriteError,
)
from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import drain
from napari_mitoseg.maps import cutoff
from napari_mitoseg.models import zoo
from napari_mitoseg.models.architectures import Fast
from napari_mitoseg.models.zoo import ModelCard, load_model, save_model
from napari_mitoseg.samples import synthetic_em
from napari_mitoseg.volume import Volume

CONFIG = {"widths": [4, 6]}
CARD = ModelCard(name="mine", architecture="fast", spacing=(40, 8, 8))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the user's models."""
    monkeypatch.setenv(zoo.FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


@pytest.fixture
def folder(home: Path) -> Path:
    """A model of the user."""
    torch.manual_seed(0)
    save_model(Fast.from_config(CONFIG), CARD, home / "first-try")
    return home / "first-try"


def rewrite_card(folder: Path, **changes: Any) -> None:
    path = folder / zoo.CARD_FILE
    values = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(values), encoding="utf-8")


def rewrite_weights(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Replace the weights and make the checksum fit."""
    path = folder / zoo.WEIGHTS_FILE
    save_file(tensors, path)
    rewrite_card(folder, sha256=zoo.hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize("how", ["card name", "folder name", "path"])
def test_a_model_is_found_by_name_and_by_folder(folder: Path, how: str) -> None:
    given = {"card name": "mine", "folder name": "first-try", "path": folder}[how]
    model = load_model(given)
    assert model.card.name == "mine"
    assert not model.network.training


def test_the_users_models_are_listed_behind_the_embedded(folder: Path) -> None:
    assert zoo.model_names()[-1] == "mine"


def test_a_damaged_card_of_the_user_does_not_break_the_list(folder: Path) -> None:
    (folder / zoo.CARD_FILE).write_text("{", encoding="utf-8")
    assert "mine" not in zoo.model_names()


def test_save_fills_in_what_the_network_knows(folder: Path) -> None:
    card = zoo.read_card(folder)
    assert card.config == {
        "context": 1,
        "extra": 0,
        "widths": [4, 6],
        "outputs": ["semantic", "boundary"],
    }
    assert len(card.sha256) == 64
    assert card.halo == Fast.from_config(CONFIG).halo


def test_compact_weights_are_half_the_size_and_as_good(home: Path) -> None:
    torch.manual_seed(0)
    network = Fast.from_config({"widths": [32, 64]}).eval()
    image = torch.randn(1, 3, 32, 32)
    for compact in (False, True):
        save_model(network, CARD, home / str(compact), compact=compact)
    sizes = [(home / n / zoo.WEIGHTS_FILE).stat().st_size for n in ("False", "True")]
    assert sizes[1] < 0.55 * sizes[0]
    loaded = load_model(home / "True").network
    assert all(p.dtype == torch.float32 for p in loaded.parameters())
    with torch.inference_mode():
        difference = (loaded(image).sigmoid() - network(image).sigmoid()).abs().max()
    assert difference < 0.5 / 255


def test_unknown_name_lists_the_choices_and_the_nearest(folder: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'mine'") as caught:
        load_model("min")
    assert all(name in str(caught.value) for name in zoo.model_names())


def test_name_of_an_untrained_architecture_says_so(home: Path) -> None:
    with pytest.raises(UnknownNameError, match="architecture without embedded weights"):
        load_model("resunet-r")


def test_folder_without_a_model_is_refused(home: Path) -> None:
    with pytest.raises(WeightsError, match=r"holds no model\.json"):
        load_model(home)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": "x"}', "\ufeff{}"])
def test_unreadable_card_is_refused(folder: Path, content: str) -> None:
    (folder / zoo.CARD_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(WeightsError, match="is no model card"):
        load_model(folder)


def test_card_with_an_impossible_spacing_is_refused(folder: Path) -> None:
    rewrite_card(folder, spacing=[40, 0, 8])
    with pytest.raises(WeightsError, match="is no model card"):
        load_model(folder)


def test_card_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / zoo.CARD_FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_model(folder)


def test_missing_weights_are_refused(folder: Path) -> None:
    (folder / zoo.WEIGHTS_FILE).unlink()
    with pytest.raises(WeightsError, match="cannot be read"):
        load_model(folder)


@pytest.mark.parametrize("damage", ["truncated", "one bit"])
def test_damaged_weights_are_refused(folder: Path, damage: str) -> None:
    path = folder / zoo.WEIGHTS_FILE
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    else:
        content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="is damaged"):
        load_model(folder)


def test_weights_that_are_no_safetensors_are_refused_unexecuted(folder: Path) -> None:
    path = folder / zoo.WEIGHTS_FILE
    torch.save({"a": torch.zeros(1)}, path)
    rewrite_card(folder, sha256=zoo.hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(WeightsError, match="is no safetensors file"):
        load_model(folder)


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    tensors = load_file(folder / zoo.WEIGHTS_FILE)
    tensors["head.bias"] = torch.zeros(3)
    rewrite_weights(folder, tensors)
    with pytest.raises(WeightsError, match=r"head\.bias has shape \(3,\), expected"):
        load_model(folder)


def test_missing_and_unexpected_weights_are_named(folder: Path) -> None:
    tensors = load_file(folder / zoo.WEIGHTS_FILE)
    tensors["tail.bias"] = tensors.pop("head.bias")
    rewrite_weights(folder, tensors)
    with pytest.raises(WeightsError, match=r"head\.bias is missing; tail\.bias is not"):
        load_model(folder)


def test_unknown_architecture_is_refused(folder: Path) -> None:
    rewrite_card(folder, architecture="transformer")
    with pytest.raises(
        WeightsError,
        match=r"'transformer'.*Known are: cascade, detector, efficient-unet",
    ):
        load_model(folder)


def test_configuration_that_does_not_fit_is_refused(folder: Path) -> None:
    rewrite_card(folder, config={"depth": 5})
    with pytest.raises(WeightsError, match="does not fit its architecture"):
        load_model(folder)


@pytest.mark.parametrize("spacing", [(0, 8, 8), (40, 8), (40, -8, 8)])
def test_impossible_spacing_is_refused(spacing: tuple[float, ...]) -> None:
    with pytest.raises(InvalidParameterError, match=r"(?i)spacing"):
        ModelCard.parse({"name": "x", "architecture": "fast", "spacing": spacing})


@pytest.mark.parametrize(
    "points", [((0.5, 0.2), (0.5, 0.3)), ((0.6, 0.2), (0.5, 0.3)), ((0.5, 1.2),)]
)
def test_calibration_rises_within_0_and_1(points) -> None:
    known = {"name": "x", "architecture": "fast", "spacing": (40, 8, 8)}
    assert ModelCard.parse(known | {"calibration": ((0.1, 0.0), (0.5, 1.0))})
    with pytest.raises(InvalidParameterError, match="rising mean"):
        ModelCard.parse(known | {"calibration": points})


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way", encoding="utf-8")
    with pytest.raises(WriteError, match="cannot be written"):
        save_model(Fast.from_config(CONFIG), CARD, blocked)


def test_a_full_disk_leaves_the_earlier_model_usable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = zoo.read_card(folder)

    def fail(path: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(WriteError, match="No space left"):
        save_model(Fast.from_config(CONFIG), CARD, folder)
    monkeypatch.undo()
    assert load_model(folder).card == before
    assert sorted(path.name for path in folder.iterdir()) == [
        zoo.CARD_FILE,
        zoo.WEIGHTS_FILE,
    ]


def test_listing_models_does_not_import_torch() -> None:
    code = (
        "import sys, napari_mitoseg.models.zoo as zoo; zoo.list_models(); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestEmbedded:
    """The weights that come with the package."""

    def test_every_embedded_model_loads_and_is_small(self) -> None:
        cards = [zoo.read_card(path) for path in sorted(zoo.EMBEDDED.iterdir())]
        assert [card.name for card in cards] == ["accurate", "fast"]
        for card in cards:
            model = load_model(card.name)
            assert model.network.halo == card.halo
            weights = zoo.EMBEDDED / card.name / zoo.WEIGHTS_FILE
            assert weights.stat().st_size <= 10_000_000

    def test_every_card_says_data_terms_scores_and_command(self) -> None:
        for path in sorted(zoo.EMBEDDED.iterdir()):
            card = zoo.read_card(path)
            assert card.data
            assert card.licence
            assert card.scores
            assert card.command
            assert card.limits

    def test_default_gives_probabilities_of_a_slice(self) -> None:
        network = load_model("fast").network
        noise = np.random.default_rng(0).normal(size=(1, 3, 64, 64))
        with torch.inference_mode():
            logits = network(torch.from_numpy(noise.astype(np.float32)))
        assert logits.shape == (1, 2, 64, 64)
        assert logits.isfinite().all()

    @pytest.mark.parametrize("seed", [901, 903])
    def test_a_single_image_is_segmented_about_as_well_as_a_stack(self, seed) -> None:
        image, labels = synthetic_em((3, 256, 256), (40.0, 8.0, 8.0), seed)
        alone = Volume(image.read()[1:2], image.spacing)
        truth = labels[1] > 0

        def iou(volume: Volume, z: int) -> float:
            job = predict_maps(volume, load_model("fast"), InferenceSettings())
            found = drain(job).semantic[z] > cutoff(0.5)
            return float((found & truth).sum() / (found | truth).sum())

        assert iou(image, 1) > 0.75
        assert iou(alone, 0) > 0.8 * iou(image, 1)
