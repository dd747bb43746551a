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
    Delete,
    FillHoles,
    Merge,
    Operation,
    operations,
)

__all__ = [
    "Change",
    "Delete",
    "FillHoles",
    "History",
    "LabelEditor",
    "Merge",
    "ObjectEntry",
    "ObjectIndex",
    "ObjectTable",
    "Operation",
    "Patch",
    "Voxels",
    "index_labels",
    "operations",
]
