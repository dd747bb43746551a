"""The warning that a stack looks unlike those a model was trained on."""

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_mitoseg.inference.doubt import doubts, is_unusual, measure_doubt
from napari_mitoseg.models.zoo import ModelCard


def card(doubt: float | None) -> ModelCard:
    spacing = (40.0, 8.0, 8.0)
    return ModelCard(name="tried", architecture="fast", spacing=spacing, doubt=doubt)


def semantic(sure: int, unsure: int, size: int = 100) -> NDArray[np.uint8]:
    """Return one slice with as many rows of either kind."""
    values = np.full((1, size, size), 12, np.uint8)
    values[0, :sure] = 250
    values[0, sure : sure + unsure] = 128
    return values


def test_doubt_is_the_unsure_share_of_what_is_pointed_at():
    assert measure_doubt(semantic(30, 10)) == pytest.approx(0.25)
    assert measure_doubt(semantic(0, 10)) == 1
    assert measure_doubt(semantic(10, 0)) == 0


def test_its_limits_are_probabilities_of_a_fifth_and_four_fifths():
    values = np.array([[[50, 51, 204, 205]]], np.uint8)
    assert measure_doubt(values) == pytest.approx(2 / 3)


def test_next_to_nothing_cannot_be_judged():
    assert measure_doubt(np.zeros((2, 100, 100), np.uint8)) is None
    values = np.zeros((1, 100, 100), np.uint8)
    values[0, 0, :10] = 255
    assert measure_doubt(values) is None


def test_a_stack_as_usual_is_not_remarked_upon():
    assert doubts(measure_doubt(semantic(40, 10)), card(0.2)) == ()


def test_an_unusual_one_is_with_both_figures():
    (said,) = doubts(measure_doubt(semantic(20, 20)), card(0.2))
    assert "unlike" in said
    assert "50%" in said
    assert "20%" in said


def test_one_where_next_to_nothing_is_found_too():
    (said,) = doubts(measure_doubt(np.zeros((1, 64, 64), np.uint8)), card(0.2))
    assert "next to nothing" in said


def test_a_model_that_does_not_say_what_is_usual_warns_of_nothing():
    assert doubts(measure_doubt(semantic(0, 40)), card(None)) == ()


@pytest.mark.parametrize(
    ("usual", "limit"),
    [(0.0, 0.1), (0.05, 0.15), (0.5, 0.7), (0.8, 0.9), (0.9, 0.95)],
)
def test_any_usual_doubt_leaves_room_for_an_unusual_one(usual, limit):
    assert not is_unusual(limit - 0.001, usual)
    assert is_unusual(limit + 0.001, usual)
