"""Labelled volumes, checked, split and brought to the grid that a model works on."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_mitoseg.errors import (
    AnnotationError,
    DeviceMemoryError,
    InvalidParameterError,
    ShapeError,
)
from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.training.dense_settings import DenseSettings, LabelKind
from napari_mitoseg.training.patches import TrainingStack, prepare_stack
from napari_mitoseg.training.spacing import spacing_of
from napari_mitoseg.training.sparse_data import replace_labels
from napari_mitoseg.training.targets import UNKNOWN, label_instances
from napari_mitoseg.volume import Region, Spacing, Volume

FAR_APART = 1.1
"""Ratio of z spacings from which on slices are sampled for a network of 3D."""

EXACT = 2**24
"""Numbers of instances from here on are no longer told apart in float32."""

WATCHED_VOXELS = 2**21
"""How much is validated while training, of each volume; all of it is at the end."""

MOST_CONTEXT = 16
"""Neighbour slices that a network of two dimensions may see on each side."""

WATCHED_CROP = (16, 192, 192)
N_CROPS = 3


@dataclass(frozen=True, eq=False)
class LabelledVolume:
    """An image and what is where in all of it.

    Attributes
    ----------
    image : Volume
        Grey values, with spacing.
    labels : Volume of int
        Of the same shape: 0 background, mitochondria above 0; below 0 is unlabelled.
    """

    image: Volume
    labels: Volume


@dataclass(frozen=True, eq=False)
class DenseData:
    """What is learned from, and what is kept back.

    Attributes
    ----------
    volumes : tuple of LabelledVolume
        As given.
    training : tuple of TrainingStack
        One a volume, without labels in the slices that are kept back.
    watched : tuple of TrainingStack
        Parts of what is kept back, to validate on while training.
    held : tuple of tuple of int
        Slices of each volume that are kept back.
    digest : str
        Checksum of all labels.
    """

    volumes: tuple[LabelledVolume, ...]
    training: tuple[TrainingStack, ...]
    watched: tuple[TrainingStack, ...]
    held: tuple[tuple[int, ...], ...]
    digest: str

    @property
    def n_held(self) -> int:
        """Voxels that are kept back."""
        return sum(
            len(held) * math.prod(pair.image.shape[1:])
            for pair, held in zip(self.volumes, self.held, strict=True)
        )

    def held_regions(
        self, share: float = 1.0
    ) -> Iterator[tuple[LabelledVolume, Region]]:
        """Iterate over what is kept back, as few blocks of slices.

        Parameters
        ----------
        share : float
            How much of each block, from its middle; one slice at least.

        Yields
        ------
        LabelledVolume, Region
            The volume, and a part of it.
        """
        for pair, held in zip(self.volumes, self.held, strict=True):
            _, height, width = pair.image.shape
            for first, last in runs(held):
                depth = max(1, int(share * (last + 1 - first)))
                start = first + (last + 1 - first - depth) // 2
                yield pair, Region((start, 0, 0), (start + depth, height, width))


def check_volumes(volumes: Sequence[LabelledVolume], settings: DenseSettings) -> None:
    """Refuse what cannot be trained on, before anything else is done.

    Parameters
    ----------
    volumes : sequence of LabelledVolume
        Images and labels.
    settings : DenseSettings
        Says the network.

    Raises
    ------
    InvalidParameterError
        If there is no volume, or a spacing is missing.
    ShapeError
        If labels have another shape than their image, or a network of three dimensions
        is to learn from a single slice.
    UnknownNameError
        If there is no such network.
    """
    if not volumes:
        msg = "No volume was given to train on. Give an image and its labels."
        raise InvalidParameterError(msg)
    for pair in volumes:
        _check_shape(pair, settings.architecture)
        spacing_of(pair.image)


def prepare_volumes(
    volumes: Sequence[LabelledVolume],
    settings: DenseSettings,
    spacing: Spacing,
    n_dimensions: int,
) -> DenseData:
    """Read volumes, split them, and bring them to the grid of the model.

    Parameters
    ----------
    volumes : sequence of LabelledVolume
        Checked already.
    settings : DenseSettings
        What is kept back, and what labels hold.
    spacing : tuple of float
        Of the model, nm, ZYX.
    n_dimensions : int
        Of the network; for 3, slices are sampled where z spacings differ.

    Returns
    -------
    DenseData
        Stacks to train and to validate on.

    Raises
    ------
    AnnotationError
        If no mitochondrion is labelled where one is needed, no background, or nothing.
    InvalidParameterError
        If no slice is left to train on.
    DeviceMemoryError
        If the volumes do not fit into memory.
    """
    try:
        return _prepare_all(volumes, settings, spacing, n_dimensions)
    except MemoryError as error:
        names = ", ".join(pair.image.name for pair in volumes)
        msg = (
            f"{names} do not fit into the memory together. Train on fewer or smaller "
            "volumes: crop them, or choose a coarser spacing."
        )
        raise DeviceMemoryError(msg) from error


def _prepare_all(
    volumes: Sequence[LabelledVolume],
    settings: DenseSettings,
    spacing: Spacing,
    n_dimensions: int,
) -> DenseData:
    digest = hashlib.sha256()
    training: list[TrainingStack] = []
    watched: list[TrainingStack] = []
    held: list[tuple[int, ...]] = []
    for pair in volumes:
        kept_back = choose_held(pair.image.shape[0], settings, pair.image.name)
        labels = read_truth(pair.labels, settings.labels)
        digest.update(np.ascontiguousarray(labels).data)
        stack, is_held = _prepare(pair, labels, kept_back, spacing, n_dimensions)
        training.append(_without(stack, is_held))
        watched += _watched(stack, is_held, n_dimensions)
        held.append(kept_back)
    _check_foreground(training, watched, held)
    return DenseData(
        tuple(volumes), tuple(training), tuple(watched), tuple(held), digest.hexdigest()
    )


def choose_held(depth: int, settings: DenseSettings, name: str) -> tuple[int, ...]:
    """Choose the slices of a volume that are kept back.

    Parameters
    ----------
    depth : int
        Its number of slices.
    settings : DenseSettings
        A share, or slices.
    name : str
        For messages.

    Returns
    -------
    tuple of int
        Slice numbers in order; none of a single slice.

    Raises
    ------
    InvalidParameterError
        If the volume has none of the slices given, or none is left to train on.

    Examples
    --------
    >>> choose_held(10, DenseSettings(validation=0.25), "stack")
    (8, 9)
    """
    given = settings.validation_slices
    if given:
        held = tuple(z for z in sorted(set(given)) if 0 <= z < depth)
        if not 0 < len(held) < depth:
            problem = "all" if held else "none"
            msg = (
                f"Of the slices of {name}, 0 to {depth - 1}, {problem} would be kept "
                "back for validation. Choose some of them, and leave some to train on."
            )
            raise InvalidParameterError(msg)
        return held
    if depth == 1 or settings.validation == 0:
        return ()
    n_held = min(max(1, round(settings.validation * depth)), depth - 1)
    return tuple(range(depth - n_held, depth))


def read_truth(labels: Volume, kind: LabelKind) -> NDArray[np.int32]:
    """Read labels as training takes them.

    Parameters
    ----------
    labels : Volume of int
        0 background, mitochondria above 0; below 0 is unlabelled.
    kind : {"auto", "semantic", "instances"}
        Whether the numbers tell mitochondria apart; ``"auto"``: where there is more
        than one.

    Returns
    -------
    ndarray of int32, shape (Z, Y, X)
        -1 unlabelled, 0 background, instances above 0; of a semantic mask the
        connected components.
    """
    values = np.asarray(labels.read())
    found = values > 0
    highest = int(values.max(initial=0))
    if kind == "auto":
        is_single = bool(np.array_equal(found, values == highest)) and highest > 0
        kind = "semantic" if is_single else "instances"
    if kind == "semantic":
        truth = label_instances(found)
    elif highest >= EXACT:
        _, numbers = np.unique(np.where(found, values, 0), return_inverse=True)
        truth = numbers.reshape(values.shape).astype(np.int32)
    else:
        truth = values.astype(np.int32)
    truth[values < 0] = UNKNOWN
    return truth


def runs(slices: Sequence[int]) -> list[tuple[int, int]]:
    """Group slices that follow on each other.

    Parameters
    ----------
    slices : sequence of int
        In order.

    Returns
    -------
    list of tuple of int
        First and last of each group.

    Examples
    --------
    >>> runs([2, 3, 4, 8])
    [(2, 4), (8, 8)]
    """
    groups = groupby(enumerate(slices), lambda pair: pair[1] - pair[0])
    parts = [[z for _, z in group] for _, group in groups]
    return [(part[0], part[-1]) for part in parts]


def _check_shape(pair: LabelledVolume, architecture: str) -> None:
    name, shape = pair.image.name, pair.image.shape
    if pair.labels.shape != shape:
        msg = (
            f"The labels {pair.labels.name} have shape {pair.labels.shape}, the image "
            f"{name} has {shape}. Give labels made on this image, with all its slices."
        )
        raise ShapeError(msg)
    if shape[0] == 1 and architectures[architecture].dimensions == 3:
        flat = [n for n, a in architectures.items() if a.dimensions == 2]
        msg = (
            f"{name} is a single slice, and {architecture} is a network of three "
            f"dimensions. Give a stack, or choose one of: {', '.join(flat)}."
        )
        raise ShapeError(msg)


def _prepare(
    pair: LabelledVolume,
    labels: NDArray[np.int32],
    held: tuple[int, ...],
    spacing: Spacing,
    n_dimensions: int,
) -> tuple[TrainingStack, NDArray[np.bool_]]:
    """Bring a volume to the grid of a model; also say which slices are kept back."""
    image, own = pair.image.read(), spacing_of(pair.image)
    is_held = np.zeros(len(image), bool)
    is_held[list(held)] = True
    ratio = spacing[0] / own[0]
    if n_dimensions == 3 and not 1 / FAR_APART < ratio < FAR_APART:
        places = sample_slices(len(image), ratio)
        image, labels, is_held = image[places], labels[places], is_held[places]
        own = (spacing[0], *own[1:])
    weight = float(np.count_nonzero(~is_held) * np.prod(image.shape[1:]))
    name = pair.image.name
    stack = prepare_stack(image, labels, own, spacing, weight=weight, name=name)
    return stack, is_held


def sample_slices(depth: int, ratio: float) -> NDArray[np.intp]:
    """Choose the slices that lie nearest to those of another spacing.

    Parameters
    ----------
    depth : int
        Slices of the volume.
    ratio : float
        Spacing wanted along z over that of the volume.

    Returns
    -------
    ndarray of int
        Slice numbers; some occur twice where the ratio is below 1.

    Examples
    --------
    >>> sample_slices(6, 2.0).tolist()
    [0, 2, 4]
    """
    count = int((depth - 1) / ratio) + 1
    return np.rint(np.arange(count) * ratio).astype(np.intp)


def _without(stack: TrainingStack, is_held: NDArray[np.bool_]) -> TrainingStack:
    """Return a stack without the labels of the slices that are kept back."""
    labels = stack.labels.clone()
    labels[torch.from_numpy(is_held)] = UNKNOWN
    return replace_labels(stack, labels)


def _watched(
    stack: TrainingStack, is_held: NDArray[np.bool_], n_dimensions: int
) -> list[TrainingStack]:
    """Return parts of what is kept back that hold mitochondria."""
    is_open = torch.from_numpy(~is_held)
    labels = stack.labels.clone()
    labels[is_open] = UNKNOWN
    places = (labels > 0).nonzero()
    if not len(places):
        return []
    if n_dimensions == 2:
        return [_thinned(stack, labels, torch.unique(places[:, 0]))]
    chosen = places[:: max(1, len(places) // N_CROPS)][:N_CROPS]
    return [_cropped(stack, labels, place) for place in chosen.tolist()]


def _thinned(stack: TrainingStack, labels: Tensor, slices: Tensor) -> TrainingStack:
    """Keep the labels of a few slices, spread evenly, and what is around them."""
    count = max(1, WATCHED_VOXELS // labels[0].numel())
    kept = slices[:: max(1, math.ceil(len(slices) / count))]
    few = torch.full_like(labels, UNKNOWN)
    few[kept] = labels[kept]
    reach = MOST_CONTEXT * stack.stride
    first, last = max(0, int(kept[0]) - reach), int(kept[-1]) + reach + 1
    part = slice(first, last)
    return TrainingStack(stack.image[part], few[part], stack.z_step, name=stack.name)


def _cropped(stack: TrainingStack, labels: Tensor, place: list[int]) -> TrainingStack:
    """Cut out a block around a place."""
    block = tuple(
        slice(start, start + size)
        for start, size in (
            (max(0, min(p - c // 2, n - c)), min(c, n))
            for p, c, n in zip(place, WATCHED_CROP, labels.shape, strict=True)
        )
    )
    return TrainingStack(stack.image[block], labels[block], name=stack.name)


def _check_foreground(
    training: Sequence[TrainingStack],
    watched: Sequence[TrainingStack],
    held: Sequence[tuple[int, ...]],
) -> None:
    """Refuse labels without a mitochondrion or background where they are needed."""
    names = ", ".join(stack.name for stack in training)
    if not any(len(stack.foreground) for stack in training):
        msg = (
            f"The labels of {names} hold no mitochondrion (no number above 0) in the "
            "slices to train on. Give labels that do, or keep other slices back."
        )
        raise AnnotationError(msg)
    if not any((stack.labels == 0).any() for stack in training):
        msg = (
            f"The labels of {names} hold no background (no 0) in the slices to train "
            "on: there is nothing to tell mitochondria from. Give labels that do."
        )
        raise AnnotationError(msg)
    if any(held) and not watched:
        kept = "; ".join(", ".join(f"{a}–{b}" for a, b in runs(h)) for h in held)
        msg = (
            f"The slices of {names} that are kept back for validation ({kept}) hold no "
            "mitochondrion. Keep other slices back, or none."
        )
        raise AnnotationError(msg)
