"""Run a recipe in the background, into a folder: for volumes that take hours."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_mitoseg._napari import background_tasks
from napari_mitoseg._napari.background_layers import BackgroundLayers, show_result
from napari_mitoseg._napari.close_guard import CloseGuard
from napari_mitoseg._napari.form import ParamsForm, shrink
from napari_mitoseg._napari.panel import ProgressRow, timer
from napari_mitoseg._napari.region_box import in_words
from napari_mitoseg._napari.worker import JobRunner
from napari_mitoseg.distributed.settings import BlockSettings
from napari_mitoseg.distributed.subject import read_subject
from napari_mitoseg.errors import MitoSegError
from napari_mitoseg.jobs import Progress
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.volume import Region, Shape, Spacing

REFRESH_MS = 2000
LEAVE, STOP = "Leave it running", "Stop it"
NOTE = (
    "Segments the region above block by block, in a process of its own: napari may be "
    "closed meanwhile. What is broken off goes on where it was."
)


@dataclass(frozen=True, eq=False)
class Wanted:
    """What a run in the background is to segment.

    Attributes
    ----------
    layer : napari.layers.Image
        The image.
    path : Path
        Its file or folder.
    shape : tuple of int
        ZYX.
    spacing : tuple of float
        nm, ZYX.
    recipe : Recipe
        What to do.
    region : Region
        Which part to segment.
    """

    layer: Image
    path: Path
    shape: Shape
    spacing: Spacing
    recipe: Recipe
    region: Region


class BackgroundBox(QWidget):
    """Start, watch and stop a run in the background.

    Parameters
    ----------
    viewer : ViewerModel
        Where its layers go.
    wanted : callable
        Returns what is to be segmented, as it is chosen now; raises MitoSegError where
        that cannot be done in the background.

    Attributes
    ----------
    said : Signal(str)
        What the user should know.
    failed : Signal(object)
        An exception.
    """

    said = Signal(str)
    failed = Signal(object)

    def __init__(
        self,
        viewer: ViewerModel,
        wanted: Callable[[], Wanted],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._wanted = viewer, wanted
        self._folder: Path | None = None
        self._layers: BackgroundLayers | None = None
        self.form = ParamsForm(BlockSettings())
        memory: Any = self.form.editor("memory")
        memory.setSpecialValueText("half of what is free")
        self.start_button = QPushButton("Run in background…")
        self.start_button.setToolTip("Choose a folder for the result, and start")
        self.test_button = QPushButton("Test the scheduler")
        self.test_button.setToolTip("Connect, and list the workers")
        self.about = QElidingLabel()
        self.about.hide()
        shrink(self.about)
        self.progress = ProgressRow()
        self.progress.cancel.setText("Stop")
        self.runner, self.side = JobRunner(self), JobRunner(self)
        self.stopper = JobRunner(self)
        self._guard = CloseGuard(self, self.may_close)
        self._scroll_soon = timer(self, 0, self._scroll_to_progress)
        self._refresher = QTimer(self)
        self._refresher.setInterval(REFRESH_MS)
        self._arrange()
        self._connect()
        self.side.start(background_tasks.find_runs)

    @property
    def is_running(self) -> bool:
        """Whether a run is watched."""
        return self.runner.is_busy

    @property
    def settings(self) -> BlockSettings:
        """Memory and workers as they are chosen now."""
        value = self.form.value
        if not isinstance(value, BlockSettings):
            raise TypeError(value)
        return value

    def start(self, folder: Path) -> None:
        """Start a run into a folder, or go on with the one that was broken off there.

        Parameters
        ----------
        folder : Path
            Where the result goes.
        """
        if self.is_running:
            return
        try:
            wanted = self._wanted()
        except MitoSegError as error:
            self.failed.emit(error)
            return
        from napari_mitoseg.distributed.background import Order  # noqa: PLC0415

        what = (wanted.path, wanted.spacing, wanted.recipe)
        order = Order(*what, folder, self.settings, wanted.region)
        self.said.emit("")
        self._watch(folder)
        layer, region = wanted.layer, wanted.region
        self._layers = BackgroundLayers(self._viewer, layer, region, folder)
        self._say_what(region, wanted.shape, layer.name)
        self.runner.start(background_tasks.start_run, order, wanted.shape)

    def rejoin(self, folder: Path) -> None:
        """Watch a run that is going on.

        Parameters
        ----------
        folder : Path
            Where its result goes.
        """
        if not self.is_running:
            self._watch(folder)
            self._refresh()
            self.runner.start(background_tasks.watch_run, folder)

    def stop(self) -> None:
        """Stop the run; it can be gone on with."""
        if self._folder is not None and self.is_running:
            self.progress.show_cancelling()
            self.stopper.start(background_tasks.stop_run, self._folder)

    def may_close(self) -> bool:
        """Ask what becomes of the run when napari is closed; say whether it may be."""
        if not self.is_running or self._folder is None:
            return True
        answer = ask_at_close(self, self._folder)
        if answer == STOP:
            from napari_mitoseg.distributed import background  # noqa: PLC0415

            background.stop(self._folder)
        return answer in {LEAVE, STOP}

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - named by Qt
        """Ask before the window is closed, from now on."""
        super().showEvent(event)
        self._guard.watch_window_of(self)

    def _watch(self, folder: Path) -> None:
        self._folder, self._layers = folder, None
        self.about.hide()
        self.progress.begin()
        self._scroll_soon.start()
        self._refresher.start()

    def _scroll_to_progress(self) -> None:
        """Bring what a run says into view, once it has found its place."""
        area = self.parentWidget()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parentWidget()
        if area is not None and self.isVisible():
            area.ensureWidgetVisible(self.progress)

    def _arrange(self) -> None:
        note = QLabel(NOTE)
        note.setWordWrap(True)
        buttons = QHBoxLayout()
        for button in (self.test_button, self.start_button):
            buttons.addWidget(button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(note)
        layout.addWidget(self.form)
        layout.addLayout(buttons)
        layout.addWidget(self.about)
        layout.addWidget(self.progress)
        self.test_button.setEnabled(False)

    def _connect(self) -> None:
        self.start_button.clicked.connect(self._ask_folder)
        self.test_button.clicked.connect(self._test)
        self.form.changed.connect(self._on_settings)
        self.progress.cancel.clicked.connect(self.stop)
        self.runner.progressed.connect(self._on_progressed)
        self.runner.returned.connect(self._on_ended)
        self.runner.failed.connect(self.failed)
        self.runner.busy_changed.connect(self._on_busy)
        self.side.returned.connect(self._on_side)
        self.side.failed.connect(self.failed)
        self.stopper.failed.connect(self.failed)
        self._refresher.timeout.connect(self._refresh)

    def _on_settings(self) -> None:
        self.test_button.setEnabled(bool(self.settings.scheduler))

    def _on_busy(self, busy: bool) -> None:
        self.start_button.setEnabled(not busy)
        self.form.setEnabled(not busy)
        if not busy:
            self._refresher.stop()
            self.about.hide()
            self.progress.end()

    def _on_progressed(self, progress: Progress) -> None:
        self.progress.show_progress(progress)

    def _refresh(self) -> None:
        """Show what there is of the map now."""
        if self._layers is None and self._folder is not None:
            self._join(self._folder)
        if self._layers is not None:
            self._layers.show_filling()

    def _join(self, folder: Path) -> None:
        """Find out what a run works on that was started before."""
        subject = read_subject(folder)
        if subject is not None:
            self._layers = BackgroundLayers.of_run(self._viewer, subject, folder)
            self._say_what(subject.region, subject.shape, subject.image.name)

    def _say_what(self, region: Region, shape: Shape, name: str) -> None:
        words = in_words(region, shape)
        self.about.setText(f"{words[0].upper()}{words[1:]} of {name}")
        self.about.show()
        self.about.setToolTip(f"{self.about.text()}, into {self._folder}")

    def _on_ended(self, finished: bool) -> None:
        folder = self._folder
        if folder is None:
            return
        if not finished:
            self.said.emit(f"Stopped. Run into {folder} again to go on.")
            return
        try:
            if self._layers is not None:
                self._layers.show_result()
            else:
                show_result(self._viewer, folder, folder.name)
        except MitoSegError as error:
            self.failed.emit(error)
            return
        self.said.emit(f"The result is in {folder}.")

    def _on_side(self, found: list[Path] | tuple[str, ...] | None) -> None:
        """Take what another job has found: runs that go on, or workers."""
        if isinstance(found, list) and found:
            self.rejoin(found[0])
            self.said.emit(f"A run into {found[0]} is going on.")
        if isinstance(found, tuple):
            self.said.emit(f"{len(found)} workers: {', '.join(found)}")

    def _test(self) -> None:
        self.said.emit("Connecting…")
        self.side.start(background_tasks.test_scheduler, self.settings.scheduler)

    def _ask_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder for the result")
        if chosen and self._may_replace(Path(chosen)):
            self.start(Path(chosen))

    def _may_replace(self, folder: Path) -> bool:
        """Ask before a run replaces what an earlier one has left."""
        # Imports zarr, which takes a quarter of a second.
        from napari_mitoseg.outputs import ZARR  # noqa: PLC0415

        if not (folder / ZARR).exists():
            return True
        answer = QMessageBox.question(
            self,
            "Replace the result?",
            f"{folder} holds a result already. It is replaced once the new one is "
            "complete.",
        )
        return answer == QMessageBox.StandardButton.Yes


def ask_at_close(parent: QWidget, folder: Path) -> str:
    """Ask what becomes of a run when napari is closed.

    Parameters
    ----------
    parent : QWidget
        Over which to ask.
    folder : Path
        Where the result goes.

    Returns
    -------
    str
        `LEAVE`, `STOP`, or empty to stay.
    """
    box = QMessageBox(parent)
    box.setWindowTitle("A run is going on")
    box.setText(
        f"The run into {folder} is not finished. It can go on without napari; open "
        "the Segment widget again to watch it."
    )
    for text in (LEAVE, STOP):
        box.addButton(text, QMessageBox.ButtonRole.AcceptRole)
    box.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
    box.exec()
    clicked = box.clickedButton()
    said = "" if clicked is None else clicked.text().replace("&", "")
    return said if said in {LEAVE, STOP} else ""
