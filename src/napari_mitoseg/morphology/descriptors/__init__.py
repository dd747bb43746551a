"""The families of descriptors; importing a module registers its family."""

from napari_mitoseg.morphology.descriptors.shape import ShapeFamily
from napari_mitoseg.morphology.descriptors.size import SizeFamily
from napari_mitoseg.morphology.descriptors.surface import SurfaceFamily

ORDER = ("size", "shape", "surface")
"""All families, in the order of columns."""

__all__ = ["ORDER", "ShapeFamily", "SizeFamily", "SurfaceFamily"]
