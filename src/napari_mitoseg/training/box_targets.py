"""From labels to what the detector is asked for: centres, and distances to sides."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_mitoseg.boxes import Boxes, boxes_of_slice
from napari_mitoseg.models.detector import CELL, LARGEST

SPREADS = 6.0
"""Side of a box over the standard deviation of its centre."""

NEAR = 0.2
"""Sureness of a centre from which on the distances to the sides are asked for."""

Targets = NDArray[np.float32]


def make_box_targets(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the detector's maps of boxes should say, and where that counts.

    Parameters
    ----------
    labels : Tensor, shape (B, Z, Y, X)
        -1 unlabelled, 0 background, instances above 0.

    Returns
    -------
    target, known : Tensor of float, shape (B, 5, Z, Y, X)
        The centre: 1 in the middle of the box of each component of a slice, falling
        off as a Gaussian; known where there is a label.  The distances to top, left,
        bottom and right as a share of 512 pixels; they count as much as the place is
        a centre.

    Notes
    -----
    Where boxes overlap, a pixel belongs to that whose centre it rather is.
    """
    count, depth = labels.shape[:2]
    planes = labels.flatten(0, 1).cpu().numpy()
    drawn = np.stack([draw_targets(boxes_of_slice(p), p.shape) for p in planes])
    target = torch.from_numpy(drawn).to(labels.device)
    target = target.view(count, depth, *target.shape[1:]).transpose(1, 2)
    centre = target[:, :1]
    is_labelled = (labels >= 0)[:, None].to(target.dtype)
    near = centre * (centre >= NEAR) * is_labelled
    known = torch.cat([is_labelled, near.expand(-1, 4, -1, -1, -1)], dim=1)
    return target, known


def draw_targets(boxes: Boxes, shape: tuple[int, ...]) -> Targets:
    """Draw the centres of the boxes of a slice, and how far their sides are.

    Parameters
    ----------
    boxes : Boxes
        Of the slice.
    shape : tuple of int
        Size of the slice, (Y, X).

    Returns
    -------
    ndarray of float32, shape (5, Y, X)
        Centre, top, left, bottom, right; see `make_box_targets`.
    """
    target = np.zeros((5, *shape), np.float32)
    for corners in boxes.corners:
        rows, columns = (
            slice(*_around(corners[axis], corners[axis + 2], shape[axis]))
            for axis in (0, 1)
        )
        y = np.arange(rows.start, rows.stop)[:, None] + 0.5
        x = np.arange(columns.start, columns.stop)[None] + 0.5
        centre = _bump(y, corners[0], corners[2]) * _bump(x, corners[1], corners[3])
        y0, x0, y1, x1 = corners
        sides = np.broadcast_arrays(y - y0, x - x0, y1 - y, x1 - x)
        values = np.stack([centre, *(np.clip(s / LARGEST, 0, 1) for s in sides)])
        part = target[:, rows, columns]
        target[:, rows, columns] = np.where(centre > part[0], values, part)
    return target


def _around(start: float, stop: float, size: int) -> tuple[int, int]:
    """Return the pixels of a box along one axis, at least those of a cell."""
    missing = max(CELL - (stop - start), 0) / 2
    return max(int(start - missing), 0), min(int(np.ceil(stop + missing)), size)


def _bump(position: NDArray[Any], start: float, stop: float) -> NDArray[Any]:
    """Return a Gaussian in the middle of an interval, not narrower than a cell."""
    spread = max((stop - start) / SPREADS, CELL)
    bump: NDArray[Any] = np.exp(-0.5 * ((position - (start + stop) / 2) / spread) ** 2)
    return bump
