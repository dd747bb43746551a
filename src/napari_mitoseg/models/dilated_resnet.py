"""ResNet-50 whose last two stages are dilated instead of strided."""

from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from napari_mitoseg.models.blocks import ConvNormAct, conv_2d, every, pointwise_2d
from napari_mitoseg.models.receptive_field import Reach

EXPANSION = 4
"""Channels that leave a bottleneck over those inside it."""

STAGES = ((3, 2, 1), (4, 2, 1), (6, 1, 2), (3, 1, 4))
"""Bottlenecks, stride of the first one, and dilation of each residual block."""

STRIDE = 8
"""Pixels of the image per position of the features."""

_STEM = 7


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolution with a shortcut across them.

    Parameters
    ----------
    n_in, width : int
        Channels that come in, and inside; `EXPANSION` times `width` leave.
    stride, dilation : int
        Of the 3×3 convolution.

    References
    ----------
    .. [1] He, Zhang, Ren, Sun (2016), Deep residual learning for image recognition,
       Fig. 5 and Table 1, doi:10.1109/CVPR.2016.90.
    """

    def __init__(
        self, n_in: int, width: int, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        n_out = EXPANSION * width
        self.reduce = conv_2d(n_in, width, kernel=1)
        spatial = nn.Conv2d(width, width, 3, stride, dilation, dilation, bias=False)
        self.spatial = ConvNormAct(spatial, nn.ReLU(inplace=True))
        self.expand = pointwise_2d(width, n_out, nn.Identity())
        is_same = n_in == n_out and stride == 1
        self.shortcut = (
            nn.Identity() if is_same else pointwise_2d(n_in, n_out, nn.Identity())
        )
        self._stride = (stride, stride)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """Return features with ``EXPANSION * width`` channels."""
        residual = self.expand(self.spatial(self.reduce(features)))
        skipped = self.shortcut(every(self._stride, features))
        summed: Tensor = self.activation(residual + skipped)
        return summed


class DilatedResNet50(nn.Module):
    """The 3, 4, 6 and 3 bottlenecks of ResNet-50, at an eighth of the image's size.

    Parameters
    ----------
    n_in : int
        Channels of the image.
    width : int
        Filters of the first convolution; 64 as published.

    Attributes
    ----------
    n_out : int
        Channels of the features: 32 times `width`.
    """

    def __init__(self, n_in: int, width: int = 64) -> None:
        super().__init__()
        self.stem = conv_2d(n_in, width, kernel=_STEM)
        self.n_out = width
        stages = []
        for level, (count, stride, dilation) in enumerate(STAGES):
            inside = width * 2**level
            stages.append(_stage(self.n_out, inside, count, stride, dilation))
            self.n_out = EXPANSION * inside
        self.stages = nn.ModuleList(stages)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return features of the image, in detail and at an eighth of its size.

        Parameters
        ----------
        image : Tensor, shape (B, n_in, Y, X)
            Y and X multiples of `STRIDE`.

        Returns
        -------
        detail : Tensor, shape (B, width, Y, X)
            From the first convolution.
        features : Tensor, shape (B, n_out, Y / 8, X / 8)
            From the last residual block.
        """
        detail: Tensor = self.stem(image)
        features = max_pool2d(detail, 3, stride=2, padding=1)
        for stage in self.stages:
            features = stage(features)
        return detail, features


def needs_of_stages(reach: Reach) -> Reach:
    """Return what features depend on, along y or x.

    Parameters
    ----------
    reach : Reach
        Positions of the features.

    Returns
    -------
    Reach
        Pixels of the image.
    """
    for count, stride, dilation in reversed(STAGES):
        for _ in range(count - 1):
            reach = reach.through_convolution(2 * dilation + 1)
        reach = reach.through_convolution(2 * dilation + 1, stride)
    return needs_of_stem(reach.through_convolution(3, stride=2))


def needs_of_stem(reach: Reach) -> Reach:
    """Return what the output of the first convolution depends on, along y or x."""
    return reach.through_convolution(_STEM)


def _stage(
    n_in: int, width: int, count: int, stride: int, dilation: int
) -> nn.Sequential:
    """Return a residual block: bottlenecks, the first of which may be strided."""
    first = Bottleneck(n_in, width, stride, dilation)
    n_out = EXPANSION * width
    rest = (Bottleneck(n_out, width, 1, dilation) for _ in range(count - 1))
    return nn.Sequential(first, *rest)
