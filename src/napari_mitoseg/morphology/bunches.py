"""Objects in bunches, two bunches at a time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from napari_mitoseg.jobs import Job, Progress

N_THREADS = 2
"""Bunches at a time; more threads would wait for the interpreter."""

BUNCH = 8
"""Objects in a bunch: enough to keep a thread busy, few enough to watch."""


def each_in_threads(
    work: Callable[[int], None], rows: Sequence[int], message: str
) -> Job[None]:
    """Do work that mostly lets go of the interpreter lock on every object.

    Parameters
    ----------
    work : callable
        Takes the row of an object; must not depend on the order.
    rows : sequence of int
        The objects. Those next to one another are given to the same thread.
    message : str
        What is being done.

    Yields
    ------
    Progress
        One per bunch. Closing the job leaves out what has not begun.
    """
    bunches = [rows[first : first + BUNCH] for first in range(0, len(rows), BUNCH)]

    def do_bunch(bunch: Sequence[int]) -> int:
        for row in bunch:
            work(row)
        return len(bunch)

    with ThreadPoolExecutor(N_THREADS) as pool:
        done = 0
        try:
            for count in pool.map(do_bunch, bunches):
                done += count
                yield Progress(done, len(rows), message)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
