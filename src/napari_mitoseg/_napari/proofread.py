"""The Proofread dock widget: correct objects, review them, take everything back."""

from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Labels
from napari.viewer import Viewer
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_mitoseg._napari import proofread_tasks
from napari_mitoseg._napari.edit_control import EditControl
from napari_mitoseg._napari.edit_session import EditSession
from napari_mitoseg._napari.editable import (
    is_offered,
    why_copy,
    why_no_labels,
    why_uneditable,
)
from napari_mitoseg._napari.file_patterns import file_patterns
from napari_mitoseg._napari.layer_choice import LayerChoice
from napari_mitoseg._napari.layer_reading import Reading
from napari_mitoseg._napari.layers import (
    calibrate,
    displayed_slice,
    placement,
    spacing_of,
    volume_of,
)
from napari_mitoseg._napari.lifetime import follow, is_taken_out
from napari_mitoseg._napari.operation_box import OperationBox
from napari_mitoseg._napari.panel import RUN_STYLE, Panel, timer
from napari_mitoseg._napari.review_box import SLICE, ReviewBox
from napari_mitoseg._napari.review_control import ReviewControl
from napari_mitoseg._napari.reviewed_layer import ReviewedLayer
from napari_mitoseg._napari.section import row_label
from napari_mitoseg._napari.spacing_box import SpacingBox
from napari_mitoseg.errors import MitoSegError
from napari_mitoseg.io.label_files import label_formats
from napari_mitoseg.proofreading import LabelEditor, ObjectIndex
from napari_mitoseg.volume import Region, Spacing

START, FINISH = "Start", "Finish"
COPY = "Copy"


class ProofreadWidget(Panel):
    """Correct the objects of a labels layer one by one.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Where the layer is.
    """

    def __init__(self, napari_viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, parent)
        self.session: EditSession | None = None
        self.control: EditControl | None = None
        self.review: ReviewControl | None = None
        self.annotated: ReviewedLayer | None = None
        self.labels = LayerChoice(
            self.viewer, Labels, "Labels to be corrected", is_offered
        )
        self.spacing = SpacingBox()
        self.operations = OperationBox()
        self.reviewing = ReviewBox(self.viewer)
        self._asks_spacing = False
        self._again = timer(self, 0, self.start)
        self._hinting = timer(self, 0, self._refresh_hint)
        self._fill()
        self._connect()
        self._on_layer()

    @property
    def problem(self) -> str:
        """What is missing before labels can be corrected, in words."""
        layer = self.labels.layer
        if layer is None:
            return why_no_labels(self.viewer)
        why = why_uneditable(layer)
        if why_copy_of(layer):
            return f"{why} Press {COPY} to correct a copy in memory."
        return why

    def start(self) -> None:
        """Find all objects of the chosen layer, then let them be corrected."""
        layer = self.labels.layer
        if self.problem or self.is_busy or self.session is not None:
            return
        painted = _Painted(layer)
        done = partial(self._on_indexed, layer, layer.data, painted)
        self.say("Looking for the objects: this is the one pass over the volume.")
        self.run(done, proofread_tasks.index, layer.data, stopped=painted.leave)

    def finish(self) -> None:
        """End: the layer is napari's alone again."""
        parts = (self.control, self.review, self.session)
        self.session = self.control = self.review = None
        for part in parts:
            if part is not None:
                part.close()
                part.deleteLater()
        self._refresh()

    def annotate(self, kind: str) -> None:
        """Turn what was reviewed into a layer of annotation, for fine-tuning.

        Parameters
        ----------
        kind : str
            `OBJECTS` or `SLICE` of `review_box`.
        """
        session, review = self.session, self.review
        if session is None or review is None or self.is_busy:
            return
        known = self.annotated
        if known is None or known.reviewed is not session.layer:
            self.annotated = known = ReviewedLayer(self.viewer, session.layer)
        slices = [displayed_slice(self.viewer, session.layer)] if kind == SLICE else []
        objects = () if kind == SLICE else review.reviewed
        done = partial(self._on_annotated, known, len(slices), len(objects))
        work = session.editor.workspace
        self.run(
            done,
            proofread_tasks.annotate,
            work,
            slices,
            objects,
            known.labels,
            reads=Reading("turned into annotation", session.layer),
        )

    def copy(self) -> None:
        """Read labels that cannot be written to into a layer that can."""
        layer = self.labels.layer
        if layer is not None and why_copy(layer) and not self.is_busy:
            done = partial(self._on_copied, layer)
            self.run(done, proofread_tasks.copy, volume_of(layer))

    def save(self, path: Path) -> None:
        """Write the labels in the format that the ending of the path says."""
        layer = self.labels.layer
        if layer is not None and not self.is_busy:
            job, reads = proofread_tasks.save, Reading("saved", layer)
            self.run(self._on_saved, job, volume_of(layer), path, reads=reads)

    def on_busy(self, busy: bool) -> None:
        """Enable what may be used now."""
        super().on_busy(busy or self.is_busy)
        if self.control is not None:
            self.control.is_waiting = self.is_busy
        self._refresh()

    def event(self, event: QEvent | None) -> bool:
        """Finish when napari closes the dock."""
        if is_taken_out(self, event):
            self.finish()
        return super().event(event)

    # ------------------------------------------------------------ construction

    def _fill(self) -> None:
        layout = QVBoxLayout(self.body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        grid = QGridLayout()
        grid.setSpacing(4)
        grid.setColumnStretch(1, 1)
        self.spacing_label = row_label("Spacing", "Distance between voxel centres")
        grid.addWidget(row_label("Labels", "What is corrected"), 0, 0)
        grid.addWidget(self.labels, 0, 1)
        grid.addWidget(self.spacing_label, 1, 0)
        grid.addWidget(self.spacing, 1, 1)
        layout.addLayout(grid)
        layout.addWidget(self.operations)
        layout.addWidget(self.reviewing, 1)
        self.save_button = QPushButton("Save labels…")
        self.save_button.setToolTip("Write the labels, with their spacing")
        self.copy_button = QPushButton(COPY)
        self.copy_button.setToolTip("Make a layer in memory that can be corrected")
        self.start_button = QPushButton(START)
        self.start_button.setStyleSheet(RUN_STYLE)
        self.footer.addWidget(self.reviewing.decisions)
        row = QHBoxLayout()
        for button in (self.save_button, self.copy_button, self.start_button):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            row.addWidget(button, 1)
        self.footer.addLayout(row)

    def _connect(self) -> None:
        self.labels.changed.connect(self._on_layer)
        self.labels.altered.connect(self._on_altered)
        self.spacing.edited.connect(self._on_spacing)
        self.start_button.clicked.connect(self._on_start_button)
        self.copy_button.clicked.connect(self.copy)
        self.save_button.clicked.connect(self._ask_save)
        box = self.operations
        box.chosen.connect(self._on_chosen)
        box.changed.connect(self._on_settings)
        box.applying.connect(self._on_apply)
        box.cancelling.connect(self._on_cancel)
        box.undoing.connect(self._on_undo)
        box.redoing.connect(self._on_redo)
        box.painting.connect(self._on_brush)
        reviewing = self.reviewing
        reviewing.ranking.connect(self._on_rank)
        reviewing.marking.connect(self._on_mark)
        reviewing.going.connect(self._on_going)
        reviewing.chosen.connect(self._on_looked_at)
        reviewing.opening.connect(self._on_open_review)
        reviewing.saving.connect(self._on_save_review)
        reviewing.annotating.connect(self.annotate)
        follow(self, self.viewer.layers.selection.events.active, self._on_active)

    # ------------------------------------------------------------ reactions

    def _on_layer(self) -> None:
        """Follow the choice of another layer: what was begun on one is finished."""
        session = self.session
        if session is not None and session.layer not in self.viewer.layers:
            self._on_ended(f"The layer {session.layer.name} was removed.")
        elif session is not None and session.layer is not self.labels.layer:
            self.finish()
        self._refresh()

    def _on_start_button(self) -> None:
        if self.session is None:
            self.start()
        else:
            self.finish()
            self.say("Finished. Undo and redo are napari's own again.")

    def _on_indexed(
        self, layer: Labels, data: Any, painted: "_Painted", index: ObjectIndex
    ) -> None:
        is_changed = painted.stop()
        if layer not in self.viewer.layers or layer.data is not data:
            self.say("The layer was removed or its data replaced meanwhile.")
            return
        if is_changed:
            self._again.start()
            return
        try:
            editor = LabelEditor(data, spacing_of(layer), index)
            session = EditSession(self.viewer, layer, editor, self)
        except MitoSegError as error:
            self.fail(error)
            return
        self._begin(session)

    def _begin(self, session: EditSession) -> None:
        self.session = session
        self.control = EditControl(
            self.viewer, session, self.operations, self.run, self
        )
        self.review = ReviewControl(
            self.viewer, session, self.reviewing, self.run, self
        )
        for part in (self.control, self.review):
            part.said.connect(self.say)
            part.failed.connect(self.fail)
        session.failed.connect(self.fail)
        session.ended.connect(self._on_ended)
        self.viewer.layers.selection.active = session.layer
        session.layer.mode = "pan_zoom"
        self.say(f"{len(session.editor.index):,} objects. Click on one.")
        self._refresh()
        self.review.resume()

    def _on_ended(self, why: str) -> None:
        self.finish()
        self.say(why)

    def _on_chosen(self, name: str) -> None:
        if self.control is not None:
            self._activate()
            self.control.choose(name)

    def _on_settings(self, settings: Any) -> None:
        if self.control is not None:
            self.control.set_settings(settings)

    def _on_apply(self) -> None:
        if self.control is not None:
            self.control.apply()

    def _on_cancel(self) -> None:
        if self.control is not None:
            self.control.cancel()

    def _on_undo(self) -> None:
        if self.session is not None:
            self.session.undo()

    def _on_redo(self) -> None:
        if self.session is not None:
            self.session.redo()

    def _on_brush(self) -> None:
        if self.control is not None:
            self.control.paint_new()

    def _on_rank(self) -> None:
        if self.review is not None and not self.is_busy:
            self.review.rank()

    def _on_mark(self, state: str) -> None:
        if self.review is not None:
            self.review.mark(state)

    def _on_going(self, direction: int) -> None:
        if self.review is not None:
            self.review.go(direction)

    def _on_looked_at(self, label: int) -> None:
        if self.review is not None:
            self.review.look_at(label)

    def _on_open_review(self, path: Path) -> None:
        if self.review is not None:
            self.review.open(path)

    def _on_save_review(self, path: Path) -> None:
        if self.review is not None:
            self.review.save(path)

    def _on_annotated(
        self, layer: ReviewedLayer, n_slices: int, n_objects: int, labels: Any
    ) -> None:
        layer.show(labels)
        what = f"Slice {displayed_slice(self.viewer, layer.reviewed)}"
        self.say(
            f"{what if n_slices else f'{n_objects} objects'} added to "
            f"{layer.layer.name!r}. In Annotate and train, press Load and choose it."
        )

    def _activate(self) -> None:
        """Select the layer: clicks and keys go to it."""
        if self.session is not None:
            self.viewer.layers.selection.active = self.session.layer

    def _on_active(self, _event: Any = None) -> None:
        """Look again when it has come to rest: a preview is active for a moment."""
        self._hinting.start()

    def _on_spacing(self, spacing: Spacing) -> None:
        layer = self.labels.layer
        if layer is None or spacing == spacing_of(layer):
            return
        self._asks_spacing = True  # it may be corrected as long as it is new
        calibrate(self.viewer, layer, spacing)

    def _on_altered(self) -> None:
        """Follow a spacing that was given here, or in another panel."""
        if self.control is not None:
            self.control.refresh()
        self._refresh()

    def _on_copied(self, original: Labels, labels: Any) -> None:
        data = labels[0] if original.ndim == 2 else labels
        whole = Region.whole(labels.shape)
        name = f"{original.name} corrected"
        layer = Labels(data, name=name, **placement(original, whole))
        self.viewer.add_layer(layer)
        original.visible = False
        self.labels.choose(layer)
        self.say(f"Copied into {name!r}.")

    def _on_saved(self, path: Path) -> None:
        self.say(f"Saved {path}.")

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save labels", "labels.tif", file_patterns(label_formats)
        )
        if path:
            self.save(Path(path))

    # ------------------------------------------------------------ what is shown

    def _refresh(self) -> None:
        """Bring buttons, rows and hint up to date."""
        layer, begun, busy = self.labels.layer, self.session is not None, self.is_busy
        usable = layer is not None and (begun or not why_uneditable(layer))
        spacing = spacing_of(layer) if usable else None
        self.spacing.show_spacing(spacing, enabled=usable)
        for part in (self.spacing, self.spacing_label):
            part.setVisible(usable and (spacing is None or self._asks_spacing))
        self.operations.setEnabled(begun)
        self.reviewing.show_state(
            begun=begun, reviewing=self.review is not None and self.review.is_begun
        )
        if self.session is not None:
            editor = self.session.editor
            self.operations.show_history(editor.n_undo, editor.n_redo)
        else:
            self.operations.show_history(0, 0)
            self.operations.selected.setText("")
        can_copy = layer is not None and why_copy_of(layer)
        self.copy_button.setVisible(can_copy)
        self.copy_button.setEnabled(not busy)
        self.start_button.setText(FINISH if begun else START)
        self.start_button.setEnabled(begun or not (self.problem or busy))
        self.save_button.setEnabled(layer is not None and not busy)
        self._refresh_hint()

    def _refresh_hint(self) -> None:
        session = self.session
        if session is None:
            self.hint(self.problem)
        elif self.viewer.layers.selection.active != session.layer:
            # Not "is not": to plugins napari gives a proxy of the active layer.
            self.hint(f"Select the layer {session.layer.name} to use clicks and keys.")
        elif spacing_of(session.layer) is None:
            self.hint("Enter the spacing to use what works in nanometres.")
        else:
            self.hint("")


def why_copy_of(layer: Labels) -> bool:
    """Say whether a copy of a layer could be corrected, though it cannot itself."""
    return layer.ndim in {2, 3} and bool(why_copy(layer))


class _Painted:
    """Notices whether a layer is painted in."""

    def __init__(self, layer: Any) -> None:
        self._layer = layer
        self._depths = self._history()
        self._is_painted = False
        layer.events.paint.connect(self._on_painted)

    def leave(self) -> None:
        """Stop watching."""
        self._layer.events.paint.disconnect(self._on_painted)

    def stop(self) -> bool:
        """Stop watching; say whether anything was painted, undone or redone."""
        self.leave()
        return self._is_painted or self._history() != self._depths

    def _on_painted(self, _event: Any = None) -> None:
        self._is_painted = True

    def _history(self) -> tuple[int, int]:
        return len(self._layer._undo_history), len(self._layer._redo_history)
