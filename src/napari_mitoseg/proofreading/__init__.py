"""Correct objects, take every correction back, and know what to look at next."""

from napari_mitoseg.proofreading.change import Change, Patch, Voxels
from napari_mitoseg.proofreading.editor import LabelEditor
from napari_mitoseg.proofreading.history import History
from napari_mitoseg.proofreading.object_index import (
    ObjectEntry,
    ObjectIndex,
    ObjectTable,
    index_labels,
)
from napari_mitoseg.proofreading.operations import (
    CutAtPlane,
    Delete,
    EraseBranch,
    FillHoles,
    Grow,
    Interpolate,
    Merge,
    NewObject,
    Operation,
    RelabelInSlices,
    SeparatePieces,
    Shrink,
    Smooth,
    SplitByDistance,
    SplitByLine,
    SplitBySeeds,
    Through,
    operations,
)

__all__ = [
    "Change",
    "CutAtPlane",
    "Delete",
    "EraseBranch",
    "FillHoles",
    "Grow",
    "History",
    "Interpolate",
    "LabelEditor",
    "Merge",
    "NewObject",
    "ObjectEntry",
    "ObjectIndex",
    "ObjectTable",
    "Operation",
    "Patch",
    "RelabelInSlices",
    "SeparatePieces",
    "Shrink",
    "Smooth",
    "SplitByDistance",
    "SplitByLine",
    "SplitBySeeds",
    "Through",
    "Voxels",
    "index_labels",
    "operations",
]
