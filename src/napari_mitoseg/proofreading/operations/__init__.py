"""What can be done to objects, one operation a file."""

from napari_mitoseg.proofreading.operations.delete import Delete
from napari_mitoseg.proofreading.operations.fill_holes import FillHoles
from napari_mitoseg.proofreading.operations.merge import Merge
from napari_mitoseg.proofreading.operations.operation import (
    Edit,
    Operation,
    Point,
    operations,
)

__all__ = ["Delete", "Edit", "FillHoles", "Merge", "Operation", "Point", "operations"]
