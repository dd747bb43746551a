"""How measured objects look in their layer: coloured, hidden, highlighted."""

from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import ensure_colormap
from numpy.typing import NDArray

from napari_mitoseg._napari.object_colormap import Colours, ObjectColormap
from napari_mitoseg._napari.object_selection import Rows

HIGHLIGHT = (1.0, 0.87, 0.2, 1.0)
"""Of selected objects."""

DIMMED = 0.35
"""Share of their opacity that other objects keep while some are selected."""

NO_VALUE = (0.5, 0.5, 0.5, 1.0)
"""Of objects without a value in the column that colours."""

N_OTHERS = 49
"""Colours of new objects: as many as napari has for labels."""

N_STEPS = 200
"""Colours of a colormap that are told apart.

With those of new objects and a few more, the canvas stores a byte a voxel.
"""


class Appearance:
    """What the colormap of a layer is made of; the labels are never touched.

    Parameters
    ----------
    layer : napari.layers.Labels
        The layer.
    index : ndarray of int, shape (n,)
        Its labels, ascending.
    """

    def __init__(self, layer: Labels, index: NDArray[Any]) -> None:
        self.layer = layer
        self.index = np.asarray(index, np.int64)
        self.colours: Colours | None = None
        self.shown: NDArray[np.bool_] = np.ones(self.index.size, bool)
        self.selected: Rows = np.zeros(0, np.int64)
        self._own: ObjectColormap | None = None
        self._original: Any = layer.colormap

    @property
    def is_normal(self) -> bool:
        """Whether the layer looks as without us."""
        plain = self.colours is None and not self.selected.size
        return plain and bool(self.shown.all())

    def apply(self) -> None:
        """Show the objects as they are coloured, hidden and selected now."""
        if self.layer.colormap is not self._own:
            # The user has chosen other colours meanwhile: these are to come back.
            self._original = self.layer.colormap
            self._own = None
        if self.is_normal or not self.index.size:
            self.restore()
            return
        if self._own is not None and self._own.is_recolourable:
            self._own.recolour(self._mixed(), self._others())
            # What the canvas keeps of the voxels stays as it is.
            self.layer.events.colormap()
            return
        self._own = ObjectColormap(self.index, self._mixed(), self._others())
        self.layer.colormap = self._own

    def restore(self) -> None:
        """Give the layer its own colours back."""
        if self._own is not None and self.layer.colormap is self._own:
            self.layer.colormap = self._original
        self._own = None

    def _mixed(self) -> Colours:
        """Return the colour of each object."""
        base = self._plain(self.index) if self.colours is None else self.colours
        mixed = np.array(base, np.float32)
        if self.selected.size:
            mixed[:, 3] *= DIMMED
            mixed[self.selected] = HIGHLIGHT
        mixed[~self.shown] = 0
        return mixed

    def _others(self) -> Colours:
        """Return the colours of objects that are new since: those without us."""
        own = self._plain(np.arange(1, N_OTHERS + 1))
        if self.selected.size:
            own[:, 3] *= DIMMED
        return own

    def _plain(self, labels: NDArray[Any]) -> Colours:
        """Return the colours that labels have without us."""
        largest = np.iinfo(self.layer.dtype).max
        known = np.minimum(labels, largest).astype(self.layer.dtype)
        without = self._original._cmap_without_selection()
        return np.array(without.map(known), np.float32)


def coloured(
    values: NDArray[Any], colormap: str, limits: tuple[float, float]
) -> Colours:
    """Colour objects by a value.

    Parameters
    ----------
    values : ndarray, shape (n,)
        One value an object; NaN where there is none.
    colormap : str
        Name of one of napari's colormaps.
    limits : tuple of float
        Values that get its first and its last colour, in any order; beyond, colours
        stay.

    Returns
    -------
    ndarray of float32, shape (n, 4)
        Colours, grey where there is no value.
    """
    low, high = limits
    given = np.asarray(values, float)
    known = np.isfinite(given)
    width = high - low
    share = (given - low) / width if width else np.full(given.shape, 0.5)
    steps = np.round(np.clip(np.where(known, share, 0), 0, 1) * N_STEPS) / N_STEPS
    colours = np.asarray(ensure_colormap(colormap).map(steps), np.float32)
    colours[~known] = NO_VALUE
    return colours
