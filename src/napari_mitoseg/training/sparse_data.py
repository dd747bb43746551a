"""A stack and its sparse annotation, on the grid that a model works on."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mitoseg.annotation.encoding import MITOCHONDRION, UNLABELLED, Annotation
from napari_mitoseg.inference.grid import Grid
from napari_mitoseg.inference.resampling import resize_planes
from napari_mitoseg.maps import FULL
from napari_mitoseg.training.patches import TrainingStack, prepare_stack
from napari_mitoseg.training.spacing import spacing_of
from napari_mitoseg.training.targets import UNKNOWN, labels_from_annotation
from napari_mitoseg.volume import Spacing, Volume

LEAST_HELD_OUT = 3
"""Labelled slices from which on one may be kept back."""


@dataclass(frozen=True, eq=False)
class SparseData:
    """What is learned from.

    Attributes
    ----------
    volume : Volume
        The image; it has a spacing.
    annotation : Annotation
        What was painted on it.
    spacing : tuple of float
        Of the model, nm, ZYX.
    stack : TrainingStack
        Image and labels at that spacing, in the plane.
    """

    volume: Volume
    annotation: Annotation
    spacing: Spacing
    stack: TrainingStack

    @property
    def is_truth(self) -> NDArray[np.bool_]:
        """Which slices are labelled completely."""
        marks = np.zeros(self.volume.shape[0], bool)
        marks[list(self.annotation.complete)] = True
        return marks

    @property
    def truth(self) -> NDArray[np.bool_]:
        """Mask on the model's grid; means something in truth slices only."""
        return (self.stack.labels > 0).numpy()

    @property
    def held_out(self) -> int | None:
        """The labelled slice to keep back; None where there are too few."""
        complete = self.annotation.complete
        enough = len(complete) >= LEAST_HELD_OUT
        return complete[len(complete) // 2] if enough else None

    def without(self, z: int) -> TrainingStack:
        """Return the stack with one slice unlabelled."""
        labels = self.stack.labels.clone()
        labels[z] = UNKNOWN
        return replace_labels(self.stack, labels)

    def only(self, z: int) -> TrainingStack:
        """Return the stack with no other slice labelled."""
        labels = torch.full_like(self.stack.labels, UNKNOWN)
        labels[z] = self.stack.labels[z]
        return replace_labels(self.stack, labels)

    def to_volume(self, probability: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Bring slices of the model's grid back to the pixels of the volume.

        Parameters
        ----------
        probability : ndarray of uint8, shape (Z, Y, X) or (Y, X) of the model's grid
            Probability × 255.

        Returns
        -------
        ndarray of uint8
            The same at the pixels of the volume.
        """
        planes = probability.reshape(-1, *probability.shape[-2:])
        size = self.volume.shape[1:]
        resized = np.empty((len(planes), *size), np.uint8)
        for z, plane in enumerate(planes):
            resized[z] = np.rint(resize_planes(plane[None].astype(np.float32), size)[0])
        return resized.reshape(*probability.shape[:-2], *size)

    def keep_painted(self, probability: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Put what was painted in the place of what was predicted, in place."""
        painted = self.annotation.labels
        for z in self.annotation.labelled:
            known = painted[z] != UNLABELLED
            probability[z][known] = (painted[z][known] == MITOCHONDRION) * FULL
        return probability


def prepare_data(
    volume: Volume, annotation: Annotation, spacing: Spacing
) -> SparseData:
    """Bring a stack and its annotation to the grid of a model.

    Parameters
    ----------
    volume : Volume
        The image; it has a spacing.
    annotation : Annotation
        Of the same shape.
    spacing : tuple of float
        Of the model, nm, ZYX.

    Returns
    -------
    SparseData
        Slices along z are kept as they are.
    """
    own = spacing_of(volume)
    grid = planar_grid(volume, spacing)
    in_plane = [o * n / m for o, n, m in zip(own, grid.native, grid.model, strict=True)]
    stack = prepare_stack(
        volume.read(),
        labels_from_annotation(annotation.labels),
        own,
        (spacing[0], in_plane[1], in_plane[2]),
        name=volume.name,
    )
    return SparseData(volume, annotation, spacing, stack)


def planar_grid(volume: Volume, spacing: Spacing) -> Grid:
    """Return the grid of a model of two dimensions on a volume."""
    _, y, x = (o / s for o, s in zip(spacing_of(volume), spacing, strict=True))
    return Grid.between(volume.shape, (1.0, y, x))


def replace_labels(stack: TrainingStack, labels: torch.Tensor) -> TrainingStack:
    """Return a stack with other labels."""
    return TrainingStack(stack.image, labels, stack.z_step, stack.weight, stack.name)
