"""Go through the objects of a session, note what was decided, and keep it on disk."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_mitoseg._napari import proofread_tasks
from napari_mitoseg._napari.comparison import Part
from napari_mitoseg._napari.edit_keys import CORRECT, FIXED, NEXT, PREVIOUS
from napari_mitoseg._napari.edit_session import EditSession
from napari_mitoseg._napari.layer_reading import Reading
from napari_mitoseg._napari.layers import data_of, look_at
from napari_mitoseg._napari.lifetime import at_end
from napari_mitoseg._napari.panel import timer
from napari_mitoseg._napari.review_box import ReviewBox
from napari_mitoseg.errors import (
    InvalidParameterError,
    MitoSegError,
    ReadError,
    WriteError,
)
from napari_mitoseg.proofreading import (
    Change,
    Delete,
    Evidence,
    ReviewItem,
    ReviewQueue,
    ReviewState,
)
from napari_mitoseg.volume import Region

SUFFIX = ".review.json"
AUTOSAVE_MS = 500
N_SAID = 2
"""Reasons in the line of status: what changes its height moves everything."""

SAME = 0.5
"""Share of objects that must be where a saved review has them."""

Work = Callable[..., None]


class ReviewControl(QObject):
    """The review of one session.

    Parameters
    ----------
    viewer : ViewerModel
        Where the layer is.
    session : EditSession
        Its edits.
    box : ReviewBox
        Buttons and table.
    work : callable
        Runs a job in a thread: ``work(done, job, *args)``.
    parent : QObject
        Deleting it ends the control.

    Attributes
    ----------
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
        box: ReviewBox,
        work: Work,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer, self.session, self._box, self._work = viewer, session, box, work
        self._file = _ReviewFile(review_path(session.layer))
        at_end(self, self._file.write_last)
        self.current: int | None = None
        self._goes_on = False
        self._follow = timer(self, 0, self._on_settled)
        self._autosave = timer(self, AUTOSAVE_MS, self._save)
        session.edited.connect(self._on_edited)
        session.bind(NEXT, partial(self.go, 1))
        session.bind(PREVIOUS, partial(self.go, -1))
        session.bind(CORRECT, partial(self.mark, ReviewState.CORRECT))
        session.bind(FIXED, partial(self.mark, ReviewState.FIXED))
        self._show()

    @property
    def queue(self) -> ReviewQueue | None:
        """The review; None before there is one."""
        return self._file.queue

    @property
    def path(self) -> Path | None:
        """Where it is kept; None where it is not."""
        return self._file.path

    @property
    def is_begun(self) -> bool:
        """Whether there is a review."""
        return self.queue is not None

    @property
    def reviewed(self) -> tuple[int, ...]:
        """Objects that are right by now: correct ones, and those put right."""
        if self.queue is None:
            return ()
        states = (ReviewState.CORRECT, ReviewState.FIXED)
        return tuple(label for one in states for label in self.queue.labels_in(one))

    def rank(self) -> None:
        """Rank all objects by how suspicious they are, in a thread."""
        probability = self._box.probability.layer
        evidence = Evidence(
            None if probability is None else data_of(probability),
            _others(self._box.others.layer, self),
        )
        workspace, reasons = self.session.editor.workspace, self._box.wanted()
        self._work(
            self._on_ranked,
            proofread_tasks.rank,
            workspace,
            evidence,
            reasons,
            reads=Reading("ranked", self.session.layer),
        )

    def go(self, direction: int) -> None:
        """Look at the next open object, or at the one before.

        Parameters
        ----------
        direction : int
            1 or -1.
        """
        if self.queue is None:
            self.said.emit("Press Rank objects first.")
            return
        find = self.queue.next if direction > 0 else self.queue.previous
        item = find(self.current)
        if item is None:
            done = "All objects are reviewed." if direction > 0 else "It is the first."
            self.said.emit(done if len(self.queue) else "There are no objects.")
        else:
            self.look_at(item.label)

    def look_at(self, label: int) -> None:
        """Select an object, in the middle of the canvas.

        Parameters
        ----------
        label : int
            One that is in the review.
        """
        session, entry = self.session, self.session.editor.index.get(label)
        if self.queue is None or entry is None or label not in self.queue:
            self.said.emit(f"Object {label} is no longer there.")
            return
        self.current = label
        session.select([label])
        self._viewer.layers.selection.active = session.layer
        part = Part(session.layer, Region.whole(session.editor.shape))
        middle = (entry.region.start[0] + entry.region.stop[0] - 1) / 2
        place = part.place_of(label, entry.region.start, entry.region.stop, middle)
        if place is not None:
            look_at(self._viewer, session.layer, place)
        self._box.table.show_rows(self.queue.items, label)
        self.said.emit(_about(self.queue[label]))

    def mark(self, state: ReviewState | str) -> None:
        """Note what was decided about the current object, and go to the next.

        Parameters
        ----------
        state : ReviewState or str
            *delete* deletes it, too.
        """
        queue, label = self.queue, self.current
        if queue is None or label is None or label not in queue:
            self.said.emit("Go to an object of the review first.")
            return
        if ReviewState(state) is ReviewState.DELETE:
            try:
                self.session.apply(Delete(labels=(label,)))
            except MitoSegError as error:
                self.failed.emit(error)
            return  # what follows, follows the edit
        queue.mark(label, state)
        self._changed()
        self.go(1)

    def open(self, path: Path) -> None:
        """Go on with a review from a file."""
        try:
            queue = ReviewQueue.load(path, self.session.editor.index)
        except MitoSegError as error:
            self.failed.emit(error)
            return
        self._file.path = path
        self.take(queue, f"Opened {path.name}")

    def save(self, path: Path) -> None:
        """Keep the review in a file from now on."""
        self._file.path = path
        self._save()
        if self.path is not None:
            self.said.emit(f"The review is kept in {path}, after each decision.")

    def close(self) -> None:
        """Write what is not written yet."""
        if self._file.is_changed:
            self._autosave.stop()
            self._save()

    # ------------------------------------------------------------ reactions

    def _on_ranked(self, queue: ReviewQueue) -> None:
        """Show a new order; what was decided before stays decided."""
        known = () if self.queue is None else self.queue.items
        for item in known:
            if item.state is not ReviewState.OPEN and item.label in queue:
                queue.mark(item.label, item.state)
        queue.follow(self.session.editor.index)
        self.take(queue, f"Ranked {len(queue):,} objects")
        self._changed()

    def take(self, queue: ReviewQueue, what: str) -> None:
        """Go through a review, from its first open object.

        Parameters
        ----------
        queue : ReviewQueue
            Of the objects of the session.
        what : str
            Where it comes from, for the line of status.
        """
        _reopen(queue)
        self._file.queue, self.current = queue, None
        self._show()
        self.go(1)
        first = "" if self.current is None else f" {_about(queue[self.current])}"
        self.said.emit(f"{what}; {queue.n_done} reviewed.{first}")

    def _on_edited(self, change: Change) -> None:
        """Note what was deleted, before it is gone from the queue."""
        queue, index = self.queue, self.session.editor.index
        if queue is None:
            return
        is_current_gone = self.current is not None and self.current not in index
        if change.name == Delete.title:
            for label in change.removed:
                if label in queue and label not in index:
                    queue.mark(label, ReviewState.DELETE)
        self._goes_on = is_current_gone and change.name == Delete.title
        self._follow.start()

    def _on_settled(self) -> None:
        """Follow the edits; what has come back after a deletion is open again."""
        queue = self.queue
        if queue is None or not self.session.is_open:
            return
        after = self.current
        following = None if after not in queue else queue.next(after)
        queue.follow(self.session.editor.index)
        _reopen(queue)
        self._changed()
        if self._goes_on:
            self._goes_on = False
            self.current = None
            if following is not None and following.label in queue:
                self.look_at(following.label)
            else:
                self.go(1)

    def _changed(self) -> None:
        self._show()
        self._file.is_changed = True
        self._autosave.start()

    def _save(self) -> None:
        try:
            self._file.write()
        except MitoSegError as error:
            self._file.path = None
            self.failed.emit(error)

    def resume(self) -> None:
        """Go on with the review beside the labels, if it is one of these labels."""
        path, index = self.path, self.session.editor.index
        if path is None or not path.is_file():
            return
        try:
            queue = ReviewQueue.load(path, index)
            self._check(queue, path)
        except (ReadError, InvalidParameterError) as error:
            self._file.path = None
            self.failed.emit(error)
            return
        _reopen(queue)
        self._file.queue = queue
        self._show()
        self.said.emit(
            f"Resumed {path.name}: {queue.progress.message}. {NEXT} goes on."
        )

    def _check(self, queue: ReviewQueue, path: Path) -> None:
        """Refuse a review of other labels that happen to have the same numbers."""
        index = self.session.editor.index
        there = [item for item in queue if item.reasons or item.score]
        same = sum(_is_there(item, index[item.label].region) for item in there)
        if there and same < SAME * len(there):
            msg = (
                f"{path.name} is the review of other labels: of {len(there)} objects "
                f"{same} are where it has them. It was left alone; Save… keeps this "
                "review elsewhere."
            )
            raise InvalidParameterError(msg)

    # ------------------------------------------------------------ what is shown

    def _show(self) -> None:
        self._box.show_state(begun=True, reviewing=self.queue is not None)
        if self.queue is not None:
            self._box.show_progress(self.queue.n_done, len(self.queue))
            self._box.table.show_rows(self.queue.items, self.current)
        kept = "not kept yet" if self.path is None else f"kept in {self.path}"
        self._box.save.setToolTip(f"Choose where the review is kept: {kept}")


class _ReviewFile:
    """A review and where it is kept; knows nothing of Qt, see `at_end`."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.queue: ReviewQueue | None = None
        self.is_changed = False

    def write(self) -> None:
        self.is_changed = False
        if self.queue is not None and self.path is not None:
            self.queue.save(self.path)

    def write_last(self) -> None:
        """Write what was decided in the last moment; there is nobody left to tell."""
        if self.is_changed:
            with suppress(WriteError):
                self.write()


def review_path(layer: Labels) -> Path | None:
    """Return where the review of a layer is kept.

    Parameters
    ----------
    layer : napari.layers.Labels
        Opened from a file, perhaps.

    Returns
    -------
    Path or None
        Beside the file or the Zarr; None where the labels are in memory only.
    """
    store = getattr(layer.data, "store", None)
    known = layer.source.path or getattr(store, "root", None)
    if not known:
        return None
    path = Path(str(known))
    stem = path.stem.removesuffix(".ome").removesuffix(".nii")
    inside = str(getattr(layer.data, "path", "")).strip("/").replace("/", "-")
    return path.with_name("-".join(filter(None, (stem, inside))) + SUFFIX)


def _others(layer: Any, control: ReviewControl) -> list[Any]:
    """Return the labels to compare with; a layer agrees with itself."""
    return [] if layer in {None, control.session.layer} else [data_of(layer)]


def _reopen(queue: ReviewQueue) -> None:
    """Leave open what was to be deleted and is there: an undo brought it back."""
    for label in queue.labels_in(ReviewState.DELETE):
        queue.mark(label, ReviewState.OPEN)


def _is_there(item: ReviewItem, region: Region) -> bool:
    bounds = zip(item.point, region.start, region.stop, strict=True)
    return all(a <= value < b for value, a, b in bounds)


def _about(item: ReviewItem) -> str:
    reasons = "; ".join(item.reasons[:N_SAID]) or "nothing is suspicious about it"
    n_more = len(item.reasons) - N_SAID
    more = f"; and {n_more} more, see the table" if n_more > 0 else ""
    return f"Object {item.label}: {reasons}{more}."
