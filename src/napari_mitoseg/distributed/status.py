"""How far a run is: told in a file, for whoever watches it from outside."""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Literal, get_args

import psutil

from napari_mitoseg.distributed.run_folder import replacing
from napari_mitoseg.documents import read_json
from napari_mitoseg.errors import MitoSegError, ReadError
from napari_mitoseg.jobs import Job, Progress, Result, relayed

STATUS = ".result.status.json"
EVERY_SECONDS = 0.5
FAR = 2**40
"""Seconds after 1970 that nobody lives to see."""

MOST_PROCESSES = 2**31
"""Numbers that processes can have."""

State = Literal["running", "failed", "stopped", "lost"]


@dataclass(frozen=True)
class Status:
    """What a run says about itself.

    Attributes
    ----------
    state : {"running", "failed", "stopped", "lost"}
        A run that has finished says no more: its result is there. One is lost whose
        process has gone without a word.
    fraction : float
        Finished share, 0 to 1.
    message : str
        What is being done, or why it failed.
    pid : int
        Process that runs.
    started : float
        When that process was started, in seconds since 1970: another process may have
        its number later.
    """

    state: State
    fraction: float
    message: str
    pid: int
    started: float

    @property
    def is_alive(self) -> bool:
        """Whether the process is there; on this computer."""
        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.started) < 1
            return is_same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


def of_process(pid: int) -> Status:
    """Return the status of a process that has just been started.

    Parameters
    ----------
    pid : int
        Its number.

    Returns
    -------
    Status
        Running, nothing done.
    """
    try:
        started = psutil.Process(pid).create_time()
    except psutil.Error:
        started = 0.0
    return Status("running", 0.0, "Starting", pid, started)


def write_status(folder: Path, status: Status) -> None:
    """Write how far the run into a folder is.

    Parameters
    ----------
    folder : Path
        Where its result goes.
    status : Status
        What to write.
    """
    with replacing(folder / STATUS) as draft:
        draft.write_text(json.dumps(asdict(status)), encoding="utf-8")


def read_status(folder: Path) -> Status | None:
    """Read how far the run into a folder is.

    Parameters
    ----------
    folder : Path
        Where its result goes.

    Returns
    -------
    Status or None
        None where no run has said anything, the last one has finished, or the file is
        damaged.
    """
    try:
        status = Status(**read_json(folder / STATUS))
    except (ReadError, TypeError):
        return None
    if not _is_sound(status):
        return None
    if status.state == "running" and not status.is_alive:
        return replace(status, state="lost")
    return status


def _is_sound(status: Status) -> bool:
    """Say whether a status can be one that a run has written."""
    numbers = (status.fraction, status.started)
    return (
        status.state in get_args(State)
        and isinstance(status.message, str)
        and type(status.pid) is int
        and 0 < status.pid < MOST_PROCESSES
        and all(type(one) in {int, float} for one in numbers)
        and 0 <= status.fraction <= 1
        and 0 <= status.started < FAR
    )


def telling(job: Job[Result], folder: Path) -> Job[Result]:
    """Run a job that tells in a folder how far it is.

    Parameters
    ----------
    job : generator of Progress
        The run.
    folder : Path
        Where its result goes, for this process alone.

    Yields
    ------
    Progress
        Those of the job.

    Returns
    -------
    object
        What the job returned.
    """
    teller = _Teller(folder)
    try:
        result = yield from relayed(job, teller.report)
    except (MitoSegError, OSError) as error:
        teller.end("failed", str(error))
        raise
    except (GeneratorExit, KeyboardInterrupt):
        teller.end("stopped", "Stopped")
        raise
    teller.fall_silent()
    return result


class _Teller:
    """Writes a status every now and then; a disk that refuses it stops no run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._told = of_process(os.getpid())
        self._last = monotonic()
        self._write()

    def report(self, progress: Progress) -> Progress:
        """Tell a report of the job; return it."""
        self._told = replace(
            self._told, fraction=progress.fraction, message=progress.message
        )
        if monotonic() - self._last > EVERY_SECONDS:
            self._last = monotonic()
            self._write()
        return progress

    def end(self, state: State, message: str) -> None:
        """Tell how the job has ended."""
        self._told = replace(self._told, state=state, message=message)
        self._write()

    def fall_silent(self) -> None:
        """Remove the status: from now on the result speaks."""
        with suppress(OSError):
            (self._folder / STATUS).unlink(missing_ok=True)

    def _write(self) -> None:
        with suppress(OSError):
            write_status(self._folder, self._told)
