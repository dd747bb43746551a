"""U-shapes of residual blocks, in two and three dimensions."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from napari_mitoseg.models.blocks import ConvNormAct, every
from napari_mitoseg.models.receptive_field import Reach

Stride = tuple[int, ...]
"""One number for each axis: y, x in two dimensions, z, y, x in three."""


def residual_conv(
    n_in: int, n_out: int, kernel: int, stride: Stride, *, activate: bool = True
) -> ConvNormAct:
    """Return a centred convolution with batch normalisation and ReLU.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    kernel : int
        Size along every axis; odd.
    stride : tuple of int
        For each axis; their number decides the dimensions.
    activate : bool
        Whether ReLU follows.

    Returns
    -------
    ConvNormAct
        The three layers.
    """
    conv: nn.Conv2d | nn.Conv3d
    around = kernel // 2
    if len(stride) == 2:
        y, x = stride
        conv = nn.Conv2d(n_in, n_out, kernel, (y, x), around, bias=False)
    else:
        z, y, x = stride
        conv = nn.Conv3d(n_in, n_out, kernel, (z, y, x), around, bias=False)
    return ConvNormAct(conv, nn.ReLU(inplace=True) if activate else nn.Identity())


class ResidualBlock(nn.Module):
    """Two convolutions of 3 along every axis with a projection across them.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    stride : tuple of int
        Of the first convolution; the projection skips as much.

    References
    ----------
    .. [1] He et al. (2016), Deep residual learning for image recognition,
       doi:10.1109/CVPR.2016.90, Fig. 2 and option C.
    """

    def __init__(self, n_in: int, n_out: int, stride: Stride) -> None:
        super().__init__()
        one = (1,) * len(stride)
        self.first = residual_conv(n_in, n_out, 3, stride)
        self.second = residual_conv(n_out, n_out, 3, one, activate=False)
        self.shortcut = residual_conv(n_in, n_out, 1, one, activate=False)
        self._stride = stride
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """Return `n_out` channels, smaller by the stride."""
        skipped = self.shortcut(every(self._stride, features))
        added = self.second(self.first(features)) + skipped
        summed: Tensor = self.activation(added)
        return summed


class ResidualUShape(nn.Module):
    """Encoder and decoder of residual blocks, joined by concatenation at each level.

    Parameters
    ----------
    n_in : int
        Channels of the input.
    widths : sequence of int
        Channels at each level, finest first.
    strides : sequence of tuple of int
        Between each level and the next coarser one, for each axis.
    """

    def __init__(
        self, n_in: int, widths: Sequence[int], strides: Sequence[Stride]
    ) -> None:
        super().__init__()
        self.strides = tuple(strides)
        one = (1,) * len(self.strides[0])
        inputs = (n_in, *widths[:-1])
        self.encoder = nn.ModuleList(
            map(ResidualBlock, inputs, widths, (one, *self.strides))
        )
        self.decoder = nn.ModuleList(
            ResidualBlock(fine + deep, fine, one) for fine, deep in pairwise(widths)
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return features of the size of the input, ``widths[0]`` channels."""
        features = image
        skips: list[Tensor] = []
        for block in self.encoder:
            features = block(features)
            skips.append(features)
        features = skips.pop()
        levels = list(zip(self.strides, self.decoder, strict=True))
        for stride, block in reversed(levels):
            raised = interpolate(features, scale_factor=tuple(map(float, stride)))
            features = block(torch.cat([raised, skips.pop()], dim=1))
        return features


def walk_residual_u(reach: Reach, strides: Sequence[int]) -> Reach:
    """Walk from the output of a `ResidualUShape` back to its input along one axis.

    Parameters
    ----------
    reach : Reach
        Interval of the output.
    strides : sequence of int
        Along this axis, between each level and the next coarser one.

    Returns
    -------
    Reach
        Interval of the input.

    Notes
    -----
    A block of two convolutions of 3 is walked as one of 5.
    """
    return _walk_level(reach, 1, tuple(strides))


def _walk_level(reach: Reach, stride: int, deeper: tuple[int, ...]) -> Reach:
    """Walk back through a level, those below it, and the block that leads into it."""
    needed = reach
    if deeper:
        joined = reach.through_convolution(5)
        below = joined.through_nearest(deeper[0])
        needed = joined.joined(_walk_level(below, deeper[0], deeper[1:]))
    # The second convolution keeps the size, the first one is strided.
    return needed.through_convolution(3).through_convolution(3, stride)
