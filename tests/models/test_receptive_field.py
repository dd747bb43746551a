"""Receptive fields against hand-computed ones."""

import pytest

from napari_mitoseg.models.receptive_field import Reach, radius, walk_u_shape


def test_two_convolutions_of_three() -> None:
    def walk(reach: Reach) -> Reach:
        return reach.through_convolution(3).through_convolution(3)

    assert radius(walk, period=1) == 2


def test_pooling_and_back() -> None:
    """A pixel and its partner in the same square: one pixel away at most."""

    def walk(reach: Reach) -> Reach:
        return reach.through_nearest().through_convolution(2, stride=2)

    assert radius(walk, period=2) == 1


@pytest.mark.parametrize(("position", "expected"), [(0, (-1, 0)), (1, (0, 1))])
def test_linear_upsampling_reads_two_neighbours(
    position: int, expected: tuple[int, int]
) -> None:
    """Output i lies at (i + 0.5) / 2 − 0.5 of the input: −0.25, 0.25."""
    assert Reach(position, position).through_linear() == Reach(*expected)


def test_u_shape_of_two_levels_by_hand() -> None:
    """Position 0 or 1 → block ±1 → level below → block ±1 → pooling → block ±1.

    From 1: [0, 2] → [0, 1] → [−1, 2] → [−2, 5] → [−3, 6]: five to the right.
    From 0: [−1, 1] → [−1, 0] → [−2, 1] → [−4, 3] → [−5, 4]: five to the left.
    """

    def walk(reach: Reach) -> Reach:
        return walk_u_shape(
            reach,
            2,
            down=lambda r: r.through_convolution(2, stride=2),
            up=Reach.through_nearest,
            block=lambda r: r.through_convolution(3),
        )

    assert walk(Reach(1, 1)) == Reach(-3, 6)
    assert walk(Reach(0, 0)) == Reach(-5, 4)
    assert radius(walk, period=2) == 5
