"""A run in a process of its own, which outlives the one that has started it."""

import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from time import sleep
from typing import Any

import psutil

from napari_mitoseg.distributed.run_folder import LOCK, is_partial
from napari_mitoseg.distributed.settings import BlockSettings
from napari_mitoseg.distributed.status import (
    Status,
    of_process,
    read_status,
    write_status,
)
from napari_mitoseg.errors import SAID, JobError, WriteError
from napari_mitoseg.file_lock import is_locked
from napari_mitoseg.io.atomic import check_writable
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.user_folders import data_folder
from napari_mitoseg.volume import Region, Spacing

FOLDER_VARIABLE = "MITOSEG_RUNS"
LOG = "log.txt"
RECIPE = "recipe.json"
FOLDER = "folder.txt"
WATCH_SECONDS = 0.3
PATIENCE_SECONDS = 5.0


_CHILDREN: list[subprocess.Popen[bytes]] = []
"""Runs that this process has started: an object that is dropped would complain that its
process lives on, which is what is wanted."""


@dataclass(frozen=True)
class Order:
    """What is to be segmented, and by whom.

    Attributes
    ----------
    image : Path
        File or folder.
    spacing : tuple of float
        nm, ZYX.
    recipe : Recipe
        What to do.
    folder : Path
        Where the result goes.
    settings : BlockSettings
        Memory and workers.
    region : Region or None
        Part to segment; everything where it is None.
    """

    image: Path
    spacing: Spacing
    recipe: Recipe
    folder: Path
    settings: BlockSettings = field(default_factory=BlockSettings)
    region: Region | None = None

    @property
    def command(self) -> tuple[str, ...]:
        """The arguments of ``napari-mitoseg`` that do the same."""
        use = self.settings
        options = {
            "--out": self.folder,
            "--recipe": notes_of(self.folder) / RECIPE,
            "--spacing": ",".join(f"{v!r}" for v in self.spacing),
            "--region": self.region or "",
            "--format": "zarr",
            "--memory": f"{use.memory:g}" if use.memory else "",
            "--workers": use.workers if use.workers > 1 else "",
            "--scheduler": use.scheduler,
        }
        given = [(name, str(value)) for name, value in options.items() if str(value)]
        flat = [word for pair in given for word in pair]
        return ("segment", str(self.image), *flat, "--blocks")


def start(order: Order) -> None:
    """Start a run in the background, or go on with one that was broken off.

    Parameters
    ----------
    order : Order
        What is to be done.

    Raises
    ------
    WriteError
        If the folder cannot be written to, or a run is going on there.
    """
    folder, notes = order.folder, notes_of(order.folder)
    check_writable(folder)
    if is_running(folder):
        msg = f"A run is going on in {folder}. Watch it, or choose another folder."
        raise WriteError(msg)
    for place in (folder, notes):
        place.mkdir(parents=True, exist_ok=True)
    (notes / RECIPE).write_text(order.recipe.as_json(), encoding="utf-8")
    (notes / FOLDER).write_text(str(folder), encoding="utf-8")
    command = [sys.executable, "-m", "napari_mitoseg", *order.command]
    with (notes / LOG).open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            **_detached(),
        )
    _forget_ended()
    _CHILDREN.append(process)
    write_status(folder, of_process(process.pid))


def notes_of(folder: Path) -> Path:
    """Return where is kept what a run in the background was started with, and said.

    Parameters
    ----------
    folder : Path
        Where its result goes.

    Returns
    -------
    Path
        A folder of the user's, outside the result; ``$MITOSEG_RUNS`` moves all of them.
    """
    name = sha256(str(folder.absolute()).encode()).hexdigest()[:16]
    return data_folder(FOLDER_VARIABLE, "runs") / name


def running_folders() -> list[Path]:
    """List the folders of the runs of this user that are going on."""
    notes = data_folder(FOLDER_VARIABLE, "runs").glob(f"*/{FOLDER}")
    known = (path.read_text(encoding="utf-8") for path in notes)
    folders = sorted(Path(text) for text in known)
    return [folder for folder in folders if is_running(folder)]


def is_running(folder: Path) -> bool:
    """Say whether a run is going on in a folder, whoever has started it."""
    status = read_status(folder)
    if status is not None and status.state == "running":
        return True
    lock = folder / LOCK
    return lock.exists() and is_locked(lock)


def stop(folder: Path) -> None:
    """Stop the run in a folder; what it has finished is kept.

    Parameters
    ----------
    folder : Path
        Where its result goes.
    """
    status = read_status(folder)
    if status is None or status.state != "running":
        return
    process = psutil.Process(status.pid)
    family = [*process.children(recursive=True), process]
    for one in family:
        one.terminate()
    _note_stopped(folder)
    _, stubborn = psutil.wait_procs(family, PATIENCE_SECONDS)
    for one in stubborn:
        one.kill()
    psutil.wait_procs(stubborn, PATIENCE_SECONDS)
    # Again: its last word may have come after ours.
    _note_stopped(folder)


def watch(folder: Path) -> Job[bool]:
    """Wait for the end of a run in the background.

    Parameters
    ----------
    folder : Path
        Where its result goes.

    Yields
    ------
    Progress
        Of the run, several times a second.

    Returns
    -------
    bool
        Whether it has finished; else someone has stopped it.

    Raises
    ------
    JobError
        If the run has failed; says why.
    """
    while True:
        status = read_status(folder)
        if status is None or status.state != "running":
            break
        yield Progress(round(1000 * status.fraction), 1000, status.message)
        sleep(WATCH_SECONDS)
    _forget_ended()
    if status is not None and status.state == "lost":
        # Someone who stops it notes that just after its end.
        sleep(WATCH_SECONDS)
        status = read_status(folder)
    if status is None:
        return not is_partial(folder)
    reason = _last_words(folder)
    if status.state != "stopped" or reason:
        raise JobError(_why(status, reason))
    return False


def _note_stopped(folder: Path) -> None:
    """Say that a run has not failed: it was told to stop."""
    status = read_status(folder)
    if status is not None:
        with suppress(OSError):
            write_status(folder, replace(status, state="stopped"))


def _why(status: Status, reason: str) -> str:
    """Return why a run has not come to its end, in words."""
    if reason or status.state == "failed":
        return reason or status.message
    return (
        "The run has ended without a word: it was killed, perhaps for lack of memory, "
        "or the computer was restarted. What is finished is kept: run into the same "
        "folder again to go on, with less memory if need be."
    )


def _forget_ended() -> None:
    """Let go of the processes that have ended, so that the system can, too."""
    _CHILDREN[:] = [child for child in _CHILDREN if child.poll() is None]


def _last_words(folder: Path) -> str:
    """Return the last line that a run has written, which says why it failed."""
    try:
        text = (notes_of(folder) / LOG).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = lines[-1] if lines else ""
    if said.startswith(SAID):
        return said.removeprefix(SAID)
    if not any(line.startswith("Traceback") for line in lines):
        return ""
    return (
        f"The run has failed as it should not: {said[:200]} What is finished is kept. "
        f"Report it with {notes_of(folder) / LOG}."
    )


def _detached() -> dict[str, Any]:
    """Return what keeps a process alive when the one that started it ends."""
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return {"creationflags": flags}
    return {"start_new_session": True}
