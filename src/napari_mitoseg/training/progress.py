"""How far a training of several parts has come."""

from dataclasses import dataclass
from typing import Any, Self

from napari_mitoseg.jobs import Progress
from napari_mitoseg.training.schedule import Schedule

TOTAL = 1000


@dataclass(frozen=True)
class TrainingProgress(Progress):
    """How far the training has come.

    Attributes
    ----------
    phase : str
        What is being done, in a few words.
    loss : float or None
        Of the step just made; None between steps.
    iou : float or None
        On labelled slices that are kept back, when it was last measured; None before.
    seconds_left : float or None
        Estimate to the end of the whole job; None while it is not known.
    """

    phase: str = ""
    loss: float | None = None
    iou: float | None = None
    seconds_left: float | None = None

    @classmethod
    def of(cls, schedule: Schedule, share: float, message: str, **known: Any) -> Self:
        """Return the progress of a job that holds to a schedule.

        Parameters
        ----------
        schedule : Schedule
            Knows which part is being done.
        share : float
            Finished share of that part.
        message : str
            What is being done.
        **known : object
            Other attributes.

        Returns
        -------
        TrainingProgress
            Of the whole job.
        """
        done = round(TOTAL * schedule.fraction(share))
        left = schedule.seconds_left(share)
        return cls(done, TOTAL, message, seconds_left=left, **known)
