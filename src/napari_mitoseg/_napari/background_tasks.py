"""What the widgets do about a run in the background, as jobs."""

from pathlib import Path
from typing import TYPE_CHECKING

from napari_mitoseg.errors import ShapeError
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.volume import Shape

if TYPE_CHECKING:
    from napari_mitoseg.distributed.background import Order


def start_run(order: "Order", shape: Shape) -> Job[bool]:
    """Start a run in the background and watch it; see `background`.

    Parameters
    ----------
    order : Order
        What is to be done.
    shape : tuple of int
        Size of the layer, ZYX.

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

    found = read_volume(order.image).shape
    if found != shape:
        msg = (
            f"{order.image} has shape {found}, the layer {shape}. A run in the "
            "background reads the file: save what the layer shows, and open that."
        )
        raise ShapeError(msg)
    background.start(order)
    return (yield from background.watch(order.folder))


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
