"""The one pass over the labels: which objects there are, and where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import fastremap
import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.errors import InvalidParameterError, ShapeError
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.labelling import (
    check_numbers,
    iter_slabs,
    join_parts,
    measure_extents,
)
from napari_mitoseg.maps import Calibration
from napari_mitoseg.morphology.columns import column_word
from napari_mitoseg.volume import Array, LazyArray, Region, Shape, Spacing

FEWEST_GREYS = 8
"""Values from which on an image is told from labels."""

WIDE, SPARSE = 0.5, 0.3
"""Share of the volume that the boxes of grey values span, and that they fill of it."""


@dataclass(frozen=True, eq=False)
class Context:
    """What objects are measured against; every array has the shape of the labels.

    Attributes
    ----------
    intensity : array or None
        The image.
    probability : array or None
        Probability of mitochondrion, 0 to 1, or 0 to 255 as uint8.
    contacts : mapping of str to array
        Labels or masks of other structures by name: ``{"nucleus": ...}``. The name
        goes into the name of the column.
    calibration : tuple of (float, float)
        Mean probability of an object, rising, and the share of objects with it that
        are mitochondria; see `ModelCard`. Empty where that is not known.
    """

    intensity: LazyArray | None = None
    probability: LazyArray | None = None
    contacts: Mapping[str, LazyArray] = field(default_factory=dict)
    calibration: Calibration = ()

    def as_stack(self) -> "Context":
        """Return images as stacks of one slice."""
        return Context(
            None if self.intensity is None else np.asarray(self.intensity)[None],
            None if self.probability is None else np.asarray(self.probability)[None],
            {name: np.asarray(a)[None] for name, a in self.contacts.items()},
            self.calibration,
        )


@dataclass(frozen=True, eq=False)
class Survey:
    """The objects of a volume, and all that passes over it have found.

    Attributes
    ----------
    labels : array of int, shape (Z, Y, X)
        Objects; read box by box.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX.
    is_image : bool
        Whether the labels came as two axes.
    index : ndarray of int64, shape (n,)
        Label of each object, rising.
    n_voxels : ndarray of int64, shape (n,)
        Voxels of each.
    start, stop : ndarray of int64, shape (n, 3)
        Box of each, half-open, ZYX.
    centroid : ndarray of float64, shape (n, 3)
        Mean position in voxels, ZYX.
    n_slices : ndarray of int64, shape (n,)
        Slices that show it.
    context : Context
        What else there is.
    """

    labels: LazyArray
    spacing: Spacing | None
    is_image: bool
    index: NDArray[np.int64]
    n_voxels: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    centroid: NDArray[np.float64]
    n_slices: NDArray[np.int64]
    context: Context = field(default_factory=Context)

    def __len__(self) -> int:
        """Count the objects."""
        return self.index.size

    @property
    def shape(self) -> Shape:
        """Size of the volume along z, y, x."""
        z, y, x = self.labels.shape
        return z, y, x

    @property
    def is_flat(self) -> bool:
        """Whether this is a single image: two axes, or one slice."""
        return self.shape[0] == 1

    def region(self, row: int) -> Region:
        """Return the box of an object."""
        z, y, x = (int(a) for a in self.start[row])
        z1, y1, x1 = (int(a) for a in self.stop[row])
        return Region((z, y, x), (z1, y1, x1))


def survey_labels(
    labels: LazyArray, spacing: Spacing | None, context: Context | None = None
) -> Job[Survey]:
    """Find out which objects there are, slab by slab.

    Parameters
    ----------
    labels : array of int, shape (Z, Y, X) or (Y, X)
        Objects; 0 is background, and numbers may be missing.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX.
    context : Context, optional
        What objects are measured against.

    Yields
    ------
    Progress
        One per slab.

    Returns
    -------
    Survey
        The objects, in the order of their labels.

    Raises
    ------
    ShapeError
        Unless the labels have two or three axes and everything else has their shape.
    InvalidParameterError
        If the labels are no whole numbers from 0, or if they are an image.
    """
    context = context or Context()
    _check_labels(labels)
    _check_context(context, labels.shape)
    is_image = len(labels.shape) == 2
    volume = np.asarray(labels)[None] if is_image else labels
    context = context.as_stack() if is_image else context
    slabs = list(iter_slabs(volume.shape))
    parts = [SurveyPart.empty()]
    for done, slab in enumerate(slabs):
        parts.append(survey_part(np.asarray(volume[slab]), slab))
        yield Progress(done + 1, len(slabs), "Finding the objects")
    survey = replace(merge_parts(parts, volume, spacing, context), is_image=is_image)
    _check_compact(survey)
    return survey


def _check_labels(labels: LazyArray) -> None:
    """Refuse what is no label volume or label image."""
    shape = tuple(labels.shape)
    if len(shape) not in {2, 3}:
        msg = (
            f"The labels have shape {shape}; give two or three axes: y, x or z, y, x. "
            "Choose one channel and one time point."
        )
        raise ShapeError(msg)
    if labels.dtype.kind not in "ui":
        msg = (
            f"The labels hold {labels.dtype} numbers. Give whole numbers: 0 for "
            "background, one number for each object; a probability map or an image "
            "has no objects until it is segmented."
        )
        raise InvalidParameterError(msg)


def _check_compact(survey: Survey) -> None:
    """Refuse an image: its values are scattered all over it."""
    if len(survey) < FEWEST_GREYS:
        return
    size = (survey.stop - survey.start).prod(axis=1)
    share = float(np.median(size)) / float(np.prod(survey.shape))
    filled = float(np.median(survey.n_voxels / size))
    if share > WIDE and filled < SPARSE:
        msg = (
            f"The labels hold {len(survey)} values, most of which are scattered over "
            "the whole volume: this is an image, not labels. Choose the labels."
        )
        raise InvalidParameterError(msg)


def _check_context(context: Context, shape: tuple[int, ...]) -> None:
    words = [column_word(name) for name in context.contacts]
    if len(set(words)) < len(words) or not all(words):
        msg = (
            f"The contact layers are called {', '.join(map(repr, context.contacts))}. "
            "Give each a name of its own, with letters or digits in it; capitals do "
            "not count."
        )
        raise InvalidParameterError(msg)
    others = {"image": context.intensity, "probability": context.probability}
    others |= {f"contact layer {name!r}": a for name, a in context.contacts.items()}
    for name, array in others.items():
        if array is not None and tuple(array.shape) != tuple(shape):
            msg = (
                f"The {name} has shape {tuple(array.shape)}, the labels have "
                f"{tuple(shape)}. Give arrays of the same shape."
            )
            raise ShapeError(msg)


@dataclass(frozen=True, eq=False)
class SurveyPart:
    """What a part of the volume shows of the objects; sums, not means.

    Attributes
    ----------
    index, n_voxels : ndarray of int64, shape (n,)
        Labels that occur, rising, and how often.
    start, stop : ndarray of int64, shape (n, 3)
        Boxes in the volume, half-open, ZYX.
    total : ndarray of float64, shape (n, 3)
        Sums of the positions of their voxels.
    seen : ndarray of int64, shape (m, 2)
        Pairs of a label and a slice that shows it.
    """

    index: NDArray[np.int64]
    n_voxels: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    total: NDArray[np.float64]
    seen: NDArray[np.int64]

    @classmethod
    def empty(cls) -> "SurveyPart":
        """Return what a part without objects shows."""
        none, box = np.zeros(0, np.int64), np.zeros((0, 3), np.int64)
        return cls(none, none, box, box, np.zeros((0, 3)), np.zeros((0, 2), np.int64))


def survey_part(slab: Array, cut: tuple[slice, slice, slice]) -> SurveyPart:
    """Find out which objects a part of the volume shows.

    Parameters
    ----------
    slab : ndarray of int, shape (Z, Y, X)
        The part.
    cut : tuple of slice
        Its index in the volume.

    Returns
    -------
    SurveyPart
        Objects, with their boxes in the volume.

    Raises
    ------
    InvalidParameterError
        If a label is below 0.
    """
    check_numbers(slab)
    index, compact = _compacted(slab)
    extents = measure_extents(compact, index.size)
    origin = np.array([axis.start for axis in cut])
    n_voxels = extents.n_voxels[1:]
    return SurveyPart(
        index,
        n_voxels,
        extents.start[1:] + origin,
        extents.stop[1:] + origin,
        # Whole numbers: so no sum depends on how the volume is cut.
        np.rint((extents.centroid[1:] + origin) * n_voxels[:, None]),
        _seen(compact, index, int(origin[0])),
    )


def _compacted(slab: Array) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Renumber labels from 1 in their order; return which label each one was."""
    native = np.ascontiguousarray(slab, slab.dtype.newbyteorder("="))
    index = fastremap.unique(native)
    index = index[index > 0]
    table = dict(zip(index.tolist(), range(1, index.size + 1), strict=True))
    if index.size == 0 or int(index[-1]) == index.size:
        return index.astype(np.int64), native.astype(np.uint32)
    compact = fastremap.remap(native, {0: 0, **table})
    return index.astype(np.int64), compact.astype(np.uint32)


def _seen(
    compact: NDArray[np.uint32], index: NDArray[np.int64], first: int
) -> NDArray[np.int64]:
    """List which label occurs in which slice."""
    pairs = [np.zeros((0, 2), np.int64)]
    for z, plane in enumerate(compact):
        occurs = np.zeros(index.size + 1, bool)
        occurs[plane] = True
        here = index[occurs[1:]]
        pairs.append(np.column_stack([here, np.full(here.size, z + first)]))
    return np.concatenate(pairs)


def merge_parts(
    parts: Sequence[SurveyPart],
    labels: LazyArray,
    spacing: Spacing | None,
    context: Context,
) -> Survey:
    """Put together what the parts of a volume show.

    Parameters
    ----------
    parts : sequence of SurveyPart
        One or more; each voxel lies in one.
    labels : array of int, shape (Z, Y, X)
        The volume.
    spacing : tuple of float or None
        Distance between voxel centres in nm, ZYX.
    context : Context
        What objects are measured against.

    Returns
    -------
    Survey
        The objects, in the order of their labels.
    """
    joined = join_parts(
        np.concatenate([part.index for part in parts]),
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.stop for part in parts]),
        np.concatenate([part.n_voxels for part in parts]),
    )
    total = np.zeros((joined.label.size, 3))
    np.add.at(total, joined.row, np.concatenate([part.total for part in parts]))
    seen = np.unique(np.concatenate([part.seen for part in parts]), axis=0)
    places = np.searchsorted(joined.label, seen[:, 0])
    slices = np.bincount(places, minlength=joined.label.size)
    return Survey(
        labels,
        spacing,
        False,
        joined.label,
        joined.n_voxels,
        joined.start,
        joined.stop,
        total / joined.n_voxels[:, None],
        slices,
        context,
    )
