"""Make an object larger or smaller by a distance."""

from collections.abc import Iterator
from typing import ClassVar

import cc3d
import numpy as np

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.params import param
from napari_mitoseg.proofreading.distances import distance_inside
from napari_mitoseg.proofreading.operations.operation import (
    Edit,
    Operation,
    operations,
)
from napari_mitoseg.proofreading.workspace import Mask, Workspace


@operations.register("grow")
class Grow(Operation):
    """Let an object grow by a distance into the background.

    Notes
    -----
    Every background voxel whose centre lies within the distance of the centre of a
    voxel of the object is taken, in nm, unless another object lies between. Other
    objects are never painted over.
    """

    name: ClassVar[str] = "grow"
    title: ClassVar[str] = "Grow"
    picks: ClassVar[tuple[str, ...]] = ("label",)

    label: int = param(0, ge=0, description="The object.")
    distance_nm: float = param(
        20.0, gt=0, le=10_000, unit="nm", description="How far the outline moves out."
    )

    def _edits(self, workspace: Workspace) -> Iterator[Edit]:
        """Take the background within the distance."""
        crop = workspace.crop_nm(self.label, self.distance_nm)
        near = distance_inside(~crop.mask, workspace.spacing) <= self.distance_nm
        reached = connected_to(crop.mask, near & crop.is_free)
        yield Edit(crop.region, crop.labels, crop.with_label(reached))


@operations.register("shrink")
class Shrink(Operation):
    """Take a layer off an object.

    Notes
    -----
    Every voxel whose centre lies within the distance of the centre of a voxel outside
    the object becomes background, in nm.  Where the object reaches the side of the
    volume it is taken to go on, and loses nothing.
    """

    name: ClassVar[str] = "shrink"
    title: ClassVar[str] = "Shrink"
    picks: ClassVar[tuple[str, ...]] = ("label",)

    label: int = param(0, ge=0, description="The object.")
    distance_nm: float = param(
        20.0, gt=0, le=10_000, unit="nm", description="How far the outline moves in."
    )

    def _edits(self, workspace: Workspace) -> Iterator[Edit]:
        """Keep what is farther than the distance from the outside."""
        crop = workspace.crop_nm(self.label, 0)
        kept = distance_inside(crop.mask, workspace.spacing) > self.distance_nm
        if not kept.any():
            msg = (
                f"Nothing of object {self.label} is more than {self.distance_nm:g} nm "
                "from its outside. Give a smaller distance, or delete the object."
            )
            raise InvalidParameterError(msg)
        yield Edit(crop.region, crop.labels, crop.with_label(kept))


def connected_to(mask: Mask, candidates: Mask) -> Mask:
    """Keep of some voxels what hangs together with a mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        The mask.
    candidates : ndarray of bool, shape (Z, Y, X)
        The voxels; those of the mask may be among them.

    Returns
    -------
    ndarray of bool, shape (Z, Y, X)
        The mask and what is connected to it, through faces, edges or corners.
    """
    together = cc3d.connected_components(mask | candidates, connectivity=26)
    is_kept = np.zeros(int(together.max(initial=0)) + 1, bool)
    is_kept[together[mask]] = True
    return is_kept[together]
