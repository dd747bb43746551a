"""Restoration of noisy slices and regions from their neighbours along z."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from pydantic import PrivateAttr

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.params import param
from napari_mitoseg.preprocessing.step import Step, steps
from napari_mitoseg.volume import Array, PlaneBox, Shape, Volume

SliceBox = tuple[int, int, int, int, int]

LONGEST_RUN = 3
"""Neighbouring bad slices that can be bridged: see the notes of `Restore`."""

QUARTERS = 4


class Interpolate(Protocol):
    """What restores: a network that gives the slice in the middle of two others."""

    def __call__(
        self, below: Array, above: Array, box: PlaneBox | None = None
    ) -> Array:
        """Interpolate.

        Parameters
        ----------
        below, above : ndarray, shape (Y, X)
            The slices on both sides.
        box : tuple of int, optional
            First and past-the-end pixel of the part that is wanted: y0, x0, y1, x1.

        Returns
        -------
        ndarray of float32, shape (Y, X) or that of the box
            The slice between them.
        """


class Mark(NamedTuple):
    """A part of a slice that is to be restored; `stop` lies past the end."""

    z: int
    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def box(self) -> PlaneBox:
        """Place within the slice."""
        return self.y0, self.x0, self.y1, self.x1

    def overlaps(self, other: "Mark") -> bool:
        """Say whether two marks share pixels, whatever their slices."""
        return (
            self.y0 < other.y1
            and other.y0 < self.y1
            and self.x0 < other.x1
            and other.x0 < self.x1
        )


@steps.register("restore")
class Restore(Step):
    """Replace marked slices and regions by an interpolation of their neighbours.

    Notes
    -----
    The denoising of [1]_: where staining precipitates, folds or a missing section spoil
    a slice, a network trained on the same stack (`napari-mitoseg train-interpolation`)
    predicts it from the slices below and above. What is not marked keeps its values.

    The neighbours of a mark are the nearest slices without a mark at that place. Of
    two or three bad slices in a row, the network's answer for the middle is
    interpolated once more with the good slice on the nearer side, so that each slice
    comes from the nearest quarter between the good ones. Longer runs are refused, and
    so are marks without a good slice on both sides.

    References
    ----------
    .. [1] Li et al. (2021), Advanced deep networks for 3D mitochondria instance
       segmentation, section 2.3, doi:10.48550/arXiv.2104.07961.
    """

    name: ClassVar[str] = "restore"
    title: ClassVar[str] = "Restore marked slices"

    model: str = param(
        "", description="Folder of the interpolation network trained on this stack."
    )
    slices: tuple[int, ...] = param((), description="Slices to replace as a whole.")
    boxes: tuple[SliceBox, ...] = param(
        (),
        description="Regions to replace: slice, first y and x, past-the-end y and x.",
    )

    _interpolate: Interpolate | None = PrivateAttr(None)

    @property
    def is_marked(self) -> bool:
        """Whether anything is to be restored."""
        return bool(self.slices or self.boxes)

    def bound(self, interpolate: Interpolate) -> "Restore":
        """Return the step with its network, ready to be called.

        Parameters
        ----------
        interpolate : Interpolate
            The network in `model`; it is not written to recipes.

        Returns
        -------
        Restore
            With the same settings.
        """
        ready = self.model_copy()
        ready._interpolate = interpolate
        return ready

    def __call__(self, volume: Volume) -> Volume:
        """Restore what is marked when it is read.

        Raises
        ------
        InvalidParameterError
            If something is marked, and the step has no network, or a mark lies outside
            the volume, has no good slice on both sides, or is one of too many in a row.
        """
        if not self.is_marked:
            return volume.map_slices(_as_it_is)
        if self._interpolate is None:
            msg = (
                f"The step {self.name!r} has not been given its network. Run it in a "
                "recipe or by the command restore, or give it with Restore.bound."
            )
            raise InvalidParameterError(msg)
        marks = tuple(self.marks(volume.shape))
        bridges = tuple(_bridge(mark, marks, volume.shape[0]) for mark in marks)
        restored = _Restored(volume, bridges, self._interpolate)
        return replace(volume, data=restored)

    def marks(self, shape: Shape) -> Iterator[Mark]:
        """Yield what is marked in a volume of this shape.

        Parameters
        ----------
        shape : tuple of int
            Size along z, y, x.

        Yields
        ------
        Mark
            Within the volume.

        Raises
        ------
        InvalidParameterError
            If a slice or a region lies outside.
        """
        depth, height, width = shape
        whole = (0, 0, height, width)
        given = [*((z, *whole) for z in sorted(set(self.slices))), *self.boxes]
        for z, y0, x0, y1, x1 in given:
            mark = Mark(z, max(y0, 0), max(x0, 0), min(y1, height), min(x1, width))
            if not 0 <= z < depth or mark.y0 >= mark.y1 or mark.x0 >= mark.x1:
                msg = (
                    f"The mark on slice {z}, y {y0}–{y1}, x {x0}–{x1} lies outside the "
                    f"volume of {depth} × {height} × {width} voxels. Remove or move it."
                )
                raise InvalidParameterError(msg)
            yield mark


class Bridge(NamedTuple):
    """A mark and the good slices around it."""

    mark: Mark
    below: int
    above: int

    @property
    def quarter(self) -> int:
        """How far the mark is from below to above: 1, 2 or 3 quarters."""
        share = (self.mark.z - self.below) / (self.above - self.below)
        return min(max(round(QUARTERS * share), 1), QUARTERS - 1)


@dataclass(frozen=True, eq=False)
class _Restored:
    """A lazy array in which marked parts are interpolated when they are read."""

    volume: Volume
    bridges: tuple[Bridge, ...]
    interpolate: Interpolate

    @property
    def shape(self) -> tuple[int, ...]:
        return self.volume.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    @cached_property
    def _by_slice(self) -> dict[int, list[Bridge]]:
        found: dict[int, list[Bridge]] = {}
        for bridge in self.bridges:
            found.setdefault(bridge.mark.z, []).append(bridge)
        return found

    def __getitem__(self, key: Any) -> Array:
        z, *in_plane = key if isinstance(key, tuple) else (key,)
        numbers = np.arange(self.shape[0])[z]
        if numbers.ndim == 0:
            return self._plane(int(numbers))[tuple(in_plane)]
        planes = np.stack([self._plane(int(number)) for number in numbers])
        return planes[(slice(None), *in_plane)]

    def _plane(self, z: int) -> Array:
        plane = np.array(self.volume.read_slice(z), np.float32)
        for bridge in self._by_slice.get(z, []):
            y0, x0, y1, x1 = bridge.mark.box
            plane[y0:y1, x0:x1] = self._interpolated(bridge)
        return plane

    def _interpolated(self, bridge: Bridge) -> Array:
        below = self.volume.read_slice(bridge.below)
        above = self.volume.read_slice(bridge.above)
        if bridge.quarter < QUARTERS // 2:
            above = self.interpolate(below, above)
        elif bridge.quarter > QUARTERS // 2:
            below = self.interpolate(below, above)
        return self.interpolate(below, above, bridge.mark.box)


def _bridge(mark: Mark, marks: tuple[Mark, ...], depth: int) -> Bridge:
    """Find the good slices around a mark."""
    bad = {other.z for other in marks if mark.overlaps(other)}
    below = next((z for z in range(mark.z, -1, -1) if z not in bad), None)
    above = next((z for z in range(mark.z, depth) if z not in bad), None)
    if below is None or above is None:
        side, end = ("below", "first") if below is None else ("above", "last")
        msg = (
            f"Slice {mark.z} has no good slice {side} it: everything up to the {end} "
            "slice is marked. Take these marks away, or crop the stack."
        )
        raise InvalidParameterError(msg)
    if above - below > LONGEST_RUN + 1:
        msg = (
            f"Slices {below + 1} to {above - 1} are all marked: {above - below - 1} in "
            f"a row. At most {LONGEST_RUN} can be bridged; split the stack there, or "
            "mark only the regions that are bad."
        )
        raise InvalidParameterError(msg)
    return Bridge(mark, below, above)


def _as_it_is(plane: Array) -> Array:
    return plane
