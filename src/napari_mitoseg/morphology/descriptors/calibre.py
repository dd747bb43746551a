"""How thick each object is along its centreline."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from napari_mitoseg.morphology.columns import ColumnInfo
from napari_mitoseg.morphology.family import Family, families
from napari_mitoseg.morphology.solid import SolidObject

NANOTUNNELS = (
    "Vincent et al., Mitochondrial nanotunnels, Trends Cell Biol. 27 (2017), "
    "doi:10.1016/j.tcb.2017.08.009"
)


@families.register("calibre")
class CalibreFamily(Family):
    """Mean, least and largest diameter along the centreline.

    Notes
    -----
    The diameter at a place of the centreline is the way from the nearest wall through
    it to the wall opposite, along a straight line: the smaller of the two diameters
    of an oval cross-section. The rounded ends beyond the last inscribed ball
    do not count.
    """

    name: ClassVar[str] = "calibre"
    title: ClassVar[str] = "Calibre"
    columns: ClassVar[tuple[ColumnInfo, ...]] = (
        ColumnInfo(
            "calibre_mean_nm",
            "Mean calibre",
            "nm",
            "Mean diameter along the centreline.",
        ),
        ColumnInfo(
            "calibre_min_nm",
            "Least calibre",
            "nm",
            "Smallest diameter along the centreline; below about 100 nm: a nanotunnel, "
            "or two mitochondria falsely merged.",
            NANOTUNNELS,
        ),
        ColumnInfo(
            "calibre_max_nm",
            "Largest calibre",
            "nm",
            "Largest diameter along the centreline.",
        ),
    )

    @classmethod
    def of_solid(cls, solid: SolidObject) -> Mapping[str, float]:
        """Measure one object of a volume."""
        skeleton = solid.skeleton
        inner = np.ones(len(skeleton.nodes), bool)
        inner[skeleton.ends] = False
        diameters = 2 * skeleton.radius_nm[inner]
        return {
            "calibre_mean_nm": float(diameters.mean()),
            "calibre_min_nm": float(diameters.min()),
            "calibre_max_nm": float(diameters.max()),
        }
