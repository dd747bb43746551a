"""Area of the surface of each object, and what follows from it."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from napari_mitoseg.morphology.columns import ColumnInfo
from napari_mitoseg.morphology.descriptors.shape import ratio
from napari_mitoseg.morphology.family import Family, families
from napari_mitoseg.morphology.flat import FlatObject
from napari_mitoseg.morphology.solid import SolidObject

SPHERICITY = (
    "Wadell, Volume, shape, and roundness of quartz particles, J. Geol. 43 (1935), "
    "doi:10.1086/624298"
)
COMPLEXITY = (
    "Vincent et al., Quantitative 3D mapping of the human skeletal muscle "
    "mitochondrial network, Cell Rep. 26 (2019), doi:10.1016/j.celrep.2019.01.010"
)
CIRCULARITY = (
    "Cox, A method of assigning numerical and percentage values to the degree of "
    "roundness of sand grains, J. Paleontol. 1 (1927)"
)


@families.register("surface")
class SurfaceFamily(Family):
    """Area of the surface, sphericity and mitochondrial complexity index.

    Notes
    -----
    The surface is that of marching cubes on the smoothed object, at the level that
    keeps its volume: a surface of voxels would be up to 50 % too large. Where the side
    of the volume cuts an object, the face of the cut counts.
    """

    name: ClassVar[str] = "surface"
    title: ClassVar[str] = "Surface"
    columns: ClassVar[tuple[ColumnInfo, ...]] = (
        ColumnInfo(
            "surface_area_um2",
            "Surface area",
            "µm²",
            "Area S of the surface, walls of cavities included.",
        ),
        ColumnInfo("surface_to_volume_per_um", "Surface to volume", "1/µm", "S / V."),
        ColumnInfo(
            "sphericity",
            "Sphericity",
            "",
            "π^⅓ (6V)^⅔ / S: 1 for a ball, less for every other shape.",
            SPHERICITY,
        ),
        ColumnInfo(
            "complexity_index",
            "Mitochondrial complexity index",
            "",
            "MCI = S³ / (16π²V²): 9/(4π) = 0.716 for a ball, more for longer and "
            "branched shapes, whatever their size.",
            COMPLEXITY,
        ),
    )
    flat_columns: ClassVar[tuple[ColumnInfo, ...]] = (
        ColumnInfo(
            "perimeter_um",
            "Perimeter",
            "µm",
            "Length P of the contour of the smoothed object, contours of holes "
            "included.",
        ),
        ColumnInfo(
            "circularity",
            "Circularity",
            "",
            "4πA / P²: 1 for a disc, less for every other shape.",
            CIRCULARITY,
        ),
        ColumnInfo(
            "form_factor", "Form factor", "", "P² / (4πA): 1 for a disc, else more."
        ),
    )

    @classmethod
    def of_solid(cls, solid: SolidObject) -> Mapping[str, float]:
        """Measure one object of a volume."""
        area, volume = solid.mesh.area_um2, solid.volume_um3
        return {
            "surface_area_um2": area,
            "surface_to_volume_per_um": area / volume,
            "sphericity": ratio(float(np.cbrt(np.pi) * (6 * volume) ** (2 / 3)), area),
            "complexity_index": float(area**3 / (16 * np.pi**2 * volume**2)),
        }

    @classmethod
    def of_flat(cls, flat: FlatObject) -> Mapping[str, float]:
        """Measure one object of an image."""
        perimeter, area = flat.perimeter_um, flat.area_um2
        return {
            "perimeter_um": perimeter,
            "circularity": ratio(4 * np.pi * area, perimeter**2),
            "form_factor": perimeter**2 / (4 * np.pi * area),
        }
