"""The layer that shows what is selected, and what an operation would do."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_mitoseg._napari.image_box import MADE_BY_US
from napari_mitoseg._napari.layers import placement
from napari_mitoseg.volume import Region

PREVIEW = "preview"
FILLED, OUTLINE, GONE, FIRST_PART = 1, 2, 3, 4
PARTS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00")
"""Colours of the parts of a split, told apart by the colour-blind as well."""

SEED_MARK = FIRST_PART + len(PARTS)
COLOURS: dict[int | None, Any] = {
    None: "transparent",
    0: "transparent",
    FILLED: (1.0, 1.0, 1.0, 0.3),
    OUTLINE: (1.0, 1.0, 1.0, 1.0),
    GONE: (0.9, 0.1, 0.1, 0.75),
    SEED_MARK: (1.0, 1.0, 1.0, 1.0),
} | {FIRST_PART + n: colour for n, colour in enumerate(PARTS)}
OUTLINE_WIDTH = 2
"""Pixels, within the slice."""

Marks = NDArray[np.uint8]


class EditPreview:
    """A small labels layer that lies on the part of another that matters now.

    Parameters
    ----------
    viewer : ViewerModel
        Where the layer goes.
    labels : napari.layers.Labels
        What it lies on.
    """

    def __init__(self, viewer: ViewerModel, labels: Labels) -> None:
        self._viewer = viewer
        self._labels = labels
        self._layer: Labels | None = None

    @property
    def layer(self) -> Labels | None:
        """The layer; None while it is not in the viewer."""
        return self._layer if self._layer in self._viewer.layers else None

    def show(self, region: Region, marks: Marks) -> None:
        """Show marks on a part of the labels.

        Parameters
        ----------
        region : Region
            Which part, in voxels of the labels.
        marks : ndarray of uint8, shape of the region
            `FILLED`, `OUTLINE`, `GONE`, `FIRST_PART` and on; 0 is left alone.
        """
        shown = marks[0] if self._labels.ndim == 2 else marks
        layer = self.layer
        if layer is None:
            self._add(region, shown)
            return
        layer.data = shown
        there = placement(self._labels, region)
        if not np.array_equal(layer.scale, there["scale"]):
            for name, value in there.items():
                setattr(layer, name, value)
        layer.translate = there["translate"]
        layer.visible = True

    def clear(self) -> None:
        """Show nothing; the layer stays, for removing layers takes napari 0.2 s."""
        if self.layer is not None:
            self.layer.visible = False

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        if self.layer is not None:
            self._viewer.layers.remove(self.layer)

    def _add(self, region: Region, shown: Any) -> None:
        active = self._viewer.layers.selection.active
        self._layer = Labels(
            shown,
            name=f"{self._labels.name} {PREVIEW}",
            metadata={MADE_BY_US: PREVIEW},
            colormap=DirectLabelColormap(color_dict=COLOURS),
            opacity=1.0,
            blending="translucent_no_depth",
            **placement(self._labels, region),
        )
        layers = self._viewer.layers
        layers.insert(layers.index(self._labels) + 1, self._layer)
        self._layer.mouse_pan = True
        layers.selection.active = active


def outlined(mask: NDArray[np.bool_]) -> Marks:
    """Return an object as a pale filling with a bright edge in each slice.

    Parameters
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        The object.

    Returns
    -------
    ndarray of uint8, shape (Z, Y, X)
        `FILLED` and `OUTLINE`.

    Examples
    --------
    >>> outlined(np.ones((1, 5, 5), bool))[0].tolist()[2]
    [2, 2, 1, 2, 2]
    """
    inner = mask.copy()
    for _ in range(OUTLINE_WIDTH):
        inner = _shrunk(inner)
    marks = np.zeros(mask.shape, np.uint8)
    marks[mask] = OUTLINE
    marks[inner] = FILLED
    return marks


def _shrunk(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Take a pixel off each slice of a mask; the edge of the box counts as outside."""
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    kept: NDArray[np.bool_] = (
        mask
        & padded[:, :-2, 1:-1]
        & padded[:, 2:, 1:-1]
        & padded[:, 1:-1, :-2]
        & padded[:, 1:-1, 2:]
    )
    return kept


def change_marks(before: Any, after: Any) -> Marks:
    """Return what a change would do, in colours.

    Parameters
    ----------
    before, after : ndarray of int, shape (Z, Y, X)
        Labels in the box of the change.

    Returns
    -------
    ndarray of uint8, shape (Z, Y, X)
        `GONE` where an object ends up as background; elsewhere the objects that
        take part in the change, each in a colour of its own.
    """
    changed = before != after
    marks = np.zeros(before.shape, np.uint8)
    involved = np.union1d(before[changed], after[changed])
    for n, label in enumerate(involved[involved > 0].tolist()):
        marks[after == label] = FIRST_PART + n % len(PARTS)
    marks[changed & (after == 0)] = GONE
    return marks


def marked_points(
    marks: Marks, region: Region, points: Iterable[Sequence[int]], radius: int
) -> Marks:
    """Return marks with a dot at each of some voxels.

    Parameters
    ----------
    marks : ndarray of uint8, shape of the region
        Drawn on a copy.
    region : Region
        Where they lie.
    points : iterable of sequence of int
        Voxels of the volume, ZYX.
    radius : int
        Of the dots within the slice, in pixels.

    Returns
    -------
    ndarray of uint8, shape of the region
        `SEED_MARK` in the dots.
    """
    drawn = marks.copy()
    for point in points:
        z, y, x = np.subtract(point, region.start)
        if 0 <= z < len(drawn):
            rows, columns = np.ogrid[: drawn.shape[1], : drawn.shape[2]]
            near = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
            drawn[z][near] = SEED_MARK
    return drawn
