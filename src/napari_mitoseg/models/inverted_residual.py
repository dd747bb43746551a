"""Inverted residual blocks, and the encoder of EfficientNet-Lite that they make up."""

import math
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from napari_mitoseg.models.blocks import ConvNormAct, pointwise_2d
from napari_mitoseg.models.receptive_field import Reach


class Stage(NamedTuple):
    """Blocks in a row.

    Attributes
    ----------
    n_blocks : int
        How many.
    width : int
        Channels that leave each.
    kernel, stride : int
        Of the depthwise convolution; only the first block is strided.
    expansion : int
        Channels inside a block over those that enter it.
    """

    n_blocks: int
    width: int
    kernel: int
    stride: int
    expansion: int = 6


STEM_WIDTH = 32

LEVELS = (
    (Stage(1, 16, 3, 1, expansion=1),),
    (Stage(2, 24, 3, 2),),
    (Stage(2, 40, 5, 2),),
    (Stage(3, 80, 3, 2), Stage(3, 112, 5, 1)),
    (Stage(4, 192, 5, 2), Stage(1, 320, 3, 1)),
)
"""Stages of EfficientNet-Lite0 by the resolution they end at: 1/2, 1/4 ... 1/32."""

Size = Literal["lite0", "lite1", "lite2"]

SCALING: dict[Size, tuple[float, float]] = {
    "lite0": (1.0, 1.0),
    "lite1": (1.0, 1.1),
    "lite2": (1.1, 1.2),
}
"""Channels and blocks of larger networks over those of EfficientNet-Lite0."""

WIDTH_STEP = 8


class DepthwiseConv2d(nn.Conv2d):
    """A convolution of each channel by itself.

    Parameters
    ----------
    n_channels : int
        In and out.
    kernel, stride : int
        Size, odd, and step.

    Notes
    -----
    On CPUs torch 2.13 trains it more slowly in bfloat16 than in float32, so float32 it
    is there: a step of `efficient_unet.EfficientUNet` takes 0.31 s instead of 0.49 s.
    """

    def __init__(self, n_channels: int, kernel: int, stride: int) -> None:
        super().__init__(
            n_channels,
            n_channels,
            kernel,
            stride,
            kernel // 2,
            groups=n_channels,
            bias=False,
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same type."""
        on_cpu = features.device.type == "cpu"
        if self.training and on_cpu and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                return super().forward(features.float()).to(features.dtype)
        return super().forward(features)


class InvertedResidual(nn.Module):
    """Channels multiplied, a depthwise convolution, channels brought down again.

    Parameters
    ----------
    n_in, n_out : int
        Channels; where they are equal and nothing is strided, input is added.
    kernel, stride : int
        Of the depthwise convolution.
    expansion : int
        Channels inside over those that come in.

    References
    ----------
    .. [1] Sandler et al. (2018), MobileNetV2: inverted residuals and linear
       bottlenecks, section 3, doi:10.1109/CVPR.2018.00474.
    """

    def __init__(
        self, n_in: int, n_out: int, kernel: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        inside = n_in * expansion
        expand = [pointwise_2d(n_in, inside, nn.ReLU6(inplace=True))]
        self.layers = nn.Sequential(
            *(expand if expansion > 1 else []),
            ConvNormAct(
                DepthwiseConv2d(inside, kernel, stride), nn.ReLU6(inplace=True)
            ),
            pointwise_2d(inside, n_out, nn.Identity()),
        )
        self._adds = n_in == n_out and stride == 1

    def forward(self, features: Tensor) -> Tensor:
        """Return features with `n_out` channels."""
        changed: Tensor = self.layers(features)
        return features + changed if self._adds else changed


class LiteEncoder(nn.Module):
    """The encoder of EfficientNet-Lite: no attention over channels, made for CPUs.

    Parameters
    ----------
    n_in : int
        Channels of the image.
    n_levels : int
        How many of `LEVELS`.
    size : {"lite0", "lite1", "lite2"}
        Which of the published networks.

    Attributes
    ----------
    size : str
        As given.
    widths : tuple of int
        Channels that leave each level.

    References
    ----------
    .. [1] Tan, Le (2019), EfficientNet: rethinking model scaling for convolutional
       neural networks, Table 1 and section 3.3, arXiv:1905.11946.
    """

    def __init__(self, n_in: int, n_levels: int, size: Size = "lite0") -> None:
        super().__init__()
        self.size = size
        stem = nn.Conv2d(n_in, STEM_WIDTH, 3, 2, 1, bias=False)
        self.stem = ConvNormAct(stem, nn.ReLU6(inplace=True))
        self._stages = scaled_levels(size)[:n_levels]
        self.widths = tuple(level[-1].width for level in self._stages)
        self.levels = nn.ModuleList(
            _level(n_in, level)
            for n_in, level in zip(
                (STEM_WIDTH, *self.widths), self._stages, strict=False
            )
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the features of each level, finest first."""
        features = self.stem(image)
        found = []
        for level in self.levels:
            features = level(features)
            found.append(features)
        return found

    def needs(self, reach: Reach, level: int) -> Reach:
        """Return what features of a level depend on, along y or x.

        Parameters
        ----------
        reach : Reach
            Positions of the features.
        level : int
            Which one, 0 the finest.

        Returns
        -------
        Reach
            Positions of the level before it; pixels of the image for the first one.
        """
        for stage in reversed(self._stages[level]):
            for _ in range(stage.n_blocks - 1):
                reach = reach.through_convolution(stage.kernel)
            reach = reach.through_convolution(stage.kernel, stage.stride)
        return reach if level else reach.through_convolution(3, stride=2)


def scaled_levels(size: Size) -> tuple[tuple[Stage, ...], ...]:
    """Return the stages of a published network by level.

    Parameters
    ----------
    size : {"lite0", "lite1", "lite2"}
        Which one.

    Returns
    -------
    tuple of tuple of Stage
        As `LEVELS`.  Widths are rounded to multiples of eight; the first and the last
        stage keep their number of blocks.
    """
    return tuple(tuple(_scaled(stage, size) for stage in level) for level in LEVELS)


def _scaled(stage: Stage, size: Size) -> Stage:
    """Return a stage of EfficientNet-Lite0 as it is in another network."""
    wider, deeper = SCALING[size]
    width = round(stage.width * wider / WIDTH_STEP) * WIDTH_STEP
    if stage in {LEVELS[0][0], LEVELS[-1][-1]}:
        return stage._replace(width=width)
    return stage._replace(width=width, n_blocks=math.ceil(stage.n_blocks * deeper))


def _level(n_in: int, stages: tuple[Stage, ...]) -> nn.Sequential:
    """Return the blocks of one level."""
    blocks = []
    for stage in stages:
        widths = (n_in, *(stage.width for _ in range(stage.n_blocks)))
        for number, (n, width) in enumerate(pairwise(widths)):
            stride = 1 if number else stage.stride
            blocks.append(
                InvertedResidual(n, width, stage.kernel, stride, stage.expansion)
            )
        n_in = stage.width
    return nn.Sequential(*blocks)
