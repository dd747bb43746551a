"""From the maps of the detector to the boxes of a slice."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_mitoseg.boxes import Boxes, draw_boxes, suppress_doubles
from napari_mitoseg.models.detector import ANCHOR, CELL, LARGEST, OUTPUTS, SIDES
from napari_mitoseg.params import Params, param

SEMANTIC, CENTRE = OUTPUTS.index("semantic"), OUTPUTS.index("centre")
FIRST_SIDE = OUTPUTS.index(SIDES[0])


class DetectionSettings(Params):
    """Which boxes count."""

    confidence: float = param(
        0.3, gt=0, lt=1, description="Probability of a centre that a box needs."
    )
    overlap: float = param(
        0.4, ge=0, lt=1, description="IoU that boxes of a slice may have at most."
    )
    most: int = param(
        400, ge=1, le=10_000, description="Boxes looked at in a slice, surest first."
    )


def decode_boxes(
    maps: NDArray[np.float32], settings: DetectionSettings, *, confidence: float = 0.0
) -> Boxes:
    """Read the boxes of a slice out of the maps of the detector.

    Parameters
    ----------
    maps : ndarray of float32, shape (6, Y, X)
        Probabilities, in the order of the detector's outputs.
    settings : DetectionSettings
        Which boxes count.
    confidence : float
        Takes the place of the one in the settings where it is above 0.

    Returns
    -------
    Boxes
        By falling score, inside the slice.

    Notes
    -----
    A box stands where the probability of a centre is the highest among 3×3 cells;
    its score is that probability.  Doubles are then suppressed.
    """
    cells = maps[CENTRE:, ANCHOR::CELL, ANCHOR::CELL]
    centre = cells[0]
    highest = centre == ndimage.maximum_filter(centre, size=3, mode="nearest")
    is_box = highest & (centre >= (confidence or settings.confidence))
    rows, columns = np.nonzero(is_box)
    scores = centre[rows, columns]
    kept = np.argsort(-scores, kind="stable")[: settings.most]
    rows, columns, scores = rows[kept], columns[kept], scores[kept]
    top, left, bottom, right = cells[FIRST_SIDE - CENTRE :, rows, columns] * LARGEST
    y, x = rows * CELL + ANCHOR + 0.5, columns * CELL + ANCHOR + 0.5
    corners = np.stack([y - top, x - left, y + bottom, x + right], axis=1)
    height, width = maps.shape[1:]
    limits = np.array([height, width, height, width])
    inside = np.clip(corners, 0, limits).astype(np.float32)
    return suppress_doubles(Boxes(inside, scores.astype(np.float32)), settings.overlap)


def top_down_mask(maps: NDArray[np.float32], boxes: Boxes) -> NDArray[np.bool_]:
    """Return the mask of the objects that were detected.

    Parameters
    ----------
    maps : ndarray of float32, shape (6, Y, X)
        Probabilities, in the order of the detector's outputs.
    boxes : Boxes
        What was detected in the slice.

    Returns
    -------
    ndarray of bool, shape (Y, X)
        Pixels of the semantic map above 0.5 inside of boxes.
    """
    height, width = maps.shape[1:]
    return (maps[SEMANTIC] > 0.5) & draw_boxes(boxes, (height, width))
