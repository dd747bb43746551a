"""Centrelines as SWC: trees in µm that can be followed from child to parent."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.io.swc import as_tree, write_skeletons


@dataclass(frozen=True)
class Made:
    nodes: Any
    edges: Any
    radius_nm: Any


def made(nodes: Any, edges: Any) -> Made:
    positions = np.array(nodes, float).reshape(-1, 3)
    pairs = np.array(edges, np.int64).reshape(-1, 2)
    return Made(positions, pairs, np.arange(len(positions)) * 10.0)


FORK = made(
    [[0, 0, 500], [0, 0, 0], [0, 400, 0], [300, 0, 0]], [[0, 1], [1, 2], [1, 3]]
)
SQUARE = made(
    [[0, 0, 0], [0, 0, 100], [0, 100, 100], [0, 100, 0]],
    [[0, 1], [1, 2], [2, 3], [3, 0]],
)


def length_um(rows: np.ndarray[Any, Any]) -> float:
    at = {int(row[0]): row[2:5] for row in rows}
    ends = [(row[2:5], at[int(row[6])]) for row in rows if row[6] != -1]
    return float(sum(np.linalg.norm(one - other) for one, other in ends))


def test_a_fork_by_hand(tmp_path: Path) -> None:
    write_skeletons(tmp_path / "a.swc", {7: FORK})
    rows = np.loadtxt(tmp_path / "a.swc", ndmin=2)
    assert rows.tolist() == [
        [1, 0, 0.5, 0, 0, 0, -1],
        [2, 0, 0, 0, 0, 0.01, 1],
        [3, 0, 0, 0.4, 0, 0.02, 2],
        [4, 0, 0, 0, 0.3, 0.03, 2],
    ]
    assert "# object 7: nodes 1 to 4\n" in (tmp_path / "a.swc").read_text()
    assert length_um(rows) == pytest.approx(1.2)


def test_several_objects_are_several_trees(tmp_path: Path) -> None:
    single = made([[0, 0, 0]], [])
    write_skeletons(tmp_path / "a.swc", {7: FORK, 8: single, 9: FORK})
    rows = np.loadtxt(tmp_path / "a.swc")
    assert rows[:, 0].tolist() == list(range(1, 10))
    assert rows[rows[:, 6] == -1, 0].tolist() == [1, 5, 6]
    assert "# object 9: nodes 6 to 9\n" in (tmp_path / "a.swc").read_text()


def test_a_loop_loses_one_edge_and_says_which(tmp_path: Path) -> None:
    write_skeletons(tmp_path / "a.swc", {1: SQUARE})
    rows = np.loadtxt(tmp_path / "a.swc")
    assert length_um(rows) == pytest.approx(0.3)
    text = (tmp_path / "a.swc").read_text()
    assert text.count("closes a loop") == 1
    at = {int(row[0]): row[2:5] for row in rows}
    words = next(line for line in text.splitlines() if "loop" in line).split()
    one, other = at[int(words[-3])], at[int(words[-1])]
    assert np.linalg.norm(one - other) == pytest.approx(0.1)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(
            st.just(n),
            st.lists(
                st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=30
            ),
        )
    )
)
def test_any_graph_is_spanned(graph: tuple[int, list[tuple[int, int]]]) -> None:
    n, edges = graph
    order, parents = as_tree(n, np.array(edges, np.int64).reshape(-1, 2))
    assert sorted(order.tolist()) == list(range(n))
    place = {node: k for k, node in enumerate(order.tolist())}
    undirected = {frozenset(edge) for edge in edges}
    for node, parent in enumerate(parents.tolist()):
        if parent >= 0:
            assert place[parent] < place[node]
            assert frozenset((node, parent)) in undirected

    # As many trees as parts: every edge joins nodes of one tree.
    def root(node: int) -> int:
        while parents[node] >= 0:
            node = int(parents[node])
        return node

    assert all(root(a) == root(b) for a, b in edges)


def test_nothing_to_write(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterError, match="no centreline"):
        write_skeletons(tmp_path / "a.swc", {})
    with pytest.raises(InvalidParameterError, match="no centreline"):
        write_skeletons(tmp_path / "a.swc", {3: made([], [])})
    assert not list(tmp_path.iterdir())
