"""Notice what was painted, put it into the journal, and know how far each slice is."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.annotation.encoding import UNLABELLED
from napari_mitoseg.annotation.journal import Journal

COMPACT_BYTES = 1 << 25
COMPACT_GROWTH = 4
"""A journal is written anew when it is larger than the first of these, and has grown by
the second since it was last written anew."""


class Recorder:
    """Compares an annotation with what is known of it, slice by slice.

    Any way of painting is noticed, undo included, because the pixels themselves are
    compared.  A copy is kept of those slices only that hold paint.

    Parameters
    ----------
    journal : Journal
        Where changes go.
    labels : ndarray of uint8, shape (Z, Y, X)
        What the journal holds already; nothing when absent.

    Attributes
    ----------
    journal : Journal
        Where changes go.
    complete : set of int
        Slices without an unlabelled pixel.
    labelled : set of int
        Slices with any labelled pixel, complete ones included.
    """

    def __init__(
        self, journal: Journal, labels: NDArray[np.uint8] | None = None
    ) -> None:
        self.journal = journal
        self.complete: set[int] = set()
        self.labelled: set[int] = set()
        self._known: dict[int, NDArray[np.uint8]] = {}
        self._compact_at = max(COMPACT_BYTES, COMPACT_GROWTH * journal.size)
        for z, plane in enumerate(() if labels is None else labels):
            if plane.any():
                self._known[z] = plane.copy()
                self._judge(z)

    def record(self, labels: NDArray[np.uint8], z: int) -> bool:
        """Journal what has changed in a slice.

        Parameters
        ----------
        labels : ndarray of uint8, shape (Z, Y, X)
            The annotation as it is now.
        z : int
            Slice number.

        Returns
        -------
        bool
            Whether anything has changed.

        Raises
        ------
        WriteError
            If the disk refuses.  The change is kept in memory and written with the
            next one.
        """
        plane = np.ascontiguousarray(labels[z])
        known = self._known.get(z)
        if known is None:
            known = np.zeros_like(plane)
        changed = np.flatnonzero(plane != known)
        if not changed.size:
            return False
        values = plane.reshape(-1)[changed]
        known.reshape(-1)[changed] = values
        self._known[z] = known
        self._judge(z)
        self.journal.paint(z, changed, values)
        if self.journal.size > self._compact_at:
            self.compact()
        return True

    def record_all(
        self, labels: NDArray[np.uint8], slices: Iterable[int] | None = None
    ) -> tuple[int, ...]:
        """Journal what has changed anywhere; return the slices that have."""
        wanted = range(len(labels)) if slices is None else slices
        return tuple([z for z in wanted if self.record(labels, z)])

    def compact(self) -> None:
        """Write the journal anew, as short as it can be."""
        self.journal.compact(self._known)
        self._compact_at = max(COMPACT_BYTES, COMPACT_GROWTH * self.journal.size)

    def _judge(self, z: int) -> None:
        """Note whether a slice is labelled, and whether it is complete."""
        plane = self._known[z]
        n_labelled = plane.size - int(np.count_nonzero(plane == UNLABELLED))
        for group, belongs in (
            (self.labelled, n_labelled > 0),
            (self.complete, n_labelled == plane.size),
        ):
            (group.add if belongs else group.discard)(z)
