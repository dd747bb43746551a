"""A labels layer under correction: its editor, its selection, and one undo for all."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_mitoseg._napari.canvas_mouse import Voxel, mouse_callback
from napari_mitoseg._napari.label_redraw import redraw_change
from napari_mitoseg._napari.layer_reading import why_held
from napari_mitoseg._napari.layers import spacing_of
from napari_mitoseg._napari.lifetime import at_end, follow
from napari_mitoseg._napari.panel import timer
from napari_mitoseg._napari.shared_history import (
    PAINT,
    forget,
    hand_back,
    is_painting,
    take_over,
)
from napari_mitoseg._napari.shared_selection import CLICKING, shared_selection
from napari_mitoseg._napari.strokes import read_stroke
from napari_mitoseg.errors import InvalidParameterError, MitoSegError
from napari_mitoseg.proofreading import Change, History, LabelEditor, Operation
from napari_mitoseg.proofreading.operations import Point
from napari_mitoseg.volume import Array, Region

UNDONE, REDONE = "Undone", "Redone"


class EditSession(QObject):
    """Edits of one layer, from *Start* until the layer or the widget is closed.

    Parameters
    ----------
    viewer : ViewerModel
        Where the layer is.
    layer : napari.layers.Labels
        What is corrected.
    editor : LabelEditor
        Of the layer's data.
    parent : QObject
        Deleting it ends the session.

    Attributes
    ----------
    edited : Signal(object)
        A `Change` was made, taken back, or painted.
    selected : Signal()
        Other objects are selected.
    clicked : Signal(object)
        A `Click` on the layer while the user does not paint.
    drawing, drawn : Signal(object)
        A list of voxels under a line that is being dragged, or was.
    stepped : Signal(str)
        What was undone or redone, in words.
    failed : Signal(object)
        Something could not be undone or taken over.
    ended : Signal(str)
        The session cannot go on; says why.

    Notes
    -----
    While it lasts, ``layer.undo`` and ``layer.redo``, and so napari's own keys, step
    through one history in which strokes and operations stand in the order in which
    they were made.  At the end napari gets its undo back, with the newest of both.
    """

    edited = Signal(object)
    selected = Signal()
    clicked = Signal(object)
    drawing = Signal(object)
    drawn = Signal(object)
    stepped = Signal(str)
    failed = Signal(object)
    ended = Signal(str)

    def __init__(
        self,
        viewer: ViewerModel,
        layer: Labels,
        editor: LabelEditor,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.layer = layer
        self.editor = editor
        self.selection: tuple[int, ...] = ()
        self._told: list[Sequence[Any]] = []
        self._soon = timer(self, 0, self._take_told)
        take_over(layer, editor)
        mouse = mouse_callback(
            self.clicked.emit, self.drawing.emit, self.drawn.emit, self._is_on
        )
        self._grip = _Grip(layer, editor, mouse, self.undo, self.redo)
        self._shared = shared_selection(layer)
        self._shared.outline(True)
        at_end(self, self._grip.release)
        follow(self, layer.events.paint, self._on_painted)
        follow(self, layer.events.data, self._on_data)
        follow(self, viewer.layers.events.removed, self._on_removed)
        follow(self, self._shared.changed, self._on_shared)
        self._on_shared()

    @property
    def is_open(self) -> bool:
        """Whether the session has not ended."""
        return self._grip.holds

    def bind(self, key: str, action: Callable[[], None]) -> None:
        """Bind a key of the layer until the session ends.

        Parameters
        ----------
        key : str
            As napari writes it (``"G"``, ``"Shift-N"``).
        action : callable
            Called without arguments.
        """

        def press(_layer: Any) -> None:
            action()

        self._grip.bind(key, press)

    def commit(self, preview: Change) -> Change:
        """Make a change that was previewed, and show it; see `LabelEditor.commit`."""
        self._check_free()
        self.settle()
        change = self.editor.commit(preview)
        self._show(change)
        return change

    def apply(self, operation: Operation) -> Change:
        """Do an operation and show it; see `LabelEditor.apply`."""
        self._check_free()
        self.settle()
        change = self.editor.apply(operation)
        self._show(change)
        return change

    def undo(self) -> None:
        """Take the newest stroke or operation back."""
        self._step(self.editor.undo, UNDONE)

    def redo(self) -> None:
        """Make again what was undone last."""
        self._step(self.editor.redo, REDONE)

    def select(self, labels: Iterable[int]) -> None:
        """Select objects; those that are not there are left out.

        Parameters
        ----------
        labels : iterable of int
            Their numbers; the first one keeps its number when they are merged.
        """
        known = [one for one in dict.fromkeys(labels) if one in self.editor.index]
        if tuple(known) != self.selection:
            self.selection = tuple(known)
            self.selected.emit()
        self._shared.select(known)

    def toggle(self, label: int) -> None:
        """Select one more object, or one less."""
        others = [one for one in self.selection if one != label]
        self.select(others if label in self.selection else [*others, label])

    def read(self, region: Region) -> Array:
        """Read a box of labels, shape of the region."""
        return self.editor.read(region)

    def in_volume(self, voxel: Voxel) -> Point:
        """Return a voxel of the layer with three axes."""
        z, y, x = (0,) * (3 - len(voxel)) + tuple(voxel)
        return z, y, x

    def new_label(self) -> int:
        """Return a number for a new object; an error where the type has none left."""
        (label,) = self.editor.workspace.new_labels(1)
        return label

    def close(self) -> None:
        """End: napari's keys do again what they did before."""
        if self.is_open:
            self._take_told()
            self._grip.release()

    # ------------------------------------------------------------ reactions

    def _is_on(self) -> bool:
        return self.is_open and str(self.layer.mode) == CLICKING

    def _step(self, step: Callable[[], Change | None], word: str) -> None:
        if is_painting(self.layer):
            return
        try:
            self._check_free()
            self._take_told()
            change = step()
        except MitoSegError as error:
            self.failed.emit(error)
            return
        if change is not None:
            self._show(change, undone=word == UNDONE)
            self.stepped.emit(f"{word}: {change.name}.")

    def _show(self, change: Change, *, undone: bool = False) -> None:
        if change:
            redraw_change(self.layer, change, undone=undone)
            self.select(self.selection)
            self.edited.emit(change)
            self.layer.events.paint(value=[])  # for others who follow the labels

    def settle(self) -> None:
        """Take over what was painted, and the spacing as it is now.

        Raises
        ------
        InvalidParameterError
            If a stroke is being painted.
        """
        if is_painting(self.layer):
            msg = "A stroke is being painted. Finish it first."
            raise InvalidParameterError(msg)
        self._take_told()
        spacing = spacing_of(self.layer)
        if spacing != self.editor.spacing:
            self.editor.spacing = spacing

    def _check_free(self) -> None:
        """Refuse to change labels that a job is reading: it would see half of it."""
        if why := why_held(self.layer):
            raise InvalidParameterError(why)

    def _on_shared(self, _event: Any = None) -> None:
        """Select what another panel has; who was selected before, stays first."""
        wanted = self._shared.labels
        if self._is_on() and {*wanted} != {*self.selection}:
            chosen = {*wanted}
            self.select([*(n for n in self.selection if n in chosen), *wanted])

    def _on_painted(self, event: Any) -> None:
        """Take over a stroke; napari tells of a fill before it has filled."""
        if not self.is_open or not event.value:
            return
        forget(self.layer)
        self._take_told()
        self._told = [event.value]
        if self._is_written(event.value):
            self._take_told()
        else:
            self._soon.start()

    def _is_written(self, atoms: Sequence[Any]) -> bool:
        return read_stroke(self.layer.data, atoms).is_in(self.layer.data)

    def _take_told(self) -> None:
        """Record the stroke that napari has told of."""
        told, self._told = self._told, []
        for atoms in told:
            stroke = read_stroke(self.layer.data, atoms)
            try:
                change = self.editor.record(
                    stroke.region, stroke.before, stroke.after, PAINT
                )
            except MitoSegError as error:
                self.failed.emit(error)
                continue
            if change:
                self.edited.emit(change)

    def _on_data(self, _event: Any = None) -> None:
        self._stop(
            f"The data of {self.layer.name} were replaced. Press Start to go on with "
            "the new ones."
        )

    def _on_removed(self, _event: Any = None) -> None:
        if self.layer not in self._viewer.layers:
            self._stop(f"The layer {self.layer.name} was removed.")

    def _stop(self, why: str) -> None:
        """End without a history: it does not belong to what is there now."""
        if self.is_open:
            self._told.clear()
            self.editor.history = History()
            self._grip.release()
            self.ended.emit(why)


class _Grip:
    """What a session changes in a layer of napari, until it lets go.

    Knows nothing of Qt, so that it can still let go when Qt has deleted the widget.
    """

    def __init__(
        self,
        layer: Any,
        editor: LabelEditor,
        mouse: Callable[..., Any],
        undo: Callable[[], None],
        redo: Callable[[], None],
    ) -> None:
        self.holds = True
        self._layer, self._editor, self._mouse = layer, editor, mouse
        self._keys: list[str] = []
        layer.mouse_drag_callbacks.append(mouse)
        layer.undo, layer.redo = undo, redo

    def bind(self, key: str, press: Callable[[Any], None]) -> None:
        self._layer.bind_key(key, press, overwrite=True)
        self._keys.append(key)

    def release(self) -> None:
        if not self.holds:
            return
        self.holds = False
        for name in ("undo", "redo"):
            vars(self._layer).pop(name, None)
        self._layer.mouse_drag_callbacks.remove(self._mouse)
        for key in self._keys:
            self._layer.bind_key(key, None)
        shared_selection(self._layer).outline(False)
        hand_back(self._layer, self._editor.history)
