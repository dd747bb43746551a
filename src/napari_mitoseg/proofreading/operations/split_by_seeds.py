"""Split an object between clicked points."""

from collections.abc import Iterator
from itertools import product
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.params import param
from napari_mitoseg.proofreading.distances import distance_inside
from napari_mitoseg.proofreading.flooding import flooded
from napari_mitoseg.proofreading.operations.operation import (
    Edit,
    Operation,
    Point,
    operations,
)
from napari_mitoseg.proofreading.operations.splitting import divided
from napari_mitoseg.proofreading.workspace import Crop, Workspace
from napari_mitoseg.volume import Array, Shape

AROUND = np.array([step for step in product((-1, 0, 1), repeat=3) if any(step)])


@operations.register("split-by-seeds")
class SplitBySeeds(Operation):
    """Split an object into one part for each point clicked inside it.

    Notes
    -----
    The parts are flooded from the points, the thickest places first, and meet in the
    necks: a watershed on the distance to the outside in nm.  Each point first climbs to
    where the object is thickest near it, so that it does not matter how well the middle
    was hit.  The part of the first point keeps the number of the object, as do pieces
    without a point.
    """

    name: ClassVar[str] = "split-by-seeds"
    title: ClassVar[str] = "Split by points"
    picks: ClassVar[tuple[str, ...]] = ("label", "points")

    label: int = param(0, ge=0, description="The object.")
    points: tuple[Point, ...] = param(
        (), description="One voxel or more inside each part, z, y, x; two at least."
    )

    def _edits(self, workspace: Workspace) -> Iterator[Edit]:
        """Flood the object from the points."""
        crop = workspace.crop(self.label, (1, 1, 1))
        places = self._places(crop)
        distance = distance_inside(crop.mask, workspace.spacing)
        parts = flooded(-distance, _climbing(places, distance), crop.mask)
        yield divided(workspace, crop, parts, len(places))

    def _places(self, crop: Crop) -> tuple[Shape, ...]:
        places = tuple(dict.fromkeys(crop.place(point) for point in self.points))
        if len(places) < 2:
            msg = (
                f"Splitting takes two points or more; {len(places)} were given. Click "
                "once in each part."
            )
            raise InvalidParameterError(msg)
        return places


def _climbing(places: tuple[Shape, ...], distance: NDArray[np.float32]) -> Array:
    """Mark the way from each point up to the nearest maximum."""
    markers = np.zeros(distance.shape, np.int32)
    for number, place in enumerate(places, start=1):
        markers[place] = number
    for number, place in enumerate(places, start=1):
        here: Shape | None = place
        while here is not None:
            markers[here] = number
            here = _higher(here, distance, markers)
    return markers


def _higher(
    place: Shape, distance: NDArray[np.float32], markers: Array
) -> Shape | None:
    """Return the highest neighbour that is higher; None on top, or at a marker."""
    around = AROUND + place
    around = around[np.all((around >= 0) & (around < distance.shape), axis=1)]
    best = int(distance[tuple(around.T)].argmax())
    z, y, x = around[best].tolist()
    is_up = distance[z, y, x] > distance[place] and markers[z, y, x] == 0
    return (z, y, x) if is_up else None
