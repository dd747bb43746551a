"""Two label layers that are compared: where they overlap, and what lies where."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray

from napari_mitoseg._napari.layers import spacing_of, volume_of
from napari_mitoseg.errors import ShapeError
from napari_mitoseg.volume import Region, Shape, Volume


@dataclass(frozen=True, eq=False)
class Part:
    """The part of a label layer that is compared.

    Attributes
    ----------
    layer : napari.layers.Labels
        The layer.
    region : Region
        Which part of it.
    numbered : ndarray of uint32, shape (Z, Y, X), or None
        The objects of the part, where the layer is a mask.
    """

    layer: Labels
    region: Region
    numbered: NDArray[np.uint32] | None = None

    def volume(self) -> Volume:
        """Return the labels, read when they are needed."""
        return cut(volume_of(self.layer), self.region)

    def place_of(
        self, label: int, start: Sequence[int], stop: Sequence[int], z: float
    ) -> tuple[float, float, float] | None:
        """Find a place in the layer that an object really covers.

        Parameters
        ----------
        label : int
            The object.
        start, stop : sequence of int
            Its box in voxels of the part, half-open, ZYX.
        z : float
            Wanted slice; the nearest that shows the object is taken.

        Returns
        -------
        tuple of float or None
            Mean position in this slice, in voxels of the layer, ZYX; None where the
            object is no longer there.
        """
        data = volume_of(self.layer).data
        first = np.add(start, self.region.start)
        last = np.add(stop, self.region.start)
        near = z + self.region.start[0]
        for k in sorted(range(first[0], last[0]), key=lambda one: abs(one - near)):
            here = np.asarray(data[k, first[1] : last[1], first[2] : last[2]])
            here = here == label if self.numbered is None else here > 0
            if self.numbered is not None:
                own = k - self.region.start[0]
                box = (own, slice(start[1], stop[1]), slice(start[2], stop[2]))
                here &= self.numbered[box] == label
            if here.any():
                y, x = np.argwhere(here).mean(axis=0) + first[1:]
                return float(k), float(y), float(x)
        return None


def overlapping(prediction: Labels, truth: Labels) -> tuple[Part, Part]:
    """Find what two label layers have in common.

    Parameters
    ----------
    prediction, truth : napari.layers.Labels
        Of one shape: then they are compared voxel by voxel wherever they lie. Or one
        covers a region of the other, as the result of a run on a region does.

    Returns
    -------
    tuple of Part
        Of each layer what the other covers.

    Raises
    ------
    ShapeError
        If they differ in shape and voxel size, or do not overlap.
    """
    own, other = volume_of(prediction).shape, volume_of(truth).shape
    if own == other:
        return Part(prediction, Region.whole(own)), Part(truth, Region.whole(other))
    offset = _offset(prediction, truth)
    start = np.maximum(0, np.negative(offset))
    stop = np.minimum(own, np.subtract(other, offset))
    same_voxels = np.allclose(prediction.scale, truth.scale[-prediction.ndim :])
    if not same_voxels or (start >= stop).any():
        msg = (
            f"The prediction has shape {own} and the truth {other} (z, y, x), and "
            "they do not lie on one another. Choose layers of the same image."
        )
        raise ShapeError(msg)
    return (
        Part(prediction, Region(_shape(start), _shape(stop))),
        Part(truth, Region(_shape(start + offset), _shape(stop + offset))),
    )


def confidence_for(part: Part, layer: Image) -> Volume:
    """Return what an image layer over all of the prediction says about a part of it.

    Parameters
    ----------
    part : Part
        Of the prediction.
    layer : napari.layers.Image
        Probabilities, of the shape of the prediction's layer.

    Returns
    -------
    Volume
        The probabilities of the part.

    Raises
    ------
    ShapeError
        If the layer has another shape.
    """
    volume, whole = volume_of(layer), volume_of(part.layer)
    if volume.shape != whole.shape:
        msg = (
            f"The confidence has shape {volume.shape} and the prediction "
            f"{whole.shape} (z, y, x). Choose the probabilities of this prediction."
        )
        raise ShapeError(msg)
    return cut(volume, part.region)


def cut(volume: Volume, region: Region) -> Volume:
    """Return a region of a volume; all of it is not copied."""
    if region == Region.whole(volume.shape):
        return volume
    return Volume(volume.data[region.slices], volume.spacing, volume.name)


def why_incomparable(layer: Labels) -> str:
    """Say why a label layer cannot be evaluated; empty where it can."""
    if layer.ndim in {2, 3}:
        return ""
    return (
        f"{layer.name} has {layer.ndim} axes. Choose labels with z, y, x: split time "
        "points with Split Stack in the menu of the layer."
    )


def calibrated(parts: Sequence[Part]) -> tuple[float, float, float] | None:
    """Return the first spacing that layers know, in nm, ZYX; None where none does."""
    known = (spacing_of(part.layer) for part in parts)
    return next((spacing for spacing in known if spacing is not None), None)


def _offset(
    prediction: Labels, truth: Labels
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the voxel of the truth under the first voxel of the prediction, ZYX."""
    n = max(prediction.ndim, truth.ndim)
    world = np.zeros(n)
    world[-prediction.ndim :] = prediction.data_to_world((0,) * prediction.ndim)
    place = np.zeros(3)
    place[-truth.ndim :] = truth.world_to_data(world[-truth.ndim :])
    return np.round(place).astype(np.int64)


def _shape(values: Sequence[int] | np.ndarray[tuple[int], np.dtype[np.int64]]) -> Shape:
    z, y, x = (int(value) for value in values)
    return z, y, x
