"""Redraw the part of a labels layer that an edit has changed, and nothing else.

napari redraws a whole slice, or in 3D the whole volume, when a layer is refreshed.  It
knows how to redraw less after a stroke; the same is used here for edits by box.  All
that depends on how napari 0.9 does this stands here.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_mitoseg.proofreading import Change
from napari_mitoseg.volume import Region

USED = (
    "_slicing_state",
    "_get_update_slices",
    "_accumulate_updated_slice",
    "_partial_labels_refresh",
)
"""What is used of napari that it does not promise to keep."""


def redraw_change(layer: Labels, change: Change, *, undone: bool = False) -> None:
    """Show what an edit has changed.

    Parameters
    ----------
    layer : napari.layers.Labels
        Of two or three axes; its data has been changed already.
    change : Change
        The edit.
    undone : bool
        Whether it was taken back.

    Notes
    -----
    From memory the box of the edit is read again.  On disk that would take as long as
    the edit itself: there the changed voxels are put into what napari keeps of the
    slice on screen.
    """
    if change.region is None:
        return
    if isinstance(layer.data, np.ndarray):
        redraw(layer, change.region)
        return
    _redraw(layer, change.region, lambda inside: _put_voxels(inside, change, undone))


def redraw(layer: Labels, region: Region) -> None:
    """Show what has changed in a box, read from the data.

    Parameters
    ----------
    layer : napari.layers.Labels
        Of two or three axes; its data has been changed already.
    region : Region
        Where, in voxels of the layer; a 2D layer is its only slice.
    """
    _redraw(layer, region, lambda inside: _put_box(inside, region))


def _redraw(layer: Labels, region: Region, put: Callable[[Any], None]) -> None:
    """Renew what napari keeps of the slice on screen, and draw the box anew.

    Where a later napari should lack what is used here, the whole slice is redrawn.
    """
    if not all(hasattr(layer, name) for name in USED):
        layer.refresh(extent=False, highlight=False, thumbnail=False)
        return
    inside: Any = layer
    if not inside._slicing_state.loaded or inside._slice.empty:
        return  # the slice that is being loaded will show it
    key = region.slices[-layer.ndim :]
    where = inside._get_update_slices(key)
    if where is None:
        return  # not in the slice on screen
    put(inside)
    _colour(inside, tuple(where[1]))
    inside._accumulate_updated_slice(key)
    inside._partial_labels_refresh()


def _put_box(layer: Any, region: Region) -> None:
    """Read the visible part of a box; memory that napari shares has it already."""
    data, raw = layer.data, layer._slice.image.raw
    if isinstance(data, np.ndarray) and np.shares_memory(data, raw):
        return
    key = region.slices[-layer.ndim :]
    in_box, in_view = layer._get_update_slices(key)
    index = (
        one if isinstance(offset, slice) else one.start + offset
        for one, offset in zip(key, in_box, strict=True)
    )
    raw[tuple(in_view)] = _as_displayed(layer, np.asarray(data[tuple(index)]))


def _put_voxels(layer: Any, change: Change, undone: bool) -> None:
    """Put the voxels of an edit that are on screen where napari keeps them."""
    raw, displayed = layer._slice.image.raw, layer._slice_input.displayed
    point = layer._get_pt_not_disp()
    for voxels in change.iter_voxels():
        axes = voxels.indices[-layer.ndim :]
        seen = np.ones(voxels.before.shape, bool)
        for axis, place in point.items():
            seen &= axes[axis] == place
        values = voxels.before if undone else voxels.after
        raw[tuple(axes[axis][seen] for axis in displayed)] = values[seen]


def _colour(layer: Any, where: tuple[slice, ...]) -> None:
    """Colour anew a part of what is on screen; contours napari draws itself."""
    image, data = layer._slice.image, layer.data
    is_shared = isinstance(data, np.ndarray) and np.shares_memory(data, image.view)
    if layer.contour == 0 and not is_shared:
        image.view[where] = layer.colormap._data_to_texture(image.raw[where])


def _as_displayed(layer: Any, part: Any) -> Any:
    """Turn the axes of a part to the order in which they are displayed."""
    displayed = [*layer._slice_input.displayed]
    order = [sorted(displayed).index(axis) for axis in displayed]
    return np.transpose(part, order)
