"""Leave out of a centreline what is no branch of the object."""

from collections.abc import Callable

import numpy as np

from napari_mitoseg.morphology.centreline import Branch, Graph, Points

Radii = Callable[[Points], Points]
"""Distance to the surface from positions, shape (n, 3) to (n,)."""

SHORTEST = 1.5
"""Least length of a side branch, in radii of the object where it leaves."""


def pruned(graph: Graph, radii: Radii, smallest_loop: float) -> Graph:
    """Remove spurs, join what they divided, and merge junctions that lie together.

    Parameters
    ----------
    graph : Graph
        Of a thinned object, in nm. Changed in place.
    radii : callable
        Distance from positions to the surface in nm.
    smallest_loop : float
        Length below which loops are artefacts of the grid, in nm.

    Returns
    -------
    Graph
        The same graph.

    Notes
    -----
    A side branch is a spur if it is shorter than 1.5 times the radius at the junction:
    it then rises above the surface by less than half that radius. The shortest goes
    first, and what it divided is joined before the next is looked at, so that the end
    of a thick tube keeps one of its spurs as its own. Junctions are one if one lies in
    the ball inscribed at the other.
    """
    graph.branches = [
        b for b in graph.branches if not b.is_loop or b.length >= smallest_loop
    ]
    radius = _at_nodes(graph, radii)
    _join_passages(graph)
    while (spur := _shortest_spur(graph, radius)) is not None:
        _remove_spur(graph, spur)
        _join_passages(graph)
    while (link := _shortest_link(graph, radius)) is not None:
        _contract(graph, link)
        _join_passages(graph)
    return graph


def _at_nodes(graph: Graph, radii: Radii) -> dict[int, float]:
    if not graph.nodes:
        return {}
    found = radii(np.array(list(graph.nodes.values())))
    return dict(zip(graph.nodes, found.tolist(), strict=True))


def _shortest_spur(graph: Graph, radius: dict[int, float]) -> Branch | None:
    degrees = graph.degrees()
    found: tuple[Branch | None, float] = None, np.inf
    for branch in graph.branches:
        a, b = degrees[branch.start], degrees[branch.stop]
        if min(a, b) != 1 or max(a, b) < 3:
            continue
        length = branch.length
        joint = branch.start if a > 1 else branch.stop
        if length < min(SHORTEST * radius[joint], found[1]):
            found = branch, length
    return found[0]


def _remove_spur(graph: Graph, spur: Branch) -> None:
    degrees = graph.degrees()
    graph.branches.remove(spur)
    tip = spur.start if degrees[spur.start] == 1 else spur.stop
    del graph.nodes[tip]


def _shortest_link(graph: Graph, radius: dict[int, float]) -> Branch | None:
    """Find a branch between two junctions that is no longer than they are thick."""
    degrees = graph.degrees()
    found: tuple[Branch | None, float] = None, np.inf
    for branch in graph.branches:
        ends = branch.start, branch.stop
        if branch.is_loop or min(degrees[end] for end in ends) < 3:
            continue
        length = branch.length
        if length < min(max(radius[end] for end in ends), found[1]):
            found = branch, length
    return found[0]


def _contract(graph: Graph, link: Branch) -> None:
    """Make one node of the two ends of a branch."""
    graph.branches.remove(link)
    kept, gone = link.start, link.stop
    middle = (graph.nodes[kept] + graph.nodes.pop(gone)) / 2
    graph.nodes[kept] = middle
    for branch in graph.branches:
        if branch.start in {kept, gone}:
            branch.start = kept
            branch.points = np.concatenate([middle[None], branch.points[1:]])
        if branch.stop in {kept, gone}:
            branch.stop = kept
            branch.points = np.concatenate([branch.points[:-1], middle[None]])


def _join_passages(graph: Graph) -> None:
    """Make one branch of two that meet where nothing else does."""
    degrees = graph.degrees()
    for node in [name for name, degree in degrees.items() if degree == 2]:
        ends = [b for b in graph.branches if node in {b.start, b.stop}]
        if len(ends) != 2:
            # A loop on its own: its node is only where it is drawn from.
            continue
        into = ends[0] if ends[0].stop == node else ends[0].reversed()
        out = ends[1] if ends[1].start == node else ends[1].reversed()
        graph.branches = [b for b in graph.branches if b not in ends]
        points = np.concatenate([into.points, out.points[1:]])
        graph.branches.append(Branch(into.start, out.stop, points))
        del graph.nodes[node]
