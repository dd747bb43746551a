"""What a model says of itself after training."""

import numpy as np
import pytest

from napari_mitoseg.training.assessment import FEWEST, Assessment


def stack(n_objects: int, value: int) -> tuple[np.ndarray, np.ndarray]:
    """Objects of 6×6 pixels in a row, all of them right."""
    truth = np.zeros((1, 10, 10 * n_objects), np.int32)
    for n in range(n_objects):
        truth[0, 2:8, 10 * n + 2 : 10 * n + 8] = n + 1
    return np.where(truth > 0, value, 0).astype(np.uint8), truth


def test_the_worst_doubt_and_all_objects_count() -> None:
    assessment = Assessment()
    assessment.add(*stack(FEWEST // 2, 250))
    assessment.add(*stack(FEWEST // 2, 140))
    found = assessment.findings()
    assert found["doubt"] == 1
    ((mean, share),) = found["calibration"]
    assert mean == pytest.approx((250 + 140) / 2 / 255, abs=0.002)
    assert share > 0.97


def test_few_objects_are_not_enough_for_a_confidence() -> None:
    assessment = Assessment()
    assessment.add(*stack(FEWEST - 1, 250))
    assert assessment.findings() == {"doubt": 0}


def test_nothing_is_known_of_nothing() -> None:
    assert Assessment().findings() == {}
    assessment = Assessment()
    assessment.add(np.full((1, 40, 40), 200, np.uint8), np.full((1, 40, 40), -1))
    assert assessment.findings() == {}
