"""All networks by name: one import line each."""

from napari_mitoseg.models.base import Network, architectures
from napari_mitoseg.models.cascade import Cascade
from napari_mitoseg.models.detector import Detector
from napari_mitoseg.models.efficient_unet import EfficientUNet
from napari_mitoseg.models.ensemble import Ensemble
from napari_mitoseg.models.fast import Fast
from napari_mitoseg.models.fusion_fcn import FusionFCN
from napari_mitoseg.models.patch_cnn import PatchCNN
from napari_mitoseg.models.residual_unet import ResUNet2d, ResUNet3d
from napari_mitoseg.models.resunet import ResUNetH, ResUNetR
from napari_mitoseg.models.spatial_continuity import SpatialContinuity
from napari_mitoseg.models.unet2d import UNet2d

__all__ = [
    "Cascade",
    "Detector",
    "EfficientUNet",
    "Ensemble",
    "Fast",
    "FusionFCN",
    "Network",
    "PatchCNN",
    "ResUNet2d",
    "ResUNet3d",
    "ResUNetH",
    "ResUNetR",
    "SpatialContinuity",
    "UNet2d",
    "architectures",
]
