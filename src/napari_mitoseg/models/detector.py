"""The first stage of the cascade: boxes and a mask of the mitochondria in a slice."""

from math import log

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle

from napari_mitoseg.models.base import Network, Widths, architectures
from napari_mitoseg.models.receptive_field import Reach, radius
from napari_mitoseg.models.residual import (
    ResidualUShape,
    residual_conv,
    walk_residual_u,
)
from napari_mitoseg.models.residual_unet import CITATION
from napari_mitoseg.params import Params, param

CELL = 4
"""Side of the cells that boxes are predicted for, in pixels."""

ANCHOR = CELL // 2
"""Pixel of a cell, along y and x, that its answers are about."""

LARGEST = 512
"""Distance in pixels from a point to the side of its box that is 1 in the maps."""

SIDES = ("top", "left", "bottom", "right")
OUTPUTS = ("semantic", "centre", *SIDES)

RARE = 0.01
"""Probability of a centre to begin with."""

USUAL = 16.0
"""Distance to a side to begin with, in pixels."""


class DetectorConfig(Params):
    """Settings of `Detector`."""

    widths: Widths = param(
        (32, 48, 64, 96, 128),
        min_length=2,
        max_length=6,
        description="Channels at each level, finest (a quarter of the size) first.",
    )


@architectures.register("detector")
class Detector(Network):
    """Object detector without anchors: for each cell a centre, a box, and a mask.

    Parameters
    ----------
    config : DetectorConfig
        Widths.

    Notes
    -----
    The cascade takes any object detection model as its first stage [1]_.  This one is
    centre-based [2]_, with the distances to the four sides of FCOS [3]_ in the place
    of a size and an offset, and works at a quarter of the resolution: it takes about a
    tenth of the time of a U-Net.  Its maps are ``semantic``, the mask; ``centre``, how
    likely the middle of a box is here; and the distances from here to its four sides
    as a share of 512 pixels.  The last five are constant over cells of 4×4 pixels.
    `detection.decode_boxes` reads boxes out of them.

    References
    ----------
    .. [1] Guo et al. (2023), Two-stage cascaded CNN model for 3D mitochondria EM
       segmentation, section 4.1, doi:10.3390/electronics12040928.
    .. [2] Zhou, Wang, Krähenbühl (2019), Objects as points,
       doi:10.48550/arXiv.1904.07850.
    .. [3] Tian et al. (2019), FCOS: fully convolutional one-stage object detection,
       doi:10.1109/ICCV.2019.00972.
    """

    Config = DetectorConfig
    citation = (
        *CITATION,
        "Zhou, Wang, Krähenbühl (2019), Objects as points, "
        "doi:10.48550/arXiv.1904.07850",
        "Tian et al. (2019), FCOS: fully convolutional one-stage object detection, "
        "doi:10.1109/ICCV.2019.00972",
    )
    dimensions = 2
    outputs = OUTPUTS
    context = 0

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__(config)
        widths = config.widths
        self._strides = (2,) * (len(widths) - 1)
        stride = CELL * 2 ** len(self._strides)
        self.divisor = (1, stride, stride)
        reach = radius(self.needs, stride)
        self.halo = (0, reach, reach)
        planar = [(s, s) for s in self._strides]
        self.body = ResidualUShape(CELL**2, widths, planar)
        self.mask = nn.Conv2d(widths[0], CELL**2, 1)
        self.neck = residual_conv(widths[0], widths[0], 3, (1, 1))
        self.box = nn.Conv2d(widths[0], 1 + len(SIDES), 1)
        self.box.bias = nn.Parameter(_first_guess())

    def forward(self, image: Tensor) -> Tensor:
        """Return logits, ``(B, 6, Y, X)``."""
        features = self.body(pixel_unshuffle(image, CELL))
        mask = pixel_shuffle(self.mask(features), CELL)
        cells = self.box(self.neck(features))
        return torch.cat([mask, interpolate(cells, scale_factor=float(CELL))], dim=1)

    def needs(self, reach: Reach) -> Reach:
        """Return what an interval of the output depends on, along y or x."""
        cells = reach.through_nearest(CELL).through_convolution(3)
        needed = walk_residual_u(cells, self._strides)
        return Reach(needed.first * CELL, needed.last * CELL + CELL - 1)


def _first_guess() -> Tensor:
    """Return logits of a rare centre and of usual distances."""
    shares = (RARE, *(USUAL / LARGEST for _ in SIDES))
    return torch.tensor([log(p / (1 - p)) for p in shares])
