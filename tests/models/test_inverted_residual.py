"""Convolutions of each channel by itself, and the blocks around them."""

import pytest
import torch

from napari_mitoseg.models.inverted_residual import (
    DepthwiseConv2d,
    InvertedResidual,
    LiteEncoder,
    Size,
)
from napari_mitoseg.models.receptive_field import Reach


def test_depthwise_convolution_is_trained_in_float32_in_the_midst_of_bfloat16() -> None:
    torch.manual_seed(0)
    conv = DepthwiseConv2d(4, 3, 2)
    image = torch.randn(2, 4, 9, 9).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        trained = conv.train()(image)
        applied = conv.eval()(image)
    exact = conv(image.float())
    assert trained.dtype == applied.dtype == torch.bfloat16
    torch.testing.assert_close(trained, exact.bfloat16(), rtol=0, atol=0)
    torch.testing.assert_close(applied.float(), exact, rtol=0.05, atol=0.05)


@pytest.mark.parametrize(
    ("n_out", "stride", "adds"), [(8, 1, True), (8, 2, False), (6, 1, False)]
)
def test_input_is_added_where_it_has_the_size_of_the_output(
    n_out: int, stride: int, adds: bool
) -> None:
    block = InvertedResidual(8, n_out, 3, stride, 6).eval()
    last = block.layers[-1]
    torch.nn.init.zeros_(last.conv.weight)
    image = torch.randn(1, 8, 6, 6)
    expected = image if adds else torch.zeros(1, n_out, 6 // stride, 6 // stride)
    with torch.inference_mode():
        torch.testing.assert_close(block(image), expected)


@pytest.mark.parametrize(
    ("size", "widths", "n_blocks"),
    [
        ("lite0", (16, 24, 40, 112, 320), (1, 2, 2, 6, 5)),
        ("lite1", (16, 24, 40, 112, 320), (1, 3, 3, 8, 6)),
        ("lite2", (16, 24, 48, 120, 352), (1, 3, 3, 8, 6)),
    ],
)
def test_encoders_are_those_of_the_published_files(
    size: Size, widths: tuple[int, ...], n_blocks: tuple[int, ...]
) -> None:
    encoder = LiteEncoder(3, 5, size).eval()
    with torch.inference_mode():
        found = encoder(torch.randn(1, 3, 64, 64))
    assert encoder.widths == widths
    assert tuple(len(list(level.children())) for level in encoder.levels) == n_blocks
    shapes = [tuple(features.shape[1:]) for features in found]
    assert shapes == [(w, 32 >> n, 32 >> n) for n, w in enumerate(widths)]


def test_what_levels_need_is_as_reckoned_by_hand() -> None:
    """Level 0: a stem of 3 with stride 2, then 3: pixels 2 · (4, 6) - 1 … + 1."""
    encoder = LiteEncoder(3, 3)
    assert encoder.needs(Reach(5, 5), 0) == Reach(7, 13)
    assert encoder.needs(Reach(5, 5), 1) == Reach(7, 13)
    assert encoder.needs(Reach(5, 5), 2) == Reach(4, 16)


def test_deeper_encoders_need_more() -> None:
    """One block of 3 more, after the strided one, needs a position more each side."""
    assert LiteEncoder(3, 2, "lite1").needs(Reach(5, 5), 1) == Reach(5, 15)
