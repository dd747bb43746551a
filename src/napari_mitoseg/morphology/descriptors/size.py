"""How large each object is, and where."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.jobs import Job
from napari_mitoseg.morphology.columns import ColumnInfo
from napari_mitoseg.morphology.family import Family, families
from napari_mitoseg.morphology.survey import Survey
from napari_mitoseg.volume import Array, cubic_micrometres

N_VOXELS = ColumnInfo(
    "n_voxels",
    "Voxels",
    "",
    "Number of voxels.",
    needs_spacing=False,
)
VOLUME = ColumnInfo(
    "volume_um3",
    "Volume",
    "µm³",
    "V = number of voxels × volume of a voxel.",
)
DIAMETER = ColumnInfo(
    "equivalent_diameter_nm",
    "Equivalent diameter",
    "nm",
    "Diameter of the ball of the same volume: (6V/π)^⅓.",
)
AREA = ColumnInfo("area_um2", "Area", "µm²", "A = number of pixels × area of a pixel.")
DISC_DIAMETER = ColumnInfo(
    "equivalent_disc_diameter_nm",
    "Equivalent diameter",
    "nm",
    "Diameter of the disc of the same area: 2√(A/π).",
)
N_SLICES = ColumnInfo(
    "n_slices",
    "Slices",
    "",
    "Number of slices that show the object.",
    needs_spacing=False,
)
TOUCHES = ColumnInfo(
    "touches_border",
    "Touches the border",
    "",
    "Whether the box of the object reaches a side of the volume, so that a part of it "
    "may be missing. Sides across an axis of one voxel do not count.",
    needs_spacing=False,
)


def _centroid(letter: str) -> ColumnInfo:
    return ColumnInfo(
        f"centroid_{letter}_nm",
        f"Centroid {letter}",
        "nm",
        f"Mean {letter} of the voxel centres; voxel 0 lies at 0 nm.",
    )


def _box(letter: str) -> tuple[ColumnInfo, ColumnInfo]:
    return (
        ColumnInfo(
            f"{letter}_start",
            f"First {letter}",
            "",
            f"First voxel of the box along {letter}.",
            needs_spacing=False,
        ),
        ColumnInfo(
            f"{letter}_stop",
            f"End {letter}",
            "",
            f"Voxel behind the last one of the box along {letter}.",
            needs_spacing=False,
        ),
    )


@families.register("size")
class SizeFamily(Family):
    """Number of voxels, volume, position, box.

    Notes
    -----
    An object touches the border when its box reaches a side of the volume; sides
    across an axis of one voxel do not count, or else everything in a single slice
    would.
    """

    name: ClassVar[str] = "size"
    title: ClassVar[str] = "Size and position"
    by_object: ClassVar[bool] = False
    columns: ClassVar[tuple[ColumnInfo, ...]] = (
        N_VOXELS,
        VOLUME,
        DIAMETER,
        *map(_centroid, "zyx"),
        N_SLICES,
        TOUCHES,
        *(column for letter in "zyx" for column in _box(letter)),
    )
    flat_columns: ClassVar[tuple[ColumnInfo, ...]] = (
        N_VOXELS,
        AREA,
        DISC_DIAMETER,
        *map(_centroid, "yx"),
        TOUCHES,
        *(column for letter in "yx" for column in _box(letter)),
    )

    @classmethod
    def columns_of(cls, survey: Survey) -> tuple[ColumnInfo, ...]:
        """Return the columns; a stack of one slice gets those of both kinds."""
        found = super().columns_of(survey)
        if not survey.is_flat or survey.is_image:
            return found
        known = survey.spacing is not None
        solid = [c for c in cls.columns if known or not c.needs_spacing]
        return tuple(dict.fromkeys([*solid, *found]))

    @classmethod
    def measure(cls, survey: Survey) -> Job[Mapping[str, Array]]:
        """Measure all objects."""
        yield from ()
        columns: dict[str, Array] = {
            "n_voxels": survey.n_voxels,
            "n_slices": survey.n_slices,
            "touches_border": _touches_border(survey.start, survey.stop, survey.shape),
        }
        for axis, letter in enumerate("zyx"):
            columns[f"{letter}_start"] = survey.start[:, axis]
            columns[f"{letter}_stop"] = survey.stop[:, axis]
        return columns | _physical(survey)


def _physical(survey: Survey) -> dict[str, Array]:
    if survey.spacing is None:
        return {}
    volume = survey.n_voxels * cubic_micrometres(1, survey.spacing)
    area = survey.n_voxels * (survey.spacing[1] * survey.spacing[2] / 1e6)
    columns: dict[str, Array] = {
        "volume_um3": volume,
        "equivalent_diameter_nm": 1e3 * np.cbrt(6 * volume / np.pi),
        "area_um2": area,
        "equivalent_disc_diameter_nm": 2e3 * np.sqrt(area / np.pi),
    }
    for axis, letter in enumerate("zyx"):
        position = survey.centroid[:, axis] * survey.spacing[axis]
        columns[f"centroid_{letter}_nm"] = position
    return columns


def _touches_border(
    start: NDArray[np.int64], stop: NDArray[np.int64], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    size = np.array(shape)
    at_side: NDArray[np.bool_] = (start == 0) | (stop == size)
    return np.any(at_side & (size > 1), axis=1)
