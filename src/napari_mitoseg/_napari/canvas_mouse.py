"""Clicks and drawn lines on a labels layer, in 2D and in 3D."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

Voxel = tuple[int, ...]
CLICK_PX = 4
"""A press that moves less is a click, not a drag."""

ADDING = frozenset({"Shift", "Control"})
LEFT_BUTTON = 1


@dataclass(frozen=True)
class Click:
    """A click on a layer.

    Attributes
    ----------
    voxel : tuple of int or None
        In the axes of the layer; None where the line of sight meets no object, or the
        cursor is beside the layer.
    label : int
        What is there; 0 for nothing.
    adds : bool
        Whether Shift or Control was held.
    """

    voxel: Voxel | None
    label: int
    adds: bool


def voxel_under(layer: Labels, event: Any) -> Voxel | None:
    """Return the voxel of a layer under the cursor.

    Parameters
    ----------
    layer : napari.layers.Labels
        The layer.
    event : napari mouse event
        Has position and view direction.

    Returns
    -------
    tuple of int or None
        In 3D the first voxel of any object that can be seen along the line of sight;
        None where there is none, or where the cursor is beside the layer.
    """
    if len(event.dims_displayed) == 3:
        return _first_along(layer, event)
    voxel = np.round(layer.world_to_data(event.position)).astype(int)
    inside = (voxel >= 0) & (voxel < layer.data.shape)
    return tuple(int(v) for v in voxel) if inside.all() else None


def voxels_along(layer: Labels, event: Any) -> NDArray[np.int64]:
    """Return the voxels on the line of sight in 3D, from front to back.

    Parameters
    ----------
    layer : napari.layers.Labels
        The layer.
    event : napari mouse event
        Has position and view direction.

    Returns
    -------
    ndarray of int64, shape (n, 3)
        Some of them more than once; none where the line passes beside the layer.
    """
    begin, end = layer.get_ray_intersections(
        position=event.position,
        view_direction=event.view_direction,
        dims_displayed=event.dims_displayed,
        world=True,
    )
    if begin is None or end is None:
        return np.zeros((0, layer.ndim), np.int64)
    n_points = 4 * int(np.abs(np.subtract(end, begin)).max()) + 2
    places = np.round(np.linspace(begin, end, n_points)).astype(np.int64)
    return np.clip(places, 0, np.array(layer.data.shape) - 1)


def adds(event: Any) -> bool:
    """Say whether a click comes to what is selected: Shift or Control is held."""
    return bool(ADDING & {*event.modifiers})


def label_at(layer: Labels, voxel: Voxel) -> int:
    """Return the label of a voxel; 0 where it is hidden by the colours of the layer."""
    label = np.asarray(layer.data[voxel])
    return int(label) if are_seen(layer, label) else 0


def are_seen(layer: Any, labels: Any) -> Any:
    """Say of labels whether they are drawn: a filter makes others transparent.

    Parameters
    ----------
    layer : napari.layers.Labels
        The layer.
    labels : array_like of int
        Labels.

    Returns
    -------
    ndarray of bool, shape of the labels
        False for background and for what is hidden.
    """
    colours = layer.colormap.map(np.ravel(labels))
    return (np.asarray(labels) != 0) & (colours[:, 3] > 0).reshape(np.shape(labels))


def mouse_callback(
    clicked: Callable[[Click], None],
    drawing: Callable[[list[Voxel]], None],
    drawn: Callable[[list[Voxel]], None],
    is_on: Callable[[], bool],
) -> Callable[[Labels, Any], Generator[None]]:
    """Return a callback for the mouse on a labels layer.

    Parameters
    ----------
    clicked : callable
        Called with a click.
    drawing : callable
        Called with the voxels so far while a line is dragged.
    drawn : callable
        Called with the voxels under a line that was dragged, in order.
    is_on : callable
        Whether clicks are wanted now; while the user paints they are not.

    Returns
    -------
    generator function
        For ``layer.mouse_drag_callbacks``.
    """

    def follow_mouse(layer: Labels, event: Any) -> Generator[None]:
        if event.button != LEFT_BUTTON or not is_on():
            return
        first, at = voxel_under(layer, event), np.asarray(event.pos)
        is_adding = adds(event)
        path = [] if first is None else [first]
        is_drag = False
        yield
        while event.type == "mouse_move":
            voxel = voxel_under(layer, event)
            path += [] if voxel is None else [voxel]
            moved = np.abs(np.asarray(event.pos) - at).max()
            is_drag = is_drag or bool(moved >= CLICK_PX)
            if is_drag:
                drawing(path)
            yield
        if is_drag:
            drawn(path)
        else:
            label = 0 if first is None else label_at(layer, first)
            clicked(Click(first, label, is_adding))

    return follow_mouse


def _first_along(layer: Labels, event: Any) -> Voxel | None:
    """Return the first voxel of an object on the line of sight."""
    points = voxels_along(layer, event)
    if not points.size:
        return None
    hit = np.flatnonzero(are_seen(layer, _values_at(layer.data, points)))
    return tuple(int(v) for v in points[hit[0]]) if hit.size else None


def _values_at(data: Any, points: Any) -> Any:
    """Read single voxels; zarr does so through its own index."""
    index = tuple(points.T)
    pointwise = getattr(data, "vindex", data)
    return np.asarray(pointwise[index])
