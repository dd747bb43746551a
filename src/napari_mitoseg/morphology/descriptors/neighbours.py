"""How near other objects are, and how much they touch."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.jobs import Job
from napari_mitoseg.morphology.columns import ColumnInfo, column_word
from napari_mitoseg.morphology.family import Family, families
from napari_mitoseg.morphology.mesh import Mesh
from napari_mitoseg.morphology.nearest import find_nearest
from napari_mitoseg.morphology.solid import SolidObject
from napari_mitoseg.morphology.survey import Survey
from napari_mitoseg.volume import Array, Spacing

DEPTHS = (0.6, 1.2)
"""Voxels outside the surface at which something else is a contact."""

DISTANCE = ColumnInfo(
    "nearest_distance_nm",
    "Distance to the nearest",
    "nm",
    "Gap between the object and the nearest other one, 0 where they touch. Nearest is "
    "the pair of voxels whose centres are nearest; the gap is between their sides.",
)
NEAREST = ColumnInfo(
    "nearest_label",
    "Nearest object",
    "",
    "Label of the nearest other object; 0 where there is none.",
)
CONTACT = ColumnInfo(
    "contact_area_um2",
    "Contact area",
    "µm²",
    "Area of the surface beyond which, within a voxel, another object lies.",
)
N_CONTACTS = ColumnInfo(
    "n_contacts",
    "Contacts",
    "",
    "Number of objects it touches.",
)


def layer_column(name: str) -> ColumnInfo:
    """Describe the contact area with another layer.

    Parameters
    ----------
    name : str
        Name of the layer.

    Returns
    -------
    ColumnInfo
        The column.

    Examples
    --------
    >>> layer_column("nucleus").name
    'contact_nucleus_um2'
    """
    return ColumnInfo(
        f"contact_{column_word(name)}_um2",
        f"Contact with {name}",
        "µm²",
        f"Area of the surface beyond which, within a voxel, {name} lies.",
    )


@families.register("neighbours")
class NeighboursFamily(Family):
    """Distance to the nearest object, contact with it and with other layers.

    Notes
    -----
    A triangle of the surface is in contact where, 0.6 or 1.2 voxels outside it along
    its normal, another object lies, so that contact areas are parts of the surface
    area, and slanting contacts are no staircase. Objects a voxel apart are in contact.
    """

    name: ClassVar[str] = "neighbours"
    title: ClassVar[str] = "Neighbours"
    columns: ClassVar[tuple[ColumnInfo, ...]] = (DISTANCE, NEAREST, CONTACT, N_CONTACTS)
    flat_columns: ClassVar[tuple[ColumnInfo, ...]] = (DISTANCE, NEAREST)
    watched: ClassVar[bool] = True
    looks_around: ClassVar[bool] = True

    @classmethod
    def columns_of(cls, survey: Survey) -> tuple[ColumnInfo, ...]:
        """Return the columns, one more for each other layer."""
        found = super().columns_of(survey)
        if CONTACT not in found:
            return found
        return (*found, *map(layer_column, survey.context.contacts))

    @classmethod
    def measure(cls, survey: Survey) -> Job[Mapping[str, Array]]:
        """Find the nearest objects."""
        if survey.spacing is None:
            return {}
        distance, label = yield from find_nearest(survey)
        return {DISTANCE.name: distance, NEAREST.name: label}

    @classmethod
    def of_solid(cls, solid: SolidObject) -> Mapping[str, float]:
        """Measure the contacts of one object of a volume."""
        around = solid.around
        if around is None:
            return {}
        areas, places = _outside(solid.mesh, solid.spacing)
        labels = np.stack([around.look_up(around.labels, p) for p in places])
        is_other = (labels > 0) & (labels != around.label)
        figures = {
            CONTACT.name: float(areas[is_other.any(axis=0)].sum() / 1e6),
            N_CONTACTS.name: float(np.unique(labels[is_other]).size),
        }
        for name, layer in around.layers.items():
            touched = [around.look_up(layer, p) for p in places]
            area = float(areas[np.any(touched, axis=0)].sum() / 1e6)
            figures[layer_column(name).name] = area
        return figures


def _outside(
    mesh: Mesh, spacing: Spacing
) -> tuple[NDArray[np.float64], list[NDArray[np.int64]]]:
    """Return the area of each triangle, and voxels a little outside it."""
    normals = mesh.normals
    lengths = np.sqrt(np.square(normals).sum(axis=1))
    normals = normals / np.maximum(lengths, 1e-9)[:, None]
    centres = mesh.vertices[mesh.faces].mean(axis=1)
    # How far it is through a voxel along the normal.
    step = (np.abs(normals) * spacing).sum(axis=1, keepdims=True)
    places = [
        np.rint((centres + depth * step * normals) / spacing).astype(np.int64)
        for depth in DEPTHS
    ]
    return lengths / 2, places
