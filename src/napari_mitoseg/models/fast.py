"""The default network: a few neighbouring slices in, made for CPUs."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pixel_shuffle, pixel_unshuffle

from napari_mitoseg.models.base import Network, Widths, architectures
from napari_mitoseg.models.blocks import conv_2d, double_conv_2d, join_by_addition
from napari_mitoseg.models.receptive_field import Reach, radius, walk_u_shape
from napari_mitoseg.params import Params, param

STEM = 2


class FastConfig(Params):
    """Settings of `Fast`."""

    context: int = param(
        1, ge=0, le=16, description="Neighbour slices on each side that are seen."
    )
    extra: int = param(
        0, ge=0, le=8, description="Channels that go in beside the slices."
    )
    widths: Widths = param(
        (32, 64, 128, 192, 256),
        min_length=2,
        max_length=6,
        description="Channels at each level, finest first.",
    )
    outputs: tuple[str, ...] = param(
        ("semantic", "boundary"), min_length=1, description="Names of output maps."
    )


@architectures.register("fast")
class Fast(Network):
    """U-Net at half the resolution of its input, outputs at full resolution.

    A 2×2 space-to-depth stem quarters the number of positions without losing a
    grey value; levels are joined by addition, which needs half the arithmetic of
    concatenation; a sub-pixel (pixel-shuffle) head returns to full resolution.

    Parameters
    ----------
    config : FastConfig
        Context and widths.
    """

    Config = FastConfig
    dimensions = 2

    def __init__(self, config: FastConfig) -> None:
        super().__init__(config)
        self.context, self.extra = config.context, config.extra
        self.outputs = config.outputs
        widths = config.widths
        self._levels = len(widths)
        stride = STEM * 2 ** (self._levels - 1)
        self.divisor = (1, stride, stride)
        reach = radius(self.needs, stride)
        self.halo = (self.context, reach, reach)
        inputs = (self.in_channels * STEM**2, *widths[:-1])
        self.encoder = nn.ModuleList(map(double_conv_2d, inputs, widths))
        self.reduce = nn.ModuleList(
            conv_2d(deep, fine, kernel=1) for fine, deep in pairwise(widths)
        )
        self.decoder = nn.ModuleList(double_conv_2d(w, w) for w in widths[:-1])
        self.head = nn.Conv2d(widths[0], len(self.outputs) * STEM**2, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits of the middle slice, ``(B, len(outputs), Y, X)``."""
        features = pixel_unshuffle(image, STEM)
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            features = block(max_pool2d(features, 2) if level else features)
            skips.append(features)
        features = join_by_addition(skips, self.reduce, self.decoder)
        return pixel_shuffle(self.head(features), STEM)

    def needs(self, reach: Reach) -> Reach:
        """Return what an interval of the output depends on, along y or x."""
        needed = walk_u_shape(
            reach.through_nearest(STEM),
            self._levels,
            down=lambda r: r.through_convolution(2, stride=2),
            up=Reach.through_nearest,
            block=lambda r: r.through_convolution(5),
        )
        return needed.through_convolution(STEM, stride=STEM)
