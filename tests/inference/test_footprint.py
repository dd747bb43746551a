"""What a network is said to hold, against what can be counted by hand."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from napari_mitoseg.inference.footprint import measure_memory
from napari_mitoseg.models.base import Network

CPU = torch.device("cpu")
FLOAT = 4
MARGIN = 1.3


class Chain(Network):
    """Convolutions one after another, with a way around them or without."""

    dimensions = 2
    context = 0
    outputs = ("semantic",)
    divisor = (1, 4, 4)
    halo = (0, 4, 4)

    def __init__(self, widths: list[int], *, keep: bool) -> None:
        nn.Module.__init__(self)
        self.keep = keep
        pairs = zip([1, *widths], [*widths, 1], strict=True)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairs)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits; what was kept is added up at the end."""
        kept = []
        for layer in self.layers:
            image = layer(image)
            if self.keep:
                kept.append(image)
        return image + sum(one.mean() for one in kept)


def held(widths: list[int], **how: Any) -> float:
    """Return floats per pixel."""
    with torch.inference_mode():
        network = Chain(widths, **how).eval()
        return measure_memory(network, CPU) / MARGIN / FLOAT


def test_what_is_freed_is_not_counted() -> None:
    """At once: the image, and the input and output of the widest layer."""
    assert held([8, 16, 16, 8], keep=False) == pytest.approx(1 + 32, rel=0.01)


def test_what_is_kept_is_counted() -> None:
    """All layers, the image, and the sum."""
    assert held([8, 16, 16, 8], keep=True) == pytest.approx(1 + 48 + 1 + 1, rel=0.03)


def test_views_are_not_counted_twice() -> None:
    network = Chain([8], keep=False).eval()
    plain = measure_memory(network, CPU)
    network.layers.insert(1, nn.Flatten(0, 1))
    network.layers.insert(2, nn.Unflatten(0, (1, 8)))
    assert measure_memory(network, CPU) == pytest.approx(plain, rel=0.01)


def test_a_program_of_torch_is_looked_into() -> None:
    network = Chain([8, 16, 16, 8], keep=False).eval()
    plain = measure_memory(network, CPU)
    with torch.no_grad():
        traced: Any = torch.jit.trace(network.forward, torch.zeros(1, 1, 16, 16))
    network.forward = traced
    assert measure_memory(network, CPU) == pytest.approx(plain, rel=0.05)
