"""From probability maps to instances: a chain of steps that the user edits."""

from napari_mitoseg.postprocessing.average_z import AverageZ
from napari_mitoseg.postprocessing.cache import ChainCache
from napari_mitoseg.postprocessing.chain import (
    DEFAULT_CHAIN,
    Chain,
    Segmentation,
    legal_after,
)
from napari_mitoseg.postprocessing.components import ConnectedComponents
from napari_mitoseg.postprocessing.dense_crf import DenseCrf
from napari_mitoseg.postprocessing.fill_holes import FillHoles
from napari_mitoseg.postprocessing.median_z import MedianZ
from napari_mitoseg.postprocessing.refine_boundary import RefineBoundary
from napari_mitoseg.postprocessing.remove_small import RemoveSmall
from napari_mitoseg.postprocessing.remove_small_2d import RemoveSmallInSlices
from napari_mitoseg.postprocessing.seed_map import SeedMap
from napari_mitoseg.postprocessing.spatial_continuity import SpatialContinuityRefinement
from napari_mitoseg.postprocessing.state import Kind, State
from napari_mitoseg.postprocessing.step import Step, steps
from napari_mitoseg.postprocessing.threshold import BoundaryThreshold, Threshold
from napari_mitoseg.postprocessing.watershed import SeededWatershed

__all__ = [
    "DEFAULT_CHAIN",
    "AverageZ",
    "BoundaryThreshold",
    "Chain",
    "ChainCache",
    "ConnectedComponents",
    "DenseCrf",
    "FillHoles",
    "Kind",
    "MedianZ",
    "RefineBoundary",
    "RemoveSmall",
    "RemoveSmallInSlices",
    "SeedMap",
    "SeededWatershed",
    "Segmentation",
    "SpatialContinuityRefinement",
    "State",
    "Step",
    "Threshold",
    "legal_after",
    "steps",
]
