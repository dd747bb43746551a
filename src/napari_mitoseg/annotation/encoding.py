"""How an annotation is encoded, and whether it can be trained from.

The encoding is the same in layers, files and training: 0 unlabelled, 1 background,
2 mitochondrion.  Unlabelled means unknown, never background.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import AnnotationError

UNLABELLED, BACKGROUND, MITOCHONDRION = 0, 1, 2
LEGEND = "0 unlabelled, 1 background, 2 mitochondrion"


@dataclass(frozen=True, eq=False)
class Annotation:
    """What was painted on a stack.

    Attributes
    ----------
    labels : ndarray of uint8, shape (Z, Y, X)
        0 unlabelled, 1 background, 2 mitochondrion.

    Examples
    --------
    >>> painted = np.array([[[1, 2]], [[0, 0]], [[0, 2]]], np.uint8)
    >>> Annotation(painted).complete, Annotation(painted).labelled
    ((0,), (0, 2))
    """

    labels: NDArray[np.uint8]

    @cached_property
    def complete(self) -> tuple[int, ...]:
        """Slices without an unlabelled pixel."""
        return _where(self.labels != UNLABELLED, np.all)

    @cached_property
    def labelled(self) -> tuple[int, ...]:
        """Slices with any labelled pixel, complete ones included."""
        return _where(self.labels != UNLABELLED, np.any)


def as_annotation(labels: NDArray[Any]) -> Annotation:
    """Take an array of any integer type as an annotation.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        0 unlabelled, 1 background, 2 mitochondrion.

    Returns
    -------
    Annotation
        Of uint8; the same memory where it is that already.

    Raises
    ------
    AnnotationError
        If other values occur.
    """
    strange = _strange_values(labels)
    if strange:
        msg = (
            f"The annotation holds the values {_listed(strange)}. Only {LEGEND} are "
            "allowed: paint or convert it so."
        )
        raise AnnotationError(msg)
    return Annotation(labels.astype(np.uint8, copy=False))


def check_annotation(
    annotation: Annotation,
    image_shape: Sequence[int],
    *,
    need_complete: bool = False,
    need_unlabelled: bool = False,
) -> None:
    """Refuse an annotation that cannot be trained from.

    Parameters
    ----------
    annotation : Annotation
        What was painted.
    image_shape : sequence of int
        Size of the image along z, y, x.
    need_complete : bool
        Ask for a slice without an unlabelled pixel.
    need_unlabelled : bool
        Ask for a slice that is left to predict.

    Raises
    ------
    AnnotationError
        If the shape is another one, other values than 0, 1 and 2 occur, nothing is
        labelled, only one class is, or what is asked for is missing.
    """
    labels = annotation.labels
    if labels.shape != tuple(image_shape):
        msg = (
            f"The annotation has shape {labels.shape}, the image {tuple(image_shape)}. "
            "Give an annotation made on this image, with all its slices."
        )
        raise AnnotationError(msg)
    _check_classes(labels)
    if need_complete and not annotation.complete:
        msg = (
            f"Slices {_listed(annotation.labelled)} are painted in part and none is "
            "complete. Label a slice to its edges and mark it complete: what is not "
            "painted in it then counts as background."
        )
        raise AnnotationError(msg)
    if need_unlabelled and len(annotation.complete) == len(labels):
        msg = (
            f"All {len(labels)} slices are labelled completely, so there is nothing "
            "left to predict. Leave slices unlabelled, or use the command train."
        )
        raise AnnotationError(msg)


def _check_classes(labels: NDArray[np.uint8]) -> None:
    strange = _strange_values(labels)
    if strange:
        as_annotation(labels)
    has_background = bool((labels == BACKGROUND).any())
    has_mitochondrion = bool((labels == MITOCHONDRION).any())
    if not has_background and not has_mitochondrion:
        msg = (
            "The annotation is empty: every pixel is 0 (unlabelled). Paint "
            "mitochondria (2) and background (1) in some slices."
        )
        raise AnnotationError(msg)
    if not (has_background and has_mitochondrion):
        painted, missing = "background (1)", "mitochondrion (2)"
        if has_mitochondrion:
            painted, missing = missing, painted
        msg = (
            f"Only {painted} is painted; nothing can be learned from one class. Paint "
            f"some {missing} too, or mark a slice complete."
        )
        raise AnnotationError(msg)


def _strange_values(labels: NDArray[Any]) -> list[int]:
    strange = (labels < UNLABELLED) | (labels > MITOCHONDRION)
    return np.unique(labels[strange]).tolist() if strange.any() else []


def _listed(numbers: Sequence[int]) -> str:
    text = ", ".join(map(str, numbers[:10]))
    return f"{text} …" if len(numbers) > 10 else text


def _where(labelled: NDArray[np.bool_], which: Any) -> tuple[int, ...]:
    found = which(labelled, axis=(1, 2))
    return tuple(np.flatnonzero(found).tolist())
