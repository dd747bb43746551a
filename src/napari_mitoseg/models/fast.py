"""The default network: a few neighbouring slices in, made for CPUs."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, pixel_shuffle, pixel_unshuffle

from napari_mitoseg.models.base import Network, architectures
from napari_mitoseg.models.blocks import conv_2d, double_conv_2d
from napari_mitoseg.models.receptive_field import Reach, radius, walk_u_shape
from napari_mitoseg.params import Params, param

STEM = 2


class FastConfig(Params):
    """Settings of `Fast`."""

    context: int = param(
        1, ge=0, le=4, description="Neighbour slices on each side that are seen."
    )
    widths: tuple[int, ...] = param(
        (32, 64, 128, 192, 256),
        min_length=2,
        max_length=6,
        description="Channels at each level, finest first.",
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
    outputs = ("semantic", "boundary")

    def __init__(self, config: FastConfig) -> None:
        super().__init__(config)
        self.context = config.context
        widths = config.widths
        levels = len(widths)
        stride = STEM * 2 ** (levels - 1)
        self.divisor = (1, stride, stride)
        reach = radius(lambda span: _walk(span, levels), stride)
        self.halo = (self.context, reach, reach)
        inputs = (self.in_channels * STEM**2, *widths[:-1])
        self.encoder = nn.ModuleList(map(double_conv_2d, inputs, widths))
        self.reduce = nn.ModuleList(
            conv_2d(deep, fine, kernel=1) for fine, deep in pairwise(widths)
        )
        self.decoder = nn.ModuleList(double_conv_2d(w, w) for w in widths[:-1])
        self.head = nn.Conv2d(widths[0], len(self.outputs) * STEM**2, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits of the middle slice, ``(B, 2, Y, X)``."""
        features = pixel_unshuffle(image, STEM)
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            features = block(max_pool2d(features, 2) if level else features)
            skips.append(features)
        features = skips.pop()
        for reduce, block in reversed(
            list(zip(self.reduce, self.decoder, strict=True))
        ):
            raised = interpolate(reduce(features), scale_factor=2.0, mode="nearest")
            features = block(raised + skips.pop())
        return pixel_shuffle(self.head(features), STEM)


def _walk(reach: Reach, levels: int) -> Reach:
    """Walk from an output pixel back to the input."""
    needed = walk_u_shape(
        reach.through_nearest(STEM),
        levels,
        down=lambda r: r.through_convolution(2, stride=2),
        up=Reach.through_nearest,
        block=lambda r: r.through_convolution(5),
    )
    return needed.through_convolution(STEM, stride=STEM)
