"""Figures without a screen, and as text inside a page."""

import base64
from io import BytesIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from napari_mitoseg.io.meshes import colour_of
from napari_mitoseg.volume import Array

DPI = 130
GREY = "#5b6472"
BLUE = "#3f5fd0"


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches; no window knows of it."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def as_data_uri(figure: Figure) -> str:
    """Return a figure as the address of a picture that carries it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Any figure.

    Returns
    -------
    str
        ``data:image/png;base64,…``.
    """
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.05)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def colours_of(labels: Array) -> Array:
    """Return the colour of each voxel.

    Parameters
    ----------
    labels : ndarray of int
        Objects; 0 is background.

    Returns
    -------
    ndarray of float, shape (..., 3)
        Red, green and blue, 0 to 1; black where there is no object.
    """
    index, inverse = np.unique(labels, return_inverse=True)
    table = [(0, 0, 0) if one == 0 else colour_of(int(one)) for one in index]
    return np.asarray(table, float)[inverse.reshape(labels.shape)] / 255
