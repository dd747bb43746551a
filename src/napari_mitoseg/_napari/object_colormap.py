"""A colormap of labels that keeps the colours of a million objects in arrays."""

from typing import Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from napari.utils.colormaps.colormap import _texture_dtype
from numpy.typing import ArrayLike, NDArray
from pydantic import PrivateAttr

UNKNOWN = ((0.6, 0.6, 0.6, 1.0),)
"""Colours of labels that were not there when the objects were counted."""

HEADROOM = 4096
"""New labels above the largest that have a colour each; those above share one."""

LARGEST_TABLE = 1 << 24
"""Largest label that is looked up in a table; above, the labels are searched."""

MOST_NUMBERED = 60_000
"""Objects that get a number each: two bytes a voxel hold it."""

Colours = NDArray[np.float32]


class ObjectColormap(DirectLabelColormap):  # type: ignore[misc]  # napari has no types
    """One colour for each object; transparent objects are hidden.

    Parameters
    ----------
    index : ndarray of int, shape (n,)
        Labels, ascending, all above 0.
    colours : ndarray of float, shape (n, 4)
        Red, green, blue and opacity of each, 0 to 1.
    others : array_like of float, shape (m, 4)
        Colours of labels that are not in the index, given in turn.

    Notes
    -----
    napari's `DirectLabelColormap` takes a dictionary and goes through it object by
    object, again and again: a million objects take half a minute. What the canvas needs
    is only a small number for each voxel and the colour of each such number; both come
    from arrays here. Number 0 is the background and whatever is hidden, because that is
    what napari's renderer walks through in 3D.

    Up to 60 000 objects have a number each: then `recolour` only has to change the
    colours of the numbers, whatever the size of the volume. More objects share the
    numbers of equal colours.
    """

    _index: Any = PrivateAttr(default=None)
    _codes: Any = PrivateAttr(default=None)
    _palette: Any = PrivateAttr(default=None)
    _table: Any = PrivateAttr(default=None)
    _is_recolourable: bool = PrivateAttr(default=False)
    _n_others: int = PrivateAttr(default=1)

    def __init__(
        self,
        index: NDArray[Any],
        colours: Colours,
        others: ArrayLike = UNKNOWN,
        **keywords: Any,
    ) -> None:
        keywords["color_dict"] = {None: UNKNOWN[0], 0: "transparent"}
        super().__init__(**keywords)
        self._index = np.asarray(index, np.int64)
        self._n_others = len(np.asarray(others))
        self._is_recolourable = self._index.size <= MOST_NUMBERED
        if self._is_recolourable:
            self._palette = palette_of(colours, others)
            codes = np.arange(self._index.size) + self._n_others + 1
        else:
            self._palette, codes = coded(colours, others)
        self._codes = codes.astype(self._texture_type)
        self._table = self._tabulated()

    @property
    def is_recolourable(self) -> bool:
        """Whether each object has a number of its own."""
        return self._is_recolourable

    def recolour(self, colours: Colours, others: ArrayLike = UNKNOWN) -> None:
        """Give the objects other colours; whoever shows them must be told.

        Parameters
        ----------
        colours : ndarray of float, shape (n, 4)
            Of each object; only where `is_recolourable`.
        others : array_like of float, shape (m, 4)
            Of other labels, as many as before.
        """
        self._palette = palette_of(colours, others)
        self._clear_cache()

    def colours_of(self, labels: Any) -> Colours:
        """Return the colours of labels, whatever is selected.

        Parameters
        ----------
        labels : array_like of int
            Labels.

        Returns
        -------
        ndarray of float32, shape (..., 4)
            Their colours.
        """
        return self._palette[self._codes_of(np.asarray(labels))]

    def map(self, values: Any) -> Colours:
        """Return the colours of labels; of the selected one alone if so set."""
        mapped = self.colours_of(values)
        if self.use_selection:
            mapped[np.asarray(values) != self.selection] = 0
        return mapped

    @property
    def _num_unique_colors(self) -> int:
        return len(self._palette)

    @property
    def _texture_type(self) -> np.dtype[Any]:
        """Type of what the canvas stores for each voxel of labels of 32 bits."""
        return _texture_dtype(self._num_unique_colors + 2, np.dtype(np.uint32))

    def _data_to_texture(self, values: Any) -> Any:
        given = np.asarray(values)
        if given.dtype.itemsize <= 2:
            return given.view(f"u{given.dtype.itemsize}")[()]
        if self.use_selection:
            return (given == self.selection).astype(self._texture_type)[()]
        return self._codes_of(given)[()]

    def _map_without_cache(self, values: NDArray[Any]) -> Colours:
        return self.colours_of(values)

    def _cmap_without_selection(self) -> "ObjectColormap":
        """Return itself: the mapping that is cached here never knows a selection."""
        return self

    def _values_mapping_to_minimum_values_set(
        self, apply_selection: bool = True
    ) -> tuple[dict[int | None, int], dict[int, Colours]]:
        """Return the colour of each number in the texture; no one needs the labels."""
        shown = self._palette
        if self.use_selection and apply_selection:
            shown = np.stack([np.zeros(4, np.float32), self.colours_of(self.selection)])
        return {}, dict(enumerate(shown))

    def _codes_of(self, labels: NDArray[Any]) -> NDArray[Any]:
        if self._table is not None:
            return np.take(self._table, labels, mode="clip")
        place = np.minimum(np.searchsorted(self._index, labels), self._index.size - 1)
        is_known = self._index[place] == labels
        codes = np.where(is_known, self._codes[place], self._codes_of_others(labels))
        return np.where(labels <= 0, 0, codes).astype(self._codes.dtype)

    def _codes_of_others(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Return the numbers of labels that are not in the index: the same in turn."""
        return (labels - 1) % self._n_others + 1

    def _tabulated(self) -> Any:
        """Return the codes of all labels and some above; None if there are too many."""
        largest = int(self._index.max(initial=0))
        if largest > LARGEST_TABLE:
            return None
        labels = np.arange(largest + 1 + HEADROOM)
        table = self._codes_of_others(labels).astype(self._codes.dtype)
        table[self._index] = self._codes
        table[0] = 0
        return table


def palette_of(colours: Colours, others: ArrayLike) -> Colours:
    """Return the colours of all numbers: of nothing, of other labels, of objects."""
    return np.concatenate([[(0, 0, 0, 0)], others, colours]).astype(np.float32)


def coded(colours: Colours, others: ArrayLike) -> tuple[Colours, NDArray[np.uint16]]:
    """Give each of the different colours a number.

    Parameters
    ----------
    colours : ndarray of float, shape (n, 4)
        Red, green, blue and opacity, 0 to 1.
    others : array_like of float, shape (k, 4)
        Colours of other labels.

    Returns
    -------
    palette : ndarray of float32, shape (m, 4)
        First transparent, then those of other labels, then the different colours,
        each rounded to 1/255.
    codes : ndarray of uint16, shape (n,)
        Which of the palette each one is; 0 where it is transparent.
    """
    bytes_ = np.round(np.clip(colours, 0, 1) * 255).astype(np.uint8)
    packed = np.ascontiguousarray(bytes_).view(np.uint32).reshape(-1)
    different, codes = np.unique(packed, return_inverse=True)
    kept = (different.view(np.uint8).reshape(-1, 4) / 255).astype(np.float32)
    palette = palette_of(kept, others)
    numbers = codes.reshape(-1) + 1 + len(np.asarray(others))
    return palette, np.where(bytes_[:, 3] == 0, 0, numbers).astype(np.uint16)
