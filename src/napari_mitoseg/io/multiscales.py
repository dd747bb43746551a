"""The multiscale metadata of OME-Zarr, read and written; plain JSON, no arrays.

References
----------
.. [1] OME-NGFF 0.4 and 0.5, https://ngff.openmicroscopy.org
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from napari_mitoseg.errors import ReadError
from napari_mitoseg.io.calibration import spacing_of
from napari_mitoseg.volume import Shape, Spacing

Json = Mapping[str, Any]
Place = tuple[float, float, float]
NOWHERE: Place = (0.0, 0.0, 0.0)

EARLY_AXES = "tczyx"
"""Axes of OME-Zarr 0.1 and 0.2, which do not name them."""

VERSION = "0.4"

MOST_LEVELS = 64
"""Resolutions of one image; each halves the one before."""


@dataclass(frozen=True)
class Multiscales:
    """One image in several resolutions.

    Attributes
    ----------
    paths : tuple of str
        The arrays within the group.
    axes : tuple of (str, str or None)
        Name and unit of each axis; no names where the file has none.
    scales : tuple of tuple of float
        Per array, distance between its voxels along each axis; empty if not stated.
    positions : tuple of tuple of float
        Per array, where its first voxel lies along each axis; empty if not stated.
    """

    paths: tuple[str, ...]
    axes: tuple[tuple[str, str | None], ...]
    scales: tuple[tuple[float, ...], ...]
    positions: tuple[tuple[float, ...], ...] = ()

    def letters(self, n_axes: int) -> str:
        """Return one lower-case letter an axis.

        Parameters
        ----------
        n_axes : int
            Axes of the arrays.

        Returns
        -------
        str
            For example ``"czyx"``; ``"?"`` for an axis with an unusual name.
        """
        if not self.axes:
            return EARLY_AXES[-n_axes:]
        names = (name.lower() for name, _ in self.axes)
        return "".join("c" if n == "channel" else n[:1] or "?" for n in names)

    def spacing(self, level: int) -> Spacing | None:
        """Return the spacing of one array in nm, ZYX, if it is stated.

        Parameters
        ----------
        level : int
            Number of the array in `paths`.

        Returns
        -------
        tuple of float or None
            None unless z, y and x have a scale and a unit of length.
        """
        if len(self.scales[level]) != len(self.axes):
            return None
        pairs = zip(self.axes, self.scales[level], strict=True)
        found = {name: (scale, unit) for (name, unit), scale in pairs}
        nothing = (None, None)
        return spacing_of(
            (
                found.get("z", nothing),
                found.get("y", nothing),
                found.get("x", nothing),
            )
        )

    def origin(self, level: int) -> Place:
        """Return where the first voxel of an array lies, in its voxels, ZYX.

        Parameters
        ----------
        level : int
            Number of the array in `paths`.

        Returns
        -------
        tuple of float
            0, 0, 0 where nothing else is stated.

        Examples
        --------
        >>> axes = (("z", None), ("y", None), ("x", None))
        >>> Multiscales(("0",), axes, ((40, 8, 8),), ((80, 0, 24),)).origin(0)
        (2.0, 0.0, 3.0)
        """
        places = self.positions[level] if self.positions else ()
        scales = self.scales[level]
        if not len(places) == len(scales) == len(self.axes):
            return NOWHERE
        found = {
            name: place / scale
            for (name, _), place, scale in zip(self.axes, places, scales, strict=True)
            if scale and isfinite(place / scale)
        }
        return found.get("z", 0.0), found.get("y", 0.0), found.get("x", 0.0)


def ngff_of(attributes: Json) -> Json:
    """Return the OME part of a group's attributes, of any version."""
    found = attributes.get("ome", attributes)
    return found if isinstance(found, Mapping) else {}


def parse_multiscales(ngff: Json, name: str) -> Multiscales:
    """Read the first image of a group.

    Parameters
    ----------
    ngff : mapping
        OME part of the attributes of the group.
    name : str
        Name for messages.

    Returns
    -------
    Multiscales
        Paths, axes and scales.

    Raises
    ------
    ReadError
        If there is no multiscale image, or its description is incomplete.
    """
    try:
        image = ngff["multiscales"][0]
        levels = image["datasets"]
        axes = tuple(map(_axis, image.get("axes", ())))
        scales = tuple(_scale(level, image) for level in levels)
        positions = tuple(_position(level, image) for level in levels)
        paths = tuple(str(level["path"]) for level in levels)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        msg = (
            f"{name} has no readable OME-Zarr multiscales. Choose the folder that "
            "holds the image (with .zattrs or zarr.json naming multiscales), or write "
            "it again as OME-Zarr 0.4 or 0.5."
        )
        raise ReadError(msg) from error
    if not 1 <= len(paths) <= MOST_LEVELS:
        msg = (
            f"{name} has OME-Zarr multiscales of {len(paths)} arrays; 1 to "
            f"{MOST_LEVELS} are read. Write it again."
        )
        raise ReadError(msg)
    return Multiscales(paths, axes, scales, positions)


def describe_multiscales(
    name: str,
    spacing: Spacing | None,
    factors: Sequence[Shape],
    *,
    averaged: bool,
    origin: Shape = (0, 0, 0),
) -> dict[str, Any]:
    """Write the multiscales of one image.

    Parameters
    ----------
    name : str
        Name of the image.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX, at full resolution; None where it
        is unknown: the axes then have no unit and the full resolution has scale 1.
    factors : sequence of tuple of int
        How much coarser each array is, ZYX, the full one first.
    averaged : bool
        Whether a coarse voxel is the mean of fine ones, so that its centre lies
        between theirs, or the first of them.
    origin : tuple of int
        Where the first voxel lies in what this is a part of, in voxels, ZYX.

    Returns
    -------
    dict
        Attributes for the group.
    """
    unit = {} if spacing is None else {"unit": "nanometer"}
    fine = spacing or (1.0, 1.0, 1.0)
    image = {
        "version": VERSION,
        "name": name,
        "axes": [{"name": axis, "type": "space", **unit} for axis in "zyx"],
        "datasets": [
            {
                "path": str(level),
                "coordinateTransformations": _transformations(
                    fine, factor, _first_centre(factor, origin, averaged=averaged)
                ),
            }
            for level, factor in enumerate(factors)
        ],
        "type": "mean" if averaged else "nearest",
    }
    return {"multiscales": [image]}


def _transformations(
    fine: Spacing, factor: Shape, place: Place
) -> list[dict[str, Any]]:
    pairs = zip(fine, factor, strict=True)
    scale = {"type": "scale", "scale": [s * f for s, f in pairs]}
    if not any(place):
        return [scale]
    shift = [s * p for s, p in zip(fine, place, strict=True)]
    return [scale, {"type": "translation", "translation": shift}]


def _first_centre(factor: Shape, origin: Shape, *, averaged: bool) -> Place:
    """Return where the first voxel of a level lies, in voxels of full resolution."""
    z, y, x = (
        o + (f - 1) / 2 if averaged else float(o)
        for o, f in zip(origin, factor, strict=True)
    )
    return z, y, x


def _axis(axis: object) -> tuple[str, str | None]:
    """Read an axis: a name alone in OME-Zarr 0.3, with type and unit since 0.4."""
    if isinstance(axis, str):
        return axis, None
    if not isinstance(axis, Mapping):
        raise TypeError(axis)
    return str(axis["name"]), axis.get("unit")


def _scale(level: Json, image: Json) -> tuple[float, ...]:
    """Multiply the scale of a level with that of the whole image."""
    own = _scales(level)
    if not own:
        return ()
    for scale in (*own[1:], *_scales(image)):
        own[0] = [a * b for a, b in zip(own[0], scale, strict=True)]
    return tuple(own[0])


def _position(level: Json, image: Json) -> tuple[float, ...]:
    """Return where the first voxel of a level lies, as the whole image is placed."""
    place = _summed(_stated(level, "translation"))
    for scale in _scales(image):
        place = [a * b for a, b in zip(place, scale, strict=True)] if place else []
    further = _summed(_stated(image, "translation"))
    return tuple(_summed([part for part in (place, further) if part]))


def _summed(vectors: Sequence[Sequence[float]]) -> list[float]:
    return [sum(values) for values in zip(*vectors, strict=True)]


def _scales(described: Json) -> list[list[float]]:
    return _stated(described, "scale")


def _stated(described: Json, kind: str) -> list[list[float]]:
    """Return the transformations of a kind, in order."""
    return [
        [float(value) for value in transformation[kind]]
        for transformation in described.get("coordinateTransformations") or ()
        if transformation.get("type") == kind and kind in transformation
    ]
