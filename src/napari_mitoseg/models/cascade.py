"""The two-stage cascade: boxes of every slice, then a 3D network on image and cues."""

from collections.abc import Sequence
from math import lcm
from typing import Literal, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from napari_mitoseg.box_fusion import FusionSettings, fuse_slices
from napari_mitoseg.boxes import Boxes, draw_boxes
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.maps import FULL
from napari_mitoseg.models.base import Network, architectures
from napari_mitoseg.models.detection import (
    DetectionSettings,
    decode_boxes,
    top_down_mask,
)
from napari_mitoseg.models.detector import Detector, DetectorConfig
from napari_mitoseg.models.residual_unet import (
    CITATION,
    ResUNet3d,
    ResUNet3dConfig,
)
from napari_mitoseg.params import Params, param

Strategy = Literal["multi-cue", "median-filter", "multi-slice-fusion"]
Cues = NDArray[np.uint8]


class CascadeConfig(Params):
    """Settings of `Cascade`."""

    strategy: Strategy = param(
        "multi-slice-fusion",
        description="What the 3D network is given beside the image. multi-cue: the 2D "
        "mask of the detected objects, and the map of a 3D network of its own; "
        "median-filter: that 2D mask, median-filtered along z; multi-slice-fusion: the "
        "boxes, with those that single slices miss.",
    )
    detector: DetectorConfig = param(
        DetectorConfig(), description="First stage: boxes and a mask of each slice."
    )
    segmentation: ResUNet3dConfig = param(
        ResUNet3dConfig(), description="Second stage, and the 3D network of multi-cue."
    )
    detection: DetectionSettings = param(
        DetectionSettings(), description="Which boxes count."
    )
    fusion: FusionSettings = param(
        FusionSettings(), description="How missing boxes are recovered."
    )
    median: int = param(
        1, ge=0, le=10, unit="slices", description="Reach of the median along z."
    )

    @property
    def n_cues(self) -> int:
        """Channels beside the image."""
        return 2 if self.strategy == "multi-cue" else 1


class Finding(NamedTuple):
    """What the detector says about a slice.

    Attributes
    ----------
    boxes : Boxes
        Of the slice.
    mask : ndarray of bool, shape (Y, X), or None
        Pixels of the detected objects, for strategies that look at them.
    """

    boxes: Boxes
    mask: NDArray[np.bool_] | None


@architectures.register("cascade")
class Cascade(Network):
    """Two networks in a row: a 2D detector, then a 3D Res-UNet that sees its boxes.

    Parameters
    ----------
    config : CascadeConfig
        Both networks, the strategy, and what passes between them.

    Attributes
    ----------
    detector : Detector
        First stage; trained on its own, so its weights take no gradient here.
    bottom_up : ResUNet3d or None
        The 3D network on the image alone whose map is a cue of multi-cue.
    segmentation : ResUNet3d
        Second stage, on image and cues.

    Notes
    -----
    The three strategies of the text [1]_ (Fig. 8–10).  Its first two take the masks of
    a Mask R-CNN; here they are the detector's mask inside its boxes.  Of the second the
    text also says that "only the edge information is utilized", not how: here the
    filtered mask is.  Boxes are drawn as filled rectangles.

    `forward` takes the image alone and finds the cues itself, in the slices it is
    given; or image and cues, as training has them at hand.  Inference runs the
    detector over all slices first (see `inference.cues`), so that boxes are fused
    across tiles.  `halo` is that of the second stage: a box reaches farther.

    References
    ----------
    .. [1] Guo et al. (2023), Two-stage cascaded CNN model for 3D mitochondria EM
       segmentation, section 3.3, doi:10.3390/electronics12040928.
    """

    Config = CascadeConfig
    config: CascadeConfig
    citation = CITATION
    dimensions = 3
    context = 0

    def __init__(self, config: CascadeConfig) -> None:
        super().__init__(config)
        stage = config.segmentation
        if stage.extra or "semantic" not in stage.outputs:
            msg = (
                "The second stage of a cascade needs the output 'semantic', and its "
                f"extra channels are the cues: leave 'extra' at 0 (given: "
                f"{stage.extra}, outputs {', '.join(stage.outputs)})."
            )
            raise InvalidParameterError(msg)
        self.detector = Detector(config.detector).requires_grad_(requires_grad=False)
        self.bottom_up = (
            ResUNet3d(stage).requires_grad_(requires_grad=False)
            if config.strategy == "multi-cue"
            else None
        )
        seeing = stage.model_copy(update={"extra": config.n_cues})
        self.segmentation = ResUNet3d(seeing)
        self.outputs, self.halo = self.segmentation.outputs, self.segmentation.halo
        depth, *_ = self.segmentation.divisor
        side = lcm(self.segmentation.divisor[1], self.detector.divisor[1])
        self.divisor = (depth, side, side)

    @property
    def reach(self) -> int:
        """Slices on each side that the cues of a slice depend on."""
        reaches = {
            "multi-cue": 0,
            "median-filter": self.config.median,
            "multi-slice-fusion": self.config.fusion.reach,
        }
        return reaches[self.config.strategy]

    def train(self, mode: bool = True) -> Self:
        """Put the second stage into training mode; what makes the cues stays fixed."""
        super().train(mode)
        self.detector.eval()
        if self.bottom_up is not None:
            self.bottom_up.eval()
        return self

    def forward(self, image: Tensor) -> Tensor:
        """Return logits, ``(B, len(outputs), Z, Y, X)``.

        Parameters
        ----------
        image : Tensor, shape (B, 1, Z, Y, X) or (B, 1 + n_cues, Z, Y, X)
            The image, perhaps with cues.

        Returns
        -------
        Tensor
            Logits.
        """
        is_bare = image.shape[1] == 1
        seen = torch.cat([image, self.find_cues(image)], dim=1) if is_bare else image
        logits: Tensor = self.segmentation(seen)
        return logits

    def find_cues(self, image: Tensor) -> Tensor:
        """Run the first stage on every slice.

        Parameters
        ----------
        image : Tensor, shape (B, 1, Z, Y, X)
            Normalised; any size that is a multiple of the divisor.

        Returns
        -------
        Tensor, shape (B, n_cues, Z, Y, X)
            0 to 1; has no gradient.
        """
        with torch.no_grad():
            found = [self._cues_of(stack) for stack in image]
        return torch.stack(found).to(image)

    def look(self, maps: NDArray[np.float32]) -> Finding:
        """Read what the detector says about a slice.

        Parameters
        ----------
        maps : ndarray of float32, shape (6, Y, X)
            Probabilities.

        Returns
        -------
        Finding
            Boxes and mask.
        """
        boxes = decode_boxes(maps, self.config.detection)
        needs_mask = self.config.strategy != "multi-slice-fusion"
        return Finding(boxes, top_down_mask(maps, boxes) if needs_mask else None)

    def draw(
        self,
        findings: Sequence[Finding],
        shape: tuple[int, int],
        bottom_up: Cues | None = None,
    ) -> Cues:
        """Make the cues out of what was found in neighbouring slices.

        Parameters
        ----------
        findings : sequence of Finding
            Of all slices, in order.
        shape : tuple of int
            Size of a slice, (Y, X).
        bottom_up : ndarray of uint8, shape (Z, Y, X), optional
            Map × 255 of the 3D network; needed for multi-cue.

        Returns
        -------
        ndarray of uint8, shape (Z, n_cues, Y, X)
            Cues × 255.
        """
        masks = np.zeros((len(findings), *shape), np.uint8)
        if self.config.strategy == "multi-slice-fusion":
            fused = fuse_slices([f.boxes for f in findings], self.config.fusion)
            for mask, boxes in zip(masks, fused, strict=True):
                mask[draw_boxes(boxes, shape)] = FULL
            return masks[:, None]
        for mask, finding in zip(masks, findings, strict=True):
            if finding.mask is not None:
                mask[finding.mask] = FULL
        if self.config.strategy == "median-filter":
            window = (2 * self.config.median + 1, 1, 1)
            return ndimage.median_filter(masks, window, mode="nearest")[:, None]
        if bottom_up is None:
            msg = "Multi-cue needs the map of the 3D network."
            raise InvalidParameterError(msg)
        return np.stack([masks, bottom_up], axis=1)

    def _cues_of(self, stack: Tensor) -> Tensor:
        """Return the cues of one stack, (1, Z, Y, X) to (n_cues, Z, Y, X)."""
        maps = (_probability(self.detector, plane[None, None]) for plane in stack[0])
        findings = [self.look(one[0]) for one in maps]
        bottom_up = None
        if self.bottom_up is not None:
            semantic = self.outputs.index("semantic")
            told = _probability(self.bottom_up, stack[None])[0, semantic]
            bottom_up = np.rint(told * FULL).astype(np.uint8)
        height, width = stack.shape[2:]
        cues = self.draw(findings, (height, width), bottom_up)
        return torch.from_numpy(as_probability(cues)).movedim(0, 1)


def as_probability(cues: Cues) -> NDArray[np.float32]:
    """Return cues, kept as 8 bits, as the second stage is given them: 0 to 1."""
    return cues.astype(np.float32) / np.float32(FULL)


def _probability(network: Network, image: Tensor) -> NDArray[np.float32]:
    maps: NDArray[np.float32] = network(image).float().sigmoid().cpu().numpy()
    return maps
