"""Split an object along a drawn line."""

from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise
from typing import ClassVar

import cc3d
import numpy as np
from skimage import draw

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.params import param
from napari_mitoseg.proofreading.flooding import flooded
from napari_mitoseg.proofreading.operations.operation import (
    Edit,
    Operation,
    Point,
    operations,
)
from napari_mitoseg.proofreading.operations.splitting import divided, largest_first
from napari_mitoseg.proofreading.workspace import Crop, Mask, Workspace
from napari_mitoseg.volume import Array

CRUMB = 0.01
"""Share of the object below which a third piece falls to its neighbour."""


class Through(StrEnum):
    """How far a drawn line cuts."""

    OBJECT = "all slices"
    SLICE = "this slice"


@operations.register("split-by-line")
class SplitByLine(Operation):
    """Split an object along a line drawn across it in a slice.

    Notes
    -----
    The line cuts like a curtain through all slices of the object, or through its slice
    alone; what then no longer hangs together becomes separate objects.  The voxels
    under the line fall to the nearest part, the largest part keeps the number of the
    object.  Pieces that the line does not divide stay as they are.
    """

    name: ClassVar[str] = "split-by-line"
    title: ClassVar[str] = "Split by a line"
    picks: ClassVar[tuple[str, ...]] = ("label", "line")

    label: int = param(0, ge=0, description="The object.")
    line: tuple[Point, ...] = param(
        (), description="Corners of the line, z, y, x, all in one slice; two at least."
    )
    through: Through = param(
        Through.OBJECT,
        description="Cut through all slices of the object, or in this slice only.",
    )

    def _edits(self, workspace: Workspace) -> Iterator[Edit]:
        """Cut along the line."""
        z = self._slice()
        crop = workspace.crop(self.label)
        if self.through is Through.SLICE:
            crop = self._in_slice(crop, z)
        parts, n = _cut(crop.mask, self._drawn(crop))
        if n < 2:
            msg = (
                f"The line does not cut object {self.label} in two. Draw it from "
                "outside, across the object, to the outside again; in all slices, it "
                "must not leave a bridge above or below."
            )
            raise InvalidParameterError(msg)
        yield divided(workspace, crop, parts, n)

    def _slice(self) -> int:
        slices = {z for z, _, _ in self.line}
        if len(self.line) < 2 or len(slices) > 1:
            msg = (
                f"A line of {len(self.line)} points in {len(slices)} slices was given. "
                "Draw one of two points or more in one slice."
            )
            raise InvalidParameterError(msg)
        return slices.pop()

    def _in_slice(self, crop: Crop, z: int) -> Crop:
        row = z - crop.region.start[0]
        if not 0 <= row < len(crop.mask) or not crop.mask[row].any():
            msg = f"Object {self.label} is not in slice {z}. Draw the line where it is."
            raise InvalidParameterError(msg)
        return crop.slices(row, row + 1)

    def _drawn(self, crop: Crop) -> Mask:
        """Draw the line so that nothing slips through, not even diagonally."""
        drawn = np.zeros(crop.mask.shape[1:], bool)
        _, top, left = crop.region.start
        for (_, y0, x0), (_, y1, x1) in pairwise(self.line):
            y, x = draw.line(  # type: ignore[no-untyped-call]
                y0 - top, x0 - left, y1 - top, x1 - left
            )
            place = np.stack([np.append(y, y), np.append(x, x + 1)], axis=1)
            is_in = np.all((place >= 0) & (place < drawn.shape), axis=1)
            drawn[tuple(place[is_in].T)] = True
        return drawn


def _cut(mask: Mask, drawn: Mask) -> tuple[Array, int]:
    """Divide a mask by a curtain; return the parts, the largest first, and how many."""
    whole = cc3d.connected_components(mask, connectivity=26)
    found, n = cc3d.connected_components(mask & ~drawn, connectivity=26, return_N=True)
    pieces = largest_first(found, n)
    size = np.bincount(pieces.ravel(), minlength=n + 1)
    is_crumb = (size < CRUMB * np.count_nonzero(mask)) & (np.arange(n + 1) > 2)
    pieces[is_crumb[pieces]] = 0
    filled = flooded(np.zeros(mask.shape, np.uint8), pieces, mask)
    return _divided_only(whole, filled)


def _divided_only(whole: Array, pieces: Array) -> tuple[Array, int]:
    """Let the largest piece of each component, and what has none, be part 1."""
    inside = (whole > 0) & (pieces > 0)
    pairs = np.unique(np.stack([whole[inside], pieces[inside]]), axis=1)
    # Sorted by component, then by size: the first one of each is its largest.
    _, first = np.unique(pairs[0], return_index=True)
    others = np.delete(pairs[1], first)
    table = np.ones(int(pieces.max(initial=0)) + 1, np.int64)
    table[others] = np.arange(2, 2 + len(others))
    return table[pieces], 1 + len(others)
