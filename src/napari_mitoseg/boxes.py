"""Boxes around objects in a slice: overlap, suppression of doubles, drawing.

A box is y0, x0, y1, x1 in pixels, half-open: it covers the rows from y0 up to but not
including y1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import ShapeError

Corners = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Boxes:
    """The boxes of one slice and how sure each is.

    Attributes
    ----------
    corners : ndarray of float32, shape (n, 4)
        y0, x0, y1, x1 in pixels.
    scores : ndarray of float32, shape (n,)
        0 to 1.

    Raises
    ------
    ShapeError
        Unless there are four corners and one score for each box.
    """

    corners: Corners
    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        """Check the shapes."""
        if self.corners.shape != (len(self.scores), 4):
            msg = (
                f"Boxes were given as corners of shape {self.corners.shape} with "
                f"{len(self.scores)} scores. Give (n, 4) corners y0, x0, y1, x1 and n "
                "scores."
            )
            raise ShapeError(msg)

    @classmethod
    def of(
        cls, corners: Sequence[Sequence[float]], scores: Sequence[float] | None = None
    ) -> "Boxes":
        """Return boxes from plain numbers.

        Parameters
        ----------
        corners : sequence of (y0, x0, y1, x1)
            One for each box; may be empty.
        scores : sequence of float, optional
            1 for each when absent.

        Returns
        -------
        Boxes
            The same as arrays.
        """
        given = np.ones(len(corners)) if scores is None else np.asarray(scores)
        array = np.asarray(corners, np.float32).reshape(-1, 4)
        return cls(array, given.astype(np.float32))

    def __len__(self) -> int:
        """Count the boxes."""
        return len(self.scores)

    def take(self, index: NDArray[Any]) -> "Boxes":
        """Return some of the boxes, by positions or by a mask."""
        return Boxes(self.corners[index], self.scores[index])

    def joined(self, other: "Boxes") -> "Boxes":
        """Return these boxes and then the others."""
        return Boxes(
            np.concatenate([self.corners, other.corners]),
            np.concatenate([self.scores, other.scores]),
        )


def box_iou(one: Corners, other: Corners) -> NDArray[np.float32]:
    """Return the intersection over union of every pair of boxes.

    Parameters
    ----------
    one : ndarray of float32, shape (n, 4)
        y0, x0, y1, x1.
    other : ndarray of float32, shape (m, 4)
        The same.

    Returns
    -------
    ndarray of float32, shape (n, m)
        0 to 1; 0 where a box is empty.

    Examples
    --------
    >>> one, other = np.array([[0, 0, 2, 2.0]]), np.array([[0, 1, 2, 3.0]])
    >>> box_iou(one, other).round(3).tolist()
    [[0.333...]]
    """
    start = np.maximum(one[:, None, :2], other[None, :, :2])
    stop = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.clip(stop - start, 0, None).prod(axis=2)
    union = _areas(one)[:, None] + _areas(other)[None] - shared
    return np.where(union > 0, shared / np.maximum(union, 1e-9), 0).astype(np.float32)


def suppress_doubles(boxes: Boxes, most_overlap: float) -> Boxes:
    """Keep the surest of the boxes that overlap: non-maximum suppression.

    Parameters
    ----------
    boxes : Boxes
        Of one slice.
    most_overlap : float
        IoU that two boxes kept may have at most.

    Returns
    -------
    Boxes
        By falling score; of equal scores the one that came first is kept.

    Notes
    -----
    Greedy: a box is dropped only because of one that is kept.  Cost n².
    """
    ordered = boxes.take(np.argsort(-boxes.scores, kind="stable"))
    iou = box_iou(ordered.corners, ordered.corners)
    keeps = np.ones(len(ordered), bool)
    for i in range(len(ordered)):
        if keeps[i]:
            keeps[i + 1 :] &= iou[i, i + 1 :] <= most_overlap
    return ordered.take(keeps)


def boxes_of_slice(labels: NDArray[Any]) -> Boxes:
    """Return the boxes of the objects in a slice.

    Parameters
    ----------
    labels : ndarray of int, shape (Y, X)
        Instances above 0; other values are no object.

    Returns
    -------
    Boxes
        One for each component: pixels of one instance that touch, by a corner at
        least.  Scores are 1.

    Examples
    --------
    >>> boxes_of_slice(np.array([[1, 0, 2], [1, 1, 2]])).corners.tolist()
    [[0.0, 0.0, 2.0, 2.0], [0.0, 2.0, 2.0, 3.0]]
    """
    objects = np.ascontiguousarray(np.maximum(labels, 0), dtype=np.uint32)
    components = np.asarray(cc3d.connected_components(objects, connectivity=8))
    places = [(p[0], p[1]) for p in cc3d.statistics(components)["bounding_boxes"][1:]]
    return Boxes.of([(y.start, x.start, y.stop, x.stop) for y, x in places])


def draw_boxes(boxes: Boxes, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Draw boxes as filled rectangles.

    Parameters
    ----------
    boxes : Boxes
        Of one slice; parts outside of it are left out.
    shape : tuple of int
        Size of the slice, (Y, X).

    Returns
    -------
    ndarray of bool, shape (Y, X)
        True where the centre of a pixel lies in a box.

    Examples
    --------
    >>> draw_boxes(Boxes.of([(0, 1, 1.4, 3)]), (2, 4)).astype(int).tolist()
    [[0, 1, 1, 0], [0, 0, 0, 0]]
    """
    drawn = np.zeros(shape, bool)
    # The centre of pixel i lies at i + 0.5.
    edges = np.clip(np.ceil(boxes.corners - 0.5), 0, None).astype(int)
    for y0, x0, y1, x1 in edges:
        drawn[y0:y1, x0:x1] = True
    return drawn


def _areas(corners: Corners) -> Corners:
    return np.clip(corners[:, 2:] - corners[:, :2], 0, None).prod(axis=1)
