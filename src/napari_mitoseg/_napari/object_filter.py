"""Which objects are shown: ranges of columns, and what was picked out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.volume import Array


@dataclass(frozen=True)
class Range:
    """The values of a column that are let through.

    Attributes
    ----------
    column : str
        Name of the column.
    low, high : float or None
        Bounds, which are let through themselves; None where there is none.
    """

    column: str
    low: float | None = None
    high: float | None = None

    def passes(self, values: Array) -> NDArray[np.bool_]:
        """Say of each value whether it is let through.

        Parameters
        ----------
        values : ndarray, shape (n,)
            The column.

        Returns
        -------
        ndarray of bool, shape (n,)
            False where there is a bound and no value.
        """
        given = np.asarray(values, float)
        passed = np.ones(given.shape, bool)
        if self.low is not None:
            passed &= given >= self.low
        if self.high is not None:
            passed &= given <= self.high
        return passed


@dataclass(frozen=True)
class ObjectFilter:
    """Ranges that all must be kept, and objects that were picked out.

    Attributes
    ----------
    ranges : tuple of Range
        At most one a column.
    only : frozenset of int or None
        Labels that may be shown; None for all.
    """

    ranges: tuple[Range, ...] = ()
    only: frozenset[int] | None = None

    def passes(self, columns: Mapping[str, Array]) -> NDArray[np.bool_]:
        """Say of each object whether it is shown.

        Parameters
        ----------
        columns : mapping of str to ndarray, shape (n,)
            Measurements; ranges of columns that are not there let everything through.

        Returns
        -------
        ndarray of bool, shape (n,)
            Whether it is.
        """
        index = np.asarray(columns["index"])
        passed = np.ones(index.shape, bool)
        for one in self.ranges:
            if one.column in columns:
                passed &= one.passes(columns[one.column])
        if self.only is not None:
            passed &= np.isin(index, np.fromiter(self.only, np.int64))
        return passed

    def with_range(self, wanted: Range) -> Self:
        """Return the filter with a range added, or changed where it stands."""
        if any(one.column == wanted.column for one in self.ranges):
            changed = [wanted if r.column == wanted.column else r for r in self.ranges]
            return replace(self, ranges=tuple(changed))
        return replace(self, ranges=(*self.ranges, wanted))

    def without(self, column: str) -> Self:
        """Return the filter without the range of a column."""
        left = tuple(one for one in self.ranges if one.column != column)
        return replace(self, ranges=left)
