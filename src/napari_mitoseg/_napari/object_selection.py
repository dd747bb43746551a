"""Which objects are selected: the table, the canvas and the plots agree here."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from qtpy.QtCore import QObject, Signal

Rows = NDArray[np.int64]


class ObjectSelection(QObject):
    """Rows of the measured objects that are selected.

    Attributes
    ----------
    changed : Signal(object)
        Other rows are selected; who selected them comes along.
    """

    changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: Rows = np.zeros(0, np.int64)

    def select(self, rows: ArrayLike, by: Any = None) -> None:
        """Select rows, and tell everyone if these are others than before.

        Parameters
        ----------
        rows : array_like of int
            The rows, in any order.
        by : object, optional
            Who selects; need not react.
        """
        wanted = np.unique(np.asarray(rows, np.int64))
        if not np.array_equal(wanted, self.rows):
            self.rows = wanted
            self.changed.emit(by)

    def toggle(self, row: int, by: Any = None) -> None:
        """Add a row to those that are selected, or take it out."""
        self.select(np.setxor1d(self.rows, [row]), by)

    def clear(self, by: Any = None) -> None:
        """Select nothing."""
        self.select([], by)
