"""Regions in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.volume import Region

SHAPE = (8, 32, 40)


@st.composite
def regions(draw: st.DrawFn) -> Region:
    ends = [
        sorted(draw(st.tuples(*[st.integers(0, n)] * 2).filter(lambda e: e[0] != e[1])))
        for n in SHAPE
    ]
    (z0, z1), (y0, y1), (x0, x1) = ends
    return Region((z0, y0, x0), (z1, y1, x1))


@given(regions())
def test_a_region_is_read_as_it_is_written(region: Region) -> None:
    assert Region.parse(str(region), SHAPE) == region


def test_ends_that_are_left_out() -> None:
    assert Region.parse(":,:,:", SHAPE) == Region.whole(SHAPE)
    assert Region.parse(" 3:, :9 ,5:6", SHAPE) == Region((3, 0, 5), (8, 9, 6))


@pytest.mark.parametrize(
    "text",
    [
        *["", "1:2", ":,:", ":,:,:,:", "1,2,3", "2:2,:,:", "3:2,:,:", "0:9,:,:"],
        *["8:,:,:", "-1:3,:,:", "1.0:2,:,:", "a:b,:,:", "1:2:3,:,:"],
        f"{'9' * 5000}:,:,:",
    ],
)
def test_what_is_no_region(text: str) -> None:
    with pytest.raises(InvalidParameterError, match=r"z0:z1,y0:y1,x0:x1"):
        Region.parse(text, SHAPE)


def test_a_region_moves() -> None:
    moved = Region((1, 2, 3), (4, 5, 6)).moved((10, 20, 30))
    assert moved == Region((11, 22, 33), (14, 25, 36))
