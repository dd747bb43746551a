"""What the dock widgets that train a model have in common: curves, Train and Stop."""

from collections.abc import Callable
from threading import Event
from time import monotonic
from typing import Any

from napari.components import ViewerModel
from qtpy.QtWidgets import QCheckBox, QPushButton, QWidget

from napari_mitoseg._napari.curves import TrainingCurves
from napari_mitoseg._napari.panel import RUN_STYLE
from napari_mitoseg._napari.stack_panel import StackPanel
from napari_mitoseg._napari.train_box import NewModelBox
from napari_mitoseg.jobs import Job, Progress

TRAIN, STOP = "Train", "Stop and keep the best"
LONGEST_NAME = 24


class TrainingPanel(StackPanel):
    """Base of the dock widgets that train a model.

    Parameters
    ----------
    viewer : ViewerModel
        Where layers come from and go to.

    Attributes
    ----------
    training : NewModelBox
        How to train, and the name of the new model; set by the subclass.

    Notes
    -----
    A subclass says what is missing in `training_problem`, starts in `start_training`
    with `new_stop` and `run_training`, and calls `show_training` whenever anything has
    changed.
    """

    training: NewModelBox

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(viewer, parent)
        self._enough = Event()
        self._began = 0.0
        self._is_training = False
        self.curves = TrainingCurves()
        self.curves.hide()
        self.train_button = QPushButton(TRAIN)
        self.train_button.setStyleSheet(RUN_STYLE)
        self.continue_check = QCheckBox("Continue the training that was interrupted")
        self.footer.addWidget(self.continue_check)
        self.footer.addWidget(self.train_button)
        self.train_button.clicked.connect(self._on_train_button)

    @property
    def training_problem(self) -> str:
        """What is missing before a training can be started, in words."""
        raise NotImplementedError

    @property
    def resumes(self) -> bool:
        """Whether an interrupted training of this name is to be continued."""
        return self.training.is_interrupted and self.continue_check.isChecked()

    def start_training(self) -> None:
        """Train with the settings as they are now."""
        raise NotImplementedError

    def new_stop(self) -> Callable[[], bool]:
        """Return what turns true once *Stop* is pressed in the next training."""
        self._enough = Event()
        return self._enough.is_set

    def run_training(
        self,
        done: Callable[[Any], None],
        job: Callable[..., Job[Any]],
        order: Any,
        stopped: Callable[[], None] | None = None,
    ) -> None:
        """Train in a thread, with curves.

        Parameters
        ----------
        done : callable
            Takes the result, on the main thread.
        job : generator function
            The training.
        order : object
            Its argument, captured now.
        stopped : callable, optional
            Called when it was cancelled or has failed.
        """
        self.curves.begin()
        self._began = monotonic()
        self._is_training = True
        self.run(done, job, order, stopped=stopped)

    def stop_training(self) -> None:
        """End the training with the best model so far."""
        self._enough.set()
        self.show_training()
        self.say("Finishing with the best model so far.")

    def on_busy(self, busy: bool) -> None:
        """Enable what may be used now."""
        busy = busy or self.is_busy
        self._is_training = self._is_training and busy
        for box in (self.image, self.training, self.continue_check):
            box.setEnabled(not busy)
        self.show_training()

    def seconds_left(self, progress: Progress) -> float | None:
        """Return what the training says about the time left."""
        return getattr(progress, "seconds_left", None)

    def draw_curves(
        self, loss: float | None, iou: float | None, phase: str = ""
    ) -> None:
        """Add what a report of the training says to the curves."""
        self.curves.add(monotonic() - self._began, loss, iou, phase)

    def show_training(self) -> None:
        """Bring hint, curves, check box and button up to date."""
        problem, busy = self.training_problem, self.is_busy
        self.hint("" if busy else problem)
        ready = not (problem or busy)
        self.continue_check.setVisible(ready and self.training.is_interrupted)
        self.curves.setVisible(self._began > 0)
        self.train_button.setEnabled(self._is_training or ready)
        self.train_button.setText(STOP if self._is_training else self._train_text())
        if self._is_training and self._enough.is_set():
            self.train_button.setEnabled(False)
            self.train_button.setText("Stopping")

    def _on_train_button(self) -> None:
        if self._is_training:
            self.stop_training()
        else:
            self.start_training()

    def _train_text(self) -> str:
        """Return what the button says: also that a model will be replaced."""
        if not self.training.replaces:
            return TRAIN
        name = self.training.name.text()
        short = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
        return f"{TRAIN} (replaces {short!r})"
