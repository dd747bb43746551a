"""Lead a centreline smoothly through the object, and out to its tips."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from napari_mitoseg.morphology.centreline import Branch, Graph, Points
from napari_mitoseg.morphology.field import SmoothField

SMOOTHING = 2.0
"""Standard deviation, in voxels, of the smoothing that takes the steps off a line."""

CLEARLY_LONGER = 1.5
"""Ratio of two axes from which on an object has a direction."""

MOST_SHIFT = 2.0
"""Voxels by which a line may run beside the middle."""

N_SAMPLES = 33
"""Values that are looked at between a line and the wall opposite."""

FARTHEST = 3.0
"""Radii from the last inscribed ball within which the tip is looked for."""


@dataclass(frozen=True, eq=False)
class Body:
    """The object that a centreline leads through.

    Attributes
    ----------
    field : SmoothField
        The smoothed object, isotropic.
    level : float
        Where the field is cut.
    parts : ndarray of uint32, shape of the field
        Connected parts of what lies inside, from 1.
    surface : KDTree
        The vertices of the surface, in nm.
    """

    field: SmoothField
    level: float
    parts: NDArray[np.uint32]
    surface: KDTree

    def radii(self, points: Points) -> Points:
        """Return the distance from positions, shape (n, 3) in nm, to the surface."""
        distances: Points = self.surface.query(points)[0]
        return distances

    @property
    def step(self) -> float:
        """Spacing of the field in nm."""
        return self.field.spacing[0]


def finish(graph: Graph, body: Body) -> Graph:
    """Smooth the branches of one connected part and lead its ends to the surface.

    Parameters
    ----------
    graph : Graph
        Pruned, in nm. Changed in place.
    body : Body
        The object.

    Returns
    -------
    Graph
        With the tips on the surface.
    """
    if _has_no_direction(graph, body):
        return _axis(graph, body)
    degrees = graph.degrees()
    for branch in graph.branches:
        is_tip = [degrees[end] == 1 for end in (branch.start, branch.stop)]
        _finish_branch(branch, body, is_tip)
        graph.nodes[branch.start] = branch.points[0]
        graph.nodes[branch.stop] = branch.points[-1]
    return graph


def _has_no_direction(graph: Graph, body: Body) -> bool:
    """Say whether all there is is a line shorter than the object is thick."""
    if len(graph.branches) > 1 or any(b.is_loop for b in graph.branches):
        return False
    if not graph.branches:
        return True
    branch = graph.branches[0]
    return branch.length < float(body.radii(branch.points).max())


def _finish_branch(branch: Branch, body: Body, is_tip: list[bool]) -> None:
    line = branch.points
    if is_tip[0]:
        line = _without_end(line, body)
    if is_tip[1]:
        line = _without_end(line[::-1], body)[::-1]
    line = smoothed(line, is_ring=branch.is_loop and not any(is_tip))
    if is_tip[0]:
        line = _led_out(line, body)
    if is_tip[1]:
        line = _led_out(line[::-1], body)[::-1]
    branch.points = line


def half_widths(points: Points, body: Body) -> Points:
    """Measure half the width of an object where its centreline runs.

    Parameters
    ----------
    points : ndarray of float64, shape (n, 3)
        Positions in nm.
    body : Body
        The object.

    Returns
    -------
    ndarray of float64, shape (n,)
        Half the way from the nearest wall through each position to the wall opposite,
        in nm. In a tube that is its radius even where the line is a voxel beside the
        middle, and the distance to the wall is less. Where there is no wall near by on
        the other side, at a junction, it is the distance to the nearest wall.
    """
    near, vertex = body.surface.query(points)
    away = (points - body.surface.data[vertex]) / np.maximum(near, 1e-9)[:, None]
    most = near + 2 * MOST_SHIFT * body.step
    share = np.linspace(0, 1, N_SAMPLES)
    rays = points[:, None] + (most[:, None] * share)[..., None] * away[:, None]
    values = body.field.sample(rays.reshape(-1, 3)).reshape(len(points), -1)
    outside = values < body.level
    k = np.maximum(np.argmax(outside, axis=1), 1)
    row = np.arange(len(points))
    inner, outer = values[row, k - 1], values[row, k]
    part = (inner - body.level) / np.where(inner > outer, inner - outer, np.inf)
    opposite = most * (k - 1 + np.clip(part, 0, 1)) / (N_SAMPLES - 1)
    return np.where(outside.any(axis=1), (near + opposite) / 2, near)


def _without_end(line: Points, body: Body) -> Points:
    """Cut a line back to the centre of the last ball that fits into the object.

    Beyond it, thinning leads into some corner of the end.
    """
    radii = body.radii(line)
    far = travelled(line)
    within = (far < radii - radii[0]) & (far < far[-1] / 2)
    return line[int(np.argmin(within)) :]


def _led_out(line: Points, body: Body) -> Points:
    """Lead the start of a line straight on to the surface."""
    radius = max(float(body.radii(line[:1])[0]), body.step)
    back = int(np.searchsorted(travelled(line), radius).clip(1, len(line) - 1))
    direction = line[0] - line[back]
    length = float(np.linalg.norm(direction))
    if length == 0:
        return line
    most = FARTHEST * radius
    tip = _reach(line[0], direction / length, radius, most, body)
    return np.concatenate([tip[None], line])


def _reach(
    start: Points, direction: Points, radius: float, most: float, body: Body
) -> Points:
    """Go on straight for as far as the surface reaches within a radius of the way."""
    around = body.surface.query_ball_point(start, most)
    steps = body.surface.data[around] - start
    forward = steps @ direction
    aside = np.square(steps).sum(axis=1) - forward**2
    ahead = forward[aside <= radius**2]
    return start + direction * float(ahead.max(initial=1e-3))


def _axis(graph: Graph, body: Body) -> Graph:
    """Replace what has no direction by the longest axis through its middle."""
    points = _part_of(graph, body)
    centre = points.mean(axis=0)
    points -= centre
    variances, directions = np.linalg.eigh(points.T @ points / len(points))
    axis = directions[:, -1]
    _, middle, half = np.maximum(np.sqrt(5 * np.maximum(variances, 0)), body.step / 2)
    if half > CLEARLY_LONGER * middle:
        most = float(np.sqrt(np.square(points).sum(axis=1).max())) + body.step
        tips = [_reach(centre, way * axis, middle, most, body) for way in (-1, 1)]
    else:
        # The surface of something round is too rough to say how long it is.
        tips = [centre + way * half * axis for way in (-1, 1)]
    first = min(graph.nodes)
    line = np.array([tips[0], centre, tips[1]])
    nodes = {first: line[0], first + 1: line[2]}
    return Graph(nodes, [Branch(first, first + 1, line)])


def _part_of(graph: Graph, body: Body) -> Points:
    """Return the positions of the connected part that holds a node."""
    place = next(iter(graph.nodes.values()))
    voxel = np.rint((place - body.field.origin) / body.step).astype(int)
    part = np.argwhere(body.parts == body.parts[tuple(voxel)])
    positions: Points = part * body.step + body.field.origin
    return positions


def smoothed(line: Points, *, is_ring: bool = False) -> Points:
    """Take the steps of the grid off a line, keeping its ends.

    Parameters
    ----------
    line : ndarray of float64, shape (k, 3)
        Positions one or a few voxels apart.
    is_ring : bool
        Whether it ends where it starts, and no other line does.

    Returns
    -------
    ndarray of float64, shape (k, 3)
        The same number of positions.
    """
    if len(line) < 3:
        return line
    if is_ring:
        ring = ndimage.gaussian_filter1d(line[:-1], SMOOTHING, axis=0, mode="wrap")
        return np.concatenate([ring, ring[:1]])
    margin = min(len(line) - 1, round(4 * SMOOTHING))
    # Odd reflection keeps the ends where they are.
    longer = np.pad(line, [(margin, margin), (0, 0)], "reflect", reflect_type="odd")
    found = ndimage.gaussian_filter1d(longer, SMOOTHING, axis=0)
    inner: Points = found[margin : margin + len(line)]
    return inner


def travelled(line: Points) -> Points:
    """Return how far each position lies along a line."""
    steps = np.sqrt(np.square(np.diff(line, axis=0)).sum(axis=1))
    return np.concatenate([[0.0], np.cumsum(steps)])
