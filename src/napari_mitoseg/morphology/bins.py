"""Bins of histograms: one rule on screen and on paper."""

import numpy as np
from numpy.typing import NDArray

MOST_BINS = 120

Numbers = NDArray[np.float64]


def bin_edges(values: Numbers, *, log: bool, most: int = MOST_BINS) -> Numbers:
    """Return the edges of a histogram, at equal distances on its axis.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Finite; above 0 where the axis is logarithmic.
    log : bool
        Whether it is.
    most : int
        Bins at most.

    Returns
    -------
    ndarray of float, shape (m + 1,)
        As many as `n_bins` finds right.
    """
    given = np.log10(values) if log else values
    edges = np.histogram_bin_edges(given, bins=min(most, n_bins(given)))
    if log and values.size:
        # Rounding must not leave out the least and the most.
        edges = 10**edges
        edges[[0, -1]] = values.min(), values.max()
    return edges


def n_bins(values: Numbers) -> int:
    """Count bins after Freedman and Diaconis, or Sturges where there are few values."""
    if values.size < 2 or np.ptp(values) == 0:
        return 1
    # Edges closer than twice the last digit of the values are not told apart.
    told_apart = max(1, int(np.ptp(values) / (2 * np.spacing(np.abs(values).max()))))
    quartiles = np.percentile(values, [25, 75])
    width = 2 * float(np.ptp(quartiles)) / np.cbrt(values.size)
    wanted = int(np.ceil(np.log2(values.size))) + 1
    if width > 0:
        wanted = max(wanted, int(min(np.ceil(np.ptp(values) / width), MOST_BINS)))
    return min(wanted, told_apart)
