"""The Annotate dock widget: label a few slices, train, look, label more."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtCore import QFile, Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_mitoseg._napari import annotation_tasks, tasks
from napari_mitoseg._napari.annotation_box import AnnotationBox
from napari_mitoseg._napari.annotation_layer import ANNOTATION, AnnotationLayer
from napari_mitoseg._napari.annotation_tasks import SPARSE, TrainingOrder, model_folder
from napari_mitoseg._napari.image_box import MADE_BY_US
from napari_mitoseg._napari.layers import layers_of, volume_of
from napari_mitoseg._napari.lifetime import at_end, follow
from napari_mitoseg._napari.paint_box import (
    BETWEEN,
    BRUSHES,
    COMPLETE_KEY,
    NEIGHBOUR,
    NEXT_KEY,
    PaintBox,
)
from napari_mitoseg._napari.proposal_box import ProposalBox
from napari_mitoseg._napari.section import line_up
from napari_mitoseg._napari.strip import SliceStrip, StripLegend, StripState
from napari_mitoseg._napari.train_box import TrainBox
from napari_mitoseg._napari.training_layers import TrainingLayers
from napari_mitoseg._napari.training_panel import TrainingPanel
from napari_mitoseg._napari.worker import JobRunner
from napari_mitoseg.annotation.journal import JournalContent
from napari_mitoseg.annotation.recorder import Recorder
from napari_mitoseg.errors import AnnotationError, WriteError
from napari_mitoseg.jobs import Progress
from napari_mitoseg.maps import cutoff
from napari_mitoseg.recipe import Recipe
from napari_mitoseg.training.dense_settings import SCRATCH
from napari_mitoseg.training.sparse_report import SparseProgress
from napari_mitoseg.volume import Region

if TYPE_CHECKING:
    from napari_mitoseg.training.sparse_report import SparseResult

Begun = tuple[NDArray[np.uint8], Recorder]


class Watched:
    """The slice on screen, for a training in another thread to read."""

    def __init__(self) -> None:
        self.z = 0

    def __call__(self) -> int:
        """Return the slice."""
        return self.z


class AnnotateWidget(TrainingPanel):
    """Annotate an image layer slice by slice and train a model from it.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where the image is and the annotation goes.
    """

    def __init__(self, napari_viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, parent)
        self._models = tasks.ModelCache()
        self._watched = Watched()
        self._annotations: dict[Image, AnnotationLayer] = {}
        self.annotation: AnnotationLayer | None = None
        self.results: TrainingLayers | None = None
        self.files = AnnotationBox()
        self.proposals = ProposalBox()
        self.strip = SliceStrip()
        self.legend = StripLegend()
        self.paint = PaintBox()
        self.training: TrainBox = TrainBox(Recipe().model)
        self.finder = JobRunner(self)
        self.warmer = JobRunner(self)
        self._fill()
        self._connect()
        self._on_image()
        self.warmer.start(annotation_tasks.warm_up)

    @property
    def problem(self) -> str:
        """What is missing before an annotation can be begun, in words."""
        if self.image.problem:
            return self.image.problem
        layer = self.image.usable
        if layer is not None and layer.ndim == 2:
            return "This image is a single slice. Choose a stack with z, y, x."
        if self.annotation is None:
            if self.files.has_earlier:
                return "Press Resume to go on with an earlier annotation, or New."
            return "Press New to begin an annotation of this image."
        return ""

    @property
    def training_problem(self) -> str:
        """What is missing before a training can be started, in words."""
        if self.problem or self.annotation is None:
            return self.problem
        if not self.annotation.labelled:
            return "Paint all mitochondria of a slice, then mark it complete."
        if self.training.choices.method == SPARSE:
            if not self.annotation.complete:
                return f"Mark a slice complete ({COMPLETE_KEY}) when it is painted."
            if len(self.annotation.complete) == self.annotation.n_slices:
                return "All slices are complete: there is nothing left to predict."
        return self.training.problem

    def begin(self) -> None:
        """Begin an empty annotation of the chosen image."""
        self._open(annotation_tasks.begin)

    def resume(self, path: Path) -> None:
        """Go on with an annotation of the chosen image from its journal."""
        self._open(annotation_tasks.resume, path)

    def discard(self, path: Path) -> None:
        """Move the journal of an earlier annotation to the bin of the desktop."""
        if not move_to_bin(path):
            msg = f"{path} could not be moved to the bin. Delete it by hand."
            self.fail(WriteError(msg))
        self._show_annotation()

    def load(self, path: Path) -> None:
        """Annotate the chosen image, beginning with what a file holds."""
        self._open(annotation_tasks.load, path)

    def adopt(self, layer: Labels) -> None:
        """Annotate the chosen image, beginning with what a layer holds."""
        image = self.image.usable
        if image is not None and self.annotation is None:
            self.finder.cancel()
            done = partial(self._on_adopted, image, layer)
            volumes = self.image.volume(), volume_of(layer)
            self.run(done, annotation_tasks.adopt, *volumes)

    def save(self, path: Path) -> None:
        """Write the annotation to a file."""
        if self.annotation is not None:
            labels, spacing = self.annotation.labels.copy(), self.image.spacing
            self.run(self._on_saved, annotation_tasks.save, labels, spacing, path)

    def go_to(self, z: int) -> None:
        """Show a slice of the annotation, ready to be painted in."""
        if self.annotation is None:
            return
        layer = self.annotation.layer
        point = layer.data_to_world((z, 0, 0))
        axis = self.viewer.dims.ndim - layer.ndim
        self.viewer.dims.set_point(axis, point[0])
        self.viewer.layers.selection.active = layer

    def go_to_next(self) -> None:
        """Show the next slice that is to be labelled."""
        if self.annotation is None:
            return
        z = self.proposals.next_after(self.annotation.current, self.annotation.complete)
        if z is None:
            self.say("All proposed slices are complete. Train, or propose others.")
        else:
            self.go_to(z)

    def toggle_complete(self) -> None:
        """Mark the slice on screen complete, or reopen it."""
        if self.annotation is None:
            return
        self.annotation.look()
        z = self.annotation.current
        if z in self.annotation.complete:
            self.annotation.reopen(z)
            self.say(f"Slice {z} is open again: its background is unlabelled.")
        else:
            self.annotation.mark_complete(z)
            self.say(f"Slice {z} is complete. {NEXT_KEY} goes to the next one.")

    def start_slice(self, kind: str) -> None:
        """Paint what is probably mitochondrion in the slice on screen.

        Parameters
        ----------
        kind : str
            `NEIGHBOUR`, `BETWEEN` or `MODEL` of `paint_box`.
        """
        if self.annotation is None:
            return
        z = self.annotation.current
        try:
            if kind == NEIGHBOUR:
                self._start_from(z, self.annotation.neighbour(z))
            elif kind == BETWEEN:
                self._start_from(z, self.annotation.between(z))
            else:
                self._start_from_model(z)
        except AnnotationError as error:
            self.fail(error)

    def start_training(self) -> None:
        """Train from what is painted now; painting may go on."""
        image, annotation = self.image.usable, self.annotation
        if self.training_problem or self.is_busy or not image or not annotation:
            return
        annotation.settle()
        order = TrainingOrder(
            volume=self.image.volume(),
            labels=annotation.labels.copy(),
            choices=self.training.choices,
            start=self.training.start.name,
            folder=model_folder(self.training.name.text()),
            resume=self.resumes,
            stop=self.new_stop(),
            watch=self._watched,
        )
        self.results = self._layers_for(image, Region.whole(annotation.labels.shape))
        done = partial(self._on_trained, annotation, frozenset(annotation.complete))
        self.say("Training. You can go on painting; it will count in the next one.")
        stopped = self._on_training_stopped
        self.run_training(done, annotation_tasks.train, order, stopped)

    def on_busy(self, busy: bool) -> None:
        """Enable what may be used now: painting always."""
        super().on_busy(busy)
        self._refresh()

    def on_progress(self, progress: Progress) -> None:
        """Draw the curves and the prediction of the slice on screen."""
        if not isinstance(progress, SparseProgress):
            return
        self.draw_curves(progress.loss, progress.iou, progress.phase)
        if progress.preview is not None and self.results is not None:
            self.results.show_preview(*progress.preview)
            self._raise_annotation()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - named by Qt
        """Line the rows up, now that the theme has decided how wide text is."""
        super().showEvent(event)
        line_up(self.image, self.files, self.proposals, self.paint, self.training)

    # ------------------------------------------------------------ construction

    def _fill(self) -> None:
        layout = QVBoxLayout(self.body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        for box in (
            self.image,
            self.files,
            self.proposals,
            self.strip,
            self.legend,
            self.paint,
            self.training,
            self.curves,
        ):
            layout.addWidget(box)
        layout.addStretch(1)
        for button in self.paint.findChildren(QPushButton):
            # Keys must go on reaching the canvas after a click.
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def _connect(self) -> None:
        self.image.changed.connect(self._on_image)
        self.files.beginning.connect(self.begin)
        self.files.resuming.connect(self.resume)
        self.files.discarding.connect(self.discard)
        self.files.loading.connect(self.load)
        self.files.saving.connect(self.save)
        self.files.adopting.connect(self.adopt)
        self.proposals.changed.connect(self._on_proposed)
        self.strip.chosen.connect(self.go_to)
        self.paint.brush.connect(self._on_brush)
        self.paint.starting.connect(self.start_slice)
        self.paint.completing.connect(self.toggle_complete)
        self.paint.going.connect(self.go_to_next)
        self.training.changed.connect(self._refresh)
        self.training.start.failed.connect(self.fail)
        self.finder.returned.connect(self._on_found)
        self.finder.failed.connect(self.fail)
        follow(self, self.viewer.dims.events.current_step, self._on_step)
        follow(self, self.viewer.layers.events.removed, self._on_removed)
        for name in ("inserted", "removed", "renamed"):
            event = getattr(self.viewer.layers.events, name)
            follow(self, event, self._on_layers)
        self._on_layers()

    def _bind_keys(self, annotation: AnnotationLayer) -> None:
        """Bind keys that napari leaves free, to the layer that is painted in.

        They act while this layer is selected and nowhere else.
        """
        layer = annotation.layer
        for value, _, key, *_ in BRUSHES:
            layer.bind_key(key, _ignoring_layer(partial(annotation.paint_with, value)))
        layer.bind_key(NEXT_KEY, _ignoring_layer(self.go_to_next))
        layer.bind_key(COMPLETE_KEY, _ignoring_layer(self.toggle_complete))
        at_end(self, layer.keymap.clear)

    # ------------------------------------------------------------ reactions

    def _on_image(self) -> None:
        """Follow the choice of another image, or another spacing of the same."""
        layer = self.image.usable
        known = None if layer is None else self._annotations.get(layer)
        if known is None or known is not self.annotation:
            self.annotation = known
            self._show_annotation()
        if self.annotation is not None:
            self.annotation.align()
        if layer is not None:
            self.training.suggest_name(layer.name)
        self._refresh()

    def _show_annotation(self) -> None:
        """Show the annotation of the chosen image, or look for earlier ones."""
        if self.annotation is None:
            self.files.offer([])
            self.proposals.set_stack(0)
            if not self.image.problem:
                volume = self.image.volume()
                self.finder.start(annotation_tasks.look_for_journals, volume)
            return
        self.proposals.set_stack(self.annotation.n_slices)
        notes = self.annotation.recorder.journal.notes.get("proposals", {})
        self.proposals.restore(notes, frozenset(self.annotation.complete))
        self.paint.show_brush(self.annotation.brush)

    def _on_found(self, found: tuple[JournalContent, ...]) -> None:
        self.files.offer(found)
        self._refresh()

    def _open(self, job: Callable[..., Any], *args: Any) -> None:
        """Begin, resume or load an annotation in a thread."""
        image = self.image.usable
        if image is not None and self.annotation is None:
            self.finder.cancel()
            self.run(partial(self._on_begun, image), job, self.image.volume(), *args)

    def _on_adopted(self, image: Image, layer: Labels, begun: Begun) -> None:
        layer.visible = False
        self._on_begun(image, begun)

    def _on_begun(self, image: Image, begun: Begun) -> None:
        labels, recorder = begun
        annotation = AnnotationLayer(self.viewer, image, labels, recorder, self)
        at_end(annotation, recorder.journal.close)
        self._bind_keys(annotation)
        annotation.changed.connect(self._refresh)
        annotation.failed.connect(self.fail)
        annotation.brush_changed.connect(self.paint.show_brush)
        self._annotations[image] = annotation
        self._on_image()
        if recorder.labelled:
            self.say(f"{_slices(len(recorder.labelled))} painted so far.")
            self.go_to_next()
        else:
            self.say("")
            self.go_to(min(self.proposals.proposed, default=annotation.current))

    def _on_removed(self, _event: Any = None) -> None:
        """End the journals of annotations whose layer was removed."""
        for image, annotation in [*self._annotations.items()]:
            if annotation.layer not in self.viewer.layers:
                annotation.close()
                annotation.deleteLater()
                del self._annotations[image]
                self.say("The annotation layer was removed. It can be resumed.")
                self._on_image()

    def _on_layers(self, _event: Any = None) -> None:
        """Offer the annotations that others have made."""
        own = [one.layer for one in self._annotations.values()]
        self.files.offer_layers(
            [
                layer
                for layer in layers_of(self.viewer, Labels)
                if layer.metadata.get(MADE_BY_US) == ANNOTATION and layer not in own
            ]
        )

    def _on_step(self, _event: Any = None) -> None:
        if self.annotation is not None:
            self._show_slice(self.annotation)

    def _on_proposed(self) -> None:
        """Note the proposals, for them to be there when the annotation is resumed."""
        if self.annotation is not None:
            journal = self.annotation.recorder.journal
            try:
                if journal.notes.get("proposals") != self.proposals.notes:
                    journal.note(proposals=self.proposals.notes)
            except WriteError as error:
                self.fail(error)
        self._refresh()

    def _on_brush(self, value: int) -> None:
        if self.annotation is not None:
            self.annotation.paint_with(value)

    def _start_from(self, z: int, found: NDArray[np.bool_]) -> None:
        if self.annotation is not None:
            self.go_to(z)
            if self.annotation.start_from(z, found):
                self.say(f"Correct slice {z}, then mark it complete.")
            else:
                self.say(f"Nothing was added to slice {z}: there is nothing to add.")

    def _start_from_model(self, z: int) -> None:
        """Start from the last training here, or else from the model to start from."""
        annotation, choices = self.annotation, self.training.choices
        name = self.training.start.name
        if annotation is not None and annotation.predicted is not None:
            self._start_from(z, annotation.predicted[z] > cutoff(0.5))
        elif self.is_busy:
            msg = "A training is running. Start the slice from it when it has ended."
            raise AnnotationError(msg)
        elif name == SCRATCH:
            msg = "There is no model yet. Train one, or choose one to start from."
            raise AnnotationError(msg)
        else:
            job = annotation_tasks.predict_slice
            volume = self.image.volume()
            done = partial(self._start_from, z)
            self.run(done, job, volume, z, name, choices.device, self._models)

    def _layers_for(self, image: Image, region: Region) -> TrainingLayers:
        """Return the layers of an earlier training of this image, or new ones."""
        if self.results is not None and self.results.covers(image, region):
            return self.results
        return TrainingLayers(self.viewer, image, region, image.name)

    def _on_trained(
        self,
        annotation: AnnotationLayer,
        complete: frozenset[int],
        result: "SparseResult",
    ) -> None:
        """Show what was found, and propose the slices that were in doubt."""
        annotation.predicted = result.final
        if annotation is self.annotation:
            self.proposals.set_doubt(result.disagreement.tolist(), complete)
        steps = [] if self.results is None else self.results.showing(result)
        done = partial(self._on_shown, result)
        self.show_in_turn([*steps, self._raise_annotation, done])

    def _on_shown(self, result: "SparseResult") -> None:
        self.training.start.refresh()
        score = "" if result.iou is None else f" Held-out IoU {result.iou:.2f}."
        doubtful = ", ".join(map(str, self.proposals.proposed)) or "none"
        self.say(
            f"Trained {result.model.card.name!r}; it is in the list of models.{score} "
            f"Worth labelling next: {doubtful}."
        )

    def _on_training_stopped(self) -> None:
        if self.results is not None:
            self.results.drop_preview()
        self.say("The training was cancelled. Earlier models are as they were.")

    def _raise_annotation(self) -> None:
        """Put the annotation above what has been shown, ready to be painted in."""
        if self.annotation is None or self.annotation.layer not in self.viewer.layers:
            return
        layers, layer = self.viewer.layers, self.annotation.layer
        if layers[-1] is not layer:
            layers.move(layers.index(layer), len(layers))
        layers.selection.active = layer

    def _on_saved(self, path: Path) -> None:
        self.say(f"Saved {path}.")

    # ------------------------------------------------------------ what is shown

    def _refresh(self) -> None:
        """Bring strip, buttons and hint up to date."""
        annotation, busy = self.annotation, self.is_busy
        begun, usable = annotation is not None, not self.image.problem
        stack = usable and self.image.volume().shape[0] > 1
        self.files.set_state(usable=stack and not busy, begun=begun)
        for box in (self.proposals, self.paint):
            box.setEnabled(begun)
        for shown in (self.strip, self.legend):
            shown.setVisible(begun)
        if annotation is not None:
            self._show_slice(annotation)
        self.show_training()

    def _show_slice(self, annotation: AnnotationLayer) -> None:
        """Bring up to date what depends on the slice on screen."""
        self._watched.z = annotation.current
        self.paint.show_complete(complete=annotation.current in annotation.complete)
        state = StripState(
            n_slices=annotation.n_slices,
            current=annotation.current,
            proposed=self.proposals.proposed,
            painted=annotation.labelled,
            complete=annotation.complete,
            doubt=self.proposals.doubt,
        )
        self.strip.show_state(state)
        self.legend.set_doubt(shown=bool(state.doubt))


def _ignoring_layer(action: Callable[[], None]) -> Callable[[Any], None]:
    """Return a function for a key of a layer, which is called with the layer."""

    def press(_layer: Any) -> None:
        action()

    return press


def move_to_bin(path: Path) -> bool:
    """Move a file to the bin of the desktop, and say whether that worked."""
    moved = QFile.moveToTrash(str(path))
    return bool(moved[0] if isinstance(moved, tuple) else moved)  # PyQt says where to


def _slices(n: int) -> str:
    return f"{n} slice{'' if n == 1 else 's'}"
