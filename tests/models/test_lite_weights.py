"""An encoder that starts from weights learned on photographs."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv2d, relu6

from napari_mitoseg.errors import WeightsError
from napari_mitoseg.models.efficient_unet import EfficientUNet
from napari_mitoseg.models.inverted_residual import LiteEncoder
from napari_mitoseg.models.lite_weights import fill_from_photographs

# Of EfficientNet-Lite0 as published: channels in, inside and out, kernel of each block.
BLOCKS = [
    (32, 32, 16, 3),
    (16, 96, 24, 3),
    (24, 144, 24, 3),
    (24, 144, 40, 5),
    (40, 240, 40, 5),
]


def published_state() -> dict[str, Tensor]:
    """Return random weights with the names of the published file."""
    torch.manual_seed(0)
    state = norm("_bn0", 32) | {"_conv_stem.weight": 0.2 * torch.randn(32, 3, 3, 3)}
    for number, (n_in, inside, n_out, kernel) in enumerate(BLOCKS):
        place = f"_blocks.{number}."
        if inside > n_in:
            state[f"{place}_expand_conv.weight"] = 0.2 * torch.randn(inside, n_in, 1, 1)
            state |= norm(f"{place}_bn0", inside)
        depthwise = 0.2 * torch.randn(inside, 1, kernel, kernel)
        state[f"{place}_depthwise_conv.weight"] = depthwise
        state |= norm(f"{place}_bn1", inside)
        state[f"{place}_project_conv.weight"] = 0.1 * torch.randn(n_out, inside, 1, 1)
        state |= norm(f"{place}_bn2", n_out)
    return state


def norm(name: str, width: int) -> dict[str, Tensor]:
    drawn = torch.rand(4, width) + 0.1
    values = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{v}": row for v, row in zip(values, drawn, strict=True)}


def published_block(state: dict[str, Tensor], number: int, image: Tensor) -> Tensor:
    """Compute a block with the published epsilon."""
    place = f"_blocks.{number}."
    n_in, inside, n_out, kernel = BLOCKS[number]
    features = image
    if inside > n_in:
        features = conv2d(image, state[f"{place}_expand_conv.weight"])
        features = relu6(normalized(state, f"{place}_bn0", features))
    depthwise = state[f"{place}_depthwise_conv.weight"]
    stride = 2 if number in {1, 3} else 1
    features = conv2d(
        features, depthwise, stride=stride, padding=kernel // 2, groups=inside
    )
    features = relu6(normalized(state, f"{place}_bn1", features))
    features = conv2d(features, state[f"{place}_project_conv.weight"])
    features = normalized(state, f"{place}_bn2", features)
    return features + image if n_in == n_out and stride == 1 else features


def normalized(state: dict[str, Tensor], name: str, features: Tensor) -> Tensor:
    mean, var, weight, bias = (
        state[f"{name}.{v}"] for v in ("running_mean", "running_var", "weight", "bias")
    )
    return batch_norm(features, mean, var, weight, bias, eps=1e-3)


@pytest.fixture
def state() -> dict[str, Tensor]:
    return published_state()


@pytest.fixture
def file(state: dict[str, Tensor], tmp_path: Path) -> Path:
    path = tmp_path / "lite0.pth"
    torch.save(state, path)
    return path


def test_filled_encoder_computes_what_the_published_one_does(
    file: Path, state: dict[str, Tensor]
) -> None:
    encoder = LiteEncoder(3, 3).eval()
    fill_from_photographs(encoder, file)
    encoder.double()
    state = {name: value.double() for name, value in state.items()}
    image = torch.randn(1, 3, 32, 32).double()
    features = conv2d(image, state["_conv_stem.weight"], stride=2, padding=1)
    features = relu6(normalized(state, "_bn0", features))
    expected = []
    for number in range(len(BLOCKS)):
        features = published_block(state, number, features)
        expected.append(features)
    with torch.inference_mode():
        found = encoder(image)
    for mine, theirs in zip(
        found, (expected[0], expected[2], expected[4]), strict=True
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


def test_other_channels_than_colours_answer_alike_to_a_grey_image(file: Path) -> None:
    colours, slices = LiteEncoder(3, 2).eval(), LiteEncoder(5, 2).eval()
    fill_from_photographs(colours, file)
    fill_from_photographs(slices, file)
    grey = torch.randn(1, 1, 16, 16)
    with torch.inference_mode():
        one, other = (
            colours(grey.expand(1, 3, 16, 16)),
            slices(grey.expand(1, 5, 16, 16)),
        )
    torch.testing.assert_close(one[-1], other[-1], rtol=1e-3, atol=1e-3)


def test_other_files_are_refused_by_name(tmp_path: Path, file: Path) -> None:
    encoder = LiteEncoder(3, 2)
    with pytest.raises(WeightsError, match=r"none\.pth does not hold"):
        fill_from_photographs(encoder, tmp_path / "none.pth")
    torch.save({"weight": torch.zeros(1)}, file)
    with pytest.raises(WeightsError, match="_bn0"):
        fill_from_photographs(encoder, file)


def test_the_network_is_about_as_wide_as_it_says() -> None:
    network = EfficientUNet.from_config({})
    assert network.count_parameters() < 1e6
    assert network.halo == (1, 212, 212)
    assert sum(isinstance(m, nn.ReLU6) for m in network.encoder.modules()) == 22
