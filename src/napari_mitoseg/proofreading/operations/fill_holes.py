"""Close the holes inside an object."""

from collections.abc import Iterator
from typing import ClassVar

import fill_voids
import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.params import param
from napari_mitoseg.proofreading.operations.operation import (
    Edit,
    Operation,
    operations,
)
from napari_mitoseg.proofreading.workspace import Workspace


@operations.register("fill-holes")
class FillHoles(Operation):
    """Fill the holes of an object, in 3D or slice by slice.

    Notes
    -----
    A hole is background that no path through faces leads out of: out of the object in
    3D, or within one slice.  A hole that is open to the side of the volume is none.
    Other objects inside a hole stay.
    """

    name: ClassVar[str] = "fill-holes"
    title: ClassVar[str] = "Fill holes"
    picks: ClassVar[tuple[str, ...]] = ("label",)

    label: int = param(0, ge=0, description="The object.")
    in_slices: bool = param(
        False,
        description="Fill what is enclosed within a slice too, even if it is open "
        "above or below: tunnels through the object are lost.",
    )

    def _edits(self, workspace: Workspace) -> Iterator[Edit]:
        """Give the background inside the number of the object."""
        crop = workspace.crop(self.label)
        filled = filled_holes(crop.mask, in_slices=self.in_slices)
        after = crop.labels.copy()
        after[filled & (crop.labels == 0)] = self.label
        yield Edit(crop.region, crop.labels, after)


def filled_holes(
    mask: NDArray[np.bool_], *, in_slices: bool = False
) -> NDArray[np.bool_]:
    """Fill the holes of a mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        An object in its box.
    in_slices : bool
        Fill each slice on its own.

    Returns
    -------
    ndarray of bool, shape (Z, Y, X)
        The mask without holes; a single slice is filled as an image.
    """
    if not in_slices and len(mask) > 1:
        return np.asarray(fill_voids.fill(mask), bool)
    planes = [
        np.asarray(fill_voids.fill(plane), bool) if plane.any() else plane
        for plane in mask
    ]
    return np.stack(planes)
