"""Tiles cover everything, on the lattice, and with the halo they promise."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.inference.tiling import Cut, reflected

lengths = st.integers(1, 700)


@st.composite
def cuts(draw: st.DrawFn) -> Cut:
    divisor = draw(st.sampled_from([1, 8, 16, 32]))
    overlap = draw(st.integers(0, 40))
    halo = draw(st.integers(0, 60))
    tile = draw(st.integers(4 * (overlap + 2 * divisor) + 2 * divisor, 512))
    return Cut(tile, overlap, halo, divisor)


@given(cut=cuts(), length=lengths)
def test_kept_parts_cover_the_axis(cut: Cut, length: int) -> None:
    covered = np.zeros(length, int)
    for span in cut.spans(0, length, length):
        covered[span.kept] += 1
    assert covered.min() >= 1


@given(cut=cuts(), length=lengths, data=st.data())
def test_reads_lie_on_the_lattice_and_fit_the_tile(
    cut: Cut, length: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, length - 1))
    stop = data.draw(st.integers(start + 1, length))
    for span in cut.spans(start, stop, length):
        assert span.read_start % cut.divisor == 0
        assert span.read_stop % cut.divisor == 0
        assert span.read_size <= cut.tile + 2 * cut.divisor
        assert span.read_start <= span.keep_start < span.keep_stop <= span.read_stop


@given(cut=cuts(), length=lengths)
def test_inner_borders_have_the_margin(cut: Cut, length: int) -> None:
    for span in cut.spans(0, length, length):
        assert span.read_start == 0 or (span.keep_start - span.read_start >= cut.margin)
        assert span.read_stop >= length or (
            span.read_stop - span.keep_stop >= cut.margin
        )


def test_neighbours_overlap_as_asked() -> None:
    spans = Cut(tile=256, overlap=32, halo=32, divisor=16).spans(0, 1000, 1000)
    shared = [a.keep_stop - b.keep_start for a, b in itertools.pairwise(spans)]
    assert len(spans) == 7
    assert min(shared) == 32


def test_too_small_a_tile_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="tile of at least"):
        Cut(tile=64, overlap=64, halo=0, divisor=16)


@pytest.mark.parametrize(
    ("start", "stop", "length", "expected"),
    [
        (0, 3, 3, [0, 1, 2]),
        (-3, 6, 3, [1, 2, 1, 0, 1, 2, 1, 0, 1]),
        (-2, 2, 1, [0, 0, 0, 0]),
    ],
)
def test_reflection(start: int, stop: int, length: int, expected: list[int]) -> None:
    assert reflected(start, stop, length).tolist() == expected
