"""Corrected objects as annotation, to fine-tune a model with."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.annotation.encoding import (
    BACKGROUND,
    MITOCHONDRION,
    UNLABELLED,
    Annotation,
)
from napari_mitoseg.errors import AnnotationError, InvalidParameterError
from napari_mitoseg.proofreading.distances import distance_inside
from napari_mitoseg.proofreading.workspace import Workspace
from napari_mitoseg.volume import Region

MARGIN_NM = 100.0


def annotate_reviewed(
    workspace: Workspace,
    *,
    slices: Sequence[int] = (),
    objects: Sequence[int] = (),
    margin_nm: float = MARGIN_NM,
    onto: Annotation | None = None,
) -> Annotation:
    """Turn reviewed slices and objects into an annotation.

    Parameters
    ----------
    workspace : Workspace
        Labels, index and spacing: `LabelEditor.workspace`.
    slices : sequence of int
        Slices of which every object was reviewed: they become complete.
    objects : sequence of int
        Objects that were reviewed: they become mitochondrion, with a margin of
        background.
    margin_nm : float
        How far from an object what is no object is background, nm. No spacing is
        needed where it is 0, and then there is no background around objects.
    onto : Annotation, optional
        What was annotated before; kept where nothing is said now.

    Returns
    -------
    Annotation
        0 unlabelled, 1 background, 2 mitochondrion, shape of the labels (Z, Y, X).

    Raises
    ------
    AnnotationError
        If nothing was reviewed, or the annotation before has another shape.
    InvalidParameterError
        If a slice or an object is not there, or a margin is asked for and no spacing
        is known.

    Notes
    -----
    In the margin around an object, other objects stay unlabelled unless they were
    reviewed too: nobody has said that they are right.
    """
    _check(workspace, slices, objects, onto)
    labels = np.zeros(workspace.shape, np.uint8) if onto is None else onto.labels.copy()
    for label in objects:
        _paint_object(workspace, label, margin_nm, labels)
    # Behind all margins, which must not cover a reviewed object.
    for label in objects:
        for region, block in workspace.blocks_of(label):
            labels[region.slices][block == label] = MITOCHONDRION
    for z in slices:
        _, height, width = workspace.shape
        plane = workspace.array.read(Region((z, 0, 0), (z + 1, height, width)))
        labels[z] = np.where(plane[0] > 0, MITOCHONDRION, BACKGROUND)
    return Annotation(labels)


def _paint_object(
    workspace: Workspace, label: int, margin_nm: float, out: NDArray[np.uint8]
) -> None:
    """Paint the background around an object."""
    if not margin_nm:
        return
    size = [ceil(margin_nm / step) for step in workspace.spacing]
    crop = workspace.crop(label, size)
    near = distance_inside(~crop.mask, workspace.spacing) <= margin_nm
    target = out[crop.region.slices]
    is_open = (crop.labels == 0) & (target == UNLABELLED)
    target[near & is_open] = BACKGROUND


def _check(
    workspace: Workspace,
    slices: Sequence[int],
    objects: Sequence[int],
    onto: Annotation | None,
) -> None:
    if not slices and not objects:
        msg = (
            "Nothing was reviewed yet. Mark objects as correct or fixed, or choose "
            "slices that are right everywhere."
        )
        raise AnnotationError(msg)
    if onto is not None and onto.labels.shape != workspace.shape:
        msg = (
            f"The annotation has shape {onto.labels.shape}, the labels have "
            f"{workspace.shape}. Choose the annotation of the same stack."
        )
        raise AnnotationError(msg)
    outside = [z for z in slices if not 0 <= z < workspace.shape[0]]
    if outside:
        msg = (
            f"There is no slice {outside[0]}: the labels have {workspace.shape[0]}. "
            "Choose slices that are there."
        )
        raise InvalidParameterError(msg)
    for label in objects:
        workspace.entry(label)
