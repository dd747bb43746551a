"""Split an object at its necks."""

from collections.abc import Iterator
from typing import ClassVar

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.params import param
from napari_mitoseg.proofreading.basins import find_basins
from napari_mitoseg.proofreading.distances import distance_inside
from napari_mitoseg.proofreading.operations.operation import (
    Edit,
    Operation,
    operations,
)
from napari_mitoseg.proofreading.operations.splitting import divided, largest_first
from napari_mitoseg.proofreading.workspace import Workspace


@operations.register("split-by-distance")
class SplitByDistance(Operation):
    """Split an object at its deepest necks.

    Notes
    -----
    A watershed on the distance to the outside in nm; see `find_basins`.  The largest
    part keeps the number of the object.  Pieces that do not touch count as parts.
    """

    name: ClassVar[str] = "split-by-distance"
    title: ClassVar[str] = "Split at necks"
    picks: ClassVar[tuple[str, ...]] = ("label",)

    label: int = param(0, ge=0, description="The object.")
    n_parts: int = param(2, ge=2, le=100, description="How many parts to make.")
    min_depth_nm: float = param(
        0.0,
        ge=0,
        unit="nm",
        description="Least difference in radius between a neck and the thinner of its "
        "two sides; others are not cut, so that there may be fewer parts.",
    )

    def _edits(self, workspace: Workspace) -> Iterator[Edit]:
        """Cut the object at its necks."""
        crop = workspace.crop(self.label, (1, 1, 1))
        basins = find_basins(distance_inside(crop.mask, workspace.spacing))
        parts, n = basins.parts(self.n_parts, self.min_depth_nm)
        if n < 2:
            raise InvalidParameterError(self._no_neck())
        yield divided(workspace, crop, largest_first(parts, n), n)

    def _no_neck(self) -> str:
        if not self.min_depth_nm:
            return f"Object {self.label} has no neck. Split it by points or by a line."
        return (
            f"Object {self.label} has no neck {self.min_depth_nm:g} nm deep or deeper. "
            "Ask for a smaller depth, or split it by points or by a line."
        )
