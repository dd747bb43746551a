"""The patch CNN: its layers by hand, and whole images equal to the sliding window."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_mitoseg.models.architectures import PatchCNN
from napari_mitoseg.models.patch_cnn import BLOCK
from napari_mitoseg.models.receptive_field import Reach


def build(**config: object) -> PatchCNN:
    torch.manual_seed(0)
    network = PatchCNN.from_config(config).eval()
    assert isinstance(network, PatchCNN)
    return network


def noise(*size: int) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(1))


def sides_of(network: PatchCNN, blocks: Tensor, monkeypatch: pytest.MonkeyPatch):
    """Return channels and side of every tensor that a layer makes of a block."""
    seen = []

    def recording(layer):
        def run(*given, **options):
            made = layer(*given, **options)
            seen.append((made.shape[1], made.shape[2]))
            return made

        return run

    for name in ("conv2d", "max_pool2d"):
        monkeypatch.setattr(
            f"napari_mitoseg.models.patch_cnn.{name}",
            recording(getattr(nn.functional, name)),
        )
    for layer in (network.first, network.connected):
        layer.register_forward_hook(
            lambda _layer, _given, made: seen.append((made.shape[1], made.shape[2]))
        )
    network.classify(blocks)
    return seen


def test_a_block_goes_through_the_layers_of_the_paper(monkeypatch):
    """32 − 4 = 28, /2 = 14, − 4 = 10, − 1 = 9, − 4 = 5, − 1 = 4, − 3 = 1."""
    assert sides_of(build(), noise(2, 3, 32, 32), monkeypatch) == [
        (32, 28),
        (32, 14),
        (32, 10),
        (32, 9),
        (64, 5),
        (64, 4),
        (64, 1),
        (1, 1),
    ]


def test_kernels_are_those_of_the_paper():
    convolutions = [m for m in build().modules() if isinstance(m, nn.Conv2d)]
    assert [tuple(m.weight.shape) for m in convolutions] == [
        (32, 3, 5, 5),
        (32, 32, 5, 5),
        (64, 32, 5, 5),
        (64, 64, 4, 4),
        (1, 64, 1, 1),
    ]


def test_parameters_counted_by_hand():
    first, second = 32 * (3 * 25 + 1), 32 * (32 * 25 + 1)
    third, fourth = 64 * (32 * 25 + 1), 64 * (64 * 16 + 1)
    expected = first + second + third + fourth + 64 + 1
    assert build().count_parameters() == expected == 144_993


@pytest.mark.parametrize("size", [(34, 9), (5, 36), (1, 1)])
def test_whole_image_equals_the_sliding_window(size):
    """Every pixel of an image against its own block, cut out with numpy."""
    network, image = build(outputs=["semantic", "boundary"]), noise(1, 3, *size)
    padded = np.pad(image[0].numpy(), ((0, 0), (16, 15), (16, 15)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (BLOCK, BLOCK), (1, 2))
    blocks = windows.transpose(1, 2, 0, 3, 4).reshape(-1, 3, 32, 32).copy()
    with torch.inference_mode():
        whole = network(image)[0].flatten(1).T
        one_by_one = network.classify(torch.from_numpy(blocks)).flatten(1)
    assert one_by_one.std() > 1e-3
    torch.testing.assert_close(whole, one_by_one, rtol=0, atol=1e-5)


def test_the_centre_of_a_block_is_pixel_16():
    network, block = build(), noise(1, 3, 32, 32)
    with torch.inference_mode():
        whole, alone = network(block), network.classify(block)
    torch.testing.assert_close(whole[..., 16:17, 16:17], alone, rtol=0, atol=1e-6)
    assert network.needs(Reach(16, 16)) == Reach(0, 31)


def test_the_middle_of_a_block_is_classified_without_the_rest(monkeypatch):
    network, blocks = build(), noise(3, 3, 32, 32)
    with torch.inference_mode():
        cut = network(blocks)[..., 16:17, 16:17]
        monkeypatch.setattr(network, "forward", None)
        torch.testing.assert_close(
            network.forward_middle(blocks, (1, 1)), cut, rtol=0, atol=1e-6
        )


def test_three_neighbouring_slices_are_seen():
    image = noise(1, 3, 8, 8).requires_grad_()
    build()(image).sum().backward()
    assert image.grad is not None
    assert (image.grad.abs().sum(dim=(0, 2, 3)) > 0).all()
