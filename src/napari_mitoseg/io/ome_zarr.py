"""OME-Zarr images and labels, read slab by slab; results written as OME-Zarr.

zarr does the reading and writing of arrays.  The few lines of metadata are handled
here: ome-zarr-py would bring dask, aiohttp, requests and scikit-image into every
installation, and builds its pyramids in memory.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import zarr
from zarr.core.common import JSON

from napari_mitoseg.errors import ReadError, ShapeError
from napari_mitoseg.io.atomic import staged
from napari_mitoseg.io.checked_array import CheckedArray
from napari_mitoseg.io.damage import reading
from napari_mitoseg.io.label_types import check_axes, stored, stored_type
from napari_mitoseg.io.limits import check_parts, check_plane_size
from napari_mitoseg.io.multiscales import (
    VERSION,
    Multiscales,
    Place,
    describe_multiscales,
    ngff_of,
    parse_multiscales,
)
from napari_mitoseg.io.planes import PlaneStack
from napari_mitoseg.io.pyramid import coarse_shape, mean, nearest, pyramid_factors
from napari_mitoseg.io.slabs import stack_of
from napari_mitoseg.params import shown
from napari_mitoseg.volume import Array, LazyArray, Region, Shape, Spacing, Volume

CHUNK = (32, 256, 256)
INSTANCES = "instances"


def open_zarr(
    path: Path, *, channel: int | None = None, time: int | None = None
) -> tuple[PlaneStack, Spacing | None]:
    """Open the full resolution of an OME-Zarr image.

    Parameters
    ----------
    path : Path
        Group with multiscales, of OME-Zarr 0.4 (zarr 2) or 0.5 (zarr 3), or what
        bioformats2raw writes with one image in it.
    channel, time : int, optional
        Which one to take of an image that has several.

    Returns
    -------
    stack : PlaneStack
        The slices.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX, where the file states all three.

    Raises
    ------
    ReadError
        If there are no multiscales, or the group is damaged.
    ShapeError
        If axes beside z, y and x are not chosen from.
    InvalidParameterError
        If a choice is outside its axis.
    """
    with reading(path):
        group = _image_group(_open_group(path), path)
        _check_image(group, path)
        image = parse_multiscales(ngff_of(group.attrs.asdict()), str(path))
        level, array = _finest(group, image, path)
        stack = _lazy(array, image, path, channel, time)
        return stack, image.spacing(level)


def labels_path(path: Path, name: str | None = None) -> Path:
    """Find the label image of an OME-Zarr.

    Parameters
    ----------
    path : Path
        An image with labels, its ``labels`` group, or a label image itself.
    name : str, optional
        Which labels; ``instances``, or the only ones, if not given.

    Returns
    -------
    Path
        The label image.

    Raises
    ------
    ReadError
        If there is no such label image, or several and none is chosen.
    """
    with reading(path):
        names = _label_names(path)
    if not names:
        return (
            path if path.name != "labels" and name is None else _no_labels(path, name)
        )
    chosen = name or (INSTANCES if INSTANCES in names else names[0])
    if chosen not in names or (name is None and chosen != INSTANCES and len(names) > 1):
        msg = (
            f"{path} holds the labels {', '.join(names)}; "
            f"{'none is called ' + repr(name) if name else 'choose one'}."
        )
        raise ReadError(msg)
    within = path if path.name == "labels" else path / "labels"
    return within / chosen


@dataclass(frozen=True, eq=False)
class Levels:
    """All resolutions of an image.

    Attributes
    ----------
    arrays : list of zarr.Array, shape (Z, Y, X) each
        Finest first.
    spacing : tuple of float or None
        Of the finest, nm, ZYX.
    origin : tuple of float
        Where its first voxel lies in what it is a part of, in voxels, ZYX.
    """

    arrays: list[zarr.Array[Any]]
    spacing: Spacing | None
    origin: Place


def open_levels(path: Path) -> Levels:
    """Open all resolutions of an OME-Zarr image or label image.

    Parameters
    ----------
    path : Path
        Group with multiscales over z, y and x, such as `labels_path` finds.

    Returns
    -------
    Levels
        None of them read yet.

    Raises
    ------
    ReadError
        If there are no multiscales, or the group is damaged.
    """
    with reading(path):
        group = _image_group(_open_group(path), path)
        image = parse_multiscales(ngff_of(group.attrs.asdict()), str(path))
        finest, _ = _finest(group, image, path)
        arrays: list[Any] = [group[name] for name in image.paths[finest:]]
        return Levels(arrays, image.spacing(finest), image.origin(finest))


def write_result_zarr(
    path: Path,
    image: Volume | None,
    labels: Mapping[str, LazyArray],
    spacing: Spacing | None,
    metadata: Mapping[str, Any] | None = None,
    *,
    origin: Shape = (0, 0, 0),
) -> None:
    """Write masks and labels, and the image if wanted, as one OME-Zarr.

    Parameters
    ----------
    path : Path
        The group; replaced if it exists, once the new one is complete.
    image : Volume or None
        Image to put beside the labels, read slab by slab.
    labels : mapping of str to array of bool or int, shape (Z, Y, X)
        Written under ``labels/<name>``.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX.
    metadata : mapping, optional
        JSON kept under ``mitoseg`` in the attributes of the group.
    origin : tuple of int
        Where the first voxel lies in what this is a part of, in voxels, ZYX.

    Raises
    ------
    ShapeError
        If an array has not three axes, or arrays differ in shape.
    InvalidParameterError
        If labels are not whole numbers between 0 and 2³² − 1.
    WriteError
        If something cannot be written.

    Notes
    -----
    The version is 0.4: viewers that read 0.5 read 0.4 too, while Fiji's plug-ins do
    not all read 0.5 (2026).  Arrays are halved in y and x, and in z where voxels are
    not longer there, until a plane fits a screen: labels by taking every other voxel,
    images by averaging.  One slab at a time is in memory.
    """
    arrays: list[tuple[int, ...]] = [a.shape for a in labels.values()]
    shapes = {
        check_axes(shape) for shape in [*arrays, *([image.shape] if image else [])]
    }
    if len(shapes) > 1:
        msg = f"Arrays of one result have one shape; {sorted(shapes)} were given."
        raise ShapeError(msg)
    shape = shapes.pop()
    with staged(path.parent, [path.name]) as paths:
        root = zarr.open_group(paths[path.name], mode="w", zarr_format=2)
        root.attrs.update({"mitoseg": dict(metadata)} if metadata else {})
        if image is not None:
            _write_image(root, image, spacing, origin)
        types = {name: array.dtype for name, array in labels.items()}
        _create_labels(root, types, shape, spacing, origin)
        for name, values in labels.items():
            _write_labels(root, name, values, spacing)


def create_result_zarr(
    path: Path,
    types: Mapping[str, np.dtype[Any]],
    shape: Shape,
    spacing: Spacing | None,
    origin: Shape = (0, 0, 0),
) -> tuple[Shape, ...]:
    """Make the OME-Zarr of a result, to be filled part by part.

    Parameters
    ----------
    path : Path
        The group; replaced if it exists.
    types : mapping of str to dtype
        Labels, under ``labels/<name>``, and the type of each.
    shape : tuple of int
        Size of all, ZYX.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX.
    origin : tuple of int
        Where the first voxel lies in what this is a part of, in voxels, ZYX.

    Returns
    -------
    tuple of tuple of int
        How much coarser each level is; the arrays are ``labels/<name>/<level>``.

    Notes
    -----
    Filled with the same values, it is byte for byte what `write_result_zarr` writes.
    """
    root = zarr.open_group(path, mode="w", zarr_format=2)
    root.attrs.update({})
    _create_labels(root, types, shape, spacing, origin)
    return pyramid_factors(shape, spacing)


def _open_group(path: Path) -> zarr.Group:
    try:
        return zarr.open_group(path, mode="r")
    except (FileNotFoundError, zarr.errors.ContainsArrayError, ValueError) as error:
        msg = (
            f"{path} is no OME-Zarr image: it has no group with multiscales. Choose "
            "the folder above the arrays, the one with .zattrs or zarr.json."
        )
        raise ReadError(msg) from error


def _image_group(group: zarr.Group, path: Path) -> zarr.Group:
    """Step into the only image of what bioformats2raw writes."""
    attributes = group.attrs.asdict()
    ngff = ngff_of(attributes)
    if "multiscales" in ngff or "bioformats2raw.layout" not in ngff:
        return group
    names = sorted(name for name in group.group_keys() if name.isdigit())
    if len(names) != 1:
        choices = ", ".join(str(path / name) for name in names)
        msg = f"{path} holds {len(names)} images; open one of them: {choices}."
        raise ReadError(msg)
    image = group[names[0]]
    return image if isinstance(image, zarr.Group) else group


def _check_image(group: zarr.Group, path: Path) -> None:
    """Say it plainly where there are labels only, as in our own results."""
    if "multiscales" not in ngff_of(group.attrs.asdict()) and "labels" in group:
        msg = (
            f"{path} has no OME-Zarr multiscales of its own, only labels. Choose the "
            "EM image, or open it as labels."
        )
        raise ReadError(msg)


def _finest(
    group: zarr.Group, image: Multiscales, path: Path
) -> tuple[int, zarr.Array[Any]]:
    """Return the largest array of an image and its number."""
    sizes: list[tuple[int, int]] = []
    arrays: list[zarr.Array[Any]] = []
    for level, name in enumerate(image.paths):
        array = group.get(name)
        if not isinstance(array, zarr.Array):
            msg = f"{path} lacks its array {name!r}: it is incomplete. Copy it again."
            raise ReadError(msg)
        arrays.append(array)
        sizes.append((array.size, -level))
    level = -max(sizes)[1]
    return level, arrays[level]


def _lazy(
    array: zarr.Array[Any],
    image: Multiscales,
    path: Path,
    channel: int | None,
    time: int | None,
) -> PlaneStack:
    axes = image.letters(array.ndim)
    if len(axes) != array.ndim or not axes.endswith("yx"):
        msg = (
            f"{path} has axes {shown(axes)} for an array of shape {array.shape}; the "
            "last two are to be y and x. Write it again as OME-Zarr 0.4 or 0.5."
        )
        raise ShapeError(msg)
    check_plane_size(array.shape[-2:], path.name)
    check_parts(array.shape[-2:], array.chunks, array.dtype.itemsize, path.name)
    return stack_of(
        CheckedArray(array, path.name), axes, path, channel=channel, time=time
    )


def _label_names(path: Path) -> list[str]:
    group = _open_group(path)
    if path.name != "labels":
        inner = group.get("labels")
        if not isinstance(inner, zarr.Group):
            return []
        group = inner
    listed = ngff_of(group.attrs.asdict()).get("labels")
    present = sorted(group.group_keys())
    if not isinstance(listed, Sequence):
        return present
    # What the list names may be missing, or lead elsewhere.
    return [name for name in listed if name in present]


def _no_labels(path: Path, name: str | None) -> Path:
    msg = f"{path} holds no labels{f' called {name!r}' if name else ''}."
    raise ReadError(msg)


def _write_image(
    root: zarr.Group, image: Volume, spacing: Spacing | None, origin: Shape
) -> None:
    factors = pyramid_factors(image.shape, spacing)
    described = describe_multiscales(
        image.name, spacing, factors, averaged=True, origin=origin
    )
    root.attrs.update(described)
    for level, factor in enumerate(factors):
        dtype = image.dtype.newbyteorder("=")
        target = _create(root, level, coarse_shape(image.shape, factor), dtype)
        _fill(target, factor, image.shape, _reader(image), mean)


def _reader(image: Volume) -> Callable[[int, int], Array]:
    _, height, width = image.shape
    return lambda start, stop: image.read(Region((start, 0, 0), (stop, height, width)))


def _create_labels(
    root: zarr.Group,
    types: Mapping[str, np.dtype[Any]],
    shape: Shape,
    spacing: Spacing | None,
    origin: Shape,
) -> None:
    """Make the arrays of labels, all 0, with what describes them."""
    group = root.create_group("labels")
    group.attrs["labels"] = list(types)
    factors = pyramid_factors(shape, spacing)
    source: dict[str, JSON] = {"image": "../../"}
    for name, dtype in types.items():
        one = group.create_group(name)
        described = describe_multiscales(
            name, spacing, factors, averaged=False, origin=origin
        )
        one.attrs.update(described)
        one.attrs["image-label"] = {"version": VERSION, "source": source}
        for level, factor in enumerate(factors):
            _create(one, level, coarse_shape(shape, factor), stored_type(dtype))


def _write_labels(
    root: zarr.Group, name: str, labels: LazyArray, spacing: Spacing | None
) -> None:
    shape = check_axes(labels.shape)

    def read(start: int, stop: int) -> Array:
        return np.asarray(labels[start:stop])

    for level, factor in enumerate(pyramid_factors(shape, spacing)):
        target = root[f"labels/{name}/{level}"]
        if isinstance(target, zarr.Array):
            _fill(target, factor, shape, read, nearest)


def _create(
    group: zarr.Group, level: int, shape: Shape, dtype: np.dtype[Any]
) -> zarr.Array[Any]:
    chunks = tuple(min(c, n) for c, n in zip(CHUNK, shape, strict=True))
    return group.create_array(
        str(level),
        shape=shape,
        dtype=dtype,
        chunks=chunks,
        fill_value=0,
        compressors=numcodecs.Blosc("zstd", 1, numcodecs.Blosc.SHUFFLE),
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )


def _fill(
    target: zarr.Array[Any],
    factor: Shape,
    shape: Shape,
    read: Callable[[int, int], Array],
    shrink: Callable[[Array, Sequence[int]], Array],
) -> None:
    """Copy a volume into one level, one layer of chunks at a time."""
    depth = target.chunks[0]
    for z in range(0, target.shape[0], depth):
        slab = read(z * factor[0], min(shape[0], (z + depth) * factor[0]))
        coarse = shrink(slab, factor)
        kept = coarse if coarse.dtype == target.dtype else stored(coarse, target.dtype)
        target[z : z + depth] = kept
