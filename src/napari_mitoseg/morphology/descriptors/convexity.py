"""How far each object is from convex."""

from collections.abc import Mapping
from typing import ClassVar

from scipy.spatial import ConvexHull

from napari_mitoseg.morphology.columns import ColumnInfo
from napari_mitoseg.morphology.family import Family, families
from napari_mitoseg.morphology.flat import FlatObject
from napari_mitoseg.morphology.solid import SolidObject

QUICKHULL = (
    "Barber, Dobkin, Huhdanpaa, The Quickhull algorithm for convex hulls, ACM Trans. "
    "Math. Softw. 22 (1996), doi:10.1145/235815.235821"
)


@families.register("convexity")
class ConvexityFamily(Family):
    """Convex hull and solidity.

    Notes
    -----
    The hull is that of the smooth surface. scikit-image takes the hull of the voxels'
    corners and counts the voxels whose centres it holds; its solidity is therefore a
    little lower, and much lower for small objects.
    """

    name: ClassVar[str] = "convexity"
    title: ClassVar[str] = "Convexity"
    columns: ClassVar[tuple[ColumnInfo, ...]] = (
        ColumnInfo(
            "convex_volume_um3",
            "Convex volume",
            "µm³",
            "Volume of the convex hull of the surface.",
            QUICKHULL,
        ),
        ColumnInfo(
            "solidity",
            "Solidity",
            "",
            "V / convex volume: 1 for convex shapes, less the more it bends and "
            "branches.",
        ),
    )
    flat_columns: ClassVar[tuple[ColumnInfo, ...]] = (
        ColumnInfo(
            "convex_area_um2",
            "Convex area",
            "µm²",
            "Area of the convex hull of the contour.",
            QUICKHULL,
        ),
        ColumnInfo("solidity", "Solidity", "", "A / convex area."),
    )

    @classmethod
    def of_solid(cls, solid: SolidObject) -> Mapping[str, float]:
        """Measure one object of a volume."""
        hull = float(ConvexHull(solid.mesh.vertices).volume / 1e9)
        return {"convex_volume_um3": hull, "solidity": solid.mesh.volume_um3 / hull}

    @classmethod
    def of_flat(cls, flat: FlatObject) -> Mapping[str, float]:
        """Measure one object of an image."""
        hull = flat.convex_area_um2
        return {"convex_area_um2": hull, "solidity": flat.area_um2 / hull}
