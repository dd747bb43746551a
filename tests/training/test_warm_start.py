"""A network that starts from a smaller one says the same to begin with."""

import pytest
import torch

from napari_mitoseg.errors import WeightsError
from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.models.zoo import ModelCard, TrainedModel
from napari_mitoseg.training.warm_start import (
    first_network,
    only_semantic,
    warm_start,
)

CONFIGS = {
    "fast": {"widths": [4, 8], "context": 1},
    "unet2d": {"width": 4, "levels": 2, "context": 1},
}


def build(name: str, **changes: object) -> torch.nn.Module:
    torch.manual_seed(len(changes))
    return architectures[name].from_config(CONFIGS[name] | changes).eval()


@pytest.mark.parametrize("name", CONFIGS)
def test_new_channels_have_no_influence(name: str) -> None:
    parent = build(name)
    network = build(name, context=2, extra=3)
    warm_start(network, parent)
    image = torch.randn(1, 3, 16, 16)
    wide = torch.cat([torch.randn(1, 5, 16, 16), image], dim=1)
    with torch.inference_mode():
        torch.testing.assert_close(network(wide), parent(image))


def test_other_differences_are_refused() -> None:
    with pytest.raises(WeightsError, match="number of input channels"):
        warm_start(build("fast", widths=[8, 8]), build("fast"))


@pytest.mark.parametrize("name", CONFIGS)
def test_the_semantic_map_stays_as_it_is(name: str) -> None:
    network = build(name, outputs=["boundary", "semantic"])
    card = ModelCard(name="m", architecture=name, spacing=(40, 8, 8))
    single = only_semantic(TrainedModel(card, network)).network
    image = torch.randn(1, 3, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(single(image), network(image)[:, 1:])


def test_the_first_of_two_networks_is_taken() -> None:
    stage = {"architecture": "fast", "config": {"widths": [4, 4]}}
    network = architectures["spatial-continuity"].from_config(
        {"segmentation": stage, "refinement": stage}
    )
    card = ModelCard(name="m", architecture="spatial-continuity", spacing=(40, 8, 8))
    found = first_network(TrainedModel(card, network))
    assert found.network is network.segmentation
    assert found.card.architecture == "fast"


def test_networks_of_three_dimensions_are_no_start() -> None:
    network = architectures["resunet-r"].from_config({"widths": [4, 4]})
    card = ModelCard(name="deep", architecture="resunet-r", spacing=(40, 8, 8))
    with pytest.raises(WeightsError, match="'deep'.*two dimensions"):
        first_network(TrainedModel(card, network))
