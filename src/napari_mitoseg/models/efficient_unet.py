"""A U-Net around the encoder of EfficientNet-Lite."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle

from napari_mitoseg.models.base import Network, Widths, architectures
from napari_mitoseg.models.blocks import conv_2d, double_conv_2d, join_by_addition
from napari_mitoseg.models.inverted_residual import LEVELS, LiteEncoder, Size
from napari_mitoseg.models.receptive_field import Reach, radius
from napari_mitoseg.params import Params, param

STEM = 2


class EfficientUNetConfig(Params):
    """Settings of `EfficientUNet`."""

    context: int = param(
        1, ge=0, le=16, description="Neighbour slices on each side that are seen."
    )
    extra: int = param(
        0, ge=0, le=8, description="Channels that go in beside the slices."
    )
    encoder: Size = param(
        "lite0", description="Which EfficientNet the encoder is of; lite0 is smallest."
    )
    widths: Widths = param(
        (32, 48, 64, 128),
        min_length=2,
        max_length=len(LEVELS),
        description="Channels of the decoder, finest first; one for each level of the "
        "encoder.",
    )
    outputs: tuple[str, ...] = param(
        ("semantic", "boundary"), min_length=1, description="Names of output maps."
    )


@architectures.register("efficient-unet")
class EfficientUNet(Network):
    """U-Net whose encoder is that of an EfficientNet-Lite.

    The encoder can start from weights learned on photographs, see `lite_weights`.  The
    decoder is that of `Fast`: levels joined by addition, and a sub-pixel head.

    Parameters
    ----------
    config : EfficientUNetConfig
        Context and widths.

    References
    ----------
    .. [1] Tan, Le (2019), EfficientNet: rethinking model scaling for convolutional
       neural networks, arXiv:1905.11946.
    """

    Config = EfficientUNetConfig
    dimensions = 2
    citation = (
        "Tan, Le (2019), EfficientNet: rethinking model scaling for convolutional "
        "neural networks, arXiv:1905.11946",
    )

    def __init__(self, config: EfficientUNetConfig) -> None:
        super().__init__(config)
        self.context, self.extra = config.context, config.extra
        self.outputs = config.outputs
        widths = config.widths
        self._levels = len(widths)
        stride = 2**self._levels
        self.divisor = (1, stride, stride)
        self.encoder = LiteEncoder(self.in_channels, self._levels, config.encoder)
        reach = radius(self.needs, stride)
        self.halo = (self.context, reach, reach)
        self.lateral = nn.ModuleList(
            conv_2d(n_in, width, kernel=1)
            for n_in, width in zip(self.encoder.widths, widths, strict=True)
        )
        self.reduce = nn.ModuleList(
            conv_2d(deep, fine, kernel=1) for fine, deep in pairwise(widths)
        )
        self.decoder = nn.ModuleList(double_conv_2d(w, w) for w in widths[:-1])
        self.head = nn.Conv2d(widths[0], len(self.outputs) * STEM**2, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits of the middle slice, ``(B, len(outputs), Y, X)``."""
        found = self.encoder(image)
        skips = [side(f) for side, f in zip(self.lateral, found, strict=True)]
        features = join_by_addition(skips, self.reduce, self.decoder)
        return pixel_shuffle(self.head(features), STEM)

    def needs(self, reach: Reach) -> Reach:
        """Return what an interval of the output depends on, along y or x."""
        decoded = self._needs_of_decoder(reach.through_nearest(STEM), 0)
        return self.encoder.needs(decoded, 0)

    def _needs_of_decoder(self, reach: Reach, level: int) -> Reach:
        """Walk from the decoder's output at a level to the encoder's."""
        if level == self._levels - 1:
            return reach
        needed = reach.through_convolution(5)
        deeper = self._needs_of_decoder(needed.through_nearest(), level + 1)
        return needed.joined(self.encoder.needs(deeper, level + 1))
