"""Between napari's layers and the core: volumes in, results out.

Everything that depends on how napari 0.9 keeps scale, units and overlays stands here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Shapes
from napari.utils.colormaps import DirectLabelColormap
from napari.utils.transforms import Affine

from napari_mitoseg.volume import (
    LazyArray,
    Region,
    Spacing,
    Volume,
    as_spacing,
    in_nanometres,
)

AXES = ("z", "y", "x")
PATH = "napari-mitoseg-path"
"""Key in the metadata of layers that were opened from a file by us."""

NANOMETRE = "nm"
GREY_DIMENSIONS = (2, 3)


def why_unusable(layer: Image) -> str:
    """Say why an image layer cannot be segmented.

    Parameters
    ----------
    layer : napari.layers.Image
        Any image layer.

    Returns
    -------
    str
        What is wrong and what to do; empty where nothing is.
    """
    if layer.rgb:
        return "This is a colour image. Choose a greyscale stack."
    if layer.ndim not in GREY_DIMENSIONS:
        return (
            f"This image has {layer.ndim} axes. Choose one with z, y, x: split "
            "channels or time points with Split Stack in the menu of the layer."
        )
    return ""


def spacing_of(layer: Layer) -> Spacing | None:
    """Return the spacing of a layer.

    Parameters
    ----------
    layer : napari.layers.Layer
        Of two or three axes.

    Returns
    -------
    tuple of float or None
        Distance between voxel centres in nm, ZYX; a single slice is as thick as its
        pixels are wide.  None where the units are no lengths: never a guess.
    """
    lengths = [
        in_nanometres(float(scale), str(unit))
        for scale, unit in zip(layer.scale, layer.units, strict=True)
    ]
    if len(lengths) == 2:
        lengths = [lengths[0], *lengths]
    known = [value for value in lengths if value is not None]
    return as_spacing(known) if len(known) == 3 else None


def set_spacing(layer: Layer, spacing: Spacing) -> None:
    """Calibrate a layer.

    Parameters
    ----------
    layer : napari.layers.Layer
        Changed in place; its position keeps its place in voxels.
    spacing : tuple of float
        Distance between voxel centres in nm, ZYX.
    """
    position = np.asarray(layer.translate) / np.asarray(layer.scale)
    layer.scale = spacing[-layer.ndim :]
    layer.translate = position * np.asarray(layer.scale)
    layer.units = (NANOMETRE,) * layer.ndim
    layer.axis_labels = AXES[-layer.ndim :]


def calibrate(viewer: ViewerModel, layer: Layer, spacing: Spacing) -> None:
    """Calibrate a layer as the user says, and show it again in the same slice.

    Parameters
    ----------
    viewer : ViewerModel
        Where the layer is.
    layer : napari.layers.Layer
        Changed in place, unless it has this spacing.
    spacing : tuple of float
        Distance between voxel centres in nm, ZYX.
    """
    if spacing == spacing_of(layer):
        return
    z = displayed_slice(viewer, layer)
    set_spacing(layer, spacing)
    viewer.reset_view()
    if layer.ndim == 3:
        point = layer.data_to_world((z, 0, 0))
        viewer.dims.set_point(viewer.dims.ndim - 3, float(point[0]))


def path_of(layer: Layer) -> Path | None:
    """Return the file a layer was opened from; None where that is not known."""
    known = layer.metadata.get(PATH) or layer.source.path
    return Path(known) if known else None


def volume_of(layer: Image | Labels) -> Volume:
    """Return the volume a layer shows, read when it is needed.

    Parameters
    ----------
    layer : napari.layers.Image or napari.layers.Labels
        Of two or three axes, not in colour; of a pyramid the finest level.

    Returns
    -------
    Volume
        A 2D image as one slice.
    """
    data = data_of(layer)
    stack = _OneSlice(data) if layer.ndim == 2 else data
    return Volume(data=stack, spacing=spacing_of(layer), name=layer.name)


def data_of(layer: Image | Labels) -> LazyArray:
    """Return the array of a layer; of a pyramid the finest level."""
    data: LazyArray = layer.data[0] if layer.multiscale else layer.data
    return data


class _OneSlice:
    """A lazy plane seen as a stack of one slice."""

    def __init__(self, plane: LazyArray) -> None:
        self._plane = plane

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, *self._plane.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self._plane.dtype)

    def __getitem__(self, key: Any) -> Any:
        z, *in_plane = key if isinstance(key, tuple) else (key,)
        return np.asarray(self._plane[tuple(in_plane)])[None][z]


def placement(image: Image | Labels, region: Region) -> dict[str, Any]:
    """Return where a layer must lie to cover a region of another.

    Parameters
    ----------
    image : napari.layers.Image or napari.layers.Labels
        The segmented image, or labels.
    region : Region
        The part of it.

    Returns
    -------
    dict
        Keywords of every layer: scale, units, axis labels and transforms.
    """
    own = Affine(
        scale=image.scale,
        rotate=image.rotate,
        shear=image.shear,
        translate=image.translate,
    )
    return {
        "scale": tuple(image.scale),
        "rotate": image.rotate,
        "shear": image.shear,
        "affine": image.affine,
        "translate": tuple(own(np.array(region.start[-image.ndim :], float))),
        "units": tuple(str(unit) for unit in image.units),
        "axis_labels": AXES[-image.ndim :],
    }


def as_displayed(image: Image | Labels, array: Any) -> Any:
    """Return a ZYX result with as many axes as the image it belongs to."""
    return array[0] if image.ndim == 2 else array


def displayed_slice(viewer: ViewerModel, layer: Layer) -> int:
    """Return the slice of a layer that the viewer shows.

    Parameters
    ----------
    viewer : ViewerModel
        The viewer.
    layer : napari.layers.Layer
        One of its layers.

    Returns
    -------
    int
        Slice number in the layer; it may lie outside.  0 for a 2D layer.
    """
    if layer.ndim == 2:
        return 0
    point = np.asarray(viewer.dims.point)[-layer.ndim :]
    return int(np.round(layer.world_to_data(point)[0]))


def look_at(viewer: ViewerModel, layer: Layer, position: Sequence[float]) -> None:
    """Show the slice of a point, and the point in the middle of the canvas.

    Parameters
    ----------
    viewer : ViewerModel
        The viewer; what it magnifies stays magnified.
    layer : napari.layers.Layer
        One of its layers.
    position : sequence of float
        Point in voxels of the layer, ZYX.
    """
    world = layer.data_to_world(tuple(position)[-layer.ndim :])
    first = viewer.dims.ndim - layer.ndim
    axes = {first + axis: float(value) for axis, value in enumerate(world)}
    for axis in set(axes) - set(viewer.dims.displayed):
        viewer.dims.set_point(axis, axes[axis])
    camera = viewer.scene.camera
    shown = viewer.dims.displayed
    before = camera.center[3 - len(shown) :]
    centre = [axes.get(a, c) for a, c in zip(shown, before, strict=True)]
    camera.center = (*camera.center[: 3 - len(shown)], *centre)


def bounding_region(shapes: Shapes, image: Image) -> Region | None:
    """Return the box around the selected shapes, else around all of a layer.

    Parameters
    ----------
    shapes : napari.layers.Shapes
        Drawn in 2D on the image: the box spans every slice.
    image : napari.layers.Image
        The image the box is wanted of.

    Returns
    -------
    Region or None
        In voxels of the image, not clipped; None where nothing is drawn.
    """
    chosen = sorted(shapes.selected_data) or range(len(shapes.data))
    drawn = [np.asarray(shapes.data[i]) for i in chosen]
    if not drawn:
        return None
    corners = np.concatenate([_in_plane(shapes, image, part) for part in drawn])
    y0, x0 = (int(v) for v in np.floor(corners.min(axis=0) + 0.5))
    y1, x1 = (int(v) for v in np.floor(corners.max(axis=0) + 0.5))
    depth = volume_of(image).shape[0]
    return Region((0, y0, x0), (depth, y1, x1))


def _in_plane(shapes: Shapes, image: Image, points: Any) -> Any:
    """Bring corners from a shapes layer to the y and x of an image, in voxels."""
    world = np.stack([np.asarray(shapes.data_to_world(point)) for point in points])
    padded = np.zeros((len(world), image.ndim))
    shared = min(world.shape[1], image.ndim)
    padded[:, -shared:] = world[:, -shared:]
    voxels = np.stack([np.asarray(image.world_to_data(point)) for point in padded])
    return voxels[:, -2:]


def one_colour(colour: str) -> DirectLabelColormap:
    """Return a colormap that paints a mask in one colour."""
    return DirectLabelColormap(color_dict={None: "transparent", 1: colour})


def layers_of(viewer: ViewerModel, kind: type[Layer]) -> Sequence[Any]:
    """Return the viewer's layers of exactly one kind, topmost first."""
    return [layer for layer in reversed(viewer.layers) if type(layer) is kind]


def show_scale_bar(viewer: ViewerModel) -> None:
    """Show the scale bar, which napari 0.9 has moved to the canvas."""
    viewer.canvas.overlays.scale_bar.visible = True
