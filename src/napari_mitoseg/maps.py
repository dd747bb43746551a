"""What a network says about a volume, kept small enough to keep."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.volume import Shape, Spacing

FULL = 255

Calibration = tuple[tuple[float, float], ...]
"""Mean probability of objects, rising, and the share that were mitochondria."""


@dataclass(frozen=True, eq=False)
class ProbabilityMaps:
    """Probability maps of one volume, stored as 8-bit numbers.

    Attributes
    ----------
    semantic : ndarray of uint8, shape (Z, Y, X)
        Probability of mitochondrion × 255.
    boundary : ndarray of uint8, shape (Z, Y, X), or None
        Probability of instance boundary × 255; None where the network gives none.
    spacing : tuple of float
        Distance between voxel centres in nm, ZYX.

    Notes
    -----
    Eight bits are what the published thresholds were applied to [1]_, and keep the
    maps of a volume as small as the volume.

    References
    ----------
    .. [1] Li et al. (2021), Advanced deep networks for 3D mitochondria instance
       segmentation, Eq. 4.
    """

    semantic: NDArray[np.uint8]
    boundary: NDArray[np.uint8] | None
    spacing: Spacing

    @property
    def shape(self) -> Shape:
        """Size along z, y, x."""
        z, y, x = self.semantic.shape
        return z, y, x


def confidence(
    mean: NDArray[np.floating], calibration: Calibration
) -> NDArray[np.float64]:
    """Return the chance of objects to be mitochondria.

    Parameters
    ----------
    mean : ndarray of float, shape (n,)
        Mean probability of each object.
    calibration : tuple of (float, float)
        At least one point; straight lines between them.

    Returns
    -------
    ndarray of float64, shape (n,)
        0 to 1.
    """
    known, shares = zip(*calibration, strict=True)
    return np.asarray(np.interp(mean, known, shares), np.float64)


def cutoff(probability: float) -> float:
    """Return a probability as a value of an 8-bit map.

    Parameters
    ----------
    probability : float
        0 to 1.

    Returns
    -------
    float
        0 to 255; compare the map with it directly.

    Examples
    --------
    >>> cutoff(0.5)
    127.5
    """
    return probability * FULL
