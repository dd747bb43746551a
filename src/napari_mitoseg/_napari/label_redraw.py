"""Redraw the part of a labels layer that an edit has changed, and nothing else.

napari redraws a whole slice, or in 3D the whole volume, when a layer is refreshed.  It
knows how to redraw less after a stroke; the same is used here for edits by box.  All
that depends on how napari 0.9 does this stands here.
"""

from typing import Any

import numpy as np
from napari.layers import Labels

from napari_mitoseg.volume import Region

USED = (
    "_slicing_state",
    "_get_update_slices",
    "_accumulate_updated_slice",
    "_partial_labels_refresh",
)
"""What is used of napari that it does not promise to keep."""


def redraw(layer: Labels, region: Region) -> None:
    """Show what has changed in a box.

    Parameters
    ----------
    layer : napari.layers.Labels
        Of two or three axes; its data has been changed already.
    region : Region
        Where, in voxels of the layer; a 2D layer is its only slice.

    Notes
    -----
    Costs what the box costs, whether the data lies in memory or on disk.  Where a
    later napari should lack what is used here, the whole slice is redrawn.
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
    in_box, in_view = where
    index = (
        one if isinstance(offset, slice) else one.start + offset
        for one, offset in zip(key, in_box, strict=True)
    )
    shown = _as_displayed(inside, np.asarray(layer.data[tuple(index)]))
    _renew(inside, tuple(in_view), shown)
    inside._accumulate_updated_slice(key)
    inside._partial_labels_refresh()


def _as_displayed(layer: Any, part: Any) -> Any:
    """Turn the axes of a part to the order in which they are displayed."""
    displayed = [*layer._slice_input.displayed]
    order = [sorted(displayed).index(axis) for axis in displayed]
    return np.transpose(part, order)


def _renew(layer: Any, where: tuple[slice, ...], shown: Any) -> None:
    """Put new values into what napari keeps of the slice on screen."""
    raw, view = layer._slice.image.raw, layer._slice.image.view
    data = layer.data
    if not (isinstance(data, np.ndarray) and np.shares_memory(data, raw)):
        raw[where] = shown
    is_shared = isinstance(data, np.ndarray) and np.shares_memory(data, view)
    if layer.contour == 0 and not is_shared:
        view[where] = layer.colormap._data_to_texture(shown)
