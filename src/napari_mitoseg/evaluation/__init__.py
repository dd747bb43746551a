"""Scores of a segmentation against the truth."""

from napari_mitoseg.evaluation.average_precision import (
    AveragePrecision,
    score_average_precision,
)
from napari_mitoseg.evaluation.errors import (
    ErrorClass,
    ErrorCounts,
    ErrorTable,
    find_errors,
    list_errors,
    paint_errors,
)
from napari_mitoseg.evaluation.instances import (
    InstanceScores,
    ThresholdScores,
    match_instances,
)
from napari_mitoseg.evaluation.masks import LabelKind, tell_apart
from napari_mitoseg.evaluation.overlap import OverlapScores, score_overlap
from napari_mitoseg.evaluation.partition import PartitionScores, score_partition
from napari_mitoseg.evaluation.scores import (
    Evaluation,
    Scores,
    compare_labels,
    describe_scores,
    evaluate,
)

__all__ = [
    "AveragePrecision",
    "ErrorClass",
    "ErrorCounts",
    "ErrorTable",
    "Evaluation",
    "InstanceScores",
    "LabelKind",
    "OverlapScores",
    "PartitionScores",
    "Scores",
    "ThresholdScores",
    "compare_labels",
    "describe_scores",
    "evaluate",
    "find_errors",
    "list_errors",
    "match_instances",
    "paint_errors",
    "score_average_precision",
    "score_overlap",
    "score_partition",
    "tell_apart",
]
