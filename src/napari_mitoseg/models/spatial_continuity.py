"""The spatial-continuity model: N_se segments each slice, N_sp reconciles them."""

from math import lcm
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.maps import FULL, cutoff

# Either of its two networks may be any of these, which importing registers.
from napari_mitoseg.models import fast, resunet, unet2d  # noqa: F401
from napari_mitoseg.models.base import Network, architectures
from napari_mitoseg.models.receptive_field import Reach, radius
from napari_mitoseg.models.stage import Stage
from napari_mitoseg.params import Params, param

Masks = Literal["binary", "probability"]
THRESHOLD = 0.5


N_SE = Stage(config={"outputs": ("semantic",)})
N_SP = Stage(config={"outputs": ("semantic",), "context": 7})


class SpatialContinuityConfig(Params):
    """Settings of `SpatialContinuity`."""

    segmentation: Stage = param(
        N_SE, description="N_se: from slices to the coarse mask of the middle one."
    )
    refinement: Stage = param(
        N_SP,
        description="N_sp: from the coarse masks of 2 × context + 1 slices to the "
        "final mask of the middle one; with 1, 3 ... extra channels it also sees the "
        "image: the middle slice, its neighbours ...",
    )
    middle: bool = param(
        True,
        description="Whether N_sp is given the coarse mask of the middle slice itself. "
        "Without it, it has to look at the image and at the neighbours.",
    )
    masks: Masks = param(
        "binary", description="What N_sp is given: masks at 0.5, or probabilities."
    )
    views: Literal[1, 4, 8] = param(
        8,
        description="Flipped and turned views that each network averages at least.",
    )


@architectures.register("spatial-continuity")
class SpatialContinuity(Network):
    """Two networks in a row: coarse masks of N slices, then the middle one refined.

    Parameters
    ----------
    config : SpatialContinuityConfig
        Both networks, and what passes between them.

    Attributes
    ----------
    segmentation : Network
        N_se; its map ``"semantic"`` is the coarse mask.
    refinement : Network
        N_sp; its `context` counts coarse masks, N = 2 × context + 1.

    Notes
    -----
    With the defaults both are U-Nets of 7.7 million parameters and N is 15, as
    published [1]_.  Inference runs N_se once for each slice and keeps the coarse
    masks while they are needed (see `inference.passes`); `forward` runs it N times,
    on a batch that holds all the slices it needs.  Both give the same but at the ends
    of a stack, where N_se sees its own neighbours in the first and here those that
    were put in.

    Masks have no gradient, so N_se is trained first and N_sp on its masks: from a few
    labelled slices with soft labels (`training.sparse`), or from dense labels
    (`training.continuity`).

    References
    ----------
    .. [1] Semi-supervised segmentation of mitochondria from electron microscopy
       images using spatial continuity, section 2.4.
    """

    Config = SpatialContinuityConfig
    config: SpatialContinuityConfig
    dimensions = 2
    citation = (
        "Semi-supervised segmentation of mitochondria from electron microscopy images "
        "using spatial continuity (method)",
    )

    def __init__(self, config: SpatialContinuityConfig) -> None:
        super().__init__(config)
        self.segmentation = config.segmentation.build()
        self.refinement = config.refinement.build()
        _check(self.segmentation, self.refinement)
        self.masks, self.views = config.masks, config.views
        self.activation = nn.Sigmoid()
        self.outputs = self.refinement.outputs
        self.images = max(self.refinement.extra - 1, 0) // 2
        self.context = max(
            self.segmentation.context + self.refinement.context, self.images
        )
        stride = lcm(self.segmentation.divisor[1], self.refinement.divisor[1])
        self.divisor = (1, stride, stride)
        reach = radius(self.needs, stride)
        self.halo = (self.context, reach, reach)

    def needs(self, reach: Reach) -> Reach:
        """Return what an interval of the output depends on, along y or x."""
        return self.segmentation.needs(self.refinement.needs(reach))

    def forward(self, image: Tensor) -> Tensor:
        """Return logits of the middle slice, ``(B, len(outputs), Y, X)``."""
        width = self.segmentation.in_channels
        n_masks = 2 * self.refinement.context + 1
        skip = self.context - self.segmentation.context - self.refinement.context
        starts = range(skip, skip + n_masks)
        windows = torch.stack([image[:, k : k + width] for k in starts], dim=1)
        logits = self.segmentation(windows.flatten(0, 1))[:, self.coarse_map]
        masks = self.activation(logits).view(-1, n_masks, *image.shape[2:])
        around = slice(self.context - self.images, self.context + self.images + 1)
        return self.refine(masks, image[:, around])

    @property
    def coarse_map(self) -> int:
        """Which output map of N_se is the coarse mask."""
        return self.segmentation.outputs.index("semantic")

    def refine(self, probability: Tensor, image: Tensor) -> Tensor:
        """Run N_sp.

        Parameters
        ----------
        probability : Tensor, shape (B, N, Y, X)
            Coarse probabilities of N slices.
        image : Tensor, shape (B, refinement.extra, Y, X)
            The normalised slice in the middle and its neighbours.

        Returns
        -------
        Tensor, shape (B, len(outputs), Y, X)
            Logits.
        """
        binary = self.masks == "binary"
        masks = (probability > THRESHOLD).to(image.dtype) if binary else probability
        if not self.config.middle:
            masks = masks.clone()
            masks[:, self.refinement.context] = 0
        seen = [masks, image] if self.refinement.extra else [masks]
        logits: Tensor = self.refinement(torch.cat(seen, dim=1))
        return logits


def as_masks(coarse: NDArray[np.uint8], masks: Masks) -> NDArray[np.float32]:
    """Return coarse probabilities, kept as 8 bits, as N_sp is given them.

    Parameters
    ----------
    coarse : ndarray of uint8
        Probability × 255.
    masks : {"binary", "probability"}
        What N_sp is given.

    Returns
    -------
    ndarray of float32
        0 or 1, or 0 to 1; same shape.
    """
    if masks == "binary":
        return (coarse > cutoff(THRESHOLD)).astype(np.float32)
    return coarse.astype(np.float32) / np.float32(FULL)


def _check(segmentation: Network, refinement: Network) -> None:
    """Refuse networks that cannot be put in a row."""
    planar = segmentation.dimensions == refinement.dimensions == 2
    images = refinement.extra == 0 or refinement.extra % 2 == 1
    fits = planar and segmentation.extra == 0 and images
    nested = isinstance(segmentation, SpatialContinuity) or isinstance(
        refinement, SpatialContinuity
    )
    if nested or not fits or "semantic" not in segmentation.outputs:
        msg = (
            "The spatial-continuity model needs two networks of two dimensions: N_se "
            "with the output 'semantic' and no extra channel, N_sp with none or an "
            "odd number (the image and its neighbours). Choose unet2d or fast."
        )
        raise InvalidParameterError(msg)
