"""Cut an object at a plane."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.params import param
from napari_mitoseg.proofreading.operations.operation import (
    Edit,
    Operation,
    Point,
    operations,
)
from napari_mitoseg.proofreading.workspace import Mask, Workspace
from napari_mitoseg.volume import Region, Spacing

Vector = tuple[float, float, float]


@operations.register("cut-at-plane")
class CutAtPlane(Operation):
    """Cut an object in two at a plane through a point.

    Notes
    -----
    The side that the normal points away from keeps the number of the object, and the
    plane itself with it.  The normal is a direction in space, not in voxels: with
    slices farther apart than pixels, (1, 1, 0) is at 45 degrees to them all the same.
    A plane along the axes needs no spacing.  Works in blocks, so that the object may
    be of any size.
    """

    name: ClassVar[str] = "cut-at-plane"
    title: ClassVar[str] = "Cut at a plane"
    picks: ClassVar[tuple[str, ...]] = ("label", "point", "normal")

    label: int = param(0, ge=0, description="The object.")
    point: Point = param((0, 0, 0), description="A voxel of the plane, z, y, x.")
    normal: Vector = param(
        (1.0, 0.0, 0.0),
        description="Direction that the plane faces, z, y, x, in space (nm).",
    )

    def _edits(self, workspace: Workspace) -> Iterator[Edit]:
        """Give what lies beyond the plane a new number."""
        spacing = self._spacing(workspace)
        workspace.entry(self.label)
        (number,) = workspace.new_labels(1)
        n_beyond = n_here = 0
        for region, block in workspace.blocks_of(self.label):
            mask = block == self.label
            beyond = mask & self._beyond(region, spacing)
            n_beyond += int(np.count_nonzero(beyond))
            n_here += int(np.count_nonzero(mask & ~beyond))
            yield Edit(region, block, np.where(beyond, block.dtype.type(number), block))
        if 0 in {n_beyond, n_here}:
            msg = (
                f"All of object {self.label} lies on one side of the plane through "
                f"{self.point} (z, y, x). Put the plane through the object."
            )
            raise InvalidParameterError(msg)

    def _spacing(self, workspace: Workspace) -> Spacing:
        n_axes = np.count_nonzero(self.normal)
        if n_axes == 0:
            msg = "The plane faces (0, 0, 0). Give a direction, for example 1, 0, 0."
            raise InvalidParameterError(msg)
        return workspace.spacing if n_axes > 1 else (1.0, 1.0, 1.0)

    def _beyond(self, region: Region, spacing: Spacing) -> Mask:
        z, y, x = (
            (np.arange(a, b) - p) * step * n
            for a, b, p, step, n in zip(
                region.start, region.stop, self.point, spacing, self.normal, strict=True
            )
        )
        height: NDArray[np.float64] = z[:, None, None] + y[:, None] + x
        beyond: Mask = height > 0
        return beyond
