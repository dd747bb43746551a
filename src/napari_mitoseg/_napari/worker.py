"""Run a job in a thread: every ending of it reaches the window.

napari's own generator worker loses any `RuntimeError` (all of torch's errors are)
and leaves a cancelled generator open; `JobWorker` mends both.  `JobRunner` is the one
door through which a panel sends work into a thread.
"""

import atexit
from collections import deque
from collections.abc import Callable
from contextlib import closing
from typing import Any

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, QThreadPool, Signal
from superqt.utils import GeneratorWorker, WorkerBase

from napari_mitoseg._napari.lifetime import at_end
from napari_mitoseg.errors import JobError
from napari_mitoseg.jobs import Job, Progress

LONGEST_WAIT_MS = 60_000

AT_ONCE = 16
"""Jobs that run at the same time: some of them only wait, such as for a run in the
background, and with a thread a core the one that is to stop it would wait, too."""

_RETIRED: deque[Any] = deque(maxlen=64)
"""Workers that have ended.  Their signals must die in the main thread: the pool's
thread lets go of a worker a moment after its last signal has been delivered here, and
would delete the signals while Qt still uses them."""


class JobWorker(GeneratorWorker[Progress, None, Any]):
    """A generator worker that closes its generator and loses no exception.

    Notes
    -----
    A `RuntimeError` of a library is handed on as a `JobError` with its cause, because
    superqt 0.9 takes a bare one for the sign of a deleted worker and says nothing.
    """

    def work(self) -> Any:
        """Step the job until it ends, fails, or is told to quit.

        Returns
        -------
        object
            What the job returned; None when it was told to quit.

        Raises
        ------
        JobError
            If the job raised a RuntimeError.
        """
        with closing(self._gen):
            while not self.abort_requested:
                try:
                    progress = next(self._gen)
                except StopIteration as stop:
                    return stop.value
                except RuntimeError as error:
                    raise JobError(_explain(error)) from error
                self.yielded.emit(progress)
        self.aborted.emit()
        return None


class JobRunner(QObject):
    """Runs one job at a time in a thread; of several that wait, only the latest.

    Parameters
    ----------
    parent : QObject
        Deleting it cancels the job.

    Attributes
    ----------
    busy_changed : Signal(bool)
        A job has begun, or the last has ended, however it ended.
    progressed : Signal(object)
        A `Progress`.
    returned : Signal(object)
        The result of a job that came to its end.
    failed : Signal(object)
        The exception of a job that failed.
    cancelled : Signal()
        The job was told to quit, and has.

    Notes
    -----
    Nothing of a job that a later one has replaced is signalled.
    """

    busy_changed = Signal(bool)
    progressed = Signal(object)
    returned = Signal(object)
    failed = Signal(object)
    cancelled = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._running: list[Any] = []
        self._waiting: Callable[[], Any] | None = None
        running = self._running
        at_end(self, lambda: _quit(running))

    @property
    def is_busy(self) -> bool:
        """Whether a job is running or waiting."""
        return bool(self._running)

    def start(self, job: Callable[..., Job[Any]], *args: Any, **kwargs: Any) -> None:
        """Run a job; one that is running is cancelled first.

        Parameters
        ----------
        job : generator function
            The work.
        *args, **kwargs
            Its arguments, captured now.
        """

        def make() -> Any:
            return create_worker(
                job,
                *args,
                _worker_class=JobWorker,
                _ignore_errors=True,
                **kwargs,
            )

        if self._running:
            self._waiting = make
            _quit(self._running)
            return
        self._launch(make)
        self.busy_changed.emit(True)

    def cancel(self) -> None:
        """Tell the running job to quit, and forget the waiting one."""
        self._waiting = None
        _quit(self._running)

    def _launch(self, make: Callable[[], Any]) -> None:
        worker = make()
        worker.yielded.connect(self._on_yielded)
        worker.returned.connect(self._on_returned)
        worker.errored.connect(self._on_errored)
        worker.finished.connect(self._on_finished)
        self._running.append(worker)
        pool = QThreadPool.globalInstance()
        pool.setMaxThreadCount(max(pool.maxThreadCount(), AT_ONCE))
        worker.start()

    def _on_yielded(self, progress: Progress) -> None:
        if not self._is_stale():
            self.progressed.emit(progress)

    def _on_returned(self, result: Any) -> None:
        if not self._is_stale():
            self.returned.emit(result)

    def _on_errored(self, error: Exception) -> None:
        if self._waiting is None:
            self.failed.emit(error)

    def _on_finished(self) -> None:
        worker, waiting = self._running.pop(), self._waiting
        _RETIRED.append(worker)
        self._waiting = None
        if waiting is not None:
            self._launch(waiting)
            return
        if worker.abort_requested:
            self.cancelled.emit()
        self.busy_changed.emit(False)

    def _is_stale(self) -> bool:
        """Say whether the job has been replaced or told to quit meanwhile."""
        return self._waiting is not None or self._running[0].abort_requested


def _quit(workers: list[Any]) -> None:
    """Tell workers to quit; they close their generators and end by themselves."""
    for worker in workers:
        worker.quit()


@atexit.register
def _finish() -> None:
    """Wait for the threads: a script may end without closing its window."""
    WorkerBase.await_workers(LONGEST_WAIT_MS)
    _RETIRED.clear()


def _explain(error: RuntimeError) -> str:
    first = (str(error) or type(error).__name__).strip().splitlines()[0]
    return (
        f"A library failed: {first} Nothing was changed. Try smaller tiles or another "
        "device; if it happens again, report it with the text under 'View Traceback'."
    )
