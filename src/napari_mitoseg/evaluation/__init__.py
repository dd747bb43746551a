"""Scores of a segmentation against the truth."""

from napari_mitoseg.evaluation.instances import (
    InstanceScores,
    ThresholdScores,
    match_instances,
)
from napari_mitoseg.evaluation.overlap import OverlapScores, score_overlap
from napari_mitoseg.evaluation.scores import Scores, evaluate

__all__ = [
    "InstanceScores",
    "OverlapScores",
    "Scores",
    "ThresholdScores",
    "evaluate",
    "match_instances",
    "score_overlap",
]
