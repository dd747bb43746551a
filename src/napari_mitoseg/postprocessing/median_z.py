"""Median along z, which takes out what a single slice says against its neighbours."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import numpy as np

from napari_mitoseg.params import param
from napari_mitoseg.postprocessing.state import Kind, State
from napari_mitoseg.postprocessing.step import Reach, Step, steps
from napari_mitoseg.volume import Array


def median_z(stack: Array, window: int) -> Array:
    """Take the median over neighbouring slices.

    Parameters
    ----------
    stack : ndarray of uint8 or bool, shape (Z, Y, X)
        Probability map or mask.
    window : int
        Odd number of slices; at the ends the first and last slice repeat.

    Returns
    -------
    ndarray, shape (Z, Y, X)
        Median of each voxel's column, same type; for a mask that is the majority.
    """
    reach = window // 2
    result = np.empty_like(stack)
    last = len(stack) - 1
    for z in range(len(stack)):
        around = stack[np.clip(np.arange(z - reach, z + reach + 1), 0, last)]
        result[z] = _middle(around)
    return result


def _middle(around: Array) -> Array:
    """Return the median over axis 0, of an odd number of planes."""
    middle: Array
    if around.dtype == np.bool_:
        middle = around.sum(axis=0, dtype=np.uint8) > len(around) // 2
    elif len(around) == 3:
        a, b, c = around
        middle = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
    else:
        middle = np.partition(around, len(around) // 2, axis=0)[len(around) // 2]
    return middle


@steps.register("median-z")
class MedianZ(Step):
    """Smooth along z by the median over neighbouring slices.

    Notes
    -----
    Before the threshold it works on the probability maps, after it on the mask, as
    the majority. A stack of one slice stays as it is.
    """

    name: ClassVar[str] = "median-z"
    title: ClassVar[str] = "Median along z"
    accepts: ClassVar[frozenset[Kind]] = frozenset({Kind.PROBABILITY, Kind.MASK})

    reach: int = param(
        1,
        ge=1,
        le=10,
        unit="slices",
        description="Slices on each side that count: 1 is a window of three.",
    )

    @property
    def neighbourhood(self) -> Reach:
        """The slices that count."""
        return Reach(self.reach, 0)

    def apply(self, state: State) -> State:
        """Smooth the maps, or the mask."""
        if state.kind is Kind.MASK:
            return state.with_mask(self._smooth(state.mask))
        maps = state.maps
        boundary = None if maps.boundary is None else self._smooth(maps.boundary)
        semantic = self._smooth(maps.semantic)
        return replace(state, maps=replace(maps, semantic=semantic, boundary=boundary))

    @property
    def _smooth(self) -> Callable[[Array], Array]:
        return lambda stack: median_z(stack, 2 * self.reach + 1)
