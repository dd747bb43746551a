"""The interpolation network: a slice from its two neighbours, by adaptive convolution.

For every pixel the network predicts one kernel for the slice below and one for the
slice above; the sum of what they pick out is the slice in between.
"""

from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, pad, pixel_unshuffle

from napari_mitoseg.models.base import Widths
from napari_mitoseg.models.blocks import conv_2d, double_conv_2d
from napari_mitoseg.models.receptive_field import Reach, radius, walk_u_shape
from napari_mitoseg.params import Params, param
from napari_mitoseg.volume import Shape

STEM = 2
CENTRED = 3.0
"""Logit of the middle of a fresh kernel, which blurs little."""


class InterpolationConfig(Params):
    """Settings of `InterpolationNetwork`."""

    reach: int = param(
        10,
        ge=1,
        le=50,
        description="How far the kernels reach to each side: neighbours may be "
        "shifted that far.",
        unit="px",
    )
    widths: Widths = param(
        (24, 32, 64, 96),
        min_length=1,
        max_length=6,
        description="Channels at each level, finest first.",
    )


PUBLISHED = InterpolationConfig(reach=25, widths=(32, 64, 128, 256, 512))
"""Kernels of 51×51 and the widths of the separable network, see below."""


class InterpolationNetwork(nn.Module):
    """Predicts the slice between two others.

    Parameters
    ----------
    config : InterpolationConfig
        Size of the kernels and of the network.

    Attributes
    ----------
    Config : type of Params
        Declares the settings; all have defaults.
    config : InterpolationConfig
        As given.
    divisor : tuple of int
        Input sizes along z, y, x must be multiples of these.
    halo : tuple of int
        Radius of the receptive field along z, y, x in voxels; exact.

    Notes
    -----
    Li et al. [1]_ restore noisy regions of EM stacks with a network that "takes the two
    adjacent frames of the noisy frame as input and predicts two kernels", one for each
    frame, "the sum of which contributes to the restored frame"; they leave its layers
    and sizes open.  The kernels here are the outer products of one-dimensional ones
    [3]_, each made positive with sum 1 by a softmax as in [2]_, and the two neighbours
    share the sum by a weight of their own: a fresh network gives about the mean of the
    neighbours, and no network can give a grey value that they do not have nearby.

    The kernels are predicted at half the resolution and interpolated, which is a
    quarter of the work.  `PUBLISHED` has the kernels (51) and the widths of [3]_; [2]_
    has kernels of 41.

    References
    ----------
    .. [1] Li et al. (2021), Advanced deep networks for 3D mitochondria instance
       segmentation, section 2.3, doi:10.48550/arXiv.2104.07961.
    .. [2] Niklaus, Mai, Liu (2017), Video frame interpolation via adaptive
       convolution, doi:10.1109/CVPR.2017.244.
    .. [3] Niklaus, Mai, Liu (2017), Video frame interpolation via adaptive separable
       convolution, doi:10.1109/ICCV.2017.37.
    """

    Config: ClassVar[type[Params]] = InterpolationConfig
    divisor: Shape
    halo: Shape

    def __init__(self, config: InterpolationConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self._kernel = 2 * config.reach + 1
        self._levels = len(widths)
        stride = STEM * 2 ** (self._levels - 1)
        self.divisor = (1, stride, stride)
        reach = radius(self.needs, stride)
        self.halo = (1, reach, reach)
        inputs = (2 * STEM**2, *widths[:-1])
        self.encoder = nn.ModuleList(map(double_conv_2d, inputs, widths))
        self.reduce = nn.ModuleList(
            conv_2d(deep, fine, kernel=1) for fine, deep in pairwise(widths)
        )
        self.decoder = nn.ModuleList(double_conv_2d(w, w) for w in widths[:-1])
        self.head = _head(widths[0], self._kernel)

    @classmethod
    def from_config(
        cls, values: dict[str, Any] | None = None
    ) -> "InterpolationNetwork":
        """Build the network from plain settings.

        Parameters
        ----------
        values : dict, optional
            Settings as JSON holds them; defaults where absent.

        Returns
        -------
        InterpolationNetwork
            With fresh weights.

        Raises
        ------
        InvalidParameterError
            If a setting is unknown or out of bounds.
        """
        return cls(InterpolationConfig.parse(values or {}))

    def forward(self, pair: Tensor) -> Tensor:
        """Interpolate.

        Parameters
        ----------
        pair : Tensor, shape (B, 2, Y, X)
            The slices below and above, of mean 0 and standard deviation 1 together.

        Returns
        -------
        Tensor, shape (B, Y, X)
            The slice in between, on the same grey scale.
        """
        fields = self._fields(pair)
        share = torch.sigmoid(_enlarged(fields[:, :1]))[:, 0]
        sides = fields[:, 1:].chunk(2, dim=1)
        below, above = (
            adaptive_convolution(image, *map(_normalized, side.chunk(2, dim=1)))
            for image, side in zip(pair.unbind(1), sides, strict=True)
        )
        return share * below + (1 - share) * above

    def needs(self, reach: Reach) -> Reach:
        """Return what an interval of the output depends on, along y or x."""
        needed = walk_u_shape(
            reach.through_linear(),
            self._levels,
            down=lambda r: r.through_convolution(2, stride=2),
            up=Reach.through_nearest,
            block=lambda r: r.through_convolution(5),
        )
        seen = needed.through_convolution(STEM, stride=STEM)
        return seen.joined(reach.through_convolution(self._kernel))

    def _fields(self, pair: Tensor) -> Tensor:
        """Return share and kernels, not yet normalized, at half the resolution."""
        features = pixel_unshuffle(pair, STEM)
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            features = block(max_pool2d(features, 2) if level else features)
            skips.append(features)
        features = skips.pop()
        steps = zip(self.reduce, self.decoder, strict=True)
        for reduce, block in reversed(list(steps)):
            raised = interpolate(reduce(features), scale_factor=2.0, mode="nearest")
            features = block(raised + skips.pop())
        fields: Tensor = self.head(features)
        return fields


def adaptive_convolution(image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Convolve an image with another kernel at every pixel.

    Parameters
    ----------
    image : Tensor, shape (B, Y, X)
        Grey values; no gradient flows to them.
    rows, columns : Tensor, shape (n, B, Y, X)
        Along y and x; the kernel of a pixel is their outer product.  n is odd.

    Returns
    -------
    Tensor, shape (B, Y, X)
        At each pixel the sum over its n×n neighbourhood, weighted by its kernel;
        beyond its edges the image goes on with the values at the edge.

    Notes
    -----
    n² multiplications a pixel, in n² passes over planes: no neighbourhood is copied.

    Examples
    --------
    >>> image = torch.tensor([[[1.0, 2.0, 3.0]]])
    >>> rows = torch.tensor([0.0, 1.0, 0.0]).view(3, 1, 1, 1).expand(3, 1, 1, 3)
    >>> left = torch.tensor([1.0, 0.0, 0.0]).view(3, 1, 1, 1).expand(3, 1, 1, 3)
    >>> adaptive_convolution(image, rows, left).tolist()
    [[[1.0, 1.0, 2.0]]]
    """
    reach = len(rows) // 2
    padded = pad(image[:, None], [reach] * 4, mode="replicate")[:, 0]
    result: Tensor = _AdaptiveConvolution.apply(padded, rows, columns)  # type: ignore[no-untyped-call]
    return result


class _AdaptiveConvolution(torch.autograd.Function):
    """The sum over neighbourhoods, with gradients to the kernels only."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Filter along x within every row of the neighbourhood, then along y."""
        filtered = torch.stack(
            [_weighted(_shifts_x(padded, i, rows), columns) for i in range(len(rows))]
        )
        ctx.save_for_backward(padded, rows, columns, filtered)
        return _weighted(filtered, rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Differentiate for the kernels."""
        padded, rows, columns, filtered = ctx.saved_tensors
        (gradient,) = gradients
        to_columns = torch.stack(
            [_weighted(_shifts_y(padded, j, rows), rows) for j in range(len(columns))]
        )
        return None, filtered * gradient, to_columns * gradient


def _shifts_x(padded: Tensor, row: int, like: Tensor) -> list[Tensor]:
    """Return views of the image, shifted along x, all by `row` along y."""
    n, _, height, width = like.shape
    band = padded[:, row : row + height]
    return [band[:, :, j : j + width] for j in range(n)]


def _shifts_y(padded: Tensor, column: int, like: Tensor) -> list[Tensor]:
    """Return views of the image, shifted along y, all by `column` along x."""
    n, _, height, width = like.shape
    band = padded[:, :, column : column + width]
    return [band[:, i : i + height] for i in range(n)]


def _weighted(planes: Any, weights: Tensor) -> Tensor:
    """Return the sum of planes, each times its weight."""
    total = torch.zeros_like(weights[0])
    for plane, weight in zip(planes, weights, strict=True):
        total.addcmul_(plane, weight)
    return total


def _enlarged(fields: Tensor) -> Tensor:
    """Bring fields to full resolution."""
    return interpolate(fields, scale_factor=float(STEM), mode="bilinear")


def _normalized(kernel: Tensor) -> Tensor:
    """Return kernels at full resolution, positive, with sum 1, the taps in front."""
    return torch.softmax(_enlarged(kernel), dim=1).movedim(1, 0).contiguous()


def _head(width: int, kernel: int) -> nn.Conv2d:
    """Return the last layer, which begins with kernels around their middle."""
    head = nn.Conv2d(width, 1 + 4 * kernel, 1)
    with torch.no_grad():
        head.weight.mul_(0.1)
        head.bias.zero_()  # type: ignore[union-attr]
        head.bias[1 + kernel // 2 :: kernel] = CENTRED  # type: ignore[index]
    return head
