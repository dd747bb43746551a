"""Draw, and write the page."""

import platform
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from napari_mitoseg import __version__
from napari_mitoseg.errors import ShapeError
from napari_mitoseg.io.atomic import staged
from napari_mitoseg.jobs import Job, Progress
from napari_mitoseg.morphology import summarize
from napari_mitoseg.report import page
from napari_mitoseg.report.content import ReportContent
from napari_mitoseg.report.figures import as_data_uri
from napari_mitoseg.report.plots import (
    draw_distributions,
    shown_columns,
    statistics,
)
from napari_mitoseg.report.slices import draw_slices, spacing_words
from napari_mitoseg.report.view import MOST, draw_view

LIBRARIES = ("numpy", "scipy", "scikit-image", "connected-components-3d", "matplotlib")

UNKNOWN_SPACING = (
    "The spacing of these labels is not known: sizes are voxels, and there is no view "
    "in space. Give it, and measure again."
)


def write_report(path: Path, content: ReportContent) -> Job[Path]:
    """Write a report as one HTML page with its pictures inside.

    Parameters
    ----------
    path : Path
        The page; replaced if it exists, once the new one is complete.
    content : ReportContent
        What it is about.

    Yields
    ------
    Progress
        One per object that is drawn.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    ShapeError
        If image or tissue have another shape than the labels.
    WriteError
        If the page cannot be written; nothing new is left then.

    Notes
    -----
    The page holds the key figures, three slices with the outlines of the objects, a
    view of all surfaces, histograms, statistics of every column with definitions, the
    recipe, and versions.  It loads nothing from elsewhere and runs no script.
    """
    labels = content.labels
    if content.image is not None and content.image.shape != labels.shape:
        msg = (
            f"The image has shape {content.image.shape} and the labels {labels.shape} "
            "(z, y, x). Give the image that the labels belong to."
        )
        raise ShapeError(msg)
    summary = summarize(content.table, labels.shape, labels.spacing, content.tissue)
    yield Progress(0, 1, "Drawing slices")
    parts = [*_opening(content, summary)]
    if not content.is_flat and labels.spacing is not None and len(content.table):
        parts.append((yield from _view(content)))
    parts += _closing(content)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    about = f"Measured with napari-mitoseg {__version__}, {now}"
    with staged(path.parent, [path.name]) as files:
        text = page.html_page(labels.name, about, parts)
        files[path.name].write_text(text, encoding="utf-8")
    yield Progress(1, 1, "Written")
    return path


def _opening(content: ReportContent, summary: Mapping[str, float]) -> Iterator[str]:
    """Give the key figures, what is wrong with them, and slices."""
    table = content.table
    yield page.figures(summary)
    if content.labels.spacing is None:
        yield page.note(UNKNOWN_SPACING, "warning")
    n_cut = int(np.sum(table.columns.get("touches_border", 0)))
    if n_cut:
        yield page.note(
            f"{n_cut} of {len(table)} objects are cut by the side of the volume: their "
            "sizes and shapes are those of what is left.",
            "warning",
        )
    under = "over the image" if content.image is not None else "without an image"
    yield page.part(
        "Slices",
        page.picture(
            as_data_uri(draw_slices(content)),
            "Slices with the outlines of the objects",
            f"Outlines of the objects {under}, a colour each.",
        ),
    )


def _view(content: ReportContent) -> Job[str]:
    view = yield from draw_view(content)
    return page.part(
        "In space",
        page.picture(
            as_data_uri(view.figure),
            "Surfaces of the objects in space",
            f"{_which(view.n_drawn, len(content.table))}, in the colours of the "
            "slices; y runs downwards as in these.",
        ),
    )


def _which(n_drawn: int, n_objects: int) -> str:
    """Say which objects are in the view."""
    if n_drawn == n_objects:
        return "All objects"
    if n_drawn == MOST:
        return f"The {MOST} largest of {n_objects} objects"
    missing = n_objects - n_drawn
    return f"{n_drawn} of {n_objects} objects ({missing} too small to be seen here)"


def _closing(content: ReportContent) -> Iterator[str]:
    """Give distributions, statistics, origin and versions."""
    table, labels = content.table, content.labels
    if shown_columns(table):
        yield page.part(
            "Distributions",
            page.picture(
                as_data_uri(draw_distributions(table)),
                "Histograms of the measurements",
                "Numbers of objects; the line stands at the median.",
            ),
        )
    if len(table):
        found = statistics(table)
        rows = page.statistics_table(found)
        yield page.part("Statistics", rows, page.definitions([*found]))
    origin = {
        "Labels": labels.name,
        "Size": " × ".join(map(str, labels.shape)) + " voxels (z, y, x)",
        "Spacing": spacing_words(labels.spacing),
        "Image": "none" if content.image is None else content.image.name,
        "Density refers to": "everything" if content.tissue is None else "tissue mask",
    }
    yield page.part("Data", page.pairs(origin))
    if content.recipe:
        yield page.part("Recipe", page.code(content.recipe))
    used = {name: version(name) for name in LIBRARIES}
    versions = {"napari-mitoseg": __version__, "Python": platform.python_version()}
    yield page.part("Versions", page.pairs({**versions, **used}))
