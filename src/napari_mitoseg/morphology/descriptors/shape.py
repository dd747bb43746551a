"""Principal axes of each object."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.morphology.columns import ColumnInfo
from napari_mitoseg.morphology.family import ObjectFamily, families
from napari_mitoseg.morphology.solid import FlatObject, SolidObject

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
class ShapeFamily(ObjectFamily):
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
    def of_solid(cls, solid: SolidObject) -> tuple[float, ...]:
        """Measure one object of a volume."""
        variances, axes = solid.moments
        major, middle, minor = 2 * np.sqrt(5 * variances)
        return (
            major,
            middle,
            minor,
            ratio(major, middle),
            ratio(middle, minor),
            float(np.degrees(np.arcsin(min(1.0, abs(axes[0, 0]))))),
            _azimuth(axes[1:, 0]),
        )

    @classmethod
    def of_flat(cls, flat: FlatObject) -> tuple[float, ...]:
        """Measure one object of an image."""
        variances, axes = flat.moments
        major, minor = 4 * np.sqrt(variances)
        return major, minor, ratio(major, minor), _azimuth(axes[:, 0])


def ratio(a: float, b: float) -> float:
    """Divide, giving NaN where the divisor is 0."""
    return float(a / b) if b > 0 else float("nan")


def _azimuth(axis: NDArray[np.float64]) -> float:
    """Return the angle of (y, x) from x towards y, in degrees."""
    y, x = axis
    return float(np.degrees(np.arctan2(y, x)) % 180)
