"""What training from dense labels tells while it runs, and what it ends with."""

from dataclasses import dataclass
from pathlib import Path

from napari_mitoseg.jobs import Progress
from napari_mitoseg.models.zoo import Score, TrainedModel


@dataclass(frozen=True)
class DenseProgress(Progress):
    """How far the training has come.

    Attributes
    ----------
    phase : str
        What is being done, in a few words.
    loss : float or None
        Of the step just made; None between steps.
    iou : float or None
        On a part of the validation slices, when it was last measured; None before.
    seconds_left : float or None
        Estimate to the end of the whole job; None while it is not known.
    """

    phase: str = ""
    loss: float | None = None
    iou: float | None = None
    seconds_left: float | None = None


@dataclass(frozen=True, eq=False)
class DenseResult:
    """A model trained on dense labels.

    Attributes
    ----------
    model : TrainedModel
        Network and card, as saved.
    folder : Path
        Where they are.
    scores : tuple of Score
        IoU on each block of validation slices; empty where there are none.
    steps : int
        Steps made, earlier parts of a resumed run counted in.
    seconds : float
        Time they took, validation included.
    """

    model: TrainedModel
    folder: Path
    scores: tuple[Score, ...]
    steps: int
    seconds: float
