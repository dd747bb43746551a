"""Remove detections that are small in their slice."""

from typing import ClassVar, Literal

from napari_mitoseg.labelling import (
    Connectivity,
    Mask,
    count_voxels,
    label_components,
    look_up,
)
from napari_mitoseg.params import param
from napari_mitoseg.postprocessing.state import Kind, State
from napari_mitoseg.postprocessing.step import WHOLE_SLICE, Reach, Step, steps
from napari_mitoseg.volume import pixels_in

_IN_VOLUME: dict[int, Connectivity] = {4: 6, 8: 26}
"""Which connectivity of a volume is that of a slice."""


@steps.register("remove-small-2d")
class RemoveSmallInSlices(Step):
    """Remove what is too small in its slice to be a mitochondrion.

    Notes
    -----
    The filtering of spurious detections in 2D that follows the patch CNN [1]_. Every
    slice is looked at alone: a connected part of the mask with a smaller area goes,
    whatever lies above and below it. A part of exactly the smallest area stays. The
    default is the area of a disc of 98 nm, thinner than any mitochondrion; where the
    slices are far apart, the tip of one may be as small.

    References
    ----------
    .. [1] Oztel, Yolcu, Ersoy, White, Bunyak (2017), Mitochondria segmentation in
       electron microscopy volumes using deep convolutional neural network,
       doi:10.1109/BIBM.2017.8217827.
    """

    name: ClassVar[str] = "remove-small-2d"
    title: ClassVar[str] = "Remove small in slices"
    accepts: ClassVar[frozenset[Kind]] = frozenset({Kind.MASK})

    area: float = param(
        0.0075, ge=0, unit="µm²", description="Smallest area in a slice that stays."
    )
    connectivity: Literal[4, 8] = param(
        8,
        advanced=True,
        description="Neighbours in a slice that connect: 4 (edges) or 8 (also "
        "corners).",
    )

    @property
    def neighbourhood(self) -> Reach:
        """The slice of a voxel."""
        return WHOLE_SLICE

    def apply(self, state: State) -> State:
        """Remove the small parts of every slice."""
        # A hair less: a part of exactly this area must not fall to rounding.
        fewest = pixels_in(self.area, state.spacing) * (1 - 1e-9)
        kept = remove_small_in_slices(state.mask, fewest, self.connectivity)
        return state if kept is state.mask else state.with_mask(kept)


def remove_small_in_slices(
    mask: Mask, fewest: float, connectivity: Literal[4, 8] = 8
) -> Mask:
    """Remove small connected parts from every slice of a mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        Left as it is.
    fewest : float
        Pixels of the smallest part that stays.
    connectivity : {4, 8}
        Neighbours in a slice that connect.

    Returns
    -------
    ndarray of bool, shape (Z, Y, X)
        The mask itself where nothing was removed.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.array([[[True, True, False, True]]])
    >>> remove_small_in_slices(mask, 2).astype(int).tolist()
    [[[1, 1, 0, 0]]]
    """
    kept = mask.copy()
    changed = False
    for z in range(len(mask)):
        plane = slice(z, z + 1)
        parts, n = label_components(mask[plane], _IN_VOLUME[connectivity])
        stays = count_voxels(parts, n) >= fewest
        if not stays[1:].all():
            stays[0] = False
            kept[plane] = look_up(stays, parts) > 0
            changed = True
    return kept if changed else mask
