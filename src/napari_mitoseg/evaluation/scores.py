"""All scores of a prediction at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.evaluation.average_precision import (
    AveragePrecision,
    score_average_precision,
)
from napari_mitoseg.evaluation.errors import (
    ErrorCounts,
    ErrorTable,
    find_errors,
    list_errors,
    paint_errors,
)
from napari_mitoseg.evaluation.instances import (
    InstanceScores,
    ThresholdScores,
    match_instances,
)
from napari_mitoseg.evaluation.overlap import OverlapScores, score_overlap
from napari_mitoseg.evaluation.partition import PartitionScores, score_partition
from napari_mitoseg.evaluation.table import Survey, survey
from napari_mitoseg.jobs import Job, drain
from napari_mitoseg.params import Params, param
from napari_mitoseg.volume import Volume

Figure = float | int | None
"""A score; None where the truth holds nothing it could be measured on."""


class Scores(Params):
    """Scores of a prediction; `by_name` is their stable written form."""

    overlap: OverlapScores = param(description="How well the masks overlap.")
    instances: InstanceScores | None = param(
        None, description="How well instances are found; absent unless asked for."
    )
    average_precision: AveragePrecision | None = param(
        None, description="The same as the MitoEM challenge scores it."
    )
    partition: PartitionScores | None = param(
        None, description="How the divisions into segments differ."
    )
    errors: ErrorCounts | None = param(
        None, description="Objects that are right and wrong, by kind."
    )

    def by_name(self) -> dict[str, Figure]:
        """Return every score under one name, as files and the command line show it.

        Returns
        -------
        dict of str to number or None
            Scores by their own names; those of matched instances with the IoU
            threshold behind them (``f1@0.5``).
        """
        named: dict[str, Figure] = self.overlap.model_dump()
        named["jaccard"] = self.overlap.jaccard
        for part in (self.average_precision, self.partition, self.errors):
            named |= {} if part is None else part.model_dump()
        if self.instances is None:
            return named
        named |= self.instances.model_dump(exclude={"at"})
        for scores in self.instances.at:
            values = scores.model_dump(exclude={"iou"})
            named |= {f"{name}@{scores.iou:g}": v for name, v in values.items()}
        return named


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores, and the errors behind them if they have been asked for.

    Attributes
    ----------
    scores : Scores
        All scores.
    table : ErrorTable or None
        What has become of each object; only with instances.
    error_labels : ndarray of uint8, shape (Z, Y, X), or None
        The same as a volume of `ErrorClass`; only if asked for.
    """

    scores: Scores
    table: ErrorTable | None = None
    error_labels: NDArray[np.uint8] | None = None


def evaluate(
    prediction: Volume,
    truth: Volume,
    *,
    instances: bool = False,
    probability: Volume | None = None,
) -> Scores:
    """Score a prediction against the truth; see `compare_labels`.

    Parameters
    ----------
    prediction, truth : Volume
        Masks or labels of the same shape; any number above 0 is foreground.
    instances : bool
        Whether to match instances too; both volumes then hold labels.
    probability : Volume, optional
        Orders instances for the average precision.

    Returns
    -------
    Scores
        Overlap of the masks, and all scores of instances if asked for.
    """
    job = compare_labels(
        prediction, truth, instances=instances, probability=probability
    )
    return drain(job).scores


def compare_labels(
    prediction: Volume,
    truth: Volume,
    *,
    instances: bool = True,
    probability: Volume | None = None,
    paint: bool = False,
) -> Job[Evaluation]:
    """Score a prediction against the truth and list its errors.

    Parameters
    ----------
    prediction, truth : Volume
        Masks or labels of the same shape; any number above 0 is foreground.
    instances : bool
        Whether to match instances too; both volumes then hold labels.
    probability : Volume, optional
        Of the prediction, in any scale: its mean over an instance is the confidence
        that orders instances for the average precision. Their sizes when absent.
    paint : bool
        Whether to paint the errors of instances into a volume.

    Yields
    ------
    Progress
        One a slab.

    Returns
    -------
    Evaluation
        Scores, table and labels of the errors.

    Raises
    ------
    ShapeError
        If the shapes differ.
    InvalidParameterError
        If a volume holds fractions, negative numbers or labels of 2³² and more.

    Notes
    -----
    Both volumes are read once, slab by slab, and once more to paint; the time hardly
    depends on the number of objects.
    """
    found = yield from survey(
        prediction, truth, instances=instances, probability=probability
    )
    overlap = score_overlap(found.pairs)
    if not instances:
        return Evaluation(Scores(overlap=overlap))
    errors = find_errors(found.pairs)
    scores = _all_scores(found, overlap, errors.counts())
    table = list_errors(found, errors)
    if not paint:
        return Evaluation(scores, table)
    painted = yield from paint_errors(prediction, truth, errors)
    return Evaluation(scores, table, painted)


def describe_scores() -> dict[str, str]:
    """Say what each score means, in the words of the documentation.

    Returns
    -------
    dict of str to str
        By the names of `Scores.by_name`, without the threshold behind them.
    """
    groups: tuple[type[Params], ...] = (
        OverlapScores,
        AveragePrecision,
        PartitionScores,
        ErrorCounts,
        InstanceScores,
    )
    found = {
        name: field.description or ""
        for group in groups
        for name, field in group.model_fields.items()
    }
    # Those at a threshold; a precision without one is that of the mask.
    at = {f"{n}@": f.description or "" for n, f in ThresholdScores.model_fields.items()}
    return {**found, **at, "jaccard": "The foreground IoU under its other name."}


def _all_scores(found: Survey, overlap: OverlapScores, errors: ErrorCounts) -> Scores:
    pairs = found.pairs
    return Scores(
        overlap=overlap,
        instances=match_instances(pairs),
        average_precision=score_average_precision(pairs, found.mean_probability()),
        partition=score_partition(pairs),
        errors=errors,
    )
