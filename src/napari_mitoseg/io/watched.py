"""Functions that read an array from end to end, as jobs that tell how far they are."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np

from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.volume import Array, LazyArray

EVERY_S = 0.1
"""Seconds between two reports."""


def watched(
    write: Callable[[LazyArray], None],
    array: LazyArray,
    message: str,
    *,
    n_passes: int = 1,
) -> Job[None]:
    """Run a function that reads an array slice by slice, and say how far it is.

    Parameters
    ----------
    write : callable
        Takes the array; reads it in any thread, from the first slice to the last.
    array : LazyArray
        What it reads.
    message : str
        Of the reports.
    n_passes : int
        How often it reads all of it.

    Yields
    ------
    Progress
        Ten a second: slices that were read, of all passes.

    Raises
    ------
    Exception
        What the function raises.

    Notes
    -----
    Writers hand their slices to libraries that ask for the next one, and cannot yield
    in between: they run in a thread, and what is reported is what they have read.
    Closing the job lets the next reading fail, so that they clean up and end.
    """
    counted = _Counted(array)
    n_slices = n_passes * int(array.shape[0])
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(write, counted)
        try:
            while not wait([work], EVERY_S).done:
                yield Progress(min(counted.n_read, n_slices), n_slices, message)
        finally:
            counted.is_closed = True
        work.result()


class _ClosedError(Exception):
    """Nobody waits for the end any more."""


class _Counted:
    """An array that counts how many slices were read."""

    def __init__(self, array: LazyArray) -> None:
        self._array = array
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.dtype: np.dtype[Any] = np.dtype(array.dtype)
        self.n_read = 0
        self.is_closed = False

    def __getitem__(self, key: Any, /) -> Array:
        if self.is_closed:
            raise _ClosedError
        part = np.asarray(self._array[key])
        first = key[0] if isinstance(key, tuple) else key
        is_run = isinstance(first, slice)
        self.n_read += len(range(*first.indices(self.shape[0]))) if is_run else 1
        return part
