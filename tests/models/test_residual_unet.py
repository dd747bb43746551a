"""2D and 3D Res-UNet against hand-computed numbers and those of the paper."""

import pytest
import torch

from napari_mitoseg.models.architectures import ResUNet2d, ResUNet3d
from napari_mitoseg.models.residual import ResidualBlock


def block_parameters(n_in: int, n_out: int, taps: int) -> int:
    """Two convolutions, a projection, two values a channel for each normalisation."""
    return taps * n_in * n_out + taps * n_out**2 + n_in * n_out + 3 * 2 * n_out


@pytest.mark.parametrize(("kind", "taps"), [(ResUNet2d, 9), (ResUNet3d, 27)])
def test_parameters_are_those_counted_by_hand(kind: type, taps: int) -> None:
    """Two levels: blocks 1→3, 3→5, and 8→3 on the concatenation; a head 3→1."""
    blocks = [(1, 3), (3, 5), (8, 3)]
    expected = sum(block_parameters(*b, taps) for b in blocks) + 3 + 1
    assert kind.from_config({"widths": [3, 5]}).count_parameters() == expected


def test_sizes_of_the_defaults() -> None:
    assert ResUNet2d.from_config().count_parameters() == 8_287_201
    assert ResUNet3d.from_config().count_parameters() == 5_995_793


def test_3d_takes_the_cubes_of_the_paper() -> None:
    divisor = ResUNet3d.from_config().divisor
    assert [n % d for n, d in zip((32, 256, 256), divisor, strict=True)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("halvings", "expected"),
    [
        (0, [(8, 16, 16), (8, 8, 8), (8, 4, 4)]),
        (1, [(8, 16, 16), (8, 8, 8), (4, 4, 4)]),
        (4, [(8, 16, 16), (4, 8, 8), (2, 4, 4)]),
    ],
)
def test_z_is_halved_at_the_coarse_end(
    halvings: int, expected: list[tuple[int, ...]]
) -> None:
    network = ResUNet3d.from_config({"widths": [2, 3, 4], "z_halvings": halvings})
    features, sizes = torch.zeros(1, 1, 8, 16, 16), []
    with torch.inference_mode():
        for block in network.eval().body.encoder:
            features = block(features)
            sizes.append(tuple(features.shape[2:]))
    assert sizes == expected
    assert network.divisor == (2 ** min(halvings, 2), 4, 4)


def test_a_block_adds_what_it_projects() -> None:
    """With its second convolution silenced, what leaves is the projection's ReLU."""
    block = ResidualBlock(1, 2, (2, 2)).eval()
    torch.nn.init.zeros_(block.second.conv.weight)
    image = torch.randn(1, 1, 4, 4)
    with torch.inference_mode():
        expected = block.shortcut(image[..., ::2, ::2]).relu()
        torch.testing.assert_close(block(image), expected)
    assert expected.shape == (1, 2, 2, 2)


@pytest.mark.parametrize("widths", [(8, 12), (4, 6), (5, 7, 9)])
def test_training_with_channels_last_is_training_without(
    widths: tuple[int, ...],
) -> None:
    """A strided convolution of 1 would crash here with torch 2.13."""
    image, gradients = torch.randn(1, 1, 64, 64), []
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(0)
        network = ResUNet2d.from_config({"widths": widths}).to(memory_format=layout)
        network(image.contiguous(memory_format=layout)).square().sum().backward()
        gradients.append(network.body.encoder[0].first.conv.weight.grad)
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-3)


def test_extra_channels_stand_beside_the_image() -> None:
    network = ResUNet3d.from_config({"widths": [2, 3], "extra": 2})
    assert network.in_channels == 3
    assert network(torch.zeros(1, 3, 2, 4, 4)).shape == (1, 1, 2, 4, 4)
