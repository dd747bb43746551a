"""All scores of a prediction at once."""

from napari_mitoseg.evaluation.instances import InstanceScores, match_instances
from napari_mitoseg.evaluation.overlap import OverlapScores, score_overlap
from napari_mitoseg.evaluation.table import tabulate
from napari_mitoseg.params import Params, param
from napari_mitoseg.volume import Volume


class Scores(Params):
    """Scores of a prediction; `by_name` is their stable written form."""

    overlap: OverlapScores = param(description="How well the masks overlap.")
    instances: InstanceScores | None = param(
        None, description="How well instances are found; absent unless asked for."
    )

    def by_name(self) -> dict[str, float | int]:
        """Return every score under one name, as files and the command line show it.

        Returns
        -------
        dict of str to number
            Overlap scores by their own names; instance scores with the IoU threshold
            behind them (``f1@0.5``).
        """
        named: dict[str, float | int] = self.overlap.model_dump()
        if self.instances is None:
            return named
        named |= self.instances.model_dump(exclude={"at"})
        for scores in self.instances.at:
            values = scores.model_dump(exclude={"iou"})
            named |= {f"{name}@{scores.iou:g}": v for name, v in values.items()}
        return named


def evaluate(prediction: Volume, truth: Volume, *, instances: bool = False) -> Scores:
    """Score a prediction against the truth.

    Parameters
    ----------
    prediction, truth : Volume
        Masks or labels of the same shape; any number above 0 is foreground.
    instances : bool
        Whether to match instances too; both volumes then hold labels.

    Returns
    -------
    Scores
        Overlap of the masks, and instance scores if asked for.

    Raises
    ------
    ShapeError
        If the shapes differ.
    InvalidParameterError
        If a volume holds fractions or negative numbers.
    """
    table = tabulate(prediction, truth, instances=instances)
    found = match_instances(table) if instances else None
    return Scores(overlap=score_overlap(table), instances=found)
