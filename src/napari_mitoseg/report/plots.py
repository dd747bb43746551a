"""How the measurements are distributed."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from napari_mitoseg.morphology import MeasurementTable, column_info
from napari_mitoseg.morphology.bins import bin_edges
from napari_mitoseg.report.figures import BLUE, GREY, new_figure

SHOWN = (
    "volume_um3",
    "area_um2",
    "surface_area_um2",
    "perimeter_um",
    "skeleton_length_um",
    "calibre_mean_nm",
    "calibre_min_nm",
    "elongation",
    "sphericity",
    "circularity",
    "solidity",
    "complexity_index",
    "nearest_distance_nm",
    "mean_probability",
    "n_voxels",
)
"""Columns that are drawn, those that say most first."""

MOST = 6
MOST_BINS = 40
"""Bins that can be told apart in a small picture."""

WIDE = 30
"""Ratio of the largest to the least value from which on the axis is logarithmic."""


def shown_columns(table: MeasurementTable) -> list[str]:
    """Choose the columns that are drawn.

    Parameters
    ----------
    table : MeasurementTable
        The measurements.

    Returns
    -------
    list of str
        Six at most, each with two values at least.
    """
    columns = {name: table.columns[name] for name in SHOWN if name in table.columns}
    if {"volume_um3", "area_um2"} & set(columns):
        columns.pop("n_voxels", None)  # says the same
    varied = [n for n, values in columns.items() if np.unique(_finite(values)).size > 1]
    return varied[:MOST]


def draw_distributions(table: MeasurementTable) -> Figure:
    """Draw a histogram of each of the columns that say most.

    Parameters
    ----------
    table : MeasurementTable
        The measurements, of two objects at least.

    Returns
    -------
    Figure
        Three histograms in a row; a line stands at the median.
    """
    names = shown_columns(table)
    n_rows = -(-len(names) // 3)
    figure = new_figure(10.2, 2.5 * n_rows)
    places = figure.subplots(n_rows, 3, squeeze=False).ravel()
    for axes, name in zip(places, names, strict=False):
        _draw_one(axes, name, _finite(table.columns[name]))
    for axes in places[len(names) :]:
        axes.set_axis_off()
    return figure


def statistics(table: MeasurementTable) -> Mapping[str, NDArray[np.float64]]:
    """Sum up every column that is a measure.

    Parameters
    ----------
    table : MeasurementTable
        The measurements.

    Returns
    -------
    mapping of str to ndarray of float, shape (8,)
        Number of values, mean, standard deviation (n − 1), least, 5th percentile,
        median, 95th percentile and largest; no columns that say where an object is.
    """
    found: dict[str, NDArray[np.float64]] = {}
    for name, column in table.columns.items():
        values = _finite(column)
        if _is_place(name) or column.dtype.kind not in "iuf" or not values.size:
            continue
        spread = values.std(ddof=1) if values.size > 1 else np.nan
        quantiles = np.quantile(values, (0, 0.05, 0.5, 0.95, 1))
        found[name] = np.array([values.size, values.mean(), spread, *quantiles])
    return found


def _is_place(name: str) -> bool:
    """Say whether a column tells one object from another, and sums up to nothing."""
    return (
        name in {"index", "nearest_label"}
        or name.startswith("centroid_")
        or name.endswith(("_start", "_stop"))
    )


def _finite(values: NDArray[np.generic]) -> NDArray[np.float64]:
    numbers = np.asarray(values, float)
    return numbers[np.isfinite(numbers)]


def _draw_one(axes: Axes, name: str, values: NDArray[np.float64]) -> None:
    info, least, most = column_info(name), values.min(), values.max()
    is_wide = least > 0 and most > WIDE * least
    edges = bin_edges(values, log=is_wide, most=MOST_BINS)
    axes.hist(values, edges.tolist(), color=BLUE, alpha=0.85, edgecolor="white")
    axes.axvline(float(np.median(values)), color="#d1495b", linewidth=1.5)
    if is_wide:
        axes.set_xscale("log")
    axes.set_xlabel(info.heading, fontsize=9)
    axes.set_ylabel("objects", fontsize=8, color=GREY)
    axes.tick_params(labelsize=8, colors=GREY)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.spines[["top", "right"]].set_visible(False)
