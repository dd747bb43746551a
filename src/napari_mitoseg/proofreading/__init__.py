"""Correct objects, take every correction back, and know what to look at next."""

from napari_mitoseg.proofreading.change import (
    Change,
    Patch,
    Voxels,
)
from napari_mitoseg.proofreading.editor import (
    LabelEditor,
)
from napari_mitoseg.proofreading.history import (
    History,
)
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
from napari_mitoseg.proofreading.review import (
    ReviewItem,
    ReviewQueue,
    ReviewState,
    rank,
)
from napari_mitoseg.proofreading.reviewed import (
    annotate_reviewed,
)
from napari_mitoseg.proofreading.sight import (
    Evidence,
    Sight,
)
from napari_mitoseg.proofreading.suspicions import (
    AbruptEnd,
    Disagreement,
    Finding,
    Gap,
    LowProbability,
    OddShape,
    OddSize,
    Suspicion,
    ThinNeck,
    TouchesBorder,
    suspicions,
)
from napari_mitoseg.proofreading.workspace import (
    Workspace,
)

__all__ = [
    "AbruptEnd",
    "Change",
    "CutAtPlane",
    "Delete",
    "Disagreement",
    "EraseBranch",
    "Evidence",
    "FillHoles",
    "Finding",
    "Gap",
    "Grow",
    "History",
    "Interpolate",
    "LabelEditor",
    "LowProbability",
    "Merge",
    "NewObject",
    "ObjectEntry",
    "ObjectIndex",
    "ObjectTable",
    "OddShape",
    "OddSize",
    "Operation",
    "Patch",
    "RelabelInSlices",
    "ReviewItem",
    "ReviewQueue",
    "ReviewState",
    "SeparatePieces",
    "Shrink",
    "Sight",
    "Smooth",
    "SplitByDistance",
    "SplitByLine",
    "SplitBySeeds",
    "Suspicion",
    "ThinNeck",
    "Through",
    "TouchesBorder",
    "Voxels",
    "Workspace",
    "annotate_reviewed",
    "index_labels",
    "operations",
    "rank",
    "suspicions",
]
