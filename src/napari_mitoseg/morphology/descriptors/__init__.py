"""The families of descriptors; importing a module registers its family."""

from napari_mitoseg.morphology.descriptors.calibre import CalibreFamily
from napari_mitoseg.morphology.descriptors.convexity import ConvexityFamily
from napari_mitoseg.morphology.descriptors.intensity import IntensityFamily
from napari_mitoseg.morphology.descriptors.neighbours import NeighboursFamily
from napari_mitoseg.morphology.descriptors.shape import ShapeFamily
from napari_mitoseg.morphology.descriptors.size import SizeFamily
from napari_mitoseg.morphology.descriptors.skeleton import SkeletonFamily
from napari_mitoseg.morphology.descriptors.surface import SurfaceFamily

ORDER = (
    "size",
    "shape",
    "surface",
    "convexity",
    "skeleton",
    "calibre",
    "neighbours",
    "intensity",
)
"""All families, in the order of columns."""

__all__ = [
    "ORDER",
    "CalibreFamily",
    "ConvexityFamily",
    "IntensityFamily",
    "NeighboursFamily",
    "ShapeFamily",
    "SizeFamily",
    "SkeletonFamily",
    "SurfaceFamily",
]
