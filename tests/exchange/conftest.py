"""Small networks as model folders, a home for installed ones, and exports of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_mitoseg.exchange.install import InstallSettings, install_model
from napari_mitoseg.inference.passes import open_run
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import drain
from napari_mitoseg.models import zoo
from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.models.zoo import ModelCard, TrainedModel, save_model
from napari_mitoseg.volume import Volume

SMALL: dict[str, dict[str, Any]] = {
    "fast": {"widths": [4, 6], "context": 1},
    "efficient-unet": {"widths": [4, 6]},
    "ensemble": {
        "members": [
            {"architecture": "fast", "config": {"widths": [4, 6], "context": 1}},
            {"architecture": "efficient-unet", "config": {"widths": [4, 6, 8]}},
        ]
    },
    "unet2d": {"width": 4, "levels": 2, "context": 1},
    "fusion-fcn": {"width": 4, "window": 96},
    "patch-cnn": {"width": 4},
    "resunet-r": {"widths": [3, 4]},
    "resunet-h": {"widths": [3, 4]},
    "detector": {"widths": [4, 6]},
    "resunet2d": {"widths": [4, 6]},
    "resunet3d": {"widths": [3, 4], "z_halvings": 1},
    "cascade": {
        "detector": {"widths": [4, 6]},
        "segmentation": {"widths": [3, 4], "z_halvings": 0},
    },
    "spatial-continuity": {
        "segmentation": {
            "architecture": "fast",
            "config": {"widths": [4, 6], "context": 1, "outputs": ["semantic"]},
        },
        "refinement": {"config": {"width": 4, "levels": 2, "context": 1, "extra": 1}},
        "masks": "probability",
        "views": 1,
    },
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the user's models."""
    folder = tmp_path / "home"
    monkeypatch.setenv(zoo.FOLDER_VARIABLE, str(folder))
    return folder


@pytest.fixture
def write_model(tmp_path: Path) -> Callable[[str], Path]:
    """Write a small model into a folder, and return it."""
    return lambda name: _write_model(name, tmp_path)


def _write_model(name: str, folder: Path) -> Path:
    """Write a small model whose normalisation layers are not trivial."""
    torch.manual_seed(0)
    network = architectures[name].from_config(SMALL[name]).eval()
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
            layer.running_mean.uniform_(-0.5, 0.5)
            layer.running_var.uniform_(0.5, 2.0)
    card = ModelCard(
        name=f"small {name}",
        architecture=name,
        spacing=(40, 8, 8),
        licence="CC-BY-4.0",
        authors=("Ada Lovelace",),
        citation=("Ronneberger et al., U-Net, doi:10.1007/978-3-319-24574-4_28",),
    )
    save_model(network, card, folder / name)
    return folder / name


@pytest.fixture
def install(home: Path) -> Callable[..., ModelCard]:
    """Install a model into an empty home."""
    return lambda source, **settings: drain(
        install_model(str(source), InstallSettings.parse(settings))
    )


@pytest.fixture
def predict() -> Callable[[TrainedModel, Volume], np.ndarray]:
    """Run a model over a volume, slices in one tile each."""
    return _predict


def _predict(model: TrainedModel, volume: Volume) -> np.ndarray:
    """Return the maps of a volume before they are rounded, (Z, maps, Y, X)."""
    settings = InferenceSettings(automatic_tiles=False, tile=512, device="cpu")
    planes: dict[int, np.ndarray] = {}
    for part in open_run(volume, model, settings).planes():
        planes |= part
    return np.stack([planes[z] for z in sorted(planes)])


@pytest.fixture
def volume() -> Volume:
    """Noise with a black frame, which is padding, in some slices."""
    grey = np.random.default_rng(1).integers(1, 256, (8, 96, 128), dtype=np.uint8)
    grey[3:5, :8] = 0
    grey[3:5, :, -20:] = 0
    return Volume(grey, (40.0, 8.0, 8.0), "noise")
