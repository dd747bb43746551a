"""Let the window work until something is true: for scripts that drive it."""

from collections.abc import Callable
from time import monotonic, sleep

from qtpy.QtWidgets import QApplication

PAUSE_S = 0.002
LONGEST_S = 300.0


def wait_until(is_so: Callable[[], bool], seconds: float = LONGEST_S) -> None:
    """Let the window work until something is true.

    Parameters
    ----------
    is_so : callable
        Asked again and again.
    seconds : float
        How long at most.

    Raises
    ------
    TimeoutError
        If it is not so by then.
    """
    end = monotonic() + seconds
    while not is_so():
        QApplication.processEvents()
        sleep(PAUSE_S)
        if monotonic() > end:
            msg = f"The window did not come so far in {seconds:g} s."
            raise TimeoutError(msg)
