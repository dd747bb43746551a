"""What a command says: progress, results, errors."""

import sys
from typing import TypeVar

from rich import progress as bars
from rich.console import Console

from napari_mitoseg.jobs import Job, Progress, drain

Answer = TypeVar("Answer")


def run(job: Job[Answer]) -> Answer:
    """Drain a job behind a progress bar on standard error.

    Parameters
    ----------
    job : Job
        What is to be done.

    Returns
    -------
    object
        What the job returned.
    """
    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.TaskProgressColumn(),
        bars.TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    hidden = not console.is_terminal
    with bars.Progress(
        *columns, console=console, transient=True, disable=hidden
    ) as bar:
        task = bar.add_task("", total=1.0)

        def show(progress: Progress) -> None:
            bar.update(task, description=progress.message, completed=progress.fraction)

        return drain(job, show)


def tell(text: str) -> None:
    """Write a line to standard output: what was asked for."""
    sys.stdout.write(f"{text}\n")


def say(text: str) -> None:
    """Write a line to standard error: what went wrong."""
    sys.stderr.write(f"{text}\n")
