"""Histogram, scatter plot and groups, drawn on axes of matplotlib.

Nothing here knows Qt: the same functions draw on the screen and into files.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.morphology.bins import bin_edges

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_POINTS = 20_000
"""Points that are drawn; a selection by lasso takes all."""

MOST_IN_STRIP = 1500
CAPTION = 14
"""Characters of a line under a group."""

MANY = 5
"""Groups whose captions must be small."""

Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Style:
    """Colours of a plot.

    Attributes
    ----------
    text, background, plain, selected : str
        Of axes and words, of the paper, of objects, and of selected objects.
    """

    text: str
    background: str
    plain: str = "#6f9ceb"
    selected: str = "#ffb000"


PRINTED = Style("#000000", "#ffffff", "#4477aa", "#dd7700")


@dataclass(frozen=True, eq=False)
class Group:
    """Values of a column in layers that belong together.

    Attributes
    ----------
    name : str
        Of the group.
    layers : tuple of ndarray, shape (n,)
        Values of each layer; NaN left out.
    """

    name: str
    layers: tuple[Numbers, ...]

    @property
    def values(self) -> Numbers:
        """All values."""
        return np.concatenate([np.zeros(0), *self.layers])

    @property
    def caption(self) -> str:
        """Name, number of objects and of layers, and the median."""
        n = self.values.size
        lines = [*wrapped(self.name), f"n = {n:,}"]
        if len(self.layers) > 1:
            lines.append(f"{len(self.layers)} layers")
        if n:
            lines += ["median", f"{np.median(self.values):.3g}"]
        return "\n".join(lines)


def draw_histogram(
    axes: "Axes",
    values: Numbers,
    selected: Mask,
    title: str,
    style: Style,
    *,
    log: bool = False,
) -> None:
    """Draw how often values are.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Empty.
    values : ndarray of float, shape (n,)
        Any; what is not finite, or not above 0 on a logarithmic axis, is left out.
    selected : ndarray of bool, shape (n,)
        Which are drawn in another colour.
    title : str
        Of the axis.
    style : Style
        Colours.
    log : bool
        Whether the axis is logarithmic.
    """
    usable = is_drawn(values, log=log)
    edges = bin_edges(values[usable], log=log)
    for part, colour in (
        (usable, style.plain),
        (usable & selected, style.selected),
    ):
        if part.any():
            axes.hist(values[part], edges.tolist(), color=colour)
    axes.set_xscale("log" if log else "linear")
    axes.set_xlabel(title)
    axes.set_ylabel("Objects")
    axes.locator_params(axis="y", integer=True)
    dress(axes, style)


def draw_scatter(
    axes: "Axes",
    points: NDArray[np.float64],
    selected: Mask,
    colours: Any,
    titles: tuple[str, str],
    style: Style,
    *,
    log: tuple[bool, bool] = (False, False),
) -> None:
    """Draw two values of each object against one another.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Empty.
    points : ndarray of float, shape (n, 2)
        Values along x and y.
    selected : ndarray of bool, shape (n,)
        Which are drawn in another colour, on top.
    colours : ndarray of float, shape (n, 4), or None
        Of each object.
    titles : tuple of str
        Of both axes.
    style : Style
        Colours.
    log : tuple of bool
        Which axes are logarithmic.

    Notes
    -----
    Of more than 20 000 objects, a random choice is drawn, always the same.
    """
    drawn = is_drawn(points[:, 0], log=log[0]) & is_drawn(points[:, 1], log=log[1])
    rows = thinned(np.flatnonzero(drawn), MOST_POINTS)
    size = 14 if rows.size < 2000 else 4
    plain: Any = style.plain if colours is None else colours[rows]
    # A thin edge keeps the dark end of a colormap visible on a dark ground.
    edge: Any = {"edgecolors": style.text, "linewidths": 0 if colours is None else 0.3}
    x, y = points.T
    axes.scatter(x[rows], y[rows], s=size, c=plain, alpha=0.8, **edge)
    chosen = thinned(np.flatnonzero(drawn & selected), MOST_POINTS)
    bright = style.selected
    axes.scatter(x[chosen], y[chosen], s=size + 10, c=bright, linewidths=0)
    axes.set_xscale("log" if log[0] else "linear")
    axes.set_yscale("log" if log[1] else "linear")
    axes.set_xlabel(titles[0])
    axes.set_ylabel(titles[1])
    dress(axes, style)


def draw_groups(
    axes: "Axes",
    groups: Sequence[Group],
    title: str,
    style: Style,
    *,
    log: bool = False,
) -> None:
    """Draw groups side by side: objects, quartiles, and the median of each layer.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Empty.
    groups : sequence of Group
        From left to right.
    title : str
        Of the axis of values.
    style : Style
        Colours.
    log : bool
        Whether it is logarithmic.

    Notes
    -----
    Objects of one volume are no independent samples, so the median of every layer is
    drawn on its own, as in the plots of [1]_. Whiskers reach the most extreme values
    within 1.5 times the distance of the quartiles.

    References
    ----------
    .. [1] Lord et al. (2020), SuperPlots: communicating reproducibility and
       variability in cell biology, doi:10.1083/jcb.202001064.
    """
    places = np.arange(len(groups))
    for place, group in zip(places, groups, strict=True):
        values = group.values[is_drawn(group.values, log=log)]
        strip = thinned(values, MOST_IN_STRIP)
        across = place + spread(strip.size)
        axes.scatter(across, strip, s=9, c=style.plain, alpha=0.7, linewidths=0)
        _draw_box(axes, float(place), values, style)
        _draw_medians(axes, float(place), group, style)
    axes.set_yscale("log" if log else "linear")
    axes.set_xticks(places, [group.caption for group in groups])
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.set_ylabel(title)
    dress(axes, style)
    axes.tick_params(axis="x", labelsize=8 if len(groups) < MANY else 6)


def wrapped(name: str) -> list[str]:
    """Break a name into short lines; of a very long one the end is kept.

    Parameters
    ----------
    name : str
        Of a group.

    Returns
    -------
    list of str
        At most three lines.

    Examples
    --------
    >>> wrapped("synthetic EM instances")
    ['synthetic EM', 'instances']
    """
    longest = 3 * (CAPTION - 2)
    kept = name if len(name) <= longest else f"…{name[1 - longest :]}"
    return textwrap.wrap(kept, CAPTION, break_on_hyphens=False)[:3]


def _draw_box(axes: "Axes", place: float, values: Numbers, style: Style) -> None:
    if not values.size:
        return
    line = {"color": style.text, "linewidth": 1.2}
    axes.boxplot(
        values,
        positions=[place],
        widths=0.5,
        showfliers=False,
        manage_ticks=False,
        boxprops=line,
        whiskerprops=line,
        capprops=line,
        medianprops={"color": style.text, "linewidth": 2},
        zorder=3,
    )


def _draw_medians(axes: "Axes", place: float, group: Group, style: Style) -> None:
    """Draw the median of each layer of a group that has several."""
    medians = [float(np.median(one)) for one in group.layers if one.size]
    if len(medians) > 1:
        at = place + 0.5 * spread(len(medians))
        axes.scatter(at, medians, s=46, c=style.selected, ec=style.text, zorder=4)


def is_drawn(values: Numbers, *, log: bool) -> Mask:
    """Say which values have a place on an axis."""
    known = np.isfinite(values)
    return known & (values > 0) if log else known


def thinned(values: Any, most: int) -> Any:
    """Return at most so many of some values, at random and always the same."""
    if len(values) <= most:
        return values
    return np.random.default_rng(0).choice(values, most, replace=False)


def spread(n: int) -> Numbers:
    """Return places across a strip, always the same: the golden ratio mixes them.

    Parameters
    ----------
    n : int
        How many.

    Returns
    -------
    ndarray of float, shape (n,)
        Between −0.2 and 0.2.

    Examples
    --------
    >>> spread(2).round(2).tolist()
    [0.0, -0.15]
    """
    return 0.4 * (np.mod(np.arange(n) * 0.618034 + 0.5, 1) - 0.5)


def dress(axes: "Axes", style: Style) -> None:
    """Colour the axes."""
    axes.set_facecolor(style.background)
    axes.tick_params(colors=style.text, which="both", labelsize=8)
    axes.xaxis.label.set_color(style.text)
    axes.yaxis.label.set_color(style.text)
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)
    for side, line in axes.spines.items():
        line.set_color(style.text)
        line.set_visible(side in {"left", "bottom"})
