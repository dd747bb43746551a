"""One object of a volume with what several descriptors need of it, made once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.morphology.axes import PrincipalAxes, principal_axes
from napari_mitoseg.morphology.field import SmoothField, smooth_field
from napari_mitoseg.morphology.mesh import Mesh, cut_field
from napari_mitoseg.morphology.skeleton import Skeleton, skeleton_of
from napari_mitoseg.morphology.surroundings import Surroundings
from napari_mitoseg.volume import Spacing, cubic_micrometres


@dataclass(eq=False)
class SolidObject:
    """An object of a volume.

    Attributes
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        The object in its box.
    spacing : tuple of float
        Distance between voxel centres in nm, ZYX.
    around : Surroundings or None
        What lies around it, where a family looks at that.
    """

    mask: NDArray[np.bool_]
    spacing: Spacing
    around: Surroundings | None = None

    @cached_property
    def volume_um3(self) -> float:
        """Volume of its voxels."""
        return cubic_micrometres(int(np.count_nonzero(self.mask)), self.spacing)

    @cached_property
    def axes(self) -> PrincipalAxes:
        """Its principal axes."""
        return principal_axes(self.mask, self.spacing)

    @property
    def mesh(self) -> Mesh:
        """Its surface."""
        return self._cut[0]

    @cached_property
    def skeleton(self) -> Skeleton:
        """Its centreline."""
        return skeleton_of(self.mask, self._field, *self._cut)

    @cached_property
    def _field(self) -> SmoothField:
        return smooth_field(self.mask, self.spacing)

    @cached_property
    def _cut(self) -> tuple[Mesh, float]:
        return cut_field(self._field)
