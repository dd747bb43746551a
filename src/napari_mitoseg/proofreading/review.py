"""Which object to look at next, and what was decided about each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from napari_mitoseg.documents import read_json
from napari_mitoseg.errors import InvalidParameterError, ReadError
from napari_mitoseg.io.atomic import staged
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.params import Params, param
from napari_mitoseg.proofreading.object_index import ObjectIndex
from napari_mitoseg.proofreading.operations.operation import Point
from napari_mitoseg.proofreading.sight import Evidence, Sight
from napari_mitoseg.proofreading.suspicions import Finding, Suspicion, suspicions
from napari_mitoseg.proofreading.workspace import Workspace

EDITED = "was made by an edit"
FORMAT = "napari-mitoseg review"
LARGEST = 2**30
"""Bytes of a file, some millions of objects."""


class ReviewState(StrEnum):
    """What was decided about an object."""

    OPEN = "open"
    CORRECT = "correct"
    FIXED = "fixed"
    DELETE = "delete"


class ReviewItem(Params):
    """One object of a review."""

    label: int = param(gt=0, description="The object.")
    score: float = param(0.0, ge=0, le=1, description="How suspicious it is.")
    reasons: tuple[str, ...] = param((), description="Why, the weightiest first.")
    point: Point = param((0, 0, 0), description="Middle of its box, z, y, x.")
    state: ReviewState = param(ReviewState.OPEN, description="What was decided.")


class SavedReview(Params):
    """What the file of a review holds."""

    format: str = param(FORMAT, description="Kind of file.")
    items: tuple[ReviewItem, ...] = param((), description="All objects.")


class ReviewQueue:
    """Objects in the order in which to look at them.

    Parameters
    ----------
    items : sequence of ReviewItem
        The objects, in any order.

    Notes
    -----
    Objects come back with what was decided about them when an edit that removed them is
    undone: `follow` sets aside those that are gone, and forgets none.
    """

    def __init__(self, items: Sequence[ReviewItem] = ()) -> None:
        self._items = {item.label: item for item in _ranked(items)}
        self._gone: set[int] = set()

    def __len__(self) -> int:
        """Count the objects that there are."""
        return len(self._items) - len(self._gone)

    def __iter__(self) -> Iterator[ReviewItem]:
        """Iterate over the objects that there are, the most suspicious first."""
        return (i for label, i in self._items.items() if label not in self._gone)

    def __contains__(self, label: object) -> bool:
        """Say whether there is an object of this number."""
        return label in self._items and label not in self._gone

    def __getitem__(self, label: int) -> ReviewItem:
        """Return what is known of an object."""
        if label not in self:
            msg = f"There is no object {label} in this review of {len(self)} objects."
            raise InvalidParameterError(msg)
        return self._items[label]

    @property
    def items(self) -> tuple[ReviewItem, ...]:
        """The objects that there are, the most suspicious first."""
        return tuple(self)

    @property
    def counts(self) -> dict[ReviewState, int]:
        """Number of objects in each state."""
        counts = dict.fromkeys(ReviewState, 0)
        for item in self:
            counts[item.state] += 1
        return counts

    @property
    def n_done(self) -> int:
        """Number of objects about which something was decided."""
        return len(self) - self.counts[ReviewState.OPEN]

    @property
    def progress(self) -> Progress:
        """How far the review has come."""
        return Progress(
            self.n_done, len(self), f"{self.n_done} of {len(self)} reviewed"
        )

    def next(self, after: int | None = None) -> ReviewItem | None:
        """Return the next object that is open.

        Parameters
        ----------
        after : int, optional
            The object that was looked at last; the search goes on behind it, and then
            from the front.

        Returns
        -------
        ReviewItem or None
            None where nothing is open.
        """
        return self._found(self.items, after)

    def previous(self, before: int | None = None) -> ReviewItem | None:
        """Return the object before one, whatever was decided about it.

        Parameters
        ----------
        before : int, optional
            The object that was looked at last.

        Returns
        -------
        ReviewItem or None
            None where there is none before it.
        """
        labels = [item.label for item in self]
        place = labels.index(before) if before in labels else 0
        return self[labels[place - 1]] if place else None

    def mark(self, label: int, state: ReviewState | str) -> ReviewItem:
        """Note what was decided about an object.

        Parameters
        ----------
        label : int
            The object.
        state : ReviewState or str
            The decision; ``"open"`` takes it back.

        Returns
        -------
        ReviewItem
            The object as it is noted now.

        Raises
        ------
        InvalidParameterError
            If there is no such object or no such state.
        """
        item = ReviewItem.parse({**self[label].model_dump(), "state": state})
        self._items[label] = item
        return item

    def labels_in(self, state: ReviewState) -> tuple[int, ...]:
        """Return the objects in a state, in their order."""
        return tuple(item.label for item in self if item.state is state)

    def follow(self, index: ObjectIndex, touched: Iterable[int] | None = None) -> None:
        """Bring the queue up to date after edits, undo and redo included.

        Parameters
        ----------
        index : ObjectIndex
            The objects that there are now.
        touched : iterable of int, optional
            The only labels that may have changed, `Change.touched`; all of them are
            compared when absent.

        Notes
        -----
        An object that is new is open, and stands behind those that are more suspicious
        than not.  One that was merged or deleted is set aside.
        """
        if touched is None:
            present = set(index)
            self._gone = self._items.keys() - present
        else:
            looked_at = set(touched)
            present = {label for label in looked_at if label in index}
            self._gone -= present
            self._gone |= (looked_at - present) & self._items.keys()
        new = sorted(present - self._items.keys())
        if new:
            made = [_made_by_edit(label, index) for label in new]
            self._items = {i.label: i for i in _ranked([*self._items.values(), *made])}

    def save(self, path: str | Path) -> None:
        """Write the review to a JSON file.

        Parameters
        ----------
        path : str or Path
            File to write; replaced if it exists.

        Raises
        ------
        WriteError
            If the file cannot be written; what was there before stays.
        """
        path = Path(path)
        saved = SavedReview(items=tuple(self._items.values()))
        with staged(path.parent, [path.name]) as files:
            files[path.name].write_text(
                saved.model_dump_json(indent=1) + "\n", encoding="utf-8"
            )

    @classmethod
    def load(cls, path: str | Path, index: ObjectIndex | None = None) -> "ReviewQueue":
        """Read a review, to go on with it.

        Parameters
        ----------
        path : str or Path
            From `save`.
        index : ObjectIndex, optional
            The objects that there are now; see `follow`.

        Returns
        -------
        ReviewQueue
            The review.

        Raises
        ------
        ReadError
            If the file cannot be read, or is no review.
        """
        try:
            saved = SavedReview.parse(read_json(Path(path), LARGEST))
        except (OSError, ValueError) as error:
            msg = f"Cannot read {path} as a review: {error}. Choose one saved here."
            raise ReadError(msg) from error
        queue = cls(saved.items)
        if index is not None:
            queue.follow(index)
        return queue

    def _found(
        self, items: tuple[ReviewItem, ...], after: int | None
    ) -> ReviewItem | None:
        place = next((n for n, i in enumerate(items, 1) if i.label == after), 0)
        order = (*items[place:], *items[:place])
        return next((i for i in order if i.state is ReviewState.OPEN), None)


def rank(
    workspace: Workspace,
    evidence: Evidence | None = None,
    reasons: Sequence[Suspicion] | None = None,
) -> Job[ReviewQueue]:
    """Rank objects by how suspicious they are.

    Parameters
    ----------
    workspace : Workspace
        Labels, index and spacing: `LabelEditor.workspace`.
    evidence : Evidence, optional
        Probability and other labels, for the suspicions that compare with them.
    reasons : sequence of Suspicion, optional
        What to look for; all that are registered, as they are by default, when absent.

    Yields
    ------
    Progress
        After each object.

    Returns
    -------
    ReviewQueue
        All objects, the most suspicious first, all of them open.

    Raises
    ------
    ShapeError
        If the evidence has another shape than the labels.

    Notes
    -----
    Suspicions that lack what they need, a spacing for example, say nothing.  The score
    of an object is 1 − Π (1 − wᵢ sᵢ) over its findings: several weak reasons count for
    more than one.  Objects are looked at box by box, large ones through every second
    voxel or fewer, so that the time is that of the number of objects.
    """
    known = evidence or Evidence()
    known.check(workspace.array.data.shape)
    asked = [s() for _, s in suspicions.items()] if reasons is None else [*reasons]
    labels = [*workspace.index]
    found: dict[int, list[Finding | None]] = {}
    for done, label in enumerate(labels, start=1):
        entry = workspace.index.get(label)
        if entry is not None:
            sight = Sight(label, entry, workspace, known)
            found[label] = [suspicion.look(sight) for suspicion in asked]
        yield Progress(done, len(labels), f"Looking at object {done} of {len(labels)}")
    return ReviewQueue(_items(workspace.index, asked, found))


def _items(
    index: ObjectIndex,
    asked: Sequence[Suspicion],
    found: Mapping[int, Sequence[Finding | None]],
) -> list[ReviewItem]:
    """Turn what was found in each object into the items of a queue."""
    columns = [
        suspicion.compare([row[n] for row in found.values()])
        for n, suspicion in enumerate(asked)
    ]
    items = []
    for n, label in enumerate(found):
        findings = [
            Finding(suspicion.weight * finding.score, finding.reason)
            for suspicion, column in zip(asked, columns, strict=True)
            if (finding := column[n]) is not None and finding.score > 0
        ]
        items.append(_item(label, findings, index))
    return items


def _item(label: int, findings: list[Finding], index: ObjectIndex) -> ReviewItem:
    fine = 1.0
    for finding in findings:
        fine *= 1 - finding.score
    order = sorted(findings, key=lambda finding: -finding.score)
    return ReviewItem(
        label=label,
        score=round(min(1.0, 1 - fine), 4),
        reasons=tuple(finding.reason for finding in order),
        point=_middle(label, index),
    )


def _made_by_edit(label: int, index: ObjectIndex) -> ReviewItem:
    point = _middle(label, index)
    return ReviewItem(label=label, score=0.5, reasons=(EDITED,), point=point)


def _middle(label: int, index: ObjectIndex) -> Point:
    entry = index.get(label)
    if entry is None:
        return (0, 0, 0)
    corners = zip(entry.region.start, entry.region.stop, strict=True)
    z, y, x = ((a + b - 1) // 2 for a, b in corners)
    return z, y, x


def _ranked(items: Sequence[ReviewItem]) -> list[ReviewItem]:
    return sorted(items, key=lambda item: (-item.score, item.label))
