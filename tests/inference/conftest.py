"""Small networks with random weights and a small textured volume."""

import numpy as np
import pytest
import torch

from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.models.zoo import ModelCard, TrainedModel
from napari_mitoseg.volume import Volume

SMALL = {
    "unet2d": {"width": 4, "levels": 2, "context": 1},
    "fast": {"context": 1, "widths": [8, 8]},
    "efficient-unet": {"widths": [4, 6]},
    "ensemble": {
        "members": [
            {"architecture": "fast", "config": {"widths": [4, 6], "context": 1}},
            {"architecture": "efficient-unet", "config": {"widths": [4, 6, 8]}},
        ]
    },
    "fusion-fcn": {"width": 4, "window": 96},
    "patch-cnn": {"width": 4},
    "resunet-r": {"widths": [4, 4]},
    "resunet3d": {"widths": [4, 4], "z_halvings": 1},
    "cascade": {
        "detector": {"widths": [8, 8]},
        "segmentation": {"widths": [4, 4], "z_halvings": 1},
        "detection": {"confidence": 0.01},
    },
    "spatial-continuity": {
        "segmentation": {"config": {"width": 4, "levels": 1, "context": 1}},
        "refinement": {"config": {"width": 4, "levels": 2, "context": 2, "extra": 1}},
        "masks": "probability",
        "views": 1,
    },
}


def small_model(architecture: str, spacing: tuple[float, float, float]) -> TrainedModel:
    torch.manual_seed(0)
    network = architectures[architecture].from_config(SMALL[architecture]).eval()
    for parameter in network.parameters():
        parameter.requires_grad_(requires_grad=False)
        parameter.mul_(1.5)
    card = ModelCard(name="small", architecture=architecture, spacing=spacing)
    return TrainedModel(card, network)


@pytest.fixture(params=sorted(SMALL))
def model(request: pytest.FixtureRequest) -> TrainedModel:
    return small_model(request.param, (40.0, 8.0, 8.0))


@pytest.fixture(params=["unet2d", "spatial-continuity"])
def planar_model(request: pytest.FixtureRequest) -> TrainedModel:
    return small_model(request.param, (40.0, 8.0, 8.0))


@pytest.fixture
def plain_model() -> TrainedModel:
    return small_model("unet2d", (40.0, 8.0, 8.0))


@pytest.fixture
def staged_model() -> TrainedModel:
    return small_model("spatial-continuity", (40.0, 8.0, 8.0))


@pytest.fixture
def volume() -> Volume:
    grey = np.random.default_rng(1).integers(0, 256, (12, 200, 168), dtype=np.uint8)
    grey.flags.writeable = False
    return Volume(grey, (40.0, 8.0, 8.0), "noise")
