"""Save labels layers with their spacing."""

from pathlib import Path
from typing import Any

import numpy as np

from napari_mitoseg.volume import Array, Spacing, as_spacing, in_nanometres


def write_tiff(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a labels layer as a TIFF stack.

    Parameters
    ----------
    path : str
        The file.
    data : array of int, shape (Z, Y, X) or (Y, X)
        Labels.
    attributes : dict
        Scale and units of the layer.

    Returns
    -------
    list of str
        The file that was written.

    Raises
    ------
    WriteError
        If it cannot be written; nothing is left then.
    """
    from napari_mitoseg.io import write_labels_tiff  # noqa: PLC0415

    write_labels_tiff(Path(path), _stack(data), spacing_in(attributes))
    return [path]


def write_zarr(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a labels layer as an OME-Zarr.

    Parameters
    ----------
    path : str
        The folder; ``.ome.zarr`` is what others look for.
    data : array of int, shape (Z, Y, X) or (Y, X)
        Labels.
    attributes : dict
        Name, scale and units of the layer.

    Returns
    -------
    list of str
        The folder that was written.

    Raises
    ------
    WriteError
        If it cannot be written; nothing is left then.
    """
    from napari_mitoseg.io import write_result_zarr  # noqa: PLC0415

    name = str(attributes.get("name") or "labels").replace("/", "-")
    spacing = spacing_in(attributes)
    write_result_zarr(Path(path), None, {name: _stack(data)}, spacing)
    return [path]


def spacing_in(attributes: dict[str, Any]) -> Spacing | None:
    """Return the spacing that the attributes of a layer state.

    Parameters
    ----------
    attributes : dict
        ``scale`` and ``units`` as napari gives them to writers.

    Returns
    -------
    tuple of float or None
        Distance between voxel centres in nm, ZYX; None where the units are no
        lengths.
    """
    scale = tuple(attributes.get("scale", ()))
    units = tuple(attributes.get("units") or ())
    lengths = [
        in_nanometres(float(value), str(unit))
        for value, unit in zip(scale, units, strict=False)
    ]
    if len(lengths) == 2:
        lengths = [lengths[0], *lengths]
    known = [value for value in lengths if value is not None]
    return as_spacing(known) if len(known) == 3 else None


def _stack(data: Any) -> Array:
    labels = np.asarray(data)
    return labels[None] if labels.ndim == 2 else labels
