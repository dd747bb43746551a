"""What the widgets do about a run in the background, as jobs."""

from pathlib import Path
from typing import TYPE_CHECKING

from napari_mitoseg.distributed.settings import BlockSettings
from napari_mitoseg.errors import ShapeError
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.volume import Shape, Spacing

if TYPE_CHECKING:
    from napari_mitoseg.distributed.background import Order


def start_run(
    image: Path,
    shape: Shape,
    spacing: Spacing,
    recipe: Recipe,
    folder: Path,
    settings: BlockSettings,
) -> Job[bool]:
    """Start a run in the background and watch it; see `background`.

    Parameters
    ----------
    image : Path
        File or folder of the layer.
    shape : tuple of int
        Size of the layer, ZYX.
    spacing : tuple of float
        Of the layer, nm, ZYX.
    recipe : Recipe
        What to do.
    folder : Path
        Where the result goes.
    settings : BlockSettings
        Memory and workers.

    Yields
    ------
    Progress
        Of the run.

    Returns
    -------
    bool
        Whether it has finished; else it was stopped.

    Raises
    ------
    ShapeError
        If the file holds something else than the layer.
    JobError, WriteError
        As `background.start` and `background.watch`.
    """
    yield Progress(0, 1000, "Starting")
    from napari_mitoseg.distributed import background  # noqa: PLC0415
    from napari_mitoseg.io.read import read_volume  # noqa: PLC0415

    found = read_volume(image).shape
    if found != shape:
        msg = (
            f"{image} has shape {found}, the layer {shape}. A run in the background "
            "reads the file: save what the layer shows, and open that."
        )
        raise ShapeError(msg)
    order: Order = background.Order(image, spacing, recipe, folder, settings)
    background.start(order)
    return (yield from background.watch(folder))


def watch_run(folder: Path) -> Job[bool]:
    """Watch a run that was started before; see `background.watch`."""
    from napari_mitoseg.distributed import background  # noqa: PLC0415

    return (yield from background.watch(folder))


def stop_run(folder: Path) -> Job[None]:
    """Stop a run; see `background.stop`."""
    yield Progress(0, 1, "Stopping")
    from napari_mitoseg.distributed import background  # noqa: PLC0415

    background.stop(folder)


def find_runs() -> Job[list[Path]]:
    """List the folders of the runs that are going on."""
    yield Progress(0, 1, "Looking for runs")
    from napari_mitoseg.distributed import background  # noqa: PLC0415

    return background.running_folders()


def test_scheduler(address: str) -> Job[tuple[str, ...]]:
    """List the workers of a scheduler; see `list_workers`."""
    yield Progress(0, 1, "Connecting")
    from napari_mitoseg.distributed.cluster import list_workers  # noqa: PLC0415

    return list_workers(address)
