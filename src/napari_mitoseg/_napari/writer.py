"""Save labels layers with their spacing."""

from typing import Any

from napari_mitoseg.volume import Spacing, as_spacing, in_nanometres


def write_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a labels layer in the format that the ending of the path says.

    Parameters
    ----------
    path : str
        File, or folder of an OME-Zarr.
    data : array of int, shape (Z, Y, X) or (Y, X)
        Labels.
    attributes : dict
        Name, scale and units of the layer.

    Returns
    -------
    list of str
        What was written.

    Raises
    ------
    InvalidParameterError
        If the format cannot keep the labels.
    WriteError
        If it cannot be written; nothing is left then.
    """
    from napari_mitoseg.io import write_labels  # noqa: PLC0415

    name = str(attributes.get("name") or "labels")
    write_labels(path, data, spacing_in(attributes), name)
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
