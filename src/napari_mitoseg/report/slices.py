"""A few slices with outlines of the objects."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from skimage.segmentation import find_boundaries

from napari_mitoseg.report.content import ReportContent
from napari_mitoseg.report.figures import colours_of, new_figure
from napari_mitoseg.volume import Array, Spacing

SHOWN = 600
"""Pixels that a slice is shown with at most: outlines must not vanish."""

FILL = 0.3
"""Share of the colour inside of an outline."""

SHARES = (0.25, 0.5, 0.75)
"""Where among the slices that show objects those lie that are drawn."""

WIDTH = 3.6
"""Inches of one slice."""


def slice_numbers(content: ReportContent) -> list[int]:
    """Choose the slices that are shown.

    Parameters
    ----------
    content : ReportContent
        What the report is about.

    Returns
    -------
    list of int
        Three, spread over the slices that show objects; one where there is but one.
    """
    columns, depth = content.table.columns, content.labels.shape[0]
    first, last = 0, depth - 1
    if len(content.table) and "z_start" in columns:
        first, last = int(min(columns["z_start"])), int(max(columns["z_stop"])) - 1
    return sorted({round(first + share * (last - first)) for share in SHARES})


def draw_slices(content: ReportContent) -> Figure:
    """Draw slices with the outlines of the objects, and the image below if there is.

    Parameters
    ----------
    content : ReportContent
        What the report is about.

    Returns
    -------
    Figure
        Slices side by side.
    """
    numbers = slice_numbers(content)
    _, height, width = content.labels.shape
    spacing = content.labels.spacing
    tall = height * (spacing[1] / spacing[2] if spacing else 1) / width
    inches = min(max(WIDTH * tall, 0.8), 2 * WIDTH) + 0.25
    figure = new_figure(WIDTH * len(numbers), inches)
    places = figure.subplots(1, len(numbers), squeeze=False)[0]
    for axes, z in zip(places, numbers, strict=True):
        axes.imshow(
            painted(content, z), extent=_extent(content), interpolation="nearest"
        )
        axes.set_axis_off()
        axes.set_title(f"Slice {z}", fontsize=9)
        if spacing is not None:
            _draw_scale(axes, width * spacing[2] / 1e3)
    return figure


def painted(content: ReportContent, z: int) -> Array:
    """Paint the outlines of the objects over a slice.

    Parameters
    ----------
    content : ReportContent
        What the report is about.
    z : int
        Slice number.

    Returns
    -------
    ndarray of float, shape (Y, X, 3)
        Colours, 0 to 1; every n-th pixel of a large slice.
    """
    step = max(1, math.ceil(max(content.labels.shape[1:]) / SHOWN))
    labels = content.labels.read_slice(z)[::step, ::step]
    grey = _grey(content, z)[::step, ::step, None].repeat(3, axis=2)
    colours = colours_of(labels)
    inside = labels > 0
    # scikit-image is not annotated throughout.
    line: Array = find_boundaries(labels, mode="inner")  # type: ignore[no-untyped-call]
    grey[inside] = (1 - FILL) * grey[inside] + FILL * colours[inside]
    grey[line] = colours[line]
    return grey


def nice_length(largest: float) -> float:
    """Return the largest of 1, 2, 5, 10 ... that is not more than a length.

    Parameters
    ----------
    largest : float
        Above zero.

    Returns
    -------
    float
        1, 2 or 5 times a power of ten.

    Examples
    --------
    >>> nice_length(0.37), nice_length(12.0)
    (0.2, 10.0)
    """
    power = 10.0 ** math.floor(math.log10(largest))
    return max(n * power for n in (1, 2, 5) if n * power <= largest * (1 + 1e-9))


def _grey(content: ReportContent, z: int) -> Array:
    """Return the image, stretched to 0 to 1; a dark plane where there is none."""
    if content.image is None:
        return np.full(content.labels.shape[1:], 0.1)
    plane = content.image.read_slice(z).astype(float)
    low, high = np.percentile(plane, (0.5, 99.5))
    stretched: Array = np.clip((plane - low) / max(high - low, 1e-12), 0, 1)
    return stretched


def _extent(content: ReportContent) -> tuple[float, float, float, float]:
    _, height, width = content.labels.shape
    _, y, x = content.labels.spacing or (1e3, 1e3, 1e3)
    return 0, width * x / 1e3, height * y / 1e3, 0


def _draw_scale(axes: Axes, width_um: float) -> None:
    length = nice_length(width_um / 4)
    bottom = axes.get_ylim()[0]
    left, y = 0.04 * width_um, bottom - 0.04 * width_um
    axes.plot([left, left + length], [y, y], color="white", linewidth=3)
    unit = f"{length:g} µm" if length >= 1 else f"{1e3 * length:g} nm"
    behind = {"facecolor": "black", "alpha": 0.55, "edgecolor": "none", "pad": 1.5}
    above = y - 0.035 * width_um
    axes.text(left, above, unit, color="white", fontsize=8, bbox=behind)


def spacing_words(spacing: Spacing | None) -> str:
    """Say a spacing in words."""
    if spacing is None:
        return "not known"
    return " × ".join(f"{value:g}" for value in spacing) + " nm (z, y, x)"
