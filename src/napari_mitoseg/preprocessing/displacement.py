"""A smooth displacement of a section, known on a coarse grid."""

from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from napari_mitoseg.preprocessing.moving_least_squares import Points
from napari_mitoseg.volume import Array

Coordinates = NDArray[np.float32]
"""Positions in pixels along y and x of every pixel, shape (2, Y, X)."""

_MOST_NODES = 129
_INVERSIONS = 30


@dataclass(frozen=True)
class Frame:
    """The plane of a section and the nodes of a grid over it.

    Attributes
    ----------
    shape : tuple of int
        Pixels along y and x.
    spacing : tuple of float
        Distance of pixels along y and x, nm.
    n_nodes : tuple of int
        Nodes along y and x; the outermost lie on the outermost pixels.
    """

    shape: tuple[int, int]
    spacing: tuple[float, float]
    n_nodes: tuple[int, int]

    @classmethod
    def over(
        cls, shape: tuple[int, int], spacing: tuple[float, float], distance: float
    ) -> "Frame":
        """Lay a grid over a section.

        Parameters
        ----------
        shape : tuple of int
            Pixels along y and x.
        spacing : tuple of float
            Distance of pixels, nm.
        distance : float
            Distance of nodes in nm, at most, as long as there are 129 a side or fewer.

        Returns
        -------
        Frame
            With two nodes a side at least, where there are two pixels.
        """
        height, width = (
            min(_MOST_NODES, n, 1 + max(1, ceil((n - 1) * step / distance)))
            for n, step in zip(shape, spacing, strict=True)
        )
        return cls(shape, spacing, (height, width))

    @property
    def extent(self) -> NDArray[np.float64]:
        """Distance between the outermost pixels along y and x, nm."""
        return (np.asarray(self.shape) - 1) * np.asarray(self.spacing)

    @property
    def nodes(self) -> Points:
        """Positions of the nodes in nm, shape (n, 2), row by row."""
        y, x = (
            np.linspace(0, length, n)
            for length, n in zip(self.extent, self.n_nodes, strict=True)
        )
        grid = np.meshgrid(y, x, indexing="ij")
        return np.stack(grid, axis=-1).reshape(-1, 2)


@dataclass(frozen=True, eq=False)
class Displacement:
    """Where each place of a section is found, as a step from where it is asked for.

    Attributes
    ----------
    frame : Frame
        The section and its grid.
    steps : ndarray of float, shape (n, 2)
        Step at each node in nm, along y and x; linear between nodes. Outside the
        section its affine part goes on.
    """

    frame: Frame
    steps: Points

    @classmethod
    def none(cls, frame: Frame) -> "Displacement":
        """Return the displacement that leaves all where it is."""
        return cls(frame, np.zeros((frame.n_nodes[0] * frame.n_nodes[1], 2)))

    def carry(self, places: Points) -> Points:
        """Return where places are found, both in nm, shape (n, 2)."""
        scale = (np.asarray(self.frame.n_nodes) - 1) / np.maximum(self.frame.extent, 1)
        rest = self.steps - _homogeneous(self.frame.nodes) @ self._affine
        bend = self._interpolated(rest, (places * scale).T)
        return places + _homogeneous(places) @ self._affine + bend.T

    def inverse(self) -> "Displacement":
        """Return the displacement that leads back.

        Returns
        -------
        Displacement
            On the same grid; `carry` of both, one after the other, changes nothing, as
            far as the grid is fine enough.

        Notes
        -----
        Found by iteration from the best affine inverse, so that rotations of any angle
        can be undone.
        """
        nodes = self.frame.nodes
        back = np.linalg.pinv(np.eye(2) + self._affine[:2])
        found = nodes
        for _ in range(_INVERSIONS):
            found = found + (nodes - self.carry(found)) @ back
        return Displacement(self.frame, found - nodes)

    def coordinates(self) -> Coordinates:
        """Return where each pixel is found, in pixels, shape (2, Y, X)."""
        own = np.indices(self.frame.shape, np.float32)
        scale = (np.asarray(self.frame.n_nodes, np.float32) - 1) / [
            max(n - 1, 1) for n in self.frame.shape
        ]
        at = own * scale.astype(np.float32)[:, None, None]
        spacing = np.asarray(self.frame.spacing, np.float32)[:, None, None]
        found = own + self._interpolated(self.steps, at) / spacing
        return found.astype(np.float32, copy=False)

    def sampled(self, plane: Array) -> Array:
        """Return the section with each pixel from where it is found.

        Parameters
        ----------
        plane : ndarray, shape (Y, X)
            Image.

        Returns
        -------
        ndarray of float32, shape (Y, X)
            Interpolated by cubic splines; mirrored outside the section.
        """
        values = plane.astype(np.float32)
        if not self.steps.any():
            return values
        found: Array = map_coordinates(values, self.coordinates(), mode="mirror")
        return found

    @property
    def lengths(self) -> NDArray[np.float64]:
        """How far each node is moved, nm, shape (n,)."""
        return np.hypot(self.steps[:, 0], self.steps[:, 1])

    @cached_property
    def _affine(self) -> Points:
        """The affine map from places to steps that fits best, shape (3, 2)."""
        nodes = _homogeneous(self.frame.nodes)
        affine = np.linalg.lstsq(nodes, self.steps, rcond=None)[0]
        return affine.astype(np.float64, copy=False)

    def _interpolated(self, values: Points, at: Array) -> Array:
        """Interpolate values at the nodes, at positions counted in nodes."""
        grids = values.T.reshape(2, *self.frame.n_nodes)
        return np.stack(
            [map_coordinates(g, at, at.dtype, order=1, mode="nearest") for g in grids]
        )


def _homogeneous(places: Points) -> Points:
    return np.column_stack([places, np.ones(len(places))])
