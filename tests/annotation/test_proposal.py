"""Proposed slices: hand-computed, and what holds for any stack."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_mitoseg.annotation.proposal import (
    every_kth,
    listed_slices,
    worth_labelling,
)
from napari_mitoseg.errors import InvalidParameterError


@pytest.mark.parametrize(
    ("n", "k", "expected"),
    [(20, 5, (0, 5, 10, 15)), (6, 5, (0, 5)), (3, 1, (0, 1, 2)), (4, 9, (0,))],
)
def test_every_kth(n: int, k: int, expected: tuple[int, ...]) -> None:
    assert every_kth(n, k) == expected


def test_every_0th_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="Give 1 or more"):
        every_kth(5, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", (3,)),
        ("9, 0 ,3", (0, 3, 9)),
        ("0-2, 1;7", (0, 1, 2, 7)),
        ("4 – 6", (4, 5, 6)),
        ("", ()),
        (" , ", ()),
    ],
)
def test_lists_as_people_write_them(text: str, expected: tuple[int, ...]) -> None:
    assert listed_slices(text, 10) == expected


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("1, x", "'x'"),
        ("5-2", "'5-2'"),
        ("-3", "'-3'"),
        ("1.5", "'1.5'"),
        ("10", "slices 0 to 9"),
        ("3, 8-12", "Slice 10"),
    ],
)
def test_lists_that_make_no_sense_are_explained(text: str, word: str) -> None:
    with pytest.raises(InvalidParameterError, match=word):
        listed_slices(text, 10)


def test_most_doubtful_first_and_apart() -> None:
    doubt = [0.1, 0.9, 0.8, 0.2, 0.7, 0.3]
    assert worth_labelling(doubt, 2) == (1, 4)
    assert worth_labelling(doubt, 9) == (1, 4)
    assert worth_labelling(doubt, 3, apart=1) == (1, 2, 4)


def test_complete_slices_and_their_neighbours_are_left_out() -> None:
    doubt = [0.9, 0.8, 0.1, 0.2, 0.1, 0.7, 0.9]
    assert worth_labelling(doubt, 2, complete=[0, 6]) == (3,)


def test_neighbours_are_better_than_nothing() -> None:
    assert worth_labelling([0.5, 0.1, 0.5], 5, complete=[0, 2]) == (1,)
    assert worth_labelling([0.5, 0.1], 5, complete=[0, 1]) == ()


def test_unknown_doubt_is_no_doubt() -> None:
    assert worth_labelling([math.nan, 0.1, math.nan, math.nan, 0.0], 5) == (1, 4)


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=30),
    st.integers(0, 8),
    st.sets(st.integers(0, 29), max_size=8),
    st.integers(1, 4),
)
def test_proposals_hold_to_the_rules(
    doubt: list[float], n: int, complete: set[int], apart: int
) -> None:
    inside = {z for z in complete if z < len(doubt)}
    chosen = worth_labelling(doubt, n, complete=inside, apart=apart)
    assert len(chosen) <= n
    assert len(set(chosen)) == len(chosen)
    assert not inside & {*chosen}
    if n and len(inside) < len(doubt):
        assert chosen
    values = [doubt[z] for z in chosen]
    assert values == sorted(values, reverse=True)
