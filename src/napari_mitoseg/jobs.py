"""Long work as generators that report progress and return a result.

A job is a generator of `Progress`.  Scripts and the command line `drain` it; the
napari widgets step it in a worker thread.  A job never yields inside
``torch.inference_mode()`` or ``autocast``, and closing it at any yield must leave
nothing behind.
"""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TypeVar

from napari_mitoseg.volume import Region

Result = TypeVar("Result")


@dataclass(frozen=True)
class Progress:
    """How far a job has come.

    Attributes
    ----------
    done, total : int
        Finished and planned units (tiles, steps, epochs).
    message : str
        What is being done, in the user's words.
    region : Region or None
        The part of the output volume that has become final with this report.
    """

    done: int
    total: int
    message: str = ""
    region: Region | None = None

    @property
    def fraction(self) -> float:
        """Finished share, 0 to 1."""
        return self.done / self.total if self.total else 1.0


Job = Generator[Progress, None, Result]


def as_part(n_before: int, n_parts: int, progress: Progress) -> Progress:
    """Turn a report of one of several equal parts into one of the whole.

    Parameters
    ----------
    n_before : int
        Parts that are finished.
    n_parts : int
        All parts.
    progress : Progress
        Of the part that is being done.

    Returns
    -------
    Progress
        Of all parts.

    Examples
    --------
    >>> as_part(1, 2, Progress(1, 4)).fraction
    0.625
    """
    done = n_before * progress.total + progress.done
    return replace(progress, done=done, total=n_parts * progress.total)


def relayed(job: Job[Result], report: Callable[[Progress], Progress]) -> Job[Result]:
    """Run a job as a part of another one.

    Parameters
    ----------
    job : generator of Progress
        The part.
    report : callable
        Turns a report of the part into one of the whole.

    Yields
    ------
    Progress
        What `report` makes of each report.

    Returns
    -------
    object
        What the job returned.
    """
    with closing(job):
        while True:
            try:
                progress = next(job)
            except StopIteration as end:
                result: Result = end.value
                return result
            yield report(progress)


def phase(job: Job[Result], start: float, stop: float) -> Job[Result]:
    """Run a job as one of several unequal parts of another one.

    Parameters
    ----------
    job : generator of Progress
        The part.
    start, stop : float
        Share of the whole that is finished before the part begins, and when it ends.

    Yields
    ------
    Progress
        Of the whole, in thousandths.

    Returns
    -------
    object
        What the job returned.
    """

    def report(progress: Progress) -> Progress:
        share = start + (stop - start) * progress.fraction
        return replace(progress, done=round(share * 1000), total=1000)

    return relayed(job, report)


def drain(
    job: Job[Result], on_progress: Callable[[Progress], None] | None = None
) -> Result:
    """Run a job to its end and return its result.

    Parameters
    ----------
    job : generator of Progress
        The work; its return value is the result.
    on_progress : callable, optional
        Called with each report.

    Returns
    -------
    object
        What the job returned.

    Examples
    --------
    >>> def count(n):
    ...     for i in range(n):
    ...         yield Progress(i + 1, n)
    ...     return n
    >>> drain(count(3), lambda progress: None)
    3
    """
    try:
        while True:
            progress = next(job)
            if on_progress is not None:
                on_progress(progress)
    except StopIteration as stop:
        result: Result = stop.value
        return result
    finally:
        job.close()
