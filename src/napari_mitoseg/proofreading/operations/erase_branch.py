"""Remove a side branch of an object."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import cc3d
import numpy as np
from scipy.ndimage import binary_dilation, convolve, distance_transform_edt
from skimage import morphology

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.params import param
from napari_mitoseg.proofreading.distances import distance_inside
from napari_mitoseg.proofreading.operations.operation import (
    Edit,
    Operation,
    Point,
    operations,
)
from napari_mitoseg.proofreading.regions import as_region
from napari_mitoseg.proofreading.workspace import Mask, Workspace
from napari_mitoseg.volume import Array, Shape, Spacing

NEAR = 3
"""Radii of the branching within which the body is looked at."""


@operations.register("erase-branch")
class EraseBranch(Operation):
    """Remove the side branch that a point lies in.

    Notes
    -----
    A side branch is a part of the object's skeleton [1]_ between a free end and a
    branching.  The voxels that are nearer to it, in nm, than to the rest of the
    skeleton are erased, without those inside the body: the balls around the rest of the
    skeleton, near the branching, that just fit into the object.

    References
    ----------
    .. [1] T. C. Lee, R. L. Kashyap and C. N. Chu, "Building skeleton models via 3-D
       medial surface/axis thinning algorithms", CVGIP 56(6), 462-478 (1994),
       doi:10.1006/cgip.1994.1042.
    """

    name: ClassVar[str] = "erase-branch"
    title: ClassVar[str] = "Erase a branch"
    picks: ClassVar[tuple[str, ...]] = ("label", "point")

    label: int = param(0, ge=0, description="The object.")
    point: Point = param((0, 0, 0), description="A voxel in the branch, z, y, x.")

    def _edits(self, workspace: Workspace) -> Iterator[Edit]:
        """Erase the branch."""
        crop = workspace.crop(self.label, (1, 1, 1))
        place = crop.place(self.point)
        branch = _branch_at(crop.mask, place, workspace.spacing)
        if branch is None:
            msg = (
                f"The point {self.point} (z, y, x) of object {self.label} lies in no "
                "side branch. Click nearer to the tip of the branch, or cut the object "
                "at a plane or along a line."
            )
            raise InvalidParameterError(msg)
        yield Edit(crop.region, crop.labels, crop.with_label(crop.mask & ~branch))


@dataclass(frozen=True, eq=False)
class _Segments:
    """A skeleton cut at its branchings.

    Attributes
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        Segments from 1; branchings are `junction` and higher.
    junction : int
        Number of the first branching.
    is_end : ndarray of bool, shape (Z, Y, X)
        Free ends.
    """

    labels: Array
    junction: int
    is_end: Mask


def _branch_at(mask: Mask, place: Shape, spacing: Spacing) -> Mask | None:
    """Return the side branch at a voxel; None where there is none."""
    segments = _segments(mask)
    if not segments.labels.any():
        return None
    nearest = distance_transform_edt(
        segments.labels == 0, spacing, return_distances=False, return_indices=True
    )
    owner = segments.labels[tuple(nearest)]
    number = int(owner[place])
    junction = _only_junction(segments, number)
    if junction is None:
        return None
    others = (segments.labels > 0) & (segments.labels != number)
    body = _body(mask, segments.labels == junction, others, spacing)
    branch = mask & (owner == number) & ~body
    pieces = cc3d.connected_components(branch, connectivity=26)
    if not pieces[place]:
        return None
    return mask & ~_hanging_on(others, mask & (pieces != pieces[place]))


def _segments(mask: Mask) -> _Segments:
    skeleton = morphology.skeletonize(mask) > 0  # type: ignore[no-untyped-call]
    n_around = convolve(
        skeleton.astype(np.uint8), np.ones((3, 3, 3), np.uint8), mode="constant"
    )
    n_neighbours = np.where(skeleton, n_around - 1, 0)
    is_branching = n_neighbours > 2
    segments, n = cc3d.connected_components(
        skeleton & ~is_branching, connectivity=26, return_N=True
    )
    branchings = cc3d.connected_components(is_branching, connectivity=26)
    labels = segments.astype(np.int64)
    labels[is_branching] = branchings[is_branching].astype(np.int64) + n
    return _Segments(labels, n + 1, skeleton & (n_neighbours == 1))


def _only_junction(segments: _Segments, number: int) -> int | None:
    """Return the branching of a segment with a free end; None for other segments."""
    own = segments.labels == number
    if number >= segments.junction or not (own & segments.is_end).any():
        return None
    around = binary_dilation(own, np.ones((3, 3, 3), bool))
    met = np.unique(segments.labels[around & ~own])
    met = met[met >= segments.junction]
    return int(met[0]) if len(met) == 1 else None


def _hanging_on(skeleton: Mask, rest: Mask) -> Mask:
    """Leave out crumbs at the root of a branch, which hang on no skeleton any more."""
    parts = cc3d.connected_components(rest, connectivity=26)
    is_held = np.zeros(int(parts.max(initial=0)) + 1, bool)
    is_held[parts[skeleton]] = True
    is_held[0] = False
    return is_held[parts]


def _body(mask: Mask, junction: Mask, others: Mask, spacing: Spacing) -> Mask:
    """Return the balls around a skeleton, near a branching, that fit into a mask."""
    inside = distance_inside(mask, spacing)
    centres, radii = np.argwhere(others), inside[others]
    at_junction = np.argwhere(junction)
    reach = NEAR * float(inside[junction].max())
    far = np.linalg.norm((centres - at_junction[0]) * spacing, axis=1)
    body = np.zeros(mask.shape, bool)
    for centre, radius in zip(centres[far <= reach], radii[far <= reach], strict=True):
        _add_ball(body, centre, float(radius), spacing)
    return body


def _add_ball(body: Mask, centre: Array, radius: float, spacing: Spacing) -> None:
    size = np.ceil(radius / np.array(spacing)).astype(int)
    low = np.maximum(centre - size, 0)
    high = np.minimum(centre + size + 1, body.shape)
    z, y, x = (
        ((np.arange(a, b) - c) * step) ** 2
        for a, b, c, step in zip(low, high, centre, spacing, strict=True)
    )
    body[as_region(low, high).slices] |= z[:, None, None] + y[:, None] + x < radius**2
