"""Spacing from the metadata of a TIFF file."""

import math
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import tifffile

from napari_mitoseg.volume import Spacing, in_nanometres

Length = tuple[object, object]


def spacing_of(lengths: tuple[Length, Length, Length]) -> Spacing | None:
    """Convert three lengths to a spacing, if all three are there.

    Parameters
    ----------
    lengths : tuple of (value, unit)
        Distance between voxel centres along z, y, x, as found in a file.

    Returns
    -------
    tuple of float or None
        Spacing in nm, ZYX; None where a value or a unit is missing or no length.
        Nothing is guessed: a pixel size alone says nothing about z.

    Examples
    --------
    >>> spacing_of(((0.04, "µm"), (5.9, "nm"), (5.9, "nm")))
    (40.0, 5.9, 5.9)
    >>> spacing_of(((1, "pixel"), (5.9, "nm"), (5.9, "nm"))) is None
    True
    """
    z, y, x = (_nanometres(value, unit) for value, unit in lengths)
    return None if z is None or y is None or x is None else (z, y, x)


def tiff_spacing(file: tifffile.TiffFile) -> Spacing | None:
    """Read the spacing of an open TIFF file.

    Parameters
    ----------
    file : tifffile.TiffFile
        OME-TIFF, ImageJ TIFF, or one written by tifffile with the same words.

    Returns
    -------
    tuple of float or None
        Spacing in nm, ZYX; None where the file does not state all three.
    """
    if file.is_ome and file.ome_metadata:
        return _ome_spacing(file.ome_metadata)
    metadata: Mapping[str, Any] | None = file.imagej_metadata
    if metadata is None and file.shaped_metadata:
        metadata = file.shaped_metadata[0]
    return _imagej_spacing(metadata, file.pages.first) if metadata else None


def _ome_spacing(xml: str) -> Spacing | None:
    pixels = ElementTree.fromstring(xml).find(".//{*}Pixels")
    if pixels is None:
        return None
    z, y, x = (
        (
            pixels.get(f"PhysicalSize{axis}"),
            pixels.get(f"PhysicalSize{axis}Unit", "µm"),
        )
        for axis in "ZYX"
    )
    return spacing_of((z, y, x))


def _imagej_spacing(
    metadata: Mapping[str, Any], page: tifffile.TiffPage
) -> Spacing | None:
    unit = metadata.get("unit")
    return spacing_of(
        (
            (metadata.get("spacing"), metadata.get("zunit", unit)),
            (_pixel_size(page, "YResolution"), metadata.get("yunit", unit)),
            (_pixel_size(page, "XResolution"), unit),
        )
    )


def _pixel_size(page: tifffile.TiffPage, tag: str) -> float | None:
    """Invert a resolution tag, which counts pixels a unit."""
    resolution = page.tags.valueof(tag)
    if not isinstance(resolution, tuple) or 0 in resolution:
        return None
    pixels, units = resolution
    return float(units / pixels)


def _nanometres(value: object, unit: object) -> float | None:
    if not isinstance(unit, str) or not isinstance(value, (int, float, str)):
        return None
    try:
        # ImageJ writes a negative z spacing for stacks acquired downwards.
        number = abs(float(value))
    except ValueError:
        return None
    if not math.isfinite(number) or number == 0:
        return None
    # The twelve digits drop what dividing and multiplying by 1000 has added.
    length = in_nanometres(number, unit)
    return None if length is None else float(f"{length:.12g}")
