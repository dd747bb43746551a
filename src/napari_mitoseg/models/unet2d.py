"""The plain 2D U-Net: the yardstick for speed, and a base for refinement."""

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from napari_mitoseg.models.base import Network, architectures
from napari_mitoseg.models.blocks import double_conv_2d
from napari_mitoseg.models.receptive_field import Reach, radius, walk_u_shape
from napari_mitoseg.params import Params, param


class UNet2dConfig(Params):
    """Settings of `UNet2d`."""

    context: int = param(
        0, ge=0, le=16, description="Neighbour slices on each side that are seen."
    )
    extra: int = param(
        0, ge=0, le=8, description="Channels that go in beside the slices."
    )
    width: int = param(32, ge=1, le=256, description="Filters at the finest level.")
    levels: int = param(4, ge=1, le=6, description="Times the image is halved.")
    outputs: tuple[str, ...] = param(
        ("semantic", "boundary"), min_length=1, description="Names of output maps."
    )


@architectures.register("unet2d")
class UNet2d(Network):
    """U-Net with two 3×3 convolutions a level and concatenated skips.

    Parameters
    ----------
    config : UNet2dConfig
        Filters, levels, neighbour slices and output maps.

    Notes
    -----
    With the defaults: 7.8 million parameters, 289 GFLOP for 768×1024 pixels.

    References
    ----------
    .. [1] Ronneberger, Fischer, Brox (2015), U-Net, doi:10.1007/978-3-319-24574-4_28.
    """

    Config = UNet2dConfig
    dimensions = 2
    citation = (
        "Ronneberger, Fischer, Brox (2015), U-Net, doi:10.1007/978-3-319-24574-4_28",
    )

    def __init__(self, config: UNet2dConfig) -> None:
        super().__init__(config)
        self.context, self.extra = config.context, config.extra
        self.outputs = config.outputs
        self._levels = config.levels
        stride = 2**config.levels
        self.divisor = (1, stride, stride)
        reach = radius(self.needs, stride)
        self.halo = (self.context, reach, reach)
        widths = [config.width * 2**level for level in range(config.levels + 1)]
        inputs = [self.in_channels, *widths[:-1]]
        self.encoder = nn.ModuleList(map(double_conv_2d, inputs, widths))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in widths[:-1]
        )
        self.decoder = nn.ModuleList(double_conv_2d(2 * w, w) for w in widths[:-1])
        self.head = nn.Conv2d(config.width, len(self.outputs), 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits of the middle slice, ``(B, len(outputs), Y, X)``."""
        features = image
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            features = block(max_pool2d(features, 2) if level else features)
            skips.append(features)
        features = skips.pop()
        for up, block in reversed(list(zip(self.up, self.decoder, strict=True))):
            features = block(torch.cat([up(features), skips.pop()], dim=1))
        logits: Tensor = self.head(features)
        return logits

    def needs(self, reach: Reach) -> Reach:
        """Return what an interval of the output depends on, along y or x."""
        return walk_u_shape(
            reach,
            self._levels + 1,
            down=lambda r: r.through_convolution(2, stride=2),
            up=Reach.through_nearest,
            block=lambda r: r.through_convolution(5),
        )
