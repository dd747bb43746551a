"""Layers that several networks share."""

from collections.abc import Sequence
from typing import Any, cast

from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.utils.fusion import fuse_conv_bn_eval


class ConvNormAct(nn.Sequential):
    """Convolution, batch normalisation, activation; size is kept unless strided.

    Parameters
    ----------
    conv : Conv2d or Conv3d
        Without bias: the normalisation has one.
    activation : Module
        Applied last; `torch.nn.Identity` for none.
    """

    conv: nn.Module
    norm: nn.Module
    activation: nn.Module

    def __init__(self, conv: nn.Conv2d | nn.Conv3d, activation: nn.Module) -> None:
        super().__init__()
        planar = isinstance(conv, nn.Conv2d)
        norm = nn.BatchNorm2d if planar else nn.BatchNorm3d
        self.add_module("conv", conv)
        self.add_module("norm", norm(conv.out_channels))
        self.add_module("activation", activation)


def every(stride: Sequence[int], features: Tensor) -> Tensor:
    """Return every `stride`-th position along the last axes.

    Parameters
    ----------
    stride : sequence of int
        One for each axis.
    features : Tensor, shape (B, C, ..., Y, X)
        Before a convolution of 1.

    Returns
    -------
    Tensor
        What a strided convolution of 1 would look at: torch 2.13 computes that one
        wrongly on CPUs (it writes beyond its memory) for channels last.
    """
    kept: tuple[Any, ...] = (..., *(slice(None, None, s) for s in stride))
    return features[kept]


def conv_2d(n_in: int, n_out: int, kernel: int = 3) -> ConvNormAct:
    """Return a square convolution with batch normalisation and ReLU."""
    conv = nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2, bias=False)
    return ConvNormAct(conv, nn.ReLU(inplace=True))


def double_conv_2d(n_in: int, n_out: int) -> nn.Sequential:
    """Return two 3×3 convolutions, each with batch normalisation and ReLU."""
    return nn.Sequential(conv_2d(n_in, n_out), conv_2d(n_out, n_out))


def pointwise_2d(n_in: int, n_out: int, activation: nn.Module) -> ConvNormAct:
    """Return a convolution of 1 with batch normalisation and an activation."""
    return ConvNormAct(nn.Conv2d(n_in, n_out, 1, bias=False), activation)


def join_by_addition(
    skips: Sequence[Tensor], reduce: nn.ModuleList, blocks: nn.ModuleList
) -> Tensor:
    """Go up through the levels of a decoder, adding what the encoder found.

    Parameters
    ----------
    skips : sequence of Tensor
        Features of the encoder at each level, finest first.
    reduce : ModuleList
        Brings channels down to those of the next finer level, finest first.
    blocks : ModuleList
        Applied to the sum at each level but the coarsest, finest first.

    Returns
    -------
    Tensor
        Features at the finest level.
    """
    *finer, features = skips
    for skip, narrow, block in reversed(list(zip(finer, reduce, blocks, strict=True))):
        raised = interpolate(narrow(features), scale_factor=2.0, mode="nearest")
        features = block(raised + skip)
    return features


def conv_3d(
    n_in: int,
    n_out: int,
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int] = (1, 1, 1),
    *,
    activate: bool = True,
) -> ConvNormAct:
    """Return a centred 3D convolution with batch normalisation and ELU.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    kernel, stride : tuple of int
        Sizes along z, y, x.
    activate : bool
        Whether ELU follows.

    Returns
    -------
    ConvNormAct
        The three layers.
    """
    z, y, x = (k // 2 for k in kernel)
    conv = nn.Conv3d(n_in, n_out, kernel, stride, (z, y, x), bias=False)
    return ConvNormAct(conv, nn.ELU(inplace=True) if activate else nn.Identity())


class AnisotropicBlock(nn.Module):
    """Anisotropic convolution block: 1×3×3, then two 3×3×3 with a skip across them.

    Parameters
    ----------
    n_in, n_out : int
        Channels; the 1×3×3 convolution changes their number.

    Notes
    -----
    The text [1]_ leaves open where the activation stands at the sum: here ELU is
    applied to the sum, as in residual networks.

    References
    ----------
    .. [1] Li et al. (2021), Advanced deep networks for 3D mitochondria instance
       segmentation, section 2.1, doi:10.48550/arXiv.2104.07961.
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.planar = conv_3d(n_in, n_out, (1, 3, 3))
        self.first = conv_3d(n_out, n_out, (3, 3, 3))
        self.second = conv_3d(n_out, n_out, (3, 3, 3), activate=False)
        self.activation = nn.ELU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same size with `n_out` channels."""
        planar = self.planar(features)
        summed: Tensor = self.activation(planar + self.second(self.first(planar)))
        return summed


def fuse_batch_norm(network: nn.Module) -> None:
    """Fold every batch normalisation into its convolution, in place.

    Parameters
    ----------
    network : Module
        In evaluation mode; afterwards good for inference only.

    Raises
    ------
    RuntimeError
        If the network is in training mode.

    Notes
    -----
    Outputs stay equal to within rounding; a pass over memory is saved per layer.
    """
    if network.training:
        msg = "Call network.eval() before folding its batch normalisation."
        raise RuntimeError(msg)
    for module in network.modules():
        if isinstance(module, ConvNormAct) and not isinstance(module.norm, nn.Identity):
            conv, norm = cast(nn.Conv2d, module.conv), cast(nn.BatchNorm2d, module.norm)
            module.conv = fuse_conv_bn_eval(conv, norm)
            module.norm = nn.Identity()
