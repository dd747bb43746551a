"""Res-UNet-R and Res-UNet-H, the networks that won the MitoEM challenge."""

from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from napari_mitoseg.models.base import Network, Widths, architectures
from napari_mitoseg.models.blocks import AnisotropicBlock, conv_3d
from napari_mitoseg.models.receptive_field import Reach, radius, walk_u_shape
from napari_mitoseg.params import Params, param

OUTPUTS = ("semantic", "boundary")


class ResUNetConfig(Params):
    """Settings of `ResUNetR` and `ResUNetH`; the defaults are the paper's."""

    widths: Widths = param(
        (28, 36, 48, 64, 80),
        min_length=2,
        max_length=6,
        description="Channels at each level, finest first.",
    )


class _Encoder(nn.Module):
    """Embedding, then at each level a block and a strided convolution."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.embedding = conv_3d(1, widths[0], (1, 5, 5))
        inputs = (widths[0], *widths[:-1])
        self.blocks = nn.ModuleList(map(AnisotropicBlock, inputs, widths))
        self.down = nn.ModuleList(
            conv_3d(w, w, (1, 3, 3), stride=(1, 2, 2)) for w in widths[:-1]
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the features of every level, finest first."""
        features = self.embedding(image)
        levels: list[Tensor] = []
        for level, block in enumerate(self.blocks):
            features = block(self.down[level - 1](features) if level else features)
            levels.append(features)
        return levels


class _Decoder(nn.Module):
    """In-plane trilinear upsampling, concatenation, a block; the maps at the end."""

    def __init__(self, widths: tuple[int, ...], n_outputs: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            AnisotropicBlock(fine + deep, fine) for fine, deep in pairwise(widths)
        )
        self.head = nn.Conv3d(widths[0], n_outputs, 1)

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Return logits from the features of every level."""
        *skips, features = levels
        for skip, block in reversed(list(zip(skips, self.blocks, strict=True))):
            raised = interpolate(
                features, scale_factor=(1.0, 2.0, 2.0), mode="trilinear"
            )
            features = block(torch.cat([raised, skip], dim=1))
        logits: Tensor = self.head(features)
        return logits


class _ResUNet(Network):
    """One encoder and one or two decoders of anisotropic convolution blocks."""

    Config = ResUNetConfig
    dimensions = 3
    outputs = OUTPUTS
    context = 0
    citation = (
        "Li et al. (2021), Advanced deep networks for 3D mitochondria instance "
        "segmentation, doi:10.48550/arXiv.2104.07961",
    )
    maps_per_decoder: ClassVar[tuple[int, ...]]

    def __init__(self, config: ResUNetConfig) -> None:
        super().__init__(config)
        levels = len(config.widths)
        stride = 2 ** (levels - 1)
        self.divisor = (1, stride, stride)
        reach = radius(lambda span: _walk_plane(span, levels), stride)
        self.halo = (2 * (2 * levels - 1), reach, reach)
        self.encoder = _Encoder(config.widths)
        self.decoders = nn.ModuleList(
            _Decoder(config.widths, n_maps) for n_maps in self.maps_per_decoder
        )

    def forward(self, image: Tensor) -> Tensor:
        """Return logits, ``(B, 2, Z, Y, X)``: semantic mask, instance boundary."""
        levels = self.encoder(image)
        return torch.cat([decoder(levels) for decoder in self.decoders], dim=1)


@architectures.register("resunet-r")
class ResUNetR(_ResUNet):
    """Res-UNet-R: one decoder gives the semantic mask and the instance boundary.

    Parameters
    ----------
    config : ResUNetConfig
        Widths.

    Notes
    -----
    From the text [1]_: the 1×5×5 embedding, the anisotropic convolution block, the
    1×3×3 downsampling in-plane, trilinear upsampling, ELU after every convolution.
    The widths are those of the authors' code.  Left open by both, and chosen here:
    batch normalisation between each convolution and its ELU; the downsampling
    convolution (stride 1×2×2) keeps the width and the next block's 1×3×3 changes
    it; skips are concatenated as in the 3D U-Net the text names as its model; a
    1×1×1 convolution makes the output maps.

    References
    ----------
    .. [1] Li et al. (2021), Advanced deep networks for 3D mitochondria instance
       segmentation, section 2.1 and Fig. 1, doi:10.48550/arXiv.2104.07961.
    """

    maps_per_decoder = (2,)


@architectures.register("resunet-h")
class ResUNetH(_ResUNet):
    """Res-UNet-H: a decoder for the semantic mask, another for the boundary.

    Parameters
    ----------
    config : ResUNetConfig
        Widths.

    Notes
    -----
    As `ResUNetR` but for the second decoder; made for noisier tissue [1]_.

    References
    ----------
    .. [1] Li et al. (2021), Advanced deep networks for 3D mitochondria instance
       segmentation, section 2.1, doi:10.48550/arXiv.2104.07961.
    """

    maps_per_decoder = (1, 1)


def _walk_plane(reach: Reach, levels: int) -> Reach:
    """Walk from an output voxel back to the input along y or x."""
    needed = walk_u_shape(
        reach,
        levels,
        down=lambda r: r.through_convolution(3, stride=2),
        up=Reach.through_linear,
        block=lambda r: r.through_convolution(7),
    )
    return needed.through_convolution(5)
