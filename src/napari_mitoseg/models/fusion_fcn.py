"""The fusion FCN: ResNet-50, pyramid pooling, and inception modules going up."""

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from napari_mitoseg.models.base import Network, architectures
from napari_mitoseg.models.blocks import conv_2d
from napari_mitoseg.models.dilated_resnet import (
    STRIDE,
    DilatedResNet50,
    needs_of_stages,
    needs_of_stem,
)
from napari_mitoseg.models.pyramid_pooling import STEP, PyramidPooling
from napari_mitoseg.models.receptive_field import Reach, radius
from napari_mitoseg.params import Params, param

WINDOW_UNIT = 96
"""Pixels for which all four windows of the pyramid are even numbers of positions."""

_BRANCHES = 4


class FusionFCNConfig(Params):
    """Settings of `FusionFCN`; the defaults are the paper's, or else PSPNet's."""

    context: int = param(
        0, ge=0, le=16, description="Neighbour slices on each side that are seen."
    )
    width: int = param(
        64,
        ge=4,
        le=256,
        multiple_of=4,
        description="Filters of the first convolution; all others are in proportion.",
    )
    window: int = param(
        480,
        ge=WINDOW_UNIT,
        le=4800,
        multiple_of=WINDOW_UNIT,
        unit="pixels",
        description="Side of the largest window of the pyramid pooling. Train on "
        "patches of about this size.",
    )
    outputs: tuple[str, ...] = param(
        ("semantic",), min_length=1, description="Names of output maps."
    )


class Inception(nn.Module):
    """Four branches side by side: 1×1, 3×3, 5×5 and a pooling.

    Parameters
    ----------
    n_in, n_out : int
        Channels; each branch makes a quarter of those that leave, and a 1×1
        convolution brings its input down to as many first.

    References
    ----------
    .. [1] Szegedy et al. (2015), Going deeper with convolutions, Fig. 2(b),
       doi:10.1109/CVPR.2015.7298594.
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        part = n_out // _BRANCHES
        self.point = conv_2d(n_in, part, kernel=1)
        self.small, self.large = (
            nn.Sequential(conv_2d(n_in, part, kernel=1), conv_2d(part, part, kernel))
            for kernel in (3, 5)
        )
        self.pooled = conv_2d(n_in, part, kernel=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same size with `n_out` channels."""
        around = max_pool2d(features, 3, stride=1, padding=1)
        branches = (
            self.point(features),
            self.small(features),
            self.large(features),
            self.pooled(around),
        )
        return torch.cat(branches, dim=1)


class _Rise(nn.Sequential):
    """An inception module, then a deconvolution to twice the size."""

    def __init__(self, n_in: int, n_out: int) -> None:
        up = nn.ConvTranspose2d(n_out, n_out, 4, stride=2, padding=1)
        super().__init__(Inception(n_in, n_out), up)

    @staticmethod
    def needs(reach: Reach) -> Reach:
        """Return what an interval of the output depends on, along y or x."""
        # A deconvolution of 4 at stride 2 reads the two positions that linear
        # interpolation reads.
        return reach.through_linear().through_convolution(5)


@architectures.register("fusion-fcn")
class FusionFCN(Network):
    """ResNet-50 with dilation, pyramid pooling, upsampling by inception modules.

    Parameters
    ----------
    config : FusionFCNConfig
        Filters, largest pooling window, neighbour slices and output maps.

    Notes
    -----
    From the text [1]_: a first convolution of 64 filters of 7×7 and a max pooling;
    ResNet-50's residual blocks, of which the first two halve the size by the 3×3
    convolution of their first bottleneck and the last two are dilated; features of an
    eighth of the size; a pyramid of four pooled maps, each brought to a quarter of the
    channels by a 1×1 convolution, raised and concatenated; an inception-like structure
    that raises the size; one skip connection of high-resolution features.

    Left open, and chosen here.  As in PSPNet [2]_: dilations 2 and 4; 1, 2, 3 and 6
    bins, bilinear raising; batch normalisation and ReLU after convolutions.  See
    `pyramid_pooling.PyramidPooling` for windows of a fixed size, which let tiles equal
    the whole.  Of the three halvings that make an eighth the text gives two to residual
    blocks; the third is that of the max pooling (3×3), so the first convolution keeps
    the full size and is what the skip connection conserves: it is concatenated to the
    raised features, and a 3×3 convolution to 64 channels follows.  Three times an
    inception module (to 256, 128 and 64 channels) and a deconvolution (4×4, stride 2)
    double the size.  One logit stands for the softmax of two classes.

    Weights start at random; the paper starts from ImageNet.  With the defaults:
    30.4 million parameters.

    References
    ----------
    .. [1] Fusion fully convolution network for mitochondria segmentation in ATUM-SEM
       stacks, section 2.2 and Fig. 1 and 2.
    .. [2] Zhao, Shi, Qi, Wang, Jia (2017), Pyramid scene parsing network,
       doi:10.1109/CVPR.2017.660.
    """

    Config = FusionFCNConfig
    dimensions = 2
    divisor = (1, STRIDE * STEP, STRIDE * STEP)
    citation = (
        "Fusion fully convolution network for mitochondria segmentation in ATUM-SEM "
        "stacks (method)",
        "Zhao, Shi, Qi, Wang, Jia (2017), Pyramid scene parsing network, "
        "doi:10.1109/CVPR.2017.660",
    )

    def __init__(self, config: FusionFCNConfig) -> None:
        super().__init__(config)
        self.context, self.outputs = config.context, config.outputs
        width = config.width
        self.backbone = DilatedResNet50(self.in_channels, width)
        self.pyramid = PyramidPooling(self.backbone.n_out, config.window // STRIDE)
        widths = (self.pyramid.n_out, 4 * width, 2 * width, width)
        self.rises = nn.ModuleList(map(_Rise, widths[:-1], widths[1:]))
        self.refine = conv_2d(2 * width, width)
        self.head = nn.Conv2d(width, len(self.outputs), 1)
        reach = radius(self.needs, STRIDE * STEP)
        self.halo = (self.context, reach, reach)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits of the middle slice, ``(B, len(outputs), Y, X)``."""
        detail, features = self.backbone(image)
        raised = self.pyramid(features)
        for rise in self.rises:
            raised = rise(raised)
        logits: Tensor = self.head(self.refine(torch.cat([raised, detail], dim=1)))
        return logits

    def needs(self, reach: Reach) -> Reach:
        """Return what an interval of the output depends on, along y or x."""
        refined = reach.through_convolution(3)
        raised = refined
        for _ in self.rises:
            raised = _Rise.needs(raised)
        features = raised.joined(self.pyramid.needs(raised))
        return needs_of_stages(features).joined(needs_of_stem(refined))
