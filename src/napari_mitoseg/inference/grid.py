"""Where the voxels of the volume and those of the model's grid lie."""

from dataclasses import dataclass
from math import floor

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.volume import Region, Shape, Spacing, Volume

SAME = 0.05
"""Spacings closer than this share are taken as equal: resampling would only blur."""


@dataclass(frozen=True)
class Grid:
    """The volume's voxels and the model's, over the same box.

    Attributes
    ----------
    native : tuple of int
        Shape of the volume.
    model : tuple of int
        Shape of the grid on which the network works.
    """

    native: Shape
    model: Shape

    @classmethod
    def between(cls, native: Shape, ratio: Spacing) -> "Grid":
        """Return the grid for a volume.

        Parameters
        ----------
        native : tuple of int
            Shape of the volume.
        ratio : tuple of float
            Spacing of the volume over that of the model, ZYX.

        Returns
        -------
        Grid
            At least one voxel along every axis.
        """
        z, y, x = (
            n if abs(r - 1) < SAME else max(1, round(n * r))
            for n, r in zip(native, ratio, strict=True)
        )
        return cls(native, (z, y, x))

    def to_model(self, axis: int, position: float) -> float:
        """Convert a voxel centre of the volume to the model's grid."""
        return (position + 0.5) * self.model[axis] / self.native[axis] - 0.5

    def to_native(self, axis: int, position: float) -> float:
        """Convert a voxel centre of the model's grid to the volume."""
        return (position + 0.5) * self.native[axis] / self.model[axis] - 0.5

    def covering(self, region: Region) -> Region:
        """Return the voxels of the model's grid needed to interpolate a region.

        Parameters
        ----------
        region : Region
            Part of the volume.

        Returns
        -------
        Region
            Part of the model's grid.
        """
        start, stop = [], []
        for axis in range(3):
            # Slices are smoothed where they get smaller on their way back.
            ratio = self.model[axis] / self.native[axis] if axis else 1.0
            reach = max(1.0, ratio)
            first = floor(self.to_model(axis, region.start[axis]) - reach) + 1
            last = floor(self.to_model(axis, region.stop[axis] - 1) + reach) + 1
            same = self.model[axis] == self.native[axis]
            start.append(max(first, 0))
            stop.append(min(last - same, self.model[axis]))
        return Region((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


def spacing_ratio(
    volume: Volume,
    model_spacing: Spacing,
    *,
    resample: bool,
    resample_z: bool,
    zoom: float = 1.0,
) -> Spacing:
    """Return the spacing of a volume relative to a model's.

    Parameters
    ----------
    volume : Volume
        The stack.
    model_spacing : tuple of float
        Spacing the model was trained at, nm, ZYX.
    resample : bool
        False: take the volume as it is.
    resample_z : bool
        False: keep every slice (networks that sample their neighbours in z).
    zoom : float
        How much larger the model is shown the volume, along every resampled axis.

    Returns
    -------
    tuple of float
        Ratio along z, y, x.

    Raises
    ------
    InvalidParameterError
        If the volume has no spacing and would have to be resampled.
    """
    enlarged = (zoom if resample_z else 1.0), zoom, zoom
    if not resample:
        return enlarged
    if volume.spacing is None:
        msg = (
            f"{volume.name} states no spacing, so it cannot be brought to the spacing "
            f"of the model ({', '.join(f'{v:g}' for v in model_spacing)} nm). Give its "
            "spacing in nm as z,y,x, for example --spacing 40,5.9,5.9, or switch "
            "resampling off."
        )
        raise InvalidParameterError(msg)
    z, y, x = (
        s * by / m
        for s, by, m in zip(volume.spacing, enlarged, model_spacing, strict=True)
    )
    return (z if resample_z else 1.0), y, x


def context_stride(z_step: float) -> int:
    """Return how many slices apart the context is that a 2.5D network sees.

    Parameters
    ----------
    z_step : float
        Spacing of the model along z over that of the stack.

    Returns
    -------
    int
        Neighbours, however far apart they are, or slices beyond them.
    """
    return max(1, round(z_step))
