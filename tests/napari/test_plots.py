"""What is drawn: bins, groups and the words beside them."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_mitoseg._napari.plots import (
    MOST_POINTS,
    PRINTED,
    Group,
    draw_groups,
    draw_histogram,
    draw_scatter,
    spread,
    thinned,
    wrapped,
)


@pytest.fixture
def axes() -> Axes:
    return Figure().add_subplot()


def test_histogram_counts_what_can_be_drawn(axes: Axes) -> None:
    values = np.array([np.nan, -1.0, 0.0, 1.0, 10.0, 100.0])
    selected = values == 10
    draw_histogram(axes, values, selected, "Volume", PRINTED, log=True)
    heights = [patch.get_height() for patch in axes.patches]
    assert sum(heights) == 3 + 1
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "Volume"


def test_scatter_draws_at_most_so_many_and_the_selected_on_top(axes: Axes) -> None:
    n = MOST_POINTS + 1000
    points = np.random.default_rng(0).random((n, 2))
    points[5] = np.nan
    selected = np.zeros(n, bool)
    selected[[5, 7]] = True
    draw_scatter(axes, points, selected, None, ("a", "b"), PRINTED)
    plain, chosen = axes.collections
    assert len(plain.get_offsets()) == MOST_POINTS
    np.testing.assert_allclose(chosen.get_offsets(), points[[7]])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("a", "b")


def test_groups_show_quartiles_and_the_median_of_each_layer(axes: Axes) -> None:
    groups = [
        Group("control", (np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0]))),
        Group("none", (np.zeros(0),)),
    ]
    draw_groups(axes, groups, "Volume", PRINTED)
    captions = [tick.get_text().splitlines() for tick in axes.get_xticklabels()]
    assert captions == [
        ["control", "n = 6", "2 layers", "median", "6.5"],
        ["none", "n = 0"],
    ]
    dots = [one.get_offsets()[:, 1].tolist() for one in axes.collections]
    assert [2.0, 20.0] in dots
    boxes = [np.unique(line.get_ydata()).tolist() for line in axes.lines]
    assert [6.5] in boxes
    assert [2.25, 17.5] in boxes


def test_long_names_are_wrapped_and_keep_their_end() -> None:
    name = "2021-03-14_Hippocampus_CA1_animal-07_FIB-SEM_aligned treated"
    lines = wrapped(name)
    assert len(lines) <= 3
    assert max(map(len, lines)) <= 14
    assert lines[0].startswith("…")
    assert lines[-1].endswith("treated")
    assert wrapped("control") == ["control"]


def test_thinning_is_always_the_same() -> None:
    values = np.arange(100)
    assert thinned(values, 100) is values
    assert thinned(values, 10).tolist() == thinned(values, 10).tolist()
    assert np.abs(spread(1000)).max() <= 0.2
