"""A job in a thread: every ending arrives, and nothing is left open."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, QThread

from napari_mitoseg._napari.worker import JobRunner, JobWorker
from napari_mitoseg.errors import InvalidParameterError, JobError
from napari_mitoseg.jobs import Job, Progress


class Heard:
    """Everything a runner has signalled, in order."""

    def __init__(self, runner: JobRunner) -> None:
        self.events: list[tuple[str, Any]] = []
        for name in ("busy_changed", "progressed", "returned", "failed"):
            getattr(runner, name).connect(self._hear(name))
        runner.cancelled.connect(lambda: self.events.append(("cancelled", None)))

    def _hear(self, name: str) -> Callable[[Any], None]:
        return lambda value: self.events.append((name, value))

    def all(self, name: str) -> list[Any]:
        """Return the values of one signal."""
        return [value for event, value in self.events if event == name]


@pytest.fixture
def runner(qtbot: Any) -> Iterator[JobRunner]:
    owner = QObject()
    yield JobRunner(owner)
    owner.deleteLater()


@pytest.fixture
def heard(runner: JobRunner) -> Heard:
    return Heard(runner)


def three_steps(log: list[str], error: Exception | None = None) -> Job[str]:
    try:
        for n in range(3):
            yield Progress(n + 1, 3)
            if error is not None and n == 1:
                raise error
        return "done"
    finally:
        log.append("closed")


def endless(log: list[str]) -> Job[None]:
    log.append("opened")
    try:
        while True:
            yield Progress(1, 2)
            QThread.msleep(1)
    finally:
        log.append("closed")


def is_idle(runner: JobRunner) -> Callable[[], bool]:
    return lambda: not runner.is_busy


def test_result_and_progress_arrive(
    runner: JobRunner, heard: Heard, qtbot: Any
) -> None:
    log: list[str] = []
    runner.start(three_steps, log)
    qtbot.waitUntil(is_idle(runner))
    assert [p.done for p in heard.all("progressed")] == [1, 2, 3]
    assert heard.all("returned") == ["done"]
    assert heard.all("busy_changed") == [True, False]
    assert log == ["closed"]


def test_runtime_error_is_a_job_error(
    runner: JobRunner, heard: Heard, qtbot: Any
) -> None:
    """napari's own worker loses a RuntimeError, and torch raises nothing else."""
    log: list[str] = []
    cause = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    runner.start(three_steps, log, cause)
    qtbot.waitUntil(is_idle(runner))
    (error,) = heard.all("failed")
    assert isinstance(error, JobError)
    assert error.__cause__ is cause
    assert "mat1 and mat2" in str(error)
    assert log == ["closed"]


@pytest.mark.parametrize("error", [InvalidParameterError("no"), KeyError("bug")])
def test_other_errors_arrive_as_they_are(
    runner: JobRunner, heard: Heard, qtbot: Any, error: Exception
) -> None:
    runner.start(three_steps, [], error)
    qtbot.waitUntil(is_idle(runner))
    assert heard.all("failed") == [error]
    assert heard.all("returned") == []


def test_cancel_closes_the_job(runner: JobRunner, heard: Heard, qtbot: Any) -> None:
    log: list[str] = []
    runner.start(endless, log)
    qtbot.waitUntil(lambda: bool(heard.all("progressed")))
    runner.cancel()
    qtbot.waitUntil(is_idle(runner), timeout=1000)
    assert log == ["opened", "closed"]
    assert heard.events[-2:] == [("cancelled", None), ("busy_changed", False)]


def test_of_several_jobs_only_the_last_is_heard(
    runner: JobRunner, heard: Heard, qtbot: Any
) -> None:
    first: list[str] = []
    second: list[str] = []
    runner.start(endless, first)
    qtbot.waitUntil(lambda: bool(first))
    runner.start(endless, second)
    runner.start(three_steps, [])
    qtbot.waitUntil(is_idle(runner))
    assert heard.all("returned") == ["done"]
    assert heard.all("cancelled") == []
    assert heard.all("busy_changed") == [True, False]
    assert first == ["opened", "closed"]
    assert second == []  # replaced before it began


def test_deleting_the_owner_ends_the_job(qtbot: Any) -> None:
    owner = QObject()
    runner = JobRunner(owner)
    log: list[str] = []
    runner.start(endless, log)
    qtbot.waitUntil(lambda: bool(log))
    owner.deleteLater()
    qtbot.waitUntil(lambda: log == ["opened", "closed"])


def test_worker_runs_under_napari(qtbot: Any) -> None:
    log: list[str] = []
    worker = create_worker(three_steps, log, _worker_class=JobWorker)
    with qtbot.waitSignal(worker.returned) as returned:
        worker.start()
    assert returned.args == ["done"]
