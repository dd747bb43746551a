"""How well two masks overlap."""

from napari_mitoseg.evaluation.table import Contingency
from napari_mitoseg.params import Params, param


class OverlapScores(Params):
    """Scores of a mask against the truth, 0 to 1.

    Notes
    -----
    With TP, FP, FN, TN the true and false positive and negative voxels. Where a
    fraction has nothing to count, 0/0, nothing has been done wrong and the score is 1:
    an empty prediction of an empty truth scores 1 throughout; an empty prediction of
    a truth that is not empty has precision 1, recall 0 and Dice 0.

    References
    ----------
    Accuracy to mean IoU: Guo, J.-M. et al. "Two-stage cascaded CNN model for 3D
    mitochondria EM segmentation." Electronics 12, 928 (2023), Eq. 1-5.
    doi:10.3390/electronics12040928
    """

    accuracy: float = param(description="(TP + TN) / all voxels.")
    dice: float = param(description="2 TP / (2 TP + FP + FN); F1 of the voxels.")
    foreground_iou: float = param(
        description="TP / (TP + FP + FN); also called Jaccard index."
    )
    background_iou: float = param(description="TN / (TN + FP + FN).")
    mean_iou: float = param(description="Mean of foreground and background IoU.")
    precision: float = param(description="TP / (TP + FP).")
    recall: float = param(description="TP / (TP + FN); also called sensitivity.")
    specificity: float = param(description="TN / (TN + FP).")

    @property
    def jaccard(self) -> float:
        """The foreground IoU under its other name."""
        return self.foreground_iou


def score_overlap(table: Contingency) -> OverlapScores:
    """Score a mask against the truth.

    Parameters
    ----------
    table : Contingency
        Pairs of labels; any above 0 is foreground.

    Returns
    -------
    OverlapScores
        All scores.
    """
    tp = table.count(prediction=True, truth=True)
    fp = table.count(prediction=True, truth=False)
    fn = table.count(prediction=False, truth=True)
    tn = table.count(prediction=False, truth=False)
    foreground, background = share(tp, tp + fp + fn), share(tn, tn + fp + fn)
    return OverlapScores(
        accuracy=share(tp + tn, tp + fp + fn + tn),
        dice=share(2 * tp, 2 * tp + fp + fn),
        foreground_iou=foreground,
        background_iou=background,
        mean_iou=(foreground + background) / 2,
        precision=share(tp, tp + fp),
        recall=share(tp, tp + fn),
        specificity=share(tn, tn + fp),
    )


def share(part: float, whole: float) -> float:
    """Divide; 0/0 is 1, since nothing has been done wrong."""
    return part / whole if whole else 1.0
