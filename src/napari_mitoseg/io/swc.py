"""Centrelines of objects as SWC, the format of traced neurons."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.io.atomic import staged

UNDEFINED = 0
"""Type of a node: SWC has none for mitochondria."""

ROOT = -1


class Centreline(Protocol):
    """A graph of lines through an object."""

    @property
    def nodes(self) -> NDArray[np.float64]:
        """Positions in nm, ZYX, shape (n, 3)."""

    @property
    def edges(self) -> NDArray[np.int64]:
        """Pairs of nodes that are joined, shape (m, 2)."""

    @property
    def radius_nm(self) -> NDArray[np.float64]:
        """Distance from each node to the surface, shape (n,)."""


def write_skeletons(path: str | Path, skeletons: Mapping[int, Centreline]) -> None:
    """Write the centrelines of objects into one SWC file.

    Parameters
    ----------
    path : str or Path
        The file; replaced if it exists, once the new one is complete.
    skeletons : mapping of int to Centreline
        Graphs by label.

    Raises
    ------
    InvalidParameterError
        If there is no centreline.
    WriteError
        If the file cannot be written; what was there before stays.

    Notes
    -----
    A line is ``number type x y z radius parent``, lengths in µm, with the centre of
    the first voxel at 0.  SWC holds trees: of a graph with a loop one edge of the loop
    is left out, and a remark says which.  Each part of a graph is a tree of its own,
    with an end point as its root where there is one.

    References
    ----------
    .. [1] Cannon et al., "An on-line archive of reconstructed hippocampal neurons",
       Journal of Neuroscience Methods 84 (1998),
       https://doi.org/10.1016/S0165-0270(98)00091-0
    """
    path = Path(path)
    if not any(len(skeleton.nodes) for skeleton in skeletons.values()):
        msg = f"There is no centreline to write into {path.name}."
        raise InvalidParameterError(msg)
    with staged(path.parent, [path.name]) as files:
        text = "\n".join(_lines(skeletons)) + "\n"
        files[path.name].write_text(text, encoding="utf-8")


def _lines(skeletons: Mapping[int, Centreline]) -> Iterator[str]:
    yield "# napari-mitoseg; number type x y z radius parent, in micrometres"
    first = 1
    for label, skeleton in skeletons.items():
        order, parents = as_tree(len(skeleton.nodes), skeleton.edges)
        yield f"# object {label}: nodes {first} to {first + len(order) - 1}"
        numbers = np.empty(len(order), np.int64)
        numbers[order] = np.arange(len(order)) + first
        for one, other in _left_out(skeleton.edges, parents):
            yield f"# left out, it closes a loop: {numbers[one]} to {numbers[other]}"
        for node in order:
            x, y, z = (f"{v / 1e3:.9g}" for v in skeleton.nodes[node][::-1])
            radius = f"{skeleton.radius_nm[node] / 1e3:.9g}"
            parent = ROOT if parents[node] < 0 else numbers[parents[node]]
            yield f"{numbers[node]} {UNDEFINED} {x} {y} {z} {radius} {parent}"
        first += len(order)


def as_tree(
    n_nodes: int, edges: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Span a graph by trees, one for each of its parts.

    Parameters
    ----------
    n_nodes : int
        Number of nodes.
    edges : ndarray of int, shape (m, 2)
        Pairs of nodes.

    Returns
    -------
    order : ndarray of int, shape (n_nodes,)
        All nodes, each behind its parent.
    parents : ndarray of int, shape (n_nodes,)
        Parent of each node, −1 of roots.

    Examples
    --------
    >>> order, parents = as_tree(4, np.array([[1, 0], [1, 2]]))
    >>> order.tolist(), parents.tolist()
    ([0, 1, 2, 3], [-1, 0, 1, -1])
    """
    pairs = np.asarray(edges, np.int64).reshape(-1, 2)
    ones = np.ones(len(pairs), np.int8)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), (n_nodes, n_nodes)).tocsr()
    n_parts, part_of = connected_components(graph, directed=False)
    n_joined = np.bincount(pairs.ravel(), minlength=n_nodes)
    # An end point comes first among the nodes of its part.
    candidates = np.lexsort((n_joined != 1, part_of))
    roots = candidates[np.searchsorted(part_of[candidates], np.arange(n_parts))]
    orders: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    parents = np.full(n_nodes, ROOT)
    for root in roots:
        order, before = breadth_first_order(graph, root, directed=False)
        orders.append(order.astype(np.int64))
        parents[order] = np.where(before[order] < 0, ROOT, before[order])
    return np.concatenate(orders), parents


def _left_out(
    edges: NDArray[np.int64], parents: NDArray[np.int64]
) -> Iterator[tuple[int, int]]:
    """List the edges that are not in the tree."""
    kept = {(min(n, p), max(n, p)) for n, p in enumerate(parents.tolist()) if p >= 0}
    for one, other in np.asarray(edges).reshape(-1, 2).tolist():
        pair = min(one, other), max(one, other)
        if one != other and pair not in kept:
            yield pair
