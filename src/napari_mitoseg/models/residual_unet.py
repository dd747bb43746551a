"""2D and 3D Res-UNet: the baselines of the cascade, and its second stage."""

from math import prod

from torch import Tensor, nn

from napari_mitoseg.models.base import Network, Widths, architectures
from napari_mitoseg.models.receptive_field import Reach, radius
from napari_mitoseg.models.residual import ResidualUShape, Stride, walk_residual_u
from napari_mitoseg.params import Params, param
from napari_mitoseg.volume import Shape

CITATION = (
    "Guo, Seshathiri, Liu, Hsu (2023), Two-stage cascaded CNN model for 3D "
    "mitochondria EM segmentation, doi:10.3390/electronics12040928",
)


class ResUNet2dConfig(Params):
    """Settings of `ResUNet2d`."""

    widths: Widths = param(
        (32, 64, 128, 256, 512),
        min_length=2,
        max_length=7,
        description="Channels at each level, finest first.",
    )
    outputs: tuple[str, ...] = param(
        ("semantic",), min_length=1, description="Names of output maps."
    )


class ResUNet3dConfig(Params):
    """Settings of `ResUNet3d`."""

    widths: Widths = param(
        (16, 32, 64, 128, 256),
        min_length=2,
        max_length=7,
        description="Channels at each level, finest first.",
    )
    z_halvings: int = param(
        2,
        ge=0,
        le=6,
        description="How often z is halved, at the coarse end; y and x are halved "
        "between all levels. Fewer for thick slices, more for equal spacing.",
    )
    extra: int = param(
        0, ge=0, le=8, description="Channels that go in beside the image."
    )
    outputs: tuple[str, ...] = param(
        ("semantic",), min_length=1, description="Names of output maps."
    )

    @property
    def strides(self) -> tuple[Stride, ...]:
        """Strides along z, y, x between each level and the next."""
        n_steps = len(self.widths) - 1
        n_flat = max(n_steps - self.z_halvings, 0)
        return ((1, 2, 2),) * n_flat + ((2, 2, 2),) * (n_steps - n_flat)


@architectures.register("resunet2d")
class ResUNet2d(Network):
    """2D Res-UNet: a U-Net of residual blocks that sees one slice.

    Parameters
    ----------
    config : ResUNet2dConfig
        Widths and output maps.

    Notes
    -----
    The row "2D Res-UNet" of the cascade's Table 1 [1]_, which names its source [2]_
    and gives no sizes.  Left open by the text, and chosen here: widths, strided
    convolutions that halve, nearest-neighbour upsampling, concatenated skips.

    References
    ----------
    .. [1] Guo et al. (2023), Two-stage cascaded CNN model for 3D mitochondria EM
       segmentation, Table 1, doi:10.3390/electronics12040928.
    .. [2] Xiao et al. (2018), Weighted Res-UNet for high-quality retina vessel
       segmentation, doi:10.1109/ITME.2018.00080.
    """

    Config = ResUNet2dConfig
    citation = (
        *CITATION,
        "Xiao et al. (2018), Weighted Res-UNet for high-quality retina vessel "
        "segmentation, doi:10.1109/ITME.2018.00080",
    )
    dimensions = 2
    context = 0

    def __init__(self, config: ResUNet2dConfig) -> None:
        super().__init__(config)
        self.outputs = config.outputs
        self._strides = (2,) * (len(config.widths) - 1)
        stride = prod(self._strides)
        self.divisor = (1, stride, stride)
        reach = radius(self.needs, stride)
        self.halo = (0, reach, reach)
        planar = [(s, s) for s in self._strides]
        self.body = ResidualUShape(self.in_channels, config.widths, planar)
        self.head = nn.Conv2d(config.widths[0], len(self.outputs), 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits, ``(B, len(outputs), Y, X)``."""
        logits: Tensor = self.head(self.body(image))
        return logits

    def needs(self, reach: Reach) -> Reach:
        """Return what an interval of the output depends on, along y or x."""
        return walk_residual_u(reach, self._strides)


@architectures.register("resunet3d")
class ResUNet3d(Network):
    """3D Res-UNet: a U-Net of residual blocks that halves z, y and x.

    Parameters
    ----------
    config : ResUNet3dConfig
        Widths, how often z is halved, channels beside the image, output maps.

    Notes
    -----
    The row "3D Res-UNet" of the cascade's Table 1, and its second stage [1]_, for
    cubes of 32×256×256 voxels (ZYX) of 5 nm.  Not the Res-UNet of `ResUNetR`: that one
    never halves z.  The text names its source [2]_, U-Nets on residual encoders, and
    gives no sizes.  Chosen here: four halvings of y and x, two of z, which thick slices
    bear too (its cubes would allow five of each); the widths, nearest-neighbour
    upsampling, concatenated skips.

    References
    ----------
    .. [1] Guo et al. (2023), Two-stage cascaded CNN model for 3D mitochondria EM
       segmentation, section 4.1 and Table 1, doi:10.3390/electronics12040928.
    .. [2] Solovyev, Kalinin, Gabruseva (2021), 3D convolutional neural networks for
       stalled brain capillary detection, doi:10.48550/arXiv.2104.01687.
    """

    Config = ResUNet3dConfig
    citation = (
        *CITATION,
        "Solovyev, Kalinin, Gabruseva (2021), 3D convolutional neural networks for "
        "stalled brain capillary detection, doi:10.48550/arXiv.2104.01687",
    )
    dimensions = 3
    context = 0

    def __init__(self, config: ResUNet3dConfig) -> None:
        super().__init__(config)
        self.extra, self.outputs = config.extra, config.outputs
        axes = list(zip(*config.strides, strict=True))
        self.divisor = _triple([prod(strides) for strides in axes])
        self.halo = _triple([_reach(strides) for strides in axes])
        self.body = ResidualUShape(self.in_channels, config.widths, config.strides)
        self.head = nn.Conv3d(config.widths[0], len(self.outputs), 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits, ``(B, len(outputs), Z, Y, X)``."""
        logits: Tensor = self.head(self.body(image))
        return logits


def _reach(strides: tuple[int, ...]) -> int:
    """Return the radius of the receptive field along one axis."""
    return radius(lambda span: walk_residual_u(span, strides), prod(strides))


def _triple(values: list[int]) -> Shape:
    z, y, x = values
    return z, y, x
