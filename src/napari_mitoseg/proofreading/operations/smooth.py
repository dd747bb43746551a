"""Smooth the outline of an object."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_mitoseg.params import param
from napari_mitoseg.proofreading.operations.operation import (
    Edit,
    Operation,
    operations,
)
from napari_mitoseg.proofreading.workspace import Mask, Workspace
from napari_mitoseg.volume import Array

TRUNCATE = 3.0
"""Where the Gaussian is cut off, in radii."""


@operations.register("smooth")
class Smooth(Operation):
    """Smooth the outline of an object, in 3D, without changing its volume.

    Notes
    -----
    The object is blurred by a Gaussian whose standard deviation is the radius, in nm
    along each axis, and as many of the brightest voxels are kept as it had before: a
    plain cutoff at one half would let thin objects vanish.  Other objects are never
    painted over.
    """

    name: ClassVar[str] = "smooth"
    title: ClassVar[str] = "Smooth"
    picks: ClassVar[tuple[str, ...]] = ("label",)

    label: int = param(0, ge=0, description="The object.")
    radius_nm: float = param(
        20.0,
        gt=0,
        le=1_000,
        unit="nm",
        description="Bumps and dents of about this size disappear.",
    )

    def _edits(self, workspace: Workspace) -> Iterator[Edit]:
        """Blur the object and cut it off at its volume."""
        crop = workspace.crop_nm(self.label, TRUNCATE * self.radius_nm)
        sigma = [self.radius_nm / step for step in workspace.spacing]
        blurred = gaussian_filter(
            crop.mask.astype(np.float32), sigma, mode="nearest", truncate=TRUNCATE
        )
        # Of equal brightness, the object's own voxels first: a box stays a box.
        brightness = np.where(crop.is_free, blurred + 1e-6 * crop.mask, 0)
        kept = _brightest(brightness, int(np.count_nonzero(crop.mask)))
        yield Edit(crop.region, crop.labels, crop.with_label(kept))


def _brightest(values: Array, n: int) -> Mask:
    """Mark the n largest values, the first ones of equal ones."""
    flat = values.ravel()
    cutoff = np.partition(flat, flat.size - n)[flat.size - n]
    kept = flat > cutoff
    missing = n - int(np.count_nonzero(kept))
    kept[np.flatnonzero(flat == cutoff)[:missing]] = True
    return kept.reshape(values.shape)
