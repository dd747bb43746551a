"""The text of a report: one HTML page that needs nothing beside it."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.morphology import column_info

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Nothing is loaded from elsewhere, and nothing is run."""

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2330; max-width: 1040px;
       margin: 2em auto; padding: 0 1.2em; }
h1 { margin: 0; font-size: 1.7em; } h2 { font-size: 1.15em; margin: 1.6em 0 .4em; }
.about, figcaption, .note { color: #5b6472; font-size: .92em; }
figure { margin: 0; } img { max-width: 100%; height: auto; }
.figures { display: flex; flex-wrap: wrap; gap: .8em; margin: 1em 0; padding: 0; }
.figures div { background: #f4f6fa; border-radius: 8px; padding: .6em 1em; }
.figures dt { color: #5b6472; font-size: .85em; }
.figures dd { margin: 0; font-size: 1.3em; font-weight: 600; }
table { border-collapse: collapse; font-size: .88em; width: 100%; }
th { text-align: right; color: #5b6472; font-weight: 600; }
td { text-align: right; font-variant-numeric: tabular-nums; }
th, td { padding: .15em .5em; border-bottom: 1px solid #e4e8ef; }
th:first-child, td:first-child, .pairs td { text-align: left; }
.pairs { width: auto; }
pre { background: #f4f6fa; border-radius: 8px; padding: .8em; overflow-x: auto;
      font-size: .82em; }
.warning { background: #fff6e3; border-radius: 8px; padding: .5em 1em; }
@media print { body { margin: 0; max-width: none; } details { display: block; }
               h2, figure, table { break-inside: avoid; } }
"""

STATISTICS = ("n", "mean", "SD", "min", "5 %", "median", "95 %", "max")

WORDS = {
    "count": ("Objects", ""),
    "volume_fraction": ("Volume fraction", ""),
    "area_fraction": ("Area fraction", ""),
    "density_per_um3": ("Density", "per µm³"),
    "density_per_um2": ("Density", "per µm²"),
    "reference_volume_um3": ("Volume looked at", "µm³"),
    "reference_area_um2": ("Area looked at", "µm²"),
    "volume_50_percent_um3": ("Median volume", "µm³"),
    "area_50_percent_um2": ("Median area", "µm²"),
}
SHARES = {"volume_fraction", "area_fraction"}
QUANTILE = "_percent_"


def number(value: float) -> str:
    """Write a number with four figures.

    Parameters
    ----------
    value : float
        Any number.

    Returns
    -------
    str
        A dash where there is none.

    Examples
    --------
    >>> number(0.123456), number(12345.0), number(40.0), number(float("nan"))
    ('0.1235', '12,345', '40', '–')
    """
    if not np.isfinite(value):
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def html_page(title: str, about: str, parts: Iterable[str]) -> str:
    """Put a page together.

    Parameters
    ----------
    title, about : str
        Heading, and a line below it; plain text.
    parts : iterable of str
        HTML of the parts, in order.

    Returns
    -------
    str
        The whole page.
    """
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
            f'<h1>{escape(title)}</h1><p class="about">{escape(about)}</p>',
            *parts,
            "</body></html>",
            "",
        ]
    )


def part(title: str, *content: str) -> str:
    """Return a part of the page under a heading."""
    return "\n".join([f"<h2>{escape(title)}</h2>", *content])


def note(text: str, kind: str = "note") -> str:
    """Return a paragraph of plain text."""
    return f'<p class="{kind}">{escape(text)}</p>'


def picture(uri: str, words: str, caption: str) -> str:
    """Return a picture.

    Parameters
    ----------
    uri : str
        Where it is: a data URI.
    words : str
        What it shows, for those who cannot see it.
    caption : str
        Text below.

    Returns
    -------
    str
        HTML.
    """
    return (
        f'<figure><img src="{uri}" alt="{escape(words)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def figures(summary: Mapping[str, float]) -> str:
    """Return the numbers of a summary as a row of boxes; of quantiles the median."""
    boxes = []
    for name, value in summary.items():
        if QUANTILE in name and name not in WORDS:
            continue
        title, unit = WORDS.get(name, (name.replace("_", " "), ""))
        text = f"{100 * value:.3g} %" if name in SHARES else f"{number(value)} {unit}"
        words = escape(title), escape(text.strip())
        boxes.append("<div><dt>{}</dt><dd>{}</dd></div>".format(*words))
    return f'<dl class="figures">{"".join(boxes)}</dl>'


def statistics_table(found: Mapping[str, NDArray[np.float64]]) -> str:
    """Return the statistics of columns as a table; titles explain themselves."""
    head = "".join(f"<th>{escape(word)}</th>" for word in ("", *STATISTICS))
    rows = [f"<tr>{head}</tr>"]
    for name, values in found.items():
        info = column_info(name)
        title = f'<td title="{escape(info.tip)}">{escape(info.heading)}</td>'
        cells = "".join(f"<td>{number(value)}</td>" for value in values.tolist())
        rows.append(f"<tr>{title}{cells}</tr>")
    return f"<table>{''.join(rows)}</table>"


def definitions(names: Sequence[str]) -> str:
    """Return what columns mean, folded away."""
    lines = []
    for info in map(column_info, names):
        source = f" <em>{escape(info.source)}</em>" if info.source else ""
        word = f"<dt><b>{escape(info.title)}</b> <code>{escape(info.name)}</code></dt>"
        lines.append(f"{word}<dd>{escape(info.tip)}{source}</dd>")
    return f"<details><summary>Definitions</summary><dl>{''.join(lines)}</dl></details>"


def pairs(rows: Mapping[str, str]) -> str:
    """Return names and values as a table."""
    cells = (
        f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>"
        for name, value in rows.items()
    )
    return f'<table class="pairs">{"".join(cells)}</table>'


def code(text: str) -> str:
    """Return text as it is."""
    return f"<pre>{escape(text)}</pre>"
