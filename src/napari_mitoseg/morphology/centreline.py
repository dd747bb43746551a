"""From the voxels of a thinned object to a graph of branches."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Points = NDArray[np.float64]
Integers = NDArray[np.int64]

HALF = [offset for offset in product((-1, 0, 1), repeat=3) if offset > (0, 0, 0)]
"""One of each pair of opposite neighbours of a voxel."""


@dataclass(eq=False)
class Branch:
    """A line between two nodes.

    Attributes
    ----------
    start, stop : int
        Nodes; the same one for a loop.
    points : ndarray of float64, shape (k, 3)
        Positions along it, those of both nodes included.
    """

    start: int
    stop: int
    points: Points

    @property
    def length(self) -> float:
        """Length of the line."""
        steps = np.diff(self.points, axis=0)
        return float(np.sqrt(np.square(steps).sum(axis=1)).sum())

    @property
    def is_loop(self) -> bool:
        """Whether it ends where it starts."""
        return self.start == self.stop

    def reversed(self) -> "Branch":
        """Return the same line the other way round."""
        return Branch(self.stop, self.start, self.points[::-1])


@dataclass(eq=False)
class Graph:
    """Nodes and the branches between them.

    Attributes
    ----------
    nodes : dict of int to ndarray, shape (3,)
        Positions.
    branches : list of Branch
        Lines; several may join the same nodes.
    """

    nodes: dict[int, Points] = field(default_factory=dict)
    branches: list[Branch] = field(default_factory=list)

    def degrees(self) -> dict[int, int]:
        """Count the branches that end at each node; a loop ends there twice."""
        count = dict.fromkeys(self.nodes, 0)
        for branch in self.branches:
            count[branch.start] += 1
            count[branch.stop] += 1
        return count

    def place(self, step: float, origin: Points) -> None:
        """Turn voxels into positions: `step` apart, the first one at `origin`."""
        for name, voxel in self.nodes.items():
            self.nodes[name] = voxel * step + origin
        for branch in self.branches:
            branch.points = branch.points * step + origin

    def pieces(self) -> list["Graph"]:
        """Return the connected parts."""
        names = list(self.nodes)
        row = {name: k for k, name in enumerate(names)}
        ends = [(row[b.start], row[b.stop]) for b in self.branches]
        n, part = _components(len(names), np.array(ends, np.int64).reshape(-1, 2))
        found = [Graph() for _ in range(n)]
        for name in names:
            found[part[row[name]]].nodes[name] = self.nodes[name]
        for branch in self.branches:
            found[part[row[branch.start]]].branches.append(branch)
        return found


def trace_voxels(thin: NDArray[np.bool_]) -> Graph:
    """Turn the voxels of a thinned object into a graph.

    Parameters
    ----------
    thin : ndarray of bool, shape (Z, Y, X)
        Lines one voxel wide.

    Returns
    -------
    Graph
        In voxels. Voxels with more than two neighbours that touch one another are one
        node, at their mean; each chain of the others is a branch.

    Examples
    --------
    >>> graph = trace_voxels(np.ones((1, 1, 3), bool))
    >>> len(graph.nodes), [branch.length for branch in graph.branches]
    (2, [2.0])
    """
    places, pairs = _neighbours(thin)
    degree = np.bincount(pairs.ravel(), minlength=len(places))
    is_joint = degree > 2
    graph = Graph()
    joint_of = _add_joints(graph, places, pairs, is_joint)
    around = defaultdict(list)
    for a, b in pairs.tolist():
        around[a].append(b)
        around[b].append(a)
    for chain in _chains(around, np.flatnonzero(~is_joint).tolist(), is_joint):
        _add_chain(graph, chain, around, joint_of, places)
    return graph


def _neighbours(thin: NDArray[np.bool_]) -> tuple[Points, Integers]:
    """List the voxels that are set, and which pairs of them touch."""
    padded = np.pad(thin, 1)
    flat = np.flatnonzero(padded)
    number = np.full(padded.size, -1, np.int64)
    number[flat] = np.arange(flat.size)
    _, height, width = padded.shape
    pairs = [np.zeros((0, 2), np.int64)]
    for z, y, x in HALF:
        other = number[flat + (z * height + y) * width + x]
        here = np.flatnonzero(other >= 0)
        pairs.append(np.column_stack([here, other[here]]))
    places = np.column_stack(np.unravel_index(flat, padded.shape)).astype(np.float64)
    return places - 1.0, np.concatenate(pairs)


def _components(n: int, pairs: Integers) -> tuple[int, Integers]:
    if len(pairs) == 0:
        return n, np.arange(n)
    ones = np.ones(len(pairs), bool)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    count, part = connected_components(graph, directed=False)
    return int(count), part.astype(np.int64)


def _add_joints(
    graph: Graph, places: Points, pairs: Integers, is_joint: NDArray[np.bool_]
) -> dict[int, int]:
    """Make nodes of the clumps of voxels with many neighbours."""
    among = pairs[is_joint[pairs].all(axis=1)]
    _, part = _components(len(places), among)
    members: dict[int, list[int]] = defaultdict(list)
    for voxel in np.flatnonzero(is_joint).tolist():
        members[int(part[voxel])].append(voxel)
    joint_of: dict[int, int] = {}
    for node, voxels in enumerate(members.values()):
        graph.nodes[node] = places[voxels].mean(axis=0)
        joint_of |= dict.fromkeys(voxels, node)
    return joint_of


def _chains(
    around: dict[int, list[int]], voxels: Sequence[int], is_joint: NDArray[np.bool_]
) -> Iterator[list[int]]:
    """Follow voxels with at most two neighbours, from the ends of chains first."""
    left = set(voxels)
    inner = {v: [w for w in around[v] if not is_joint[w]] for v in voxels}
    starts = [v for v in voxels if len(inner[v]) < 2]
    for first in (*starts, *voxels):
        if first not in left:
            continue
        chain = []
        here: int | None = first
        while here is not None:
            left.discard(here)
            chain.append(here)
            here = next((w for w in inner[here] if w in left), None)
        yield chain


def _add_chain(
    graph: Graph,
    chain: list[int],
    around: dict[int, list[int]],
    joint_of: dict[int, int],
    places: Points,
) -> None:
    """Make a branch of a chain of voxels, and nodes of its free ends."""
    line = places[chain]
    first, last = (_joints(chain[k], around, joint_of) for k in (0, -1))
    if len(chain) == 1:
        first, last = first[:1], first[1:]
    if not first and not last:
        _add_free_chain(graph, line, is_ring=chain[0] in around[chain[-1]])
        return
    start = first[0] if first else _new_node(graph, line[0])
    stop = last[0] if last else _new_node(graph, line[-1])
    before = [graph.nodes[start]] if first else []
    after = [graph.nodes[stop]] if last else []
    graph.branches.append(Branch(start, stop, np.array([*before, *line, *after])))


def _add_free_chain(graph: Graph, line: Points, *, is_ring: bool) -> None:
    """Add a ring, a line, or a single voxel that touches nothing else."""
    start = _new_node(graph, line[0])
    if is_ring and len(line) > 2:
        graph.branches.append(Branch(start, start, np.concatenate([line, line[:1]])))
    elif len(line) > 1:
        graph.branches.append(Branch(start, _new_node(graph, line[-1]), line))


def _joints(
    voxel: int, around: dict[int, list[int]], joint_of: dict[int, int]
) -> list[int]:
    """List the nodes that a voxel touches, each once."""
    return list(dict.fromkeys(joint_of[w] for w in around[voxel] if w in joint_of))


def _new_node(graph: Graph, place: Points) -> int:
    node = len(graph.nodes)
    graph.nodes[node] = place
    return node
