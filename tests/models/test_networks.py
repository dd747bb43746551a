"""What is particular to each network, against hand-computed numbers."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from napari_mitoseg.models.architectures import (
    Fast,
    ResUNetH,
    ResUNetR,
    UNet2d,
    architectures,
)
from napari_mitoseg.models.blocks import AnisotropicBlock

WIDTHS = (28, 36, 48, 64, 80)


def block_parameters(n_in: int, n_out: int) -> int:
    """1×3×3, two 3×3×3, and two values a channel for each normalisation."""
    return 9 * n_in * n_out + 2 * 27 * n_out**2 + 3 * 2 * n_out


def decoder_parameters(n_maps: int) -> int:
    """A block on each concatenation, a 1×1×1 head with bias."""
    blocks = sum(block_parameters(fine + deep, fine) for fine, deep in pairwise(WIDTHS))
    return blocks + 28 * n_maps + n_maps


def encoder_parameters() -> int:
    embedding = 25 * 28 + 2 * 28
    blocks = sum(map(block_parameters, (28, *WIDTHS[:-1]), WIDTHS))
    down = sum(9 * w**2 + 2 * w for w in WIDTHS[:-1])
    return embedding + blocks + down


def test_resunet_r_has_the_parameters_counted_by_hand() -> None:
    expected = encoder_parameters() + decoder_parameters(2)
    assert ResUNetR.from_config().count_parameters() == expected == 1_621_598


def test_resunet_h_has_a_second_decoder() -> None:
    expected = encoder_parameters() + 2 * decoder_parameters(1)
    assert ResUNetH.from_config().count_parameters() == expected == 2_255_246


def test_resunet_h_decodes_mask_and_boundary_apart() -> None:
    """A change in the second decoder leaves the semantic map alone."""
    network = ResUNetH.from_config({"widths": [3, 4]}).eval()
    image = torch.randn(1, 1, 2, 4, 4)
    with torch.inference_mode():
        before = network(image)
        for parameter in network.decoders[1].parameters():
            parameter.add_(1.0)
        after = network(image)
    assert torch.equal(before[:, 0], after[:, 0])
    assert not torch.equal(before[:, 1], after[:, 1])


def test_resunet_halves_y_and_x_four_times_and_never_z() -> None:
    network = ResUNetR.from_config().eval()
    with torch.inference_mode():
        levels = network.encoder(torch.zeros(1, 1, 5, 32, 48))
    assert [tuple(level.shape[1:]) for level in levels] == [
        (28, 5, 32, 48),
        (36, 5, 16, 24),
        (48, 5, 8, 12),
        (64, 5, 4, 6),
        (80, 5, 2, 3),
    ]


def test_resunet_takes_the_patches_of_both_stages() -> None:
    divisor = ResUNetR.from_config().divisor
    for patch in ((32, 256, 256), (36, 320, 320)):
        assert [n % d for n, d in zip(patch, divisor, strict=True)] == [0, 0, 0]


def test_anisotropic_block_is_one_planar_and_two_cubic_convolutions() -> None:
    block = AnisotropicBlock(2, 3)
    kernels = [m.kernel_size for m in block.modules() if isinstance(m, nn.Conv3d)]
    assert kernels == [(1, 3, 3), (3, 3, 3), (3, 3, 3)]


def test_anisotropic_block_skips_across_the_cubic_convolutions() -> None:
    """With those silenced, what leaves is the planar convolution's ELU, ELU again."""
    block = AnisotropicBlock(1, 1).eval()
    nn.init.zeros_(block.second.conv.weight)
    image = torch.randn(1, 1, 3, 5, 5)
    with torch.inference_mode():
        planar = block.planar(image)
        torch.testing.assert_close(block(image), nn.functional.elu(planar))


def test_resunet_embeds_with_one_by_five_by_five() -> None:
    assert ResUNetR.from_config().encoder.embedding.conv.kernel_size == (1, 5, 5)


def test_unet2d_is_the_yardstick() -> None:
    network = UNet2d.from_config()
    assert network.count_parameters() == 7_762_498
    widths = [block[0].conv.out_channels for block in network.encoder]
    assert widths == [32, 64, 128, 256, 512]


@pytest.mark.parametrize("context", [0, 1, 2])
def test_fast_sees_its_neighbours_on_both_sides(context: int) -> None:
    network = Fast.from_config({"widths": [4, 6], "context": context})
    image = torch.randn(1, 2 * context + 1, 8, 8, requires_grad=True)
    network(image).sum().backward()
    assert image.grad is not None
    assert (image.grad.abs().sum(dim=(0, 2, 3)) > 0).all()


def test_fast_needs_a_sixth_of_the_multiplications_of_the_yardstick() -> None:
    fast, plain = (count_multiplications(kind) for kind in (Fast, UNet2d))
    assert plain == pytest.approx(289e9 / 2, rel=0.02)
    assert plain / fast > 6


def count_multiplications(kind: type[Fast] | type[UNet2d]) -> int:
    """Count those of convolutions on 768×1024 pixels, without computing anything."""
    network = kind.from_config().eval().to("meta")
    total = 0

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal total
        weight = layer.weight
        share = 4 if isinstance(layer, nn.ConvTranspose2d) else 1
        total += output[:, 0].numel() * weight.numel() // share

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.register_forward_hook(count)
    network(torch.empty(1, network.in_channels, 768, 1024, device="meta"))
    return total


@pytest.mark.parametrize(
    "name",
    [
        "unet2d",
        "resunet-r",
        "resunet-h",
        "spatial-continuity",
        "fusion-fcn",
        "patch-cnn",
        "efficient-unet",
    ],
)
def test_published_networks_say_what_to_cite(name: str) -> None:
    assert architectures[name].citation
