"""Principal axes of each object."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from napari_mitoseg.morphology.columns import ColumnInfo
from napari_mitoseg.morphology.family import Family, families
from napari_mitoseg.morphology.flat import FlatObject
from napari_mitoseg.morphology.solid import SolidObject

ITK = (
    "Lehmann, Label object representation and manipulation with ITK, Insight Journal "
    "(2007), doi:10.54294/q6auw4"
)
AXES = (
    "Axes of the ellipsoid with the same second moments: 2√(5λ), λ the variance of "
    "the voxel centres along the axis; as scikit-image's axis_major_length"
)
FLAT_AXES = (
    "Axes of the ellipse with the same second moments: 4√λ, λ the variance of the "
    "pixel centres along the axis; as scikit-image's axis_major_length"
)


@families.register("shape")
class ShapeFamily(Family):
    """Principal axes, elongation, flatness and direction.

    Notes
    -----
    The variances λ₁ ≥ λ₂ ≥ λ₃ of the voxel centres along the principal axes are those
    of a solid ellipsoid with the axes 2√(5λ). Ratios to an axis of length 0, that of
    an object one voxel thick, are NaN.
    """

    name: ClassVar[str] = "shape"
    title: ClassVar[str] = "Shape"
    columns: ClassVar[tuple[ColumnInfo, ...]] = (
        ColumnInfo("axis_major_nm", "Major axis", "nm", f"{AXES}; the longest."),
        ColumnInfo("axis_middle_nm", "Middle axis", "nm", f"{AXES}; the second."),
        ColumnInfo("axis_minor_nm", "Minor axis", "nm", f"{AXES}; the shortest."),
        ColumnInfo(
            "elongation",
            "Elongation",
            "",
            "Major axis / middle axis: 1 for a ball and a disc, large for a tube.",
            ITK,
        ),
        ColumnInfo(
            "flatness",
            "Flatness",
            "",
            "Middle axis / minor axis: 1 for a ball and a tube, large for a disc.",
            ITK,
        ),
        ColumnInfo(
            "inclination_deg",
            "Inclination",
            "°",
            "Angle between the major axis and the slices, 0 to 90.",
        ),
        ColumnInfo(
            "azimuth_deg",
            "Azimuth",
            "°",
            "Angle of the major axis within the slices, from x towards y, 0 to 180.",
        ),
    )
    flat_columns: ClassVar[tuple[ColumnInfo, ...]] = (
        ColumnInfo("axis_major_nm", "Major axis", "nm", f"{FLAT_AXES}; the longer."),
        ColumnInfo("axis_minor_nm", "Minor axis", "nm", f"{FLAT_AXES}; the shorter."),
        ColumnInfo(
            "elongation", "Elongation", "", "Major axis / minor axis: 1 for a disc."
        ),
        ColumnInfo(
            "azimuth_deg",
            "Azimuth",
            "°",
            "Angle of the major axis, from x towards y, 0 to 180.",
        ),
    )

    @classmethod
    def of_solid(cls, solid: SolidObject) -> Mapping[str, float]:
        """Measure one object of a volume."""
        major, middle, minor = 2 * np.sqrt(5 * solid.axes.variances)
        z, y, x = solid.axes.directions[:, 0]
        return {
            "axis_major_nm": major,
            "axis_middle_nm": middle,
            "axis_minor_nm": minor,
            "elongation": ratio(major, middle),
            "flatness": ratio(middle, minor),
            "inclination_deg": float(np.degrees(np.arcsin(min(1.0, abs(z))))),
            "azimuth_deg": _azimuth(y, x),
        }

    @classmethod
    def of_flat(cls, flat: FlatObject) -> Mapping[str, float]:
        """Measure one object of an image."""
        major, minor = 4 * np.sqrt(flat.axes.variances)
        y, x = flat.axes.directions[:, 0]
        return {
            "axis_major_nm": major,
            "axis_minor_nm": minor,
            "elongation": ratio(major, minor),
            "azimuth_deg": _azimuth(y, x),
        }


def ratio(a: float, b: float) -> float:
    """Divide, giving NaN where the divisor is 0."""
    return float(a / b) if b > 0 else float("nan")


def _azimuth(y: float, x: float) -> float:
    """Return the angle of a direction from x towards y, in degrees, 0 to 180."""
    return float(np.degrees(np.arctan2(y, x)) % 180)
