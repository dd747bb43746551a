"""Area of the surface of each object, and what follows from it."""

from typing import ClassVar

import numpy as np

from napari_mitoseg.morphology.columns import ColumnInfo
from napari_mitoseg.morphology.family import ObjectFamily, families
from napari_mitoseg.morphology.solid import SolidObject

SPHERICITY = "Wadell, J. Geol. 43 (1935), doi:10.1086/624298"
MCI = "Vincent et al., Cell Rep. 26 (2019), doi:10.1016/j.celrep.2019.01.010"


@families.register("surface")
class SurfaceFamily(ObjectFamily):
    """Area of the surface, sphericity and mitochondrial complexity index."""

    name: ClassVar[str] = "surface"
    title: ClassVar[str] = "Surface"
    columns: ClassVar[tuple[ColumnInfo, ...]] = (
        ColumnInfo("surface_area_um2", "Surface area", "µm²", "Area S of the mesh."),
        ColumnInfo("surface_to_volume_per_um", "Surface to volume", "1/µm", "S/V."),
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
            "MCI = S³ / (16π²V²).",
            MCI,
        ),
    )

    @classmethod
    def of_solid(cls, solid: SolidObject) -> tuple[float, ...]:
        """Measure one object of a volume."""
        area, volume = solid.mesh.area_um2, solid.volume_um3
        return (
            area,
            area / volume,
            float(np.cbrt(np.pi) * (6 * volume) ** (2 / 3) / area),
            float(area**3 / (16 * np.pi**2 * volume**2)),
        )
