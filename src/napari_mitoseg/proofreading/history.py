"""Edits that can be undone, as many as fit into memory."""

from collections import deque

from napari_mitoseg.proofreading.change import Change

LIMIT_BYTES = 1 << 29


class History:
    """Applied edits, and those that were undone and can be redone.

    Parameters
    ----------
    limit_bytes : int
        Memory that the edits may take together.

    Attributes
    ----------
    limit_bytes : int
        As given.
    n_dropped : int
        Edits that can no longer be undone, since newer ones needed their memory.
    n_bytes : int
        Memory that all edits take, those included that were undone.

    Notes
    -----
    The oldest edits are dropped first.  The newest one is kept whatever its size:
    what was just done can always be undone.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.n_dropped = 0
        self.n_bytes = 0
        self._done: deque[Change] = deque()
        self._undone: list[Change] = []

    @property
    def done(self) -> tuple[Change, ...]:
        """Edits that can be undone, the oldest first."""
        return tuple(self._done)

    @property
    def undone(self) -> tuple[Change, ...]:
        """Edits that can be redone, the next one last."""
        return tuple(self._undone)

    def push(self, change: Change) -> None:
        """Add an edit that was made; what was undone before can no longer be redone.

        Parameters
        ----------
        change : Change
            The edit.
        """
        self.n_bytes += change.n_bytes - sum(c.n_bytes for c in self._undone)
        self._undone.clear()
        self._done.append(change)
        while self.n_bytes > self.limit_bytes and len(self._done) > 1:
            self.n_bytes -= self._done.popleft().n_bytes
            self.n_dropped += 1

    def next_undo(self) -> Change | None:
        """Return the edit that would be undone next."""
        return self._done[-1] if self._done else None

    def next_redo(self) -> Change | None:
        """Return the edit that would be redone next."""
        return self._undone[-1] if self._undone else None

    def step_back(self) -> None:
        """Count the newest edit as undone."""
        self._undone.append(self._done.pop())

    def step_forward(self) -> None:
        """Count the edit undone last as made again."""
        self._done.append(self._undone.pop())
