"""What training from dense labels ends with."""

from dataclasses import dataclass
from pathlib import Path

from napari_mitoseg.models.zoo import Score, TrainedModel


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
