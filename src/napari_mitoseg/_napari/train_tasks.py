"""What the Train widget sends into a thread, as jobs.

Torch and everything that needs it is imported inside the jobs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.training.dense_settings import DenseSettings
from napari_mitoseg.volume import Volume

if TYPE_CHECKING:
    from napari_mitoseg.training.dense_report import DenseResult


@dataclass(frozen=True)
class NetworkChoice:
    """A network that can be trained.

    Attributes
    ----------
    name : str
        In the registry of architectures.
    about : str
        What it is, in a line.
    dimensions : int
        2 or 3.
    """

    name: str
    about: str
    dimensions: int


@dataclass(frozen=True, eq=False)
class DenseOrder:
    """Everything a training needs, captured when it is started.

    Attributes
    ----------
    pairs : tuple of (Volume, Volume)
        Images and their labels.
    settings : DenseSettings
        How.
    folder : Path
        Becomes the folder of the new model.
    resume : bool
        Go on with an interrupted training in that folder.
    stop : callable
        Turns true when the training should end with the best so far.
    """

    pairs: tuple[tuple[Volume, Volume], ...]
    settings: DenseSettings
    folder: Path
    resume: bool
    stop: Callable[[], bool]


def list_networks() -> Job[tuple[NetworkChoice, ...]]:
    """Return the networks there are; torch is imported for that."""
    yield Progress(0, 1, "Loading torch")
    from napari_mitoseg.models.architectures import architectures  # noqa: PLC0415

    return tuple(
        NetworkChoice(name, (kind.__doc__ or "").split("\n")[0], kind.dimensions)
        for name, kind in architectures.items()
    )


def train(order: DenseOrder) -> Job["DenseResult"]:
    """Train on dense labels; see `train_dense`."""
    yield Progress(0, 1000, "Loading torch")
    from napari_mitoseg.training import dense  # noqa: PLC0415
    from napari_mitoseg.training.dense_data import LabelledVolume  # noqa: PLC0415

    return (
        yield from dense.train_dense(
            [LabelledVolume(*pair) for pair in order.pairs],
            order.settings,
            folder=order.folder,
            resume=order.resume,
            stop=order.stop,
        )
    )
