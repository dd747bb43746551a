"""The volume: a stack that is read slice by slice, and its spacing in nm.

Axes are ZYX everywhere.  Every conversion of physical units lives here.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError, ShapeError

Array = NDArray[Any]
Spacing = tuple[float, float, float]
Shape = tuple[int, int, int]
PlaneBox = tuple[int, int, int, int]
"""Part of a slice: first y and x, past-the-end y and x."""

NANOMETRES: dict[str, float] = {
    "nm": 1.0,
    "nanometer": 1.0,
    "nanometre": 1.0,
    "um": 1e3,
    "µm": 1e3,
    "μm": 1e3,
    "\\u00b5m": 1e3,
    "micron": 1e3,
    "micrometer": 1e3,
    "micrometre": 1e3,
    "mm": 1e6,
    "millimeter": 1e6,
    "millimetre": 1e6,
    "cm": 1e7,
    "centimeter": 1e7,
    "inch": 2.54e7,
    "m": 1e9,
    "meter": 1e9,
    "metre": 1e9,
    "å": 0.1,
    "angstrom": 0.1,
}

_ENDS = re.compile(r"\s*([0-9]{0,18}):([0-9]{0,18})\s*")
"""First and past-the-end voxel along an axis, as in ``10:20``."""


def in_nanometres(value: float, unit: str) -> float | None:
    """Convert a length to nm.

    Parameters
    ----------
    value : float
        Length.
    unit : str
        Unit in any usual spelling (``"µm"``, ``"micron"``, ``"nanometer"`` ...).

    Returns
    -------
    float or None
        Length in nm; None where the unit is no length (``"pixel"``).

    Examples
    --------
    >>> in_nanometres(0.5, "micron")
    500.0
    >>> in_nanometres(1, "pixel") is None
    True
    """
    factor = NANOMETRES.get(unit.strip().lower())
    return None if factor is None else value * factor


def as_spacing(values: Sequence[float]) -> Spacing:
    """Check a spacing.

    Parameters
    ----------
    values : sequence of float
        Distance between voxel centres in nm, ZYX.

    Returns
    -------
    tuple of float
        The three values.

    Raises
    ------
    InvalidParameterError
        Unless there are three finite numbers above zero.
    """
    numbers = tuple(float(v) for v in values)
    if len(numbers) != 3 or not all(np.isfinite(v) and v > 0 for v in numbers):
        msg = (
            f"Spacing was given as {', '.join(map(str, values))}. It must be three "
            "numbers above zero: nanometres in z, y and x, for example 40,5.9,5.9."
        )
        raise InvalidParameterError(msg)
    z, y, x = numbers
    return z, y, x


def cubic_micrometres(n_voxels: float, spacing: Spacing) -> float:
    """Convert a number of voxels to µm³.

    Parameters
    ----------
    n_voxels : float
        Number of voxels.
    spacing : tuple of float
        Distance between voxel centres in nm, ZYX.

    Returns
    -------
    float
        Volume in µm³.

    Examples
    --------
    >>> cubic_micrometres(1000, (100.0, 100.0, 100.0))
    1.0
    """
    return float(n_voxels * np.prod(spacing) / 1e9)


def voxels_in(cubic_um: float, spacing: Spacing) -> float:
    """Convert a volume in µm³ to a number of voxels.

    Parameters
    ----------
    cubic_um : float
        Volume in µm³.
    spacing : tuple of float
        Distance between voxel centres in nm, ZYX.

    Returns
    -------
    float
        Number of voxels, not rounded.

    Examples
    --------
    >>> voxels_in(1.0, (100.0, 100.0, 100.0))
    1000.0
    """
    return float(cubic_um * 1e9 / np.prod(spacing))


def pixels_in(square_um: float, spacing: Spacing) -> float:
    """Convert an area within a slice in µm² to a number of pixels.

    Parameters
    ----------
    square_um : float
        Area in µm².
    spacing : tuple of float
        Distance between voxel centres in nm, ZYX.

    Returns
    -------
    float
        Number of pixels, not rounded.

    Examples
    --------
    >>> pixels_in(1.0, (400.0, 100.0, 50.0))
    200.0
    """
    return float(square_um * 1e6 / np.prod(spacing[1:]))


class LazyArray(Protocol):
    """What a volume needs of its data: numpy, memmap, zarr and dask all have it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Size along each axis."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""

    def __getitem__(self, key: Any, /) -> Any:
        """Return a part, convertible with `numpy.asarray`."""


@dataclass(frozen=True)
class Region:
    """A box of voxels, half-open, ZYX.

    Attributes
    ----------
    start, stop : tuple of int
        First voxel and the one behind the last along z, y, x.
    """

    start: Shape
    stop: Shape

    @classmethod
    def whole(cls, shape: Sequence[int]) -> "Region":
        """Return the region that covers a shape."""
        z, y, x = shape
        return cls((0, 0, 0), (z, y, x))

    @classmethod
    def parse(cls, text: str, shape: Sequence[int]) -> "Region":
        """Read a region as it is written on the command line.

        Parameters
        ----------
        text : str
            ``z0:z1,y0:y1,x0:x1``, half-open; an end that is left out is that of the
            volume.
        shape : sequence of int
            Size of the volume along z, y, x.

        Returns
        -------
        Region
            Inside the volume.

        Raises
        ------
        InvalidParameterError
            If it is written otherwise, holds no voxel, or reaches beyond the volume.

        Examples
        --------
        >>> Region.parse("2:4,:,16:", (8, 32, 32))
        Region(start=(2, 0, 16), stop=(4, 32, 32))
        """
        ends = [_ENDS.fullmatch(part) for part in text.split(",")]
        found = [
            (int(end[1] or 0), int(end[2] or n))
            for end, n in zip(ends, shape, strict=False)
            if end is not None
        ]
        is_inside = all(a < b <= n for (a, b), n in zip(found, shape, strict=False))
        if len(ends) != 3 or len(found) != 3 or not is_inside:
            msg = (
                f"The region was given as {text!r}, for a volume of shape "
                f"{tuple(shape)}. Give z, y and x as z0:z1,y0:y1,x0:x1, in voxels "
                f"inside the volume, the first and the one behind the last: "
                f"{cls.whole(shape)} is all of it, and so is :,:,:"
            )
            raise InvalidParameterError(msg)
        (z0, z1), (y0, y1), (x0, x1) = found
        return cls((z0, y0, x0), (z1, y1, x1))

    def __str__(self) -> str:
        """Write the region as `parse` reads it."""
        ends = zip(self.start, self.stop, strict=True)
        return ",".join(f"{a}:{b}" for a, b in ends)

    @property
    def shape(self) -> Shape:
        """Size along z, y, x."""
        z, y, x = (b - a for a, b in zip(self.start, self.stop, strict=True))
        return z, y, x

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Index of the region."""
        z, y, x = (slice(a, b) for a, b in zip(self.start, self.stop, strict=True))
        return z, y, x

    def moved(self, by: Shape) -> "Region":
        """Return the region some voxels further along z, y, x."""
        start = tuple(a + d for a, d in zip(self.start, by, strict=True))
        stop = tuple(b + d for b, d in zip(self.stop, by, strict=True))
        return Region((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    def within(self, shape: Sequence[int]) -> "Region":
        """Clip to a volume of this shape.

        Parameters
        ----------
        shape : sequence of int
            Size along z, y, x.

        Returns
        -------
        Region
            What lies inside.

        Raises
        ------
        InvalidParameterError
            If nothing is left.
        """
        start = tuple(max(0, a) for a in self.start)
        stop = tuple(min(b, n) for b, n in zip(self.stop, shape, strict=True))
        if any(a >= b for a, b in zip(start, stop, strict=True)):
            msg = (
                f"The region {self.start}–{self.stop} holds no voxel of a volume of "
                f"shape {tuple(shape)}. Choose a region inside the volume."
            )
            raise InvalidParameterError(msg)
        return Region((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


@dataclass(frozen=True, eq=False)
class Volume:
    """A greyscale or label stack that is read part by part.

    Attributes
    ----------
    data : LazyArray, shape (Z, Y, X)
        Values; indexing reads.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX; None where the file has none.
    name : str
        Name for layers and messages.

    Raises
    ------
    ShapeError
        Unless the data has three axes and at least one voxel.
    """

    data: LazyArray
    spacing: Spacing | None = None
    name: str = "volume"

    def __post_init__(self) -> None:
        """Check the axes."""
        if len(self.data.shape) != 3 or 0 in self.data.shape:
            msg = (
                f"{self.name} has shape {tuple(self.data.shape)}; a volume has three "
                "axes, z, y, x, and at least one voxel."
            )
            raise ShapeError(msg)

    @property
    def shape(self) -> Shape:
        """Size along z, y, x."""
        z, y, x = self.data.shape
        return z, y, x

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.data.dtype

    def read(self, region: Region | None = None) -> Array:
        """Read a region into memory.

        Parameters
        ----------
        region : Region, optional
            The part to read; everything when absent.

        Returns
        -------
        ndarray, shape of the region
            Values in native byte order.
        """
        key = (region or Region.whole(self.shape)).slices
        part = np.asarray(self.data[key])
        return part.astype(part.dtype.newbyteorder("="), copy=False)

    def read_slice(self, z: int) -> Array:
        """Read one slice.

        Parameters
        ----------
        z : int
            Slice number.

        Returns
        -------
        ndarray, shape (Y, X)
            Values in native byte order.
        """
        _, height, width = self.shape
        return self.read(Region((z, 0, 0), (z + 1, height, width)))[0]

    def with_spacing(self, spacing: Sequence[float]) -> "Volume":
        """Return the same data with another spacing (nm, ZYX)."""
        return replace(self, spacing=as_spacing(spacing))

    def crop(self, region: Region) -> "Volume":
        """Return a part of the volume, still lazy."""
        return replace(self, data=_Cropped(self.data, region.within(self.shape)))

    def map_slices(self, function: Callable[[Array], Array]) -> "Volume":
        """Apply a function to each slice when it is read.

        Parameters
        ----------
        function : callable
            Takes and returns an array of shape (Y, X); float32 comes out.

        Returns
        -------
        Volume
            Lazy volume of float32.
        """
        return self.map_numbered(lambda _, plane: function(plane))

    def map_numbered(self, function: Callable[[int, Array], Array]) -> "Volume":
        """Apply a function that depends on the slice number to each slice.

        Parameters
        ----------
        function : callable
            Takes the number of a slice and an array of shape (Y, X), and returns such
            an array; float32 comes out.

        Returns
        -------
        Volume
            Lazy volume of float32.
        """
        return replace(self, data=_Mapped(self.data, function))


@dataclass(frozen=True, eq=False)
class _Cropped:
    """A box out of a lazy array."""

    data: LazyArray
    region: Region

    @property
    def shape(self) -> Shape:
        return self.region.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype

    def __getitem__(self, key: Any) -> Array:
        return np.asarray(self.data[_shifted(key, self.region)])


@dataclass(frozen=True, eq=False)
class _Mapped:
    """A lazy array with a function applied to every slice read."""

    data: LazyArray
    function: Callable[[int, Array], Array]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    def __getitem__(self, key: Any) -> Array:
        z, *in_plane = key if isinstance(key, tuple) else (key,)
        stack = np.asarray(self.data[z])
        numbers = np.arange(self.shape[0])[z]
        if stack.ndim == 2:
            return self._apply(numbers, stack)[tuple(in_plane)]
        pairs = zip(numbers, stack, strict=True)
        mapped = np.stack([self._apply(number, plane) for number, plane in pairs])
        return mapped[(slice(None), *in_plane)]

    def _apply(self, number: Any, plane: Array) -> Array:
        return np.asarray(self.function(int(number), plane), dtype=np.float32)


def _shifted(key: Any, region: Region) -> tuple[Any, ...]:
    """Move an index into the coordinates around the region."""
    given = key if isinstance(key, tuple) else (key,)
    padded = (*given, *(slice(None),) * (3 - len(given)))
    return tuple(
        _shift_one(k, start, size)
        for k, start, size in zip(padded, region.start, region.shape, strict=True)
    )


def _shift_one(key: Any, start: int, size: int) -> Any:
    if isinstance(key, slice):
        first, last, step = key.indices(size)
        return slice(first + start, last + start, step)
    return int(key) % size + start
