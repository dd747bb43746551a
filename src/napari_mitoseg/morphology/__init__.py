"""Measurements of labelled mitochondria."""

from napari_mitoseg.morphology.columns import ColumnInfo
from napari_mitoseg.morphology.family import Family, families
from napari_mitoseg.morphology.mesh import Mesh, mesh_object
from napari_mitoseg.morphology.objects import ObjectCrop, crop_object, iter_objects
from napari_mitoseg.morphology.settings import (
    ALL_FAMILIES,
    CHEAP_FAMILIES,
    MeasurementSettings,
    column_info,
)
from napari_mitoseg.morphology.skeleton import Skeleton, skeletonize_object
from napari_mitoseg.morphology.summary import may_be_mask, summarize
from napari_mitoseg.morphology.survey import Context, Survey, survey_labels
from napari_mitoseg.morphology.table import MeasurementTable, measure_labels

__all__ = [
    "ALL_FAMILIES",
    "CHEAP_FAMILIES",
    "ColumnInfo",
    "Context",
    "Family",
    "MeasurementSettings",
    "MeasurementTable",
    "Mesh",
    "ObjectCrop",
    "Skeleton",
    "Survey",
    "column_info",
    "crop_object",
    "families",
    "iter_objects",
    "may_be_mask",
    "measure_labels",
    "mesh_object",
    "skeletonize_object",
    "summarize",
    "survey_labels",
]
