"""What the Restore widget sends into a thread, as jobs.

Torch and everything that needs it is imported inside the jobs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_mitoseg._napari.annotation_tasks import model_folder
from napari_mitoseg._napari.reader import LayerData, image_data
from napari_mitoseg.inference.noisy_slices import (
    DetectorSettings,
    NoisySlice,
    find_noisy_slices,
)
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.models.interpolation_file import interpolation_folder
from napari_mitoseg.preprocessing import Restore
from napari_mitoseg.training.interpolation_settings import InterpolationSettings
from napari_mitoseg.volume import Volume

if TYPE_CHECKING:
    from napari_mitoseg.models.interpolation_file import InterpolationCard


@dataclass(frozen=True, eq=False)
class InterpolationOrder:
    """Everything a training needs, captured when it is started.

    Attributes
    ----------
    volume : Volume
        The image.
    settings : InterpolationSettings
        How.
    folder : Path
        Gets the network.
    skipped : tuple of int
        Slices that are marked as a whole.
    stop : callable
        Turns true when the training should end with what there is.
    """

    volume: Volume
    settings: InterpolationSettings
    folder: Path
    skipped: tuple[int, ...]
    stop: Callable[[], bool]


def network_folder(name: str) -> Path:
    """Return the folder among the user's own for the network of an image."""
    return interpolation_folder(model_folder(name).name)


def train(order: InterpolationOrder) -> Job["InterpolationCard"]:
    """Train an interpolation network; see `train_interpolation`."""
    yield Progress(0, 1000, "Loading torch")
    from napari_mitoseg.training.interpolation import (  # noqa: PLC0415
        train_interpolation,
    )

    trained = yield from train_interpolation(
        order.volume,
        order.settings,
        folder=order.folder,
        skipped=order.skipped,
        stop=order.stop,
    )
    return trained.card


def find(
    volume: Volume, folder: Path, settings: DetectorSettings
) -> Job[tuple[NoisySlice, ...]]:
    """Propose noisy slices; see `find_noisy_slices`."""
    yield Progress(0, 1000, "Loading the network")
    from napari_mitoseg.inference.interpolation import (  # noqa: PLC0415
        load_interpolator,
    )

    interpolate = load_interpolator(folder)
    return (yield from find_noisy_slices(volume, interpolate, settings))


def restore(volume: Volume, step: Restore) -> Job[LayerData]:
    """Restore what is marked; see `restore_stack`.

    Parameters
    ----------
    volume : Volume
        The image.
    step : Restore
        Network and marks.

    Yields
    ------
    Progress
        One a slice.

    Returns
    -------
    LayerData
        The image layer of the restored stack, still to be made.
    """
    yield Progress(0, 1000, "Loading the network")
    from napari_mitoseg.restoration import restore_stack  # noqa: PLC0415

    restored = yield from restore_stack(volume, step)
    return image_data(restored)
