"""From labels to what a network is asked for: mask, instance boundary, boxes.

While training, labels are integers: -1 unlabelled, 0 background, above 0 an instance.
"""

from typing import Any

import cc3d
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import max_pool2d

from napari_mitoseg.errors import AnnotationError
from napari_mitoseg.models.detector import SIDES
from napari_mitoseg.training.box_targets import make_box_targets

UNKNOWN = -1
WINDOW = 5
BOX_MAPS = ("centre", *SIDES)


def label_instances(mask: NDArray[Any]) -> NDArray[np.int32]:
    """Give each connected component of a mask a number.

    Parameters
    ----------
    mask : ndarray, shape (Z, Y, X)
        Mitochondria are not 0.

    Returns
    -------
    ndarray of int32, shape (Z, Y, X)
        0 background; voxels that touch by a corner (26 neighbours) share a number.
    """
    labels = cc3d.connected_components(np.ascontiguousarray(mask) != 0, connectivity=26)
    return np.asarray(labels, dtype=np.int32)


def labels_from_annotation(annotation: NDArray[Any]) -> NDArray[np.int32]:
    """Turn an annotation into labels to train from.

    Parameters
    ----------
    annotation : ndarray, shape (Z, Y, X)
        0 unlabelled, 1 background, 2 mitochondrion.

    Returns
    -------
    ndarray of int32, shape (Z, Y, X)
        -1 unlabelled, 0 background, connected components above 0.

    Raises
    ------
    AnnotationError
        If other values occur, or mitochondrion or background is not annotated.

    Examples
    --------
    >>> labels_from_annotation(np.array([[[0, 1, 2]]])).tolist()
    [[[-1, 0, 1]]]
    """
    values = np.unique(annotation)
    if not {1, 2} <= set(values.tolist()) <= {0, 1, 2}:
        msg = (
            f"The annotation holds the values {values[:10].tolist()}. It must hold 1 "
            "(background) and 2 (mitochondrion) and may hold 0 (unlabelled): paint "
            "some of each."
        )
        raise AnnotationError(msg)
    labels = label_instances(annotation == 2)
    labels[annotation == 0] = UNKNOWN
    return labels


def find_boundary(labels: Tensor) -> Tensor:
    """Mark where a 5×5 window holds an instance and not only that instance.

    Parameters
    ----------
    labels : Tensor of float, shape (B, Z, Y, X)
        Instance numbers.

    Returns
    -------
    Tensor of bool, shape (B, Z, Y, X)
        Found slice by slice; beyond the edge nothing is assumed.

    References
    ----------
    .. [1] Published code of Li et al. (2021), doi:10.48550/arXiv.2104.07961.
    """
    highest, lowest = _window_extremes(labels)
    return highest != lowest


def make_targets(labels: Tensor, outputs: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Return what each output map should say, and where that is known.

    Parameters
    ----------
    labels : Tensor, shape (B, Z, Y, X)
        -1 unlabelled, 0 background, instances above 0.
    outputs : tuple of str
        Out of ``"semantic"``, ``"boundary"`` and the maps of boxes, see
        `models.detector`.

    Returns
    -------
    target, known : Tensor of float, shape (B, len(outputs), Z, Y, X)
        0 or 1.  The boundary is known where no voxel of the window is unlabelled.
        Boxes are told by shares, see `make_box_targets`.
    """
    numbers = labels.float()
    highest, lowest = _window_extremes(numbers)
    pairs = {
        "semantic": (numbers > 0, numbers > UNKNOWN),
        "boundary": (highest != lowest, lowest > UNKNOWN),
    }
    if "centre" in outputs:
        drawn = (maps.unbind(dim=1) for maps in make_box_targets(labels))
        pairs |= dict(zip(BOX_MAPS, zip(*drawn, strict=True), strict=True))
    target = torch.stack([pairs[name][0] for name in outputs], dim=1)
    known = torch.stack([pairs[name][1] for name in outputs], dim=1)
    return target.float(), known.float()


def _window_extremes(numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Return the highest and lowest number in the window around each voxel."""
    highest = max_pool2d(numbers, WINDOW, stride=1, padding=WINDOW // 2)
    lowest = -max_pool2d(-numbers, WINDOW, stride=1, padding=WINDOW // 2)
    return highest, lowest
