"""Move outlines to where the probability changes most."""

from dataclasses import replace
from typing import ClassVar

import edt
import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from napari_mitoseg.labelling import Mask, label_components
from napari_mitoseg.params import param
from napari_mitoseg.postprocessing.state import Kind, State
from napari_mitoseg.postprocessing.step import WHOLE_SLICE, Reach, Step, steps
from napari_mitoseg.volume import Array, Spacing

_OUTSIDE, _INSIDE, _FIRST = 0, 1, 2
"""Nodes of the graph: the two sides, then the pixels in and around the band."""

_JOINT, _BOND, _STAYS, _LEAST = 1e-9, 1e-8, 1e-7, 1e-6
"""Heights below any step, in order: the sides first, so that they can be parted again;
what is sure to its side; then the outline as it is. Heights of 0 would be no edges."""


@steps.register("refine-boundary")
class RefineBoundary(Step):
    """Move the outlines in each slice to where the probability changes most.

    Notes
    -----
    The boundary refinement that follows the patch CNN [1]_, whose text does not say
    how it is done; here by a watershed. In each slice, what lies deeper than the
    distance inside the mask, or outside it, is sure; an object or a hole that is
    thinner is sure from half its depth on. The band between is flooded from both sides
    over the steps of the semantic probability from pixel to pixel, lowest first, so
    that the outline comes to lie between the pixels where it changes most [2]_. Where
    steps are equal the outline stays. Seeds keep what is left within the mask.

    References
    ----------
    .. [1] Oztel, Yolcu, Ersoy, White, Bunyak (2017), Mitochondria segmentation in
       electron microscopy volumes using deep convolutional neural network,
       doi:10.1109/BIBM.2017.8217827.
    .. [2] Cousty, Bertrand, Najman, Couprie (2009), Watershed cuts: minimum spanning
       forests and the drop of water principle, doi:10.1109/TPAMI.2008.173.
    """

    name: ClassVar[str] = "refine-boundary"
    title: ClassVar[str] = "Refine boundary"
    accepts: ClassVar[frozenset[Kind]] = frozenset({Kind.MASK})

    distance: float = param(
        30.0,
        gt=0,
        le=1000,
        unit="nm",
        description="Farthest that an outline is moved within its slice.",
    )

    @property
    def neighbourhood(self) -> Reach:
        """The slice of a voxel."""
        return WHOLE_SLICE

    def apply(self, state: State) -> State:
        """Refine the semantic mask."""
        mask, spacing = state.foreground(), state.spacing
        refined = np.empty_like(mask)
        for z, probability in enumerate(state.maps.semantic):
            refined[z] = refine_outline(mask[z], probability, spacing, self.distance)
        seeds = None if state.seeds is None else state.seeds & refined
        return replace(state, semantic=refined, seeds=seeds)


def refine_outline(
    mask: Mask, probability: Array, spacing: Spacing, distance: float
) -> Mask:
    """Move the outlines in one slice to the largest steps of the probability.

    Parameters
    ----------
    mask : ndarray of bool, shape (Y, X)
        Objects; left as it is.
    probability : ndarray of uint8, shape (Y, X)
        Of the objects.
    spacing : tuple of float
        nm, ZYX.
    distance : float
        Farthest an outline is moved, nm.

    Returns
    -------
    ndarray of bool, shape (Y, X)
        The objects with their new outlines.
    """
    if mask.all() or not mask.any():
        return mask
    unsure = ~(_is_sure(mask, spacing, distance) | _is_sure(~mask, spacing, distance))
    near = ndimage.binary_dilation(unsure)
    number = np.full(mask.shape, -1)
    number[near] = np.arange(_FIRST, _FIRST + np.count_nonzero(near))
    shores = number[near & ~unsure]
    terminals = np.where(mask[near & ~unsure], _INSIDE, _OUTSIDE)
    steps = [
        _steps(mask, probability / spacing[1 + axis], number, unsure, axis)
        for axis in (0, 1)
    ]
    bonds = np.array([shores, terminals, np.full(shores.size, _BOND)])
    joint = np.array([[_OUTSIDE], [_INSIDE], [_JOINT]])
    first, second, height = np.concatenate([joint, bonds, *steps], axis=1)
    refined = mask.copy()
    refined[near] = _side_of(first.astype(int), second.astype(int), height)
    return refined


def _is_sure(part: Mask, spacing: Spacing, distance: float) -> Mask:
    """Say which pixels lie deep enough inside their component."""
    # A copy, since the library takes no array that is read-only.
    depth = edt.edt(part.copy(order="C"), anisotropy=spacing[1:])
    components, n = label_components(part[None], 6)
    deepest = ndimage.maximum(depth, components[0], np.arange(n + 1))
    enough = np.minimum(distance, np.asarray(deepest) / 2)
    sure: Mask = part & (depth > enough[components[0]])
    return sure


def _steps(
    mask: Mask, probability: Array, number: Array, unsure: Mask, axis: int
) -> Array:
    """Return neighbours along an axis, one of them unsure, and the step between."""
    first, second = (
        [np.moveaxis(plane, axis, 0)[cut] for plane in (number, unsure, mask)]
        for cut in (slice(None, -1), slice(1, None))
    )
    height = _LEAST + np.abs(np.diff(probability, axis=axis))
    # Where steps are equal, the outline stays: that is worth a little more.
    height = np.moveaxis(height, axis, 0) + _STAYS * (first[2] != second[2])
    in_doubt = first[1] | second[1]
    return np.array([first[0][in_doubt], second[0][in_doubt], height[in_doubt]])


def _side_of(first: Array, second: Array, height: Array) -> Mask:
    """Cut the graph of pixels in two, and say which hang on the inside."""
    n = int(max(first.max(), second.max())) + 1
    tree = minimum_spanning_tree(coo_array((height, (first, second)), (n, n)).tocsr())
    kept = tree.tocoo()
    is_joint = kept.data == _JOINT
    pairs = kept.coords[0][~is_joint], kept.coords[1][~is_joint]
    forest = coo_array((np.ones(pairs[0].size), pairs), (n, n))
    _, side = connected_components(forest, directed=False)
    inside: Mask = side[_FIRST:] == side[_INSIDE]
    return inside
