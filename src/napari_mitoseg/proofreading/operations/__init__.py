"""What can be done to objects, one operation a file."""

from napari_mitoseg.proofreading.operations.cut_at_plane import CutAtPlane
from napari_mitoseg.proofreading.operations.delete import Delete
from napari_mitoseg.proofreading.operations.erase_branch import EraseBranch
from napari_mitoseg.proofreading.operations.fill_holes import FillHoles
from napari_mitoseg.proofreading.operations.grow import Grow, Shrink
from napari_mitoseg.proofreading.operations.interpolate import Interpolate
from napari_mitoseg.proofreading.operations.merge import Merge
from napari_mitoseg.proofreading.operations.new_object import NewObject
from napari_mitoseg.proofreading.operations.operation import (
    Edit,
    Operation,
    Point,
    operations,
)
from napari_mitoseg.proofreading.operations.relabel_in_slices import RelabelInSlices
from napari_mitoseg.proofreading.operations.separate_pieces import SeparatePieces
from napari_mitoseg.proofreading.operations.smooth import Smooth
from napari_mitoseg.proofreading.operations.split_by_distance import SplitByDistance
from napari_mitoseg.proofreading.operations.split_by_line import SplitByLine, Through
from napari_mitoseg.proofreading.operations.split_by_seeds import SplitBySeeds

__all__ = [
    "CutAtPlane",
    "Delete",
    "Edit",
    "EraseBranch",
    "FillHoles",
    "Grow",
    "Interpolate",
    "Merge",
    "NewObject",
    "Operation",
    "Point",
    "RelabelInSlices",
    "SeparatePieces",
    "Shrink",
    "Smooth",
    "SplitByDistance",
    "SplitByLine",
    "SplitBySeeds",
    "Through",
    "operations",
]
