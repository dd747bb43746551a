"""From clicks, keys and buttons to operations: selected, previewed, applied."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from napari.components import ViewerModel
from qtpy.QtCore import QObject, Signal

from napari_mitoseg._napari import proofread_tasks
from napari_mitoseg._napari.canvas_mouse import Click, Voxel, are_seen
from napari_mitoseg._napari.edit_keys import APPLY, BRUSH, CANCEL, offers
from napari_mitoseg._napari.edit_preview import (
    SEED_MARK,
    EditPreview,
    change_marks,
    marked_points,
    outlined,
)
from napari_mitoseg._napari.edit_session import EditSession
from napari_mitoseg._napari.edit_tool import EditTool
from napari_mitoseg._napari.layer_reading import Reading
from napari_mitoseg._napari.layers import displayed_slice, spacing_of
from napari_mitoseg._napari.lifetime import follow
from napari_mitoseg._napari.operation_box import OperationBox
from napari_mitoseg._napari.panel import timer
from napari_mitoseg.errors import MitoSegError
from napari_mitoseg.params import is_advanced
from napari_mitoseg.proofreading import Change, Operation
from napari_mitoseg.proofreading.operations import Point
from napari_mitoseg.proofreading.regions import as_region, grown, union
from napari_mitoseg.volume import Region, cubic_micrometres

AT_ONCE = 1 << 21
"""Voxels in the box of an object that is worked on while the window waits."""

LARGEST_SHOWN = 1 << 23
"""Voxels of the preview layer; of a larger box, slices around the one on screen."""

DOT, RETRY_MS = 2, 50
MOST_NAMED = 6
Work = Callable[..., None]


class EditControl(QObject):
    """What is selected and which operation is in use, for one session.

    Parameters
    ----------
    viewer : ViewerModel
        Where the layer is.
    session : EditSession
        Its edits.
    box : OperationBox
        Buttons and settings.
    work : callable
        Runs a job in a thread: ``work(done, job, *args)``.
    parent : QObject
        Deleting it ends the control.

    Attributes
    ----------
    is_waiting : bool
        Whether a job is running: nothing can be done meanwhile.
    said : Signal(str)
        A line of status.
    failed : Signal(object)
        An error the user can mend.
    """

    said = Signal(str)
    failed = Signal(object)

    def __init__(
        self,
        viewer: ViewerModel,
        session: EditSession,
        box: OperationBox,
        work: Work,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer, self.session, self._box, self._work = viewer, session, box, work
        self.is_waiting = False
        self._painted = 0
        self._preserved: bool = session.layer.preserve_labels
        self.tool: EditTool | None = None
        self.previews: list[Change] = []
        self.preview = EditPreview(viewer, session.layer)
        self._shown: Region | None = None
        self._soon = timer(self, 0, self._show)
        self._again = timer(self, RETRY_MS, self._prepare)
        session.clicked.connect(self._on_clicked)
        session.drawing.connect(self._on_drawing)
        session.drawn.connect(self._on_drawn)
        session.selected.connect(self._on_selected)
        session.edited.connect(self._on_edited)
        session.stepped.connect(self.said)
        follow(self, viewer.dims.events.current_step, self._on_step)
        self._bind()
        self._on_selected()

    def choose(self, name: str) -> None:
        """Take up an operation; one that needs nothing more is done at once.

        Parameters
        ----------
        name : str
            In the registry of operations.  Chosen again, it is applied.
        """
        if self.is_waiting:
            self.said.emit("Wait until the work is done, or cancel it.")
            return
        if self.tool is not None and self.tool.settings.name == name:
            if self.previews:
                self.apply()
            else:
                self.cancel()
            return
        self.cancel()
        tool = EditTool(self._box.settings(name), spacing_of(self.session.layer))
        if needs_nothing(type(tool.settings)):
            self._apply(tool.operations(self.session.selection))
            return
        self.tool = tool
        self._box.show_tool(name)
        self.session.layer.mode = "pan_zoom"
        self.session.layer.mouse_pan = not tool.takes_lines
        self._prepare()

    def set_settings(self, settings: Operation) -> None:
        """Preview with other settings."""
        if self.tool is not None and type(settings) is type(self.tool.settings):
            self.tool.settings = settings
            self._prepare()

    def apply(self) -> None:
        """Do what is previewed."""
        tool, previews = self.tool, self.previews
        if tool is None or not previews:
            return
        wanted = tool.operations(self.session.selection)
        if len(previews) == 1:
            self._finish(lambda: self.session.commit(previews[0]))
        else:
            self._apply(wanted)

    def cancel(self) -> None:
        """Put the operation down; nothing has changed."""
        self.tool = None
        self.previews = []
        self._box.show_tool(None)
        if self.session.is_open:
            is_panning = str(self.session.layer.mode) == "pan_zoom"
            self.session.layer.mouse_pan = is_panning
            self._soon.start()

    def paint_new(self) -> None:
        """Take napari's brush for an object of its own."""
        try:
            label = self.session.new_label()
        except MitoSegError as error:
            self.failed.emit(error)
            return
        self.cancel()
        layer = self.session.layer
        self._viewer.layers.selection.active = layer
        self.session.select([])
        layer.selected_label = self._painted = label
        layer.preserve_labels = True
        layer.mode = "paint"
        self.said.emit(
            f"Paint object {label}; other objects are kept. Z goes back to clicking."
        )

    def refresh(self) -> None:
        """Show everything anew: the spacing is another."""
        self._on_selected()

    def close(self) -> None:
        """Take away what only the session needed."""
        self.cancel()
        self.session.layer.preserve_labels = self._preserved
        for waiting in (self._soon, self._again):
            waiting.stop()
        self.preview.remove()

    # ------------------------------------------------------------ reactions

    def _bind(self) -> None:
        for offer in offers():
            if offer.key:
                self.session.bind(offer.key, _calling(self.choose, offer.name))
        self.session.bind(APPLY, self.apply)
        self.session.bind(CANCEL, self.cancel)
        self.session.bind(BRUSH, self.paint_new)

    def _on_clicked(self, click: Click) -> None:
        tool, session = self.tool, self.session
        if tool is not None and tool.takes_clicks:
            if click.voxel is None or not click.label:
                self.said.emit("There is no object there.")
                return
            tool.click(session.in_volume(click.voxel), click.label)
            session.select([click.label])
            self._prepare()
        elif click.adds:
            session.toggle(click.label)
        else:
            session.select([click.label])

    def _on_drawing(self, path: list[Voxel]) -> None:
        """Show a line while it is being drawn."""
        if self._is_drawing() and len(path) > 1:
            self._show_line(self._dense(path))

    def _on_drawn(self, path: list[Voxel]) -> None:
        line = self._dense(path)
        if self.tool is None or not self._is_drawing() or len(line) < 2:
            return
        if self.tool.makes_new:
            self.tool.draw(line, (*self.session.selection, 0)[0])
            self._prepare()
        elif label := self._under(line):
            self.tool.draw(line, label)
            self.session.select([label])
            self._prepare()
        else:
            self.said.emit("The line lies on no object.")
            self._soon.start()

    def _dense(self, path: Sequence[Voxel]) -> list[Point]:
        """Return every voxel under a line; the mouse tells of some."""
        corners = [self.session.in_volume(voxel) for voxel in path]
        found: list[Point] = []
        for first, last in pairwise(corners):
            n = int(np.abs(np.subtract(last, first)).max()) + 1
            steps = np.round(np.linspace(first, last, n)).astype(int).tolist()
            found += [(z, y, x) for z, y, x in steps]
        return list(dict.fromkeys(found))

    def _is_drawing(self) -> bool:
        if self.tool is None or not self.tool.takes_lines:
            return False
        if self._viewer.dims.ndisplay == 3:
            self.said.emit("Lines are drawn in a slice: leave the 3D view first.")
            return False
        return True

    def _on_selected(self) -> None:
        self._box.selected.setText(self._describe())
        if self.tool is not None and not self.tool.takes_lines:
            self._prepare()
        self._soon.start()

    def _on_edited(self, _change: Change) -> None:
        """Show where things are after an edit."""
        if self._painted in self.session.editor.index:
            self.session.select([self._painted])
            self._painted = 0
        self._box.show_history(self.session.editor.n_undo, self.session.editor.n_redo)
        self._box.selected.setText(self._describe())
        if self.tool is not None:
            self.tool.clear()
            self._prepare()
        self._soon.start()

    def _on_step(self, _event: Any = None) -> None:
        """Follow the slice on screen where not all of an object is marked."""
        if self._shown is None or self._viewer.dims.ndisplay == 3:
            return
        z = displayed_slice(self._viewer, self.session.layer)
        whole = self._wanted_region()
        if whole is not None and not self._shown.start[0] <= z < self._shown.stop[0]:
            self._soon.start()

    # ------------------------------------------------------------ work

    def _prepare(self) -> None:
        """Preview the operation in use, or say what it still needs."""
        tool = self.tool
        self.previews = []
        if tool is None:
            return
        wanted = tool.wanted(self.session.selection)
        self._box.show_wanted(wanted, ready=False)
        self._soon.start()
        if wanted:
            return
        try:
            self.session.settle()
            todo = tool.operations(self.session.selection)
            if self._is_quick():
                self._on_previews([self.session.editor.preview(one) for one in todo])
            else:
                self._prepare_slowly(todo)
        except MitoSegError as error:
            self._box.show_wanted(str(error), ready=False)

    def _prepare_slowly(self, todo: list[Operation]) -> None:
        """Preview in a thread; if it is busy, when it has ended."""
        self._box.show_wanted("Working it out…", ready=False)
        if self.is_waiting:
            self._again.start()
            return
        job, editor = proofread_tasks.preview, self.session.editor
        done = partial(self._on_worked_out, todo)
        reads = Reading("looked at for a preview", self.session.layer)
        self._work(done, job, editor, todo, stopped=self._on_stopped, reads=reads)

    def _on_worked_out(self, todo: list[Operation], previews: list[Change]) -> None:
        """Show previews, unless something else is wanted by now."""
        tool, selection = self.tool, self.session.selection
        if tool is None:
            return
        if tool.wanted(selection) or tool.operations(selection) != todo:
            self._again.start()
        else:
            self._on_previews(previews)

    def _on_stopped(self) -> None:
        self._box.show_wanted("Stopped. Choose the operation again.", ready=False)

    def _on_previews(self, previews: list[Change]) -> None:
        if self.tool is None:
            return
        self.previews = [one for one in previews if one]
        n_voxels = sum(one.n_voxels for one in self.previews)
        text = f"{n_voxels:,} voxels would change."
        self._box.show_wanted(
            text if self.previews else "Nothing would change.",
            ready=bool(self.previews),
        )
        self._soon.start()

    def _apply(self, wanted: Sequence[Operation]) -> None:
        """Do operations, each on what the one before has left."""

        def act() -> Change | None:
            changes = [self.session.apply(one) for one in wanted]
            return changes[-1] if changes else None

        if wanted and not needs_selection(wanted[0], self.session.selection):
            self._finish(act)
        else:
            self.said.emit("Click on an object first.")

    def _finish(self, act: Callable[[], Change | None]) -> None:
        title = "" if self.tool is None else self.tool.settings.title
        try:
            change = act()
        except MitoSegError as error:
            self.failed.emit(error)
            return
        self.cancel()
        if not change:
            self.said.emit("Nothing has changed.")
            return
        self.session.select([*self.session.selection, *change.made])
        done = f"{title or change.name}: done. Ctrl+Z takes it back."
        self.said.emit(" ".join(filter(None, (done, self._hidden()))))

    def _is_quick(self) -> bool:
        index = self.session.editor.index
        entries = [index.get(label) for label in self._involved()]
        return sum(prod(one.region.shape) for one in entries if one) <= AT_ONCE

    def _involved(self) -> tuple[int, ...]:
        tool, selection = self.tool, self.session.selection
        return (tool.label,) if tool is not None and tool.label else selection

    def _under(self, line: Sequence[Point]) -> int:
        """Return the object under most of a line; a selected one is preferred."""
        labels = [self.session.editor.label_at(point) for point in line]
        found = Counter(label for label in labels if label)
        chosen = [label for label in self.session.selection if label in found]
        return (chosen or [label for label, _ in found.most_common(1)] or [0])[0]

    # ------------------------------------------------------------ what is shown

    def _show(self) -> None:
        """Mark the preview, or else the selection."""
        region = self._wanted_region()
        self._shown = None
        if not self.session.is_open:
            return
        if region is None:
            self.preview.clear()
            return
        self._shown = region = self._fitting(region)
        before = self.session.read(region)
        if self.previews:
            marks = change_marks(before, _with(before, region, self.previews))
        else:
            marks = outlined(np.isin(before, self.session.selection))
        if self.tool is not None:
            marks = marked_points(marks, region, self.tool.points, DOT)
        self.preview.show(region, marks)

    def _show_line(self, line: Sequence[Point]) -> None:
        corners = np.array(line)
        box = as_region(corners.min(axis=0), corners.max(axis=0) + 1)
        margin = (0, 1, 1)
        region = grown(box, margin, self.session.editor.shape)
        marks = np.zeros(region.shape, np.uint8)
        marks[tuple((corners - region.start).T)] = SEED_MARK
        self.preview.show(region, marks)

    def _wanted_region(self) -> Region | None:
        """Return the box of what is to be marked."""
        index = self.session.editor.index
        boxes = [one.region for one in self.previews if one.region is not None]
        entries = [index.get(label) for label in self.session.selection]
        boxes += [one.region for one in entries if one is not None]
        return union(boxes) if boxes else None

    def _fitting(self, region: Region) -> Region:
        """Return as many slices of a box as can be shown, around the one on screen."""
        depth, height, width = region.shape
        n = max(1, LARGEST_SHOWN // (height * width))
        if depth <= n:
            return region
        z = displayed_slice(self._viewer, self.session.layer) - n // 2
        first = min(max(z, region.start[0]), region.stop[0] - n)
        start, stop = region.start, region.stop
        return Region((first, *start[1:]), (first + n, *stop[1:]))

    def _describe(self) -> str:
        """Say what is selected."""
        selection, editor = self.session.selection, self.session.editor
        if not selection:
            return "Click on an object; Shift adds another."
        size = self._size(sum(editor.index[label].n_voxels for label in selection))
        dots = " …" if len(selection) > MOST_NAMED else ""
        shown = ", ".join(map(str, selection[:MOST_NAMED])) + dots
        many = f"{len(selection)} objects: " if len(selection) > 1 else "Object "
        return " ".join(filter(None, (f"{many}{shown} · {size}", self._hidden())))

    def _size(self, n_voxels: int) -> str:
        """Say how large something is, in the unit that is known."""
        layer, spacing = self.session.layer, spacing_of(self.session.layer)
        if spacing is None:
            return f"{n_voxels:,} {'voxels' if layer.ndim == 3 else 'pixels'}"
        if layer.ndim == 3:
            return f"{cubic_micrometres(n_voxels, spacing):.3g} µm³"
        return f"{n_voxels * spacing[1] * spacing[2] / 1e6:.3g} µm²"

    def _hidden(self) -> str:
        """Say which of the selected objects cannot be seen; empty where all can."""
        selection = np.array(self.session.selection, np.int64)
        if not selection.size:
            return ""
        hidden = selection[~are_seen(self.session.layer, selection)].tolist()
        if not hidden:
            return ""
        which = f"{hidden[0]} is" if len(hidden) == 1 else f"{len(hidden)} of them are"
        return f"({which} hidden by a filter: Measure, Show all.)"


def needs_nothing(kind: type[Operation]) -> bool:
    """Say whether an operation asks for objects only, so that it is done at once."""
    asked = {name for name, one in kind.model_fields.items() if not is_advanced(one)}
    return asked <= {"label", "labels", "between"}


def needs_selection(operation: Operation, selection: Sequence[int]) -> bool:
    """Say whether nothing is selected that an operation could be done on."""
    return not selection and bool({"label", "labels"} & {*operation.picks})


def _with(before: Any, region: Region, previews: Sequence[Change]) -> Any:
    """Return the labels of a box as previews would leave them."""
    after = before.copy()
    for preview in previews:
        for voxels in preview.iter_voxels():
            place = [i - a for i, a in zip(voxels.indices, region.start, strict=True)]
            inside = np.logical_and.reduce(
                [(p >= 0) & (p < n) for p, n in zip(place, region.shape, strict=True)]
            )
            after[tuple(p[inside] for p in place)] = voxels.after[inside]
    return after


def _calling(action: Callable[[str], None], name: str) -> Callable[[], None]:
    """Return a function without arguments."""

    def call() -> None:
        action(name)

    return call
