"""Fill the slices between those that show an object."""

from collections.abc import Iterator
from itertools import pairwise
from typing import ClassVar

import numpy as np

from napari_mitoseg.annotation.interpolation import interpolate_masks
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.params import param
from napari_mitoseg.proofreading.operations.operation import (
    Edit,
    Operation,
    operations,
)
from napari_mitoseg.proofreading.workspace import Crop, Mask, Workspace


@operations.register("interpolate")
class Interpolate(Operation):
    """Interpolate an object between slices.

    Notes
    -----
    Without slices given, those that do not show the object, between two that do, are
    filled.  Between two given slices the object is replaced by what lies between its
    shapes there.  Shape-based interpolation, see
    `annotation.interpolation.interpolate_masks`.  Other objects are never painted over.
    """

    name: ClassVar[str] = "interpolate"
    title: ClassVar[str] = "Interpolate"
    picks: ClassVar[tuple[str, ...]] = ("label", "between")

    label: int = param(0, ge=0, description="The object.")
    between: tuple[int, ...] = param(
        (),
        description="Slices that stay, in any order; the object is replaced between "
        "each and the next. Empty: all that show the object.",
    )

    def _edits(self, workspace: Workspace) -> Iterator[Edit]:
        """Fill the slices between."""
        crop = workspace.crop(self.label)
        kept = self._kept(crop)
        gaps = [(a, b) for a, b in pairwise(kept) if b - a > 1]
        if not gaps:
            msg = (
                f"Object {self.label} has no slice missing. Draw it in slices farther "
                "apart, or name the slices to interpolate between."
            )
            raise InvalidParameterError(msg)
        mask = crop.mask.copy()
        for first, last in gaps:
            _fill(mask, first, last)
        yield Edit(crop.region, crop.labels, crop.with_label(mask))

    def _kept(self, crop: Crop) -> list[int]:
        """Return the slices of the crop to interpolate between."""
        shown = np.flatnonzero(crop.mask.any(axis=(1, 2))).tolist()
        if not self.between:
            return shown
        first = crop.region.start[0]
        chosen = sorted({z - first for z in self.between})
        missing = [z + first for z in chosen if z not in shown]
        if missing or len(chosen) < 2:
            msg = (
                f"Object {self.label} was to be interpolated between the slices "
                f"{sorted(self.between)}. Give two or more that show it."
            )
            raise InvalidParameterError(msg)
        return chosen


def _fill(mask: Mask, first: int, last: int) -> None:
    for z in range(first + 1, last):
        fraction = (z - first) / (last - first)
        mask[z] = interpolate_masks(mask[first], mask[last], fraction)
