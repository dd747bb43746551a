"""Spatial continuity between slices: the morphological post-processing (MPP).

Mitochondria of neighbouring slices mostly overlap.  Equation 1 carries truth from the
nearest labelled slice; equations 2 and 3 take out and put in what one or a few slices
say against their neighbours.  Training makes soft labels with all three; equations 2
and 3, which need no truth, are also a post-processing step.

References
----------
.. [1] Semi-supervised segmentation of mitochondria from electron microscopy images
   using spatial continuity, section 2.3.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d

from napari_mitoseg.errors import ShapeError
from napari_mitoseg.volume import Spacing

Mask = NDArray[np.bool_]

ISOTROPIC_EROSIONS = 3
"""Erosions per slice published for the EPFL stack, 5 nm in all directions."""

GROWTH = math.log(6 / 3) / math.log(50 / 10)
"""Exponent that also meets the 6 published for the platelet stack, 50×10×10 nm."""


def propose_erosions(spacing: Spacing) -> int:
    """Propose n, how often truth is eroded per slice of distance.

    Parameters
    ----------
    spacing : tuple of float
        nm, ZYX, of the masks.

    Returns
    -------
    int
        At least 1.

    Notes
    -----
    How many pixels an outline moves from one slice to the next depends on its slope
    and on the anisotropy a, the distance of slices over that of pixels, but not on
    the scale.  The paper gives two values, 3 at a = 1 and 6 at a = 5, and says that n
    grows with the distance of slices: the rule is 3·a^0.43, rounded, the power law
    through both.

    Examples
    --------
    >>> propose_erosions((5, 5, 5)), propose_erosions((50, 10, 10))
    (3, 6)
    >>> propose_erosions((40, 5.9, 5.9))
    7
    """
    z, y, x = spacing
    anisotropy = z / math.sqrt(y * x)
    return max(1, round(ISOTROPIC_EROSIONS * anisotropy**GROWTH))


def erode(mask: Mask, times: int) -> Mask:
    """Erode slices again and again with a 3×3 kernel.

    Parameters
    ----------
    mask : ndarray of bool, shape (..., Y, X)
        Slices, each by itself.
    times : int
        Number of erosions; 0 changes nothing.

    Returns
    -------
    ndarray of bool, shape (..., Y, X)
        What lies inside the edge of the image does not erode from there: where a
        mitochondrion is cut by it, nothing is known to end.

    Notes
    -----
    `times` erosions by 3×3 are one by a square of 2·times + 1, done one axis after
    the other, so the cost does not grow with `times`.

    Examples
    --------
    >>> erode(np.array([[0, 1, 1, 1]], bool), 1).tolist()
    [[False, False, True, True]]
    """
    if not times:
        return mask
    eroded = np.ascontiguousarray(mask).view(np.uint8)
    for axis in (-2, -1):
        width = 2 * times + 1
        eroded = minimum_filter1d(eroded, width, axis=axis, mode="constant", cval=1)
    return eroded.view(np.bool_)


def dilate(mask: Mask, times: int) -> Mask:
    """Dilate slices again and again with a 3×3 kernel.

    Parameters
    ----------
    mask : ndarray of bool, shape (..., Y, X)
        Slices, each by itself.
    times : int
        Number of dilations; 0 changes nothing.

    Returns
    -------
    ndarray of bool, shape (..., Y, X)
        Nothing grows in from beyond the edge of the image.

    Examples
    --------
    >>> dilate(np.array([[0, 0, 1]], bool), 1).tolist()
    [[False, True, True]]
    """
    return ~erode(~mask, times)


def unite_with_truth(masks: Mask, truth: Mask, is_truth: Mask, erosions: int) -> Mask:
    """Unite each slice with the nearest truth slice, eroded (Eq. 1).

    Parameters
    ----------
    masks : ndarray of bool, shape (Z, Y, X)
        Coarse masks A.
    truth : ndarray of bool, shape (Z, Y, X)
        Read in truth slices only.
    is_truth : ndarray of bool, shape (Z,)
        Which slices are truth.
    erosions : int
        n, see `propose_erosions`.

    Returns
    -------
    ndarray of bool, shape (Z, Y, X)
        A'_i = A_i ∪ θ(A_j), where θ erodes n·|i − j| times; truth slices
        themselves hold the truth.

    Raises
    ------
    ShapeError
        If the shapes do not agree.

    Notes
    -----
    Where two truth slices are equally near, both are eroded and united.  Without
    truth slices nothing changes.
    """
    _check(masks, truth, is_truth)
    united = masks.copy()
    known = np.flatnonzero(is_truth)
    for z in range(len(masks)):
        if is_truth[z]:
            united[z] = truth[z]
            continue
        distances = np.abs(known - z)
        for j in known[distances == distances.min(initial=len(masks))]:
            united[z] |= erode(truth[j], erosions * abs(z - int(j)))
    return united


def remove_false_positives(masks: Mask, run: int = 1, drift: int = 0) -> Mask:
    """Take out what the slices on both sides do not have (Eq. 2).

    Parameters
    ----------
    masks : ndarray of bool, shape (Z, Y, X)
        Masks A.
    run : int
        Length n of a run of wrong slices; n + 2 slices are looked at.
    drift : int
        Pixels by which an outline may move from one slice to the next: what the
        slices on both sides have is dilated that often for each slice of the run.  0 is
        the published equation.

    Returns
    -------
    ndarray of bool, shape (Z, Y, X)
        A'_i = A_i ∩ (A₋ ∪ A₊), where A₋ and A₊ are the slices before and behind the
        run that i is part of.  Slices are read as they came in; a run that reaches an
        end of the stack has no slice behind it and stays.

    Examples
    --------
    >>> column = np.array([0, 1, 0, 1, 1], bool)[:, None, None]
    >>> remove_false_positives(column).ravel().astype(int).tolist()
    [0, 0, 0, 1, 1]
    """
    kept = masks.copy()
    for before, inside, behind in _runs(len(masks), run):
        kept[inside] &= dilate(masks[before] | masks[behind], drift * run)
    return kept


def fill_false_negatives(masks: Mask, run: int = 1, drift: int = 0) -> Mask:
    """Put in what the slices on both sides have (Eq. 3).

    Parameters
    ----------
    masks : ndarray of bool, shape (Z, Y, X)
        Masks A.
    run : int
        Length n of a run of wrong slices; n + 2 slices are looked at.
    drift : int
        Pixels by which an outline may move from one slice to the next: what the
        slices on both sides have is eroded that often for each slice of the run.  0 is
        the published equation.

    Returns
    -------
    ndarray of bool, shape (Z, Y, X)
        A'_i = A_i ∪ (A₋ ∩ A₊), with the neighbours of `remove_false_positives`.

    Examples
    --------
    >>> column = np.array([1, 0, 0, 1], bool)[:, None, None]
    >>> fill_false_negatives(column, run=2).ravel().astype(int).tolist()
    [1, 1, 1, 1]
    """
    filled = masks.copy()
    for before, inside, behind in _runs(len(masks), run):
        filled[inside] |= erode(masks[before] & masks[behind], drift * run)
    return filled


def refine_by_continuity(
    masks: Mask,
    run: int = 1,
    drift: int = 0,
    *,
    remove: bool = True,
    fill: bool = True,
) -> Mask:
    """Apply Eq. 2, then Eq. 3, for runs of one slice, two slices ... `run` slices.

    Parameters
    ----------
    masks : ndarray of bool, shape (Z, Y, X)
        Masks.
    run : int
        Longest run of wrong slices that is mended.
    drift : int
        Pixels by which an outline may move from one slice to the next.
    remove, fill : bool
        Whether to apply Eq. 2, and Eq. 3.

    Returns
    -------
    ndarray of bool, shape (Z, Y, X)
        Refined masks.
    """
    refined = masks
    for length in range(1, run + 1):
        if remove:
            refined = remove_false_positives(refined, length, drift)
        if fill:
            refined = fill_false_negatives(refined, length, drift)
    return refined


def refine_with_truth(
    masks: Mask,
    truth: Mask,
    is_truth: Mask,
    erosions: int,
    run: int = 1,
    drift: int = 0,
) -> Mask:
    """Make soft labels S_f out of coarse masks S_c: Eq. 1, 2 and 3.

    Parameters
    ----------
    masks : ndarray of bool, shape (Z, Y, X)
        S_c, truth kept out.
    truth : ndarray of bool, shape (Z, Y, X)
        Read in truth slices only.
    is_truth : ndarray of bool, shape (Z,)
        Which slices are truth.
    erosions : int
        n of Eq. 1.
    run : int
        Longest run of wrong slices that Eq. 2 and 3 mend.
    drift : int
        Pixels by which Eq. 2 and 3 let an outline move from one slice to the next.

    Returns
    -------
    ndarray of bool, shape (Z, Y, X)
        Truth in truth slices, soft labels in the others.

    Raises
    ------
    ShapeError
        If the shapes do not agree.
    """
    united = unite_with_truth(masks, truth, is_truth, erosions)
    refined = united
    for length in range(1, run + 1):
        for step in (remove_false_positives, fill_false_negatives):
            refined = step(refined, length, drift)
            refined[is_truth] = truth[is_truth]
    return refined


def _runs(depth: int, run: int) -> list[tuple[int, slice, int]]:
    """List every run with a slice on both sides: before, inside, behind."""
    return [
        (first - 1, slice(first, first + run), first + run)
        for first in range(1, depth - run)
    ]


def _check(masks: Mask, truth: Mask, is_truth: Mask) -> None:
    if masks.shape != truth.shape or is_truth.shape != masks.shape[:1]:
        msg = (
            f"Masks of shape {masks.shape}, truth of shape {truth.shape} and "
            f"{is_truth.shape} slice marks do not belong together. Give masks and "
            "truth of one shape (Z, Y, X), and a mark for each slice."
        )
        raise ShapeError(msg)
