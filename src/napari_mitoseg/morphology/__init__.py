"""Measurements of labelled mitochondria."""

from napari_mitoseg.morphology.table import MeasurementTable, measure_labels

__all__ = ["MeasurementTable", "measure_labels"]
