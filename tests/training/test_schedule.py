"""Time left and share done, on a clock that the test turns."""

import pytest

from napari_mitoseg.training.schedule import Schedule


def test_time_left_and_share_done() -> None:
    now = [0.0]
    schedule = Schedule({"a": 10.0, "b": 30.0}, clock=lambda: now[0])
    schedule.begin("a")
    assert schedule.seconds_left(0.0) == 40
    assert schedule.fraction(0.5) == pytest.approx(0.125)
    now[0] = 10.0
    assert schedule.seconds_left(0.5) == 40  # twice as slow as expected
    schedule.begin("b")
    assert schedule.fraction(0.0) == pytest.approx(0.25)
    now[0] = 25.0
    assert schedule.seconds_left(1.0) == 0
    assert schedule.fraction(1.0) == 1


def test_a_late_part_is_not_negative() -> None:
    now = [0.0]
    schedule = Schedule({"a": 1.0}, clock=lambda: now[0])
    schedule.begin("a")
    now[0] = 5.0
    assert schedule.seconds_left(0.05) == 0
