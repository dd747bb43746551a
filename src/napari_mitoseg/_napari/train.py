"""The Train dock widget: from images with labels to a model of one's own."""

from typing import TYPE_CHECKING

from napari.viewer import Viewer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_mitoseg._napari import train_tasks
from napari_mitoseg._napari.annotation_tasks import model_folder
from napari_mitoseg._napari.dense_box import DenseBox
from napari_mitoseg._napari.layers import volume_of
from napari_mitoseg._napari.pairs_box import PairsBox
from napari_mitoseg._napari.section import line_up
from napari_mitoseg._napari.train_tasks import DenseOrder
from napari_mitoseg._napari.training_panel import TrainingPanel
from napari_mitoseg._napari.worker import JobRunner
from napari_mitoseg.jobs import Progress
from napari_mitoseg.training.progress import TrainingProgress

if TYPE_CHECKING:
    from napari_mitoseg.training.dense_report import DenseResult


class TrainWidget(TrainingPanel):
    """Train any network on images that are labelled throughout.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where images and labels are.
    """

    def __init__(self, napari_viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, parent)
        self.pairs = PairsBox(self.viewer, self.image)
        self.training: DenseBox = DenseBox()
        self.lister = JobRunner(self)
        self._fill()
        self._connect()
        self._on_image()
        self.lister.start(train_tasks.list_networks)

    @property
    def training_problem(self) -> str:
        """What is missing before a training can be started, in words."""
        return self.pairs.problem or self.training.problem or self._too_flat()

    def start_training(self) -> None:
        """Train with the settings as they are now."""
        if self.training_problem or self.is_busy:
            return
        order = DenseOrder(
            pairs=self.pairs.volumes(),
            settings=self.training.settings,
            folder=model_folder(self.training.name.text()),
            resume=self.resumes,
            stop=self.new_stop(),
        )
        self.say("Training.")
        stopped = self._on_training_stopped
        self.run_training(self._on_trained, train_tasks.train, order, stopped)

    def on_busy(self, busy: bool) -> None:
        """Enable what may be used now."""
        super().on_busy(busy)
        self.pairs.setEnabled(not (busy or self.is_busy))

    def on_progress(self, progress: Progress) -> None:
        """Draw the curves."""
        if isinstance(progress, TrainingProgress) and progress.phase:
            self.draw_curves(progress.loss, progress.iou, progress.phase)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - named by Qt
        """Line the rows up, now that the theme has decided how wide text is."""
        super().showEvent(event)
        line_up(self.image, self.pairs, self.training)

    def _fill(self) -> None:
        layout = QVBoxLayout(self.body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for box in (self.image, self.pairs, self.training, self.curves):
            layout.addWidget(box)
        layout.addStretch(1)

    def _connect(self) -> None:
        self.image.changed.connect(self._on_image)
        self.pairs.changed.connect(self.show_training)
        self.training.changed.connect(self.show_training)
        self.training.start.failed.connect(self.fail)
        self.lister.returned.connect(self.training.offer_networks)
        self.lister.failed.connect(self.fail)

    def _too_flat(self) -> str:
        """Say why the network cannot learn from single slices, if it cannot."""
        depths = [volume_of(image).shape[0] for image, _ in self.pairs.pairs]
        if self.training.dimensions < 3 or max(depths, default=2) > 1:
            return ""
        return (
            f"{self.training.network.currentText()} is a 3D network and learns from "
            "stacks; this is a single slice. Choose a 2D network."
        )

    def _on_image(self) -> None:
        layer = self.image.usable
        if layer is not None:
            self.training.suggest_name(layer.name)
        self.show_training()

    def _on_trained(self, result: "DenseResult") -> None:
        self.training.start.refresh()
        self.show_training()
        scores = "".join(
            f" {s.measure} {s.value:.2f} on {s.data}." for s in result.scores
        )
        name, notes = result.model.card.name, "".join(f" {n}" for n in result.notes)
        self.say(f"Trained {name!r}; it is in the list of models.{scores}{notes}")

    def _on_training_stopped(self) -> None:
        self.say("The training was cancelled. Earlier models are as they were.")
