"""Open stacks from napari's own File menu, with their spacing."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_mitoseg.errors import MitoSegError, ReadError
from napari_mitoseg.volume import Volume

LayerData = tuple[Any, dict[str, Any], str]
PathOrPaths = str | Sequence[str]
TIFFS = (".tif", ".tiff")


def get_reader(path: PathOrPaths) -> Callable[[PathOrPaths], list[LayerData]] | None:
    """Say whether this plugin should open a path.

    Parameters
    ----------
    path : str or sequence of str
        What the user opens.

    Returns
    -------
    callable or None
        The reader; None for several paths at once, for what is no stack, and for
        TIFF files that state no spacing, which napari reads as well itself.
    """
    if not isinstance(path, str):
        return None
    try:
        volume, _ = _open(Path(path))
    except (MitoSegError, OSError):
        return None
    is_plain = Path(path).suffix.lower() in TIFFS and volume.spacing is None
    return None if is_plain else read_layers


def read_layers(path: PathOrPaths) -> list[LayerData]:
    """Open a stack or labels lazily.

    Parameters
    ----------
    path : str or sequence of str
        One that `get_reader` has accepted.

    Returns
    -------
    list of LayerData
        An image layer, or a labels layer, with scale in nm where it is known. What
        has areas of equal values that meet in jumps is taken for labels; those of a
        region lie where it does in the image.
    """
    from napari_mitoseg.io.checks import is_label_volume  # noqa: PLC0415

    first = path if isinstance(path, str) else path[0]
    volume, is_image = _open(Path(first))
    if is_image and not is_label_volume(volume):
        return [image_data(volume)]
    data, keywords, kind = labels_data(volume)
    return [(data, {**keywords, **_place(Path(first), volume)}, kind)]


def layer_keywords(volume: Volume) -> dict[str, Any]:
    """Return name, scale, units and axis labels of the layer of a volume."""
    keywords: dict[str, Any] = {"name": volume.name, "axis_labels": ("z", "y", "x")}
    if volume.spacing is not None:
        keywords |= {"scale": volume.spacing, "units": ("nm",) * 3}
    return keywords


def contrast_of(volume: Volume) -> tuple[float, float]:
    """Return the range of grey values to show, from the middle slice."""
    if volume.dtype == np.uint8:
        return 0.0, 255.0
    plane = volume.read_slice(volume.shape[0] // 2)
    low, high = (float(v) for v in np.nanpercentile(plane, (0.1, 99.9)))
    return (low, high) if high > low else (low, low + 1.0)


def image_data(volume: Volume) -> LayerData:
    """Return an image layer of a volume, as readers and samples give it."""
    keywords = {"contrast_limits": contrast_of(volume), "colormap": "gray"}
    return volume.data, {**layer_keywords(volume), **keywords}, "image"


def labels_data(volume: Volume) -> LayerData:
    """Return a labels layer of a volume, in memory where it fits: to be painted in."""
    from napari_mitoseg.io.limits import in_memory  # noqa: PLC0415

    return in_memory(volume).data, layer_keywords(volume), "labels"


def _place(path: Path, volume: Volume) -> dict[str, Any]:
    """Return where the layer of labels lies, unless that is the origin."""
    from napari_mitoseg.io.read import labels_origin  # noqa: PLC0415

    try:
        origin = labels_origin(path)
    except ReadError:
        # An image that is read as labels, beside labels of its own.
        return {}
    if not any(origin):
        return {}
    return {"translate": np.multiply(origin, volume.spacing or 1.0)}


def _open(path: Path) -> tuple[Volume, bool]:
    """Open a path as an image; what is none, as labels."""
    from napari_mitoseg.io import read_labels, read_volume  # noqa: PLC0415

    try:
        return read_volume(path), True
    except MitoSegError:
        return read_labels(path), False
