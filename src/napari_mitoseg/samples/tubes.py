"""Bent, branched tubes as implicit functions, evaluated where they are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.samples.grid import Box, Floats, Grid, Points

OUTSIDE = -1000.0  # nm: depth where a tube was not evaluated
RIM = 40.0  # nm around a tube that are evaluated too


@dataclass(frozen=True, eq=False)
class Tube:
    """A chain of tapering capsules.

    Attributes
    ----------
    starts, stops : ndarray, shape (N, 3)
        Ends of the capsules' axes in nm, ZYX.
    radii : ndarray, shape (N, 2)
        Radius at either end in nm.
    """

    starts: Points
    stops: Points
    radii: Points

    @classmethod
    def along(cls, path: Points, radii: Points) -> "Tube":
        """Return the tube around a path, shape (N, 3), with radii of shape (N,)."""
        if len(path) == 1:
            path, radii = np.repeat(path, 2, axis=0), np.repeat(radii, 2)
        return cls(path[:-1], path[1:], np.column_stack([radii[:-1], radii[1:]]))

    def join(self, other: "Tube") -> "Tube":
        """Return the union with another tube."""
        return Tube(
            np.concatenate([self.starts, other.starts]),
            np.concatenate([self.stops, other.stops]),
            np.concatenate([self.radii, other.radii]),
        )


def tube_depth(grid: Grid, tube: Tube) -> tuple[Box, Floats] | None:
    """Evaluate how deep voxels lie inside a tube.

    Parameters
    ----------
    grid : Grid
        The stack.
    tube : Tube
        The tube.

    Returns
    -------
    tuple of (box, ndarray of float32) or None
        The voxels around the tube and their depth in nm: positive inside, zero at
        the surface.  None where the stack shows nothing of it.
    """
    reach = tube.radii.max(axis=1, keepdims=True) + RIM
    low = np.minimum(tube.starts, tube.stops) - reach
    high = np.maximum(tube.starts, tube.stops) + reach
    # One more voxel all around, so that what touches the tube is seen too.
    step = np.array(grid.spacing)
    box = grid.box(low.min(axis=0) - step, high.max(axis=0) + step)
    if box is None:
        return None
    depth = np.full([s.stop - s.start for s in box], OUTSIDE, np.float32)
    for i, (a, b) in enumerate(zip(low, high, strict=True)):
        part = grid.box(a, b)
        if part is not None:
            inner = tuple(
                slice(s.start - o.start, s.stop - o.start)
                for s, o in zip(part, box, strict=True)
            )
            capsule = _capsule(grid.axes(part), tube, i)
            np.maximum(depth[inner], capsule, out=depth[inner])
    return box, depth


def _capsule(axes: tuple[Floats, Floats, Floats], tube: Tube, i: int) -> Floats:
    """Depth inside one capsule."""
    start, radii = tube.starts[i], tube.radii[i]
    along = tube.stops[i] - start
    offsets = [a - np.float32(s) for a, s in zip(axes, start, strict=True)]
    scale = 1 / max(float(along @ along), 1e-6)
    position = sum(
        (o * np.float32(d * scale) for o, d in zip(offsets, along, strict=True)),
        np.float32(0),
    )
    position = np.clip(position, 0, 1)
    square = sum(
        (
            (o - position * np.float32(d)) ** 2
            for o, d in zip(offsets, along, strict=True)
        ),
        np.float32(0),
    )
    radius = np.float32(radii[0]) + position * np.float32(radii[1] - radii[0])
    return np.asarray(radius - np.sqrt(square), dtype=np.float32)


def coverage(grid: Grid, depth: Floats) -> Floats:
    """Say which part of each voxel lies inside a surface.

    Parameters
    ----------
    grid : Grid
        Gives the thickness of the sections.
    depth : ndarray of float32, shape (Z, Y, X)
        Depth below the surface in nm.

    Returns
    -------
    ndarray of float32, shape (Z, Y, X)
        0 to 1; a section thicker than a pixel blurs oblique surfaces.
    """
    edge: NDArray[np.float32] | float = grid.pixel
    if depth.shape[0] > 1:
        slope = np.clip(np.abs(np.gradient(depth, axis=0)) / grid.spacing[0], 0, 1)
        edge = np.maximum(slope * grid.spacing[0], grid.pixel)
    return np.asarray(np.clip(depth / edge + 0.5, 0, 1), dtype=np.float32)
