"""What every dock widget of ours is: settings above, one job at a time below."""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from napari.components import ViewerModel
from napari.utils.notifications import (
    ErrorNotification,
    notification_manager,
    show_error,
)
from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_mitoseg._napari.docking import tab_with_others
from napari_mitoseg._napari.form import problem_label
from napari_mitoseg._napari.layer_reading import Reading
from napari_mitoseg._napari.lifetime import at_end
from napari_mitoseg._napari.worker import JobRunner
from napari_mitoseg.errors import JobError, MitoSegError
from napari_mitoseg.jobs import Job, Progress

MARGIN = 6
NARROW = "QAbstractSpinBox { min-width: 34px; padding: 1px 4px; }"
"""napari's themes make number boxes too wide for three in a row."""

RUN_STYLE = """
QPushButton:enabled { background-color: #3f5fd0; color: white; font-weight: bold; }
QPushButton:enabled:hover { background-color: #5274e8; }
"""
"""Of the button that starts the work a panel is for."""


class Panel(QWidget):
    """Base of the dock widgets.

    The settings scroll if they must; status, progress and buttons below them are
    always visible.

    Parameters
    ----------
    viewer : ViewerModel
        Where layers come from and go to.

    Notes
    -----
    A subclass fills `body` and `footer`, overrides `on_busy` and, where progress
    changes layers, `on_progress`.  All long work goes through `run`.
    """

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.body = QWidget()
        self.footer = QVBoxLayout()
        self.status = _status_label()
        self._hint = problem_label()
        self.progress = ProgressRow()
        self.progress.cancel.clicked.connect(self.cancel)
        self.runner = JobRunner(self)
        self.runner.returned.connect(self._on_returned)
        self.runner.progressed.connect(self._on_progressed)
        self.runner.failed.connect(self._on_failed)
        self.runner.cancelled.connect(self._on_cancelled)
        self.runner.busy_changed.connect(self._on_busy_changed)
        self._done: Callable[[Any], None] | None = None
        self._stopped: Callable[[], None] | None = None
        self._to_show: list[Callable[[], None]] = []
        held: list[Reading] = []
        self._held = held
        at_end(self, lambda: _let_go(held))
        self._show_next = timer(self, 0, self._show_one)
        self._is_placed = False
        self._place = timer(self, 0, self._on_placed)
        self._arrange()

    @property
    def is_busy(self) -> bool:
        """Whether a job is running, or its result is still being shown."""
        return self.runner.is_busy or bool(self._to_show)

    def run(
        self,
        done: Callable[[Any], None],
        job: Callable[..., Job[Any]],
        *args: Any,
        stopped: Callable[[], None] | None = None,
        reads: Reading | None = None,
    ) -> None:
        """Run a job in a thread; nothing else can be run until it ends.

        Parameters
        ----------
        done : callable
            Takes the result, on the main thread.
        job : generator function
            The work.
        *args
            Its arguments, captured now.
        stopped : callable, optional
            Called when the job was cancelled or has failed.
        reads : Reading, optional
            Layers that must stay as they are until the job has ended.
        """
        if self.is_busy:
            return
        self._done, self._stopped = done, stopped
        if reads is not None:
            reads.begin()
            self._held.append(reads)
        self.progress.begin()
        self.runner.start(job, *args)

    def cancel(self) -> None:
        """Tell the running job to stop."""
        if self.is_busy:
            self.progress.show_cancelling()
            self.runner.cancel()

    def show_in_turn(self, steps: Sequence[Callable[[], None]]) -> None:
        """Show a result step by step, and let the window work in between.

        Parameters
        ----------
        steps : sequence of callable
            In order; the panel is busy until the last has been called.
        """
        self._to_show = [*steps]
        self._show_next.start()

    def say(self, text: str) -> None:
        """Show a line of status."""
        self.status.setText(text)
        self.status.setToolTip(text)

    def hint(self, text: str) -> None:
        """Show what is missing before anything can be run; empty hides it."""
        self._hint.setText(text)
        self._hint.setVisible(bool(text))

    def fail(self, error: Exception) -> None:
        """Show an error a user can mend; anything else is a bug and goes on.

        Parameters
        ----------
        error : Exception
            What a job or a dialog raised.
        """
        if not isinstance(error, MitoSegError):
            self.say("This should not have happened; see the notification.")
            raise error
        self.say(str(error))
        if isinstance(error, JobError) and error.__cause__ is not None:
            notification_manager.dispatch(ErrorNotification(error))
        else:
            show_error(str(error))

    def on_busy(self, busy: bool) -> None:
        """Enable what may be used while a job runs, or does not."""
        self.body.setEnabled(not busy)

    def on_progress(self, progress: Progress) -> None:
        """Show what a job has finished; nothing unless overridden."""

    def seconds_left(self, progress: Progress) -> float | None:  # noqa: ARG002 - a hook
        """Return what a job says about the time left; None where it says nothing."""
        return None

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - named by Qt
        """Share the place of other panels, when napari has placed the dock."""
        super().showEvent(event)
        if not self._is_placed:
            self._place.start()

    def _on_placed(self) -> None:
        self._is_placed = True
        tab_with_others(self, Panel)

    def _arrange(self) -> None:
        scroll = QScrollArea()
        scroll.setWidget(self.body)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.setSpacing(MARGIN)
        layout.addWidget(scroll, 1)
        layout.addWidget(self._hint)
        layout.addLayout(self.footer)
        layout.addWidget(self.progress)
        layout.addWidget(self.status)
        self.setMinimumWidth(350)
        self.body.setStyleSheet(NARROW)

    def _show_one(self) -> None:
        step = self._to_show.pop(0)
        if self._to_show:
            self._show_next.start()
        step()
        if not self._to_show:
            self.on_busy(busy=False)

    def _on_progressed(self, progress: Progress) -> None:
        self.progress.show_progress(progress, self.seconds_left(progress))
        self.on_progress(progress)

    def _on_returned(self, result: Any) -> None:
        done, self._done, self._stopped = self._done, None, None
        if done is not None:
            done(result)

    def _on_failed(self, error: Exception) -> None:
        self._stop()
        self.fail(error)

    def _on_cancelled(self) -> None:
        self.say("Cancelled. Nothing was changed.")
        self._stop()

    def _stop(self) -> None:
        stopped, self._done, self._stopped = self._stopped, None, None
        if stopped is not None:
            stopped()

    def _on_busy_changed(self, busy: bool) -> None:
        if not busy:
            self.progress.end()
            _let_go(self._held)
        self.on_busy(busy)


class ProgressRow(QWidget):
    """Percentage, time left and *Cancel*."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(True)
        self.bar.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.cancel = QPushButton("Cancel")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        self._clock = Clock()
        self.end()

    def begin(self) -> None:
        """Show that a job has been started."""
        self._clock.restart()
        self.bar.setValue(0)
        self.bar.setFormat("Starting")
        self.cancel.setEnabled(True)
        self.setVisible(True)

    def show_progress(self, progress: Progress, seconds: float | None = None) -> None:
        """Show how far a job is.

        Parameters
        ----------
        progress : Progress
            Its last report.
        seconds : float, optional
            Time left, where the job itself knows it.
        """
        self.bar.setValue(round(progress.fraction * 1000) if progress.total else 0)
        left = self._clock.left(progress)
        if seconds is not None:
            left = f"{in_words(seconds)} left"
        parts = [f"{progress.fraction:.0%}", left, progress.message]
        self.bar.setFormat(" · ".join(part for part in parts if part))

    def show_cancelling(self) -> None:
        """Show that the job has been told to stop."""
        self.bar.setFormat("Cancelling")
        self.cancel.setEnabled(False)

    def end(self) -> None:
        """Show that nothing is running."""
        self.setVisible(False)


class Clock:
    """Estimates the time left from the time the first units took."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin to count with the next unit."""
        self._first: tuple[float, float] | None = None

    def left(self, progress: Progress) -> str:
        """Return the time left in words; empty while it is not known."""
        now = monotonic()
        if progress.done <= 0:
            return ""
        if self._first is None:
            self._first = (now, progress.fraction)
            return ""
        start, before = self._first
        advanced = progress.fraction - before
        if advanced <= 0 or progress.fraction >= 1:
            return ""
        return in_words((now - start) / advanced * (1 - progress.fraction)) + " left"


def in_words(seconds: float) -> str:
    """Return a time as a person would say it.

    Parameters
    ----------
    seconds : float
        Duration.

    Returns
    -------
    str
        One unit, two for more than an hour.

    Examples
    --------
    >>> in_words(0.2), in_words(75), in_words(4000)
    ('1 s', '75 s', '1 h 7 min')
    """
    whole = max(1, round(seconds))
    if whole < 100:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def timer(parent: QObject, milliseconds: int, slot: Callable[[], None]) -> QTimer:
    """Return a timer that waits until changes have come to rest.

    Parameters
    ----------
    parent : QObject
        Deleting it stops the timer.
    milliseconds : int
        How long nothing must have happened.
    slot : callable
        Called then, once.

    Returns
    -------
    QTimer
        Not started.
    """
    found = QTimer(parent)
    found.setSingleShot(True)
    found.setInterval(milliseconds)
    found.timeout.connect(slot)
    return found


def _let_go(held: list[Reading]) -> None:
    for one in held:
        one.end()
    held.clear()


def _status_label() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label
