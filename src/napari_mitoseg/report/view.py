"""All objects in space, drawn from their surfaces."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from numpy.typing import NDArray

from napari_mitoseg.io.meshes import as_surface, colour_of
from napari_mitoseg.jobs import Job, Progress, drain
from napari_mitoseg.morphology import Mesh, iter_objects, mesh_object, survey_labels
from napari_mitoseg.report.content import ReportContent
from napari_mitoseg.report.figures import GREY, new_figure
from napari_mitoseg.volume import Array, Spacing, Volume

COARSE = 2_000_000
"""Voxels of the copy that surfaces are drawn from."""

MOST = 1500
"""Objects that are drawn, the largest first."""

ELEVATION, AZIMUTH = 22.0, -62.0
LIGHT = (-0.45, -0.65, 0.6)
"""Direction to the light; from the left, in front, above."""

AMBIENT = 0.42
PANE = (0.96, 0.965, 0.975, 1)
TICKS = 7
"""Parts that the longest side is cut into."""

Triangles = NDArray[np.float64]


class View(NamedTuple):
    """A picture of objects in space.

    Attributes
    ----------
    figure : Figure
        The picture.
    n_drawn : int
        How many objects are in it: those too small for it are not.
    """

    figure: Figure
    n_drawn: int


def draw_view(content: ReportContent) -> Job[View]:
    """Draw the surfaces of the objects, in a box with lengths in µm.

    Parameters
    ----------
    content : ReportContent
        What the report is about; its spacing is known.

    Yields
    ------
    Progress
        One an object.

    Returns
    -------
    View
        x to the right, y downwards as in the slices, z into the depth.

    Raises
    ------
    LookupError
        If the spacing is not known.

    Notes
    -----
    Surfaces are drawn from a copy of some two million voxels, since no more of them
    can be seen.  Those that look away are left out, the others are sorted from far to
    near.
    """
    labels = content.labels
    if labels.spacing is None:
        msg = "The spacing of the labels is not known."
        raise LookupError(msg)
    copy, spacing, first = coarse_copy(labels, labels.spacing)
    survey = drain(survey_labels(copy, spacing))
    rows = np.argsort(-survey.n_voxels, kind="stable")[:MOST]
    triangles, colours = [np.zeros((0, 3, 3))], [np.zeros((0, 3))]
    for done, crop in enumerate(iter_objects(survey, rows.tolist())):
        yield Progress(done, rows.size, "Drawing the objects")
        mesh = mesh_object(crop.mask, spacing, crop.region.start)
        corners, shade = lit(mesh)
        triangles.append(corners + placed(first))
        colours.append(np.outer(shade, np.array(colour_of(crop.label)) / 255))
    size = np.multiply(labels.shape, labels.spacing) / 1e3
    figure = _drawn(np.concatenate(triangles), np.concatenate(colours), size)
    return View(figure, rows.size)


def coarse_copy(labels: Volume, spacing: Spacing) -> tuple[Array, Spacing, Spacing]:
    """Copy every n-th voxel, so that voxels come close to cubes.

    Parameters
    ----------
    labels : Volume
        Objects, read slice by slice.
    spacing : tuple of float
        Distance between voxel centres in nm, ZYX.

    Returns
    -------
    copy : ndarray, shape (Z, Y, X)
        Some two million voxels at most.
    spacing : tuple of float
        Distance between the voxels that were copied.
    first : tuple of float
        Centre of the first of them, in nm from the corner of the volume, ZYX.
    """
    volume = np.prod(np.multiply(labels.shape, spacing))
    side = np.cbrt(volume / COARSE)
    z, y, x = (max(1, round(side / one)) for one in spacing)
    # The middle of each block stands for it.
    starts = [
        min(n, size - 1) // 2 for n, size in zip((z, y, x), labels.shape, strict=True)
    ]
    rows, columns = slice(starts[1], None, y), slice(starts[2], None, x)
    planes = [
        labels.read_slice(k)[rows, columns]
        for k in range(starts[0], labels.shape[0], z)
    ]
    k, j, i = ((n + 0.5) * one for n, one in zip(starts, spacing, strict=True))
    copied = (spacing[0] * z, spacing[1] * y, spacing[2] * x)
    return np.stack(planes), copied, (k, j, i)


def placed(position: Sequence[float]) -> NDArray[np.float64]:
    """Return where a position is in the view.

    Parameters
    ----------
    position : sequence of float
        In nm, ZYX.

    Returns
    -------
    ndarray of float, shape (3,)
        In µm: x to the right, z into the depth, y downwards.

    Examples
    --------
    >>> placed((1000.0, 2000.0, 3000.0)).tolist()
    [3.0, 1.0, -2.0]
    """
    z, y, x = position
    return np.array([x, z, -y]) / 1e3


def lit(mesh: Mesh) -> tuple[Triangles, NDArray[np.float64]]:
    """Return the triangles that look towards the viewer, and how bright they are.

    Parameters
    ----------
    mesh : Mesh
        A closed surface.

    Returns
    -------
    triangles : ndarray of float, shape (n, 3, 3)
        Corners in µm: x to the right, z into the depth, y downwards.
    shade : ndarray of float, shape (n,)
        Brightness, 0 to 1.
    """
    vertices, faces = as_surface(mesh, "micrometre")
    turned = np.stack([vertices[:, 0], vertices[:, 2], -vertices[:, 1]], axis=1)
    corners = turned[faces].astype(float)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    # Normals of the corners, the mean of those around: facets are not seen then.
    normals = np.zeros(turned.shape)
    for k in range(3):
        np.add.at(normals, faces[:, k], across)
    smooth = normals[faces].sum(axis=1)
    smooth /= np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-12)
    light = np.array(LIGHT) / np.linalg.norm(LIGHT)
    shade = AMBIENT + (1 - AMBIENT) * np.clip(smooth @ light, 0, 1)
    towards = across @ _to_viewer() > 0
    return corners[towards], shade[towards]


def _to_viewer() -> NDArray[np.float64]:
    up, around = np.deg2rad((ELEVATION, AZIMUTH))
    flat = np.cos(up)
    return np.array([flat * np.cos(around), flat * np.sin(around), np.sin(up)])


def _drawn(
    triangles: Triangles, colours: NDArray[np.float64], size: NDArray[np.float64]
) -> Figure:
    depth, height, width = size
    figure = new_figure(7.2, 5.6)
    axes = figure.add_subplot(projection="3d")
    axes.set_proj_type("ortho")
    axes.view_init(ELEVATION, AZIMUTH)
    axes.add_collection3d(
        Poly3DCollection(
            triangles, facecolors=colours, edgecolors=colours, linewidths=0.2
        )
    )
    axes.set(xlim=(0, width), ylim=(0, depth), zlim=(-height, 0))
    axes.set_box_aspect((width, depth, height), zoom=1.05)
    axes.zaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    for axis, name, length in zip(
        (axes.xaxis, axes.yaxis, axes.zaxis), "xzy", (width, depth, height), strict=True
    ):
        axis.set_label_text(f"{name} (µm)", fontsize=8, color=GREY)
        axis.set_major_locator(MaxNLocator(max(1, round(TICKS * length / size.max()))))
        axis.set_tick_params(labelsize=7, colors=GREY)
        axis.set_pane_color(PANE)
    return figure
