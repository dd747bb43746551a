"""Resampling of slices, the same way before the network and after it."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

Planes = NDArray[np.float32]


def resize_planes(planes: Planes, size: tuple[int, int]) -> Planes:
    """Resize slices in the plane.

    Parameters
    ----------
    planes : ndarray of float32, shape (N, Y, X)
        Slices.
    size : tuple of int
        Wanted (Y, X).

    Returns
    -------
    ndarray of float32, shape (N, *size)
        Bilinear; smoothed first where pixels get fewer, so that nothing aliases.
    """
    if planes.shape[1:] == size:
        return planes
    batch = torch.from_numpy(np.ascontiguousarray(planes))[None]
    resized = functional.interpolate(
        batch, size=size, mode="bilinear", antialias=True, align_corners=False
    )
    answer: Planes = resized[0].numpy()
    return answer
