"""Make an object of a drawn outline."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from skimage import draw

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.params import param
from napari_mitoseg.proofreading.operations.operation import (
    Edit,
    Operation,
    Point,
    operations,
)
from napari_mitoseg.proofreading.regions import as_region
from napari_mitoseg.proofreading.workspace import Mask, Workspace
from napari_mitoseg.volume import Region


@operations.register("new-object")
class NewObject(Operation):
    """Make an object of the background inside an outline drawn in a slice.

    Notes
    -----
    The same outline may be filled in slices above and below.  Drawn in a few slices and
    interpolated between them, a whole object takes a few outlines: give the number of
    the object to add to it.  Pixels whose centre lies inside the outline, or on it, are
    filled; other objects are never painted over.
    """

    name: ClassVar[str] = "new-object"
    title: ClassVar[str] = "New object"
    picks: ClassVar[tuple[str, ...]] = ("outline", "label")

    outline: tuple[Point, ...] = param(
        (), description="Corners, z, y, x, all in one slice; three at least."
    )
    label: int = param(
        0, ge=0, description="Object to add to; 0 makes a new one, of an unused number."
    )
    n_above: int = param(
        0, ge=0, le=10_000, description="Slices before this one to fill too."
    )
    n_below: int = param(
        0, ge=0, le=10_000, description="Slices behind this one to fill too."
    )

    def _edits(self, workspace: Workspace) -> Iterator[Edit]:
        """Fill the outline."""
        region = self._region(workspace)
        inside = self._inside(region)
        if self.label:
            workspace.entry(self.label)
        number = self.label or workspace.new_labels(1)[0]
        n_filled = 0
        for block in workspace.array.blocks(region):
            before = workspace.array.read(block)
            _, y, x = block.slices
            _, top, left = region.start
            part = inside[y.start - top : y.stop - top, x.start - left : x.stop - left]
            filled = part & (before == 0)
            n_filled += int(np.count_nonzero(filled))
            yield Edit(
                block, before, np.where(filled, before.dtype.type(number), before)
            )
        if not n_filled:
            msg = "There is no background inside the outline. Draw another one."
            raise InvalidParameterError(msg)

    def _region(self, workspace: Workspace) -> Region:
        corners = np.array(self.outline, np.int64).reshape(-1, 3)
        if len(corners) < 3 or len(np.unique(corners[:, 0])) > 1:
            msg = (
                f"An outline of {len(corners)} points in "
                f"{len(np.unique(corners[:, 0]))} slices was given. Draw one of three "
                "points or more in one slice."
            )
            raise InvalidParameterError(msg)
        low, high = corners.min(axis=0), corners.max(axis=0) + 1
        low[0] -= self.n_above
        high[0] += self.n_below
        return as_region(low, high).within(workspace.shape)

    def _inside(self, region: Region) -> Mask:
        """Rasterize the outline into the slice of a region."""
        corners = np.array(self.outline)[:, 1:] - region.start[1:]
        y, x = corners.T
        drawn = np.zeros(region.shape[1:], bool)
        place = draw.polygon(y, x, drawn.shape)  # type: ignore[no-untyped-call]
        drawn[place] = True
        drawn[draw.polygon_perimeter(y, x, drawn.shape)] = True
        return drawn
