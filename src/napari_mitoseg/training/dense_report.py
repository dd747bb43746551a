"""What training from dense labels ends with."""

from dataclasses import dataclass
from pathlib import Path

from napari_mitoseg.models.zoo import Score, TrainedModel

FEWEST_STEPS = 50
"""Below this even the smallest network here has learned next to nothing."""


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

    @property
    def notes(self) -> tuple[str, ...]:
        """What users had better know about the training, in words."""
        if self.steps >= FEWEST_STEPS:
            return ()
        made = "1 step was" if self.steps == 1 else f"{self.steps} steps were"
        return (
            f"Only {made} made, and the network has hardly learned. Train longer, on a "
            "GPU, or another network.",
        )
