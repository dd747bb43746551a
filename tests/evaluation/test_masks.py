"""Masks whose objects are told apart before they are compared."""

import numpy as np
import pytest

from napari_mitoseg.evaluation import tell_apart
from napari_mitoseg.jobs import drain
from napari_mitoseg.volume import Volume


def labels(*row: int, dtype: type = np.uint8) -> Volume:
    return Volume(np.array([[row]], dtype), (4.0, 2.0, 2.0), "truth")


def told(volume: Volume, **options: str) -> list[int]:
    return drain(tell_apart(volume, **options)).read()[0, 0].tolist()


@pytest.mark.parametrize("value", [1, 255])
def test_the_parts_of_a_mask_are_numbered(value: int) -> None:
    assert told(labels(value, 0, value, value, 0)) == [1, 0, 2, 2, 0]


def test_instances_stay_as_they_are() -> None:
    assert told(labels(3, 0, 3, 7)) == [3, 0, 3, 7]


def test_a_mask_in_one_part_keeps_its_number() -> None:
    volume = labels(0, 7, 7)
    assert drain(tell_apart(volume)) is volume


def test_what_labels_hold_can_be_said() -> None:
    assert told(labels(3, 0, 3), kind="instances") == [3, 0, 3]
    assert told(labels(3, 0, 7), kind="semantic") == [1, 0, 2]


@pytest.mark.parametrize("row", [(0, 0), (-1, 0, -1), (-1, 1, 0, 1)])
def test_what_is_no_mask_is_left_to_others(row: tuple[int, ...]) -> None:
    assert told(labels(*row, dtype=np.int16)) == [*row]


def test_the_spacing_stays() -> None:
    found = drain(tell_apart(labels(1, 0, 1)))
    assert (found.spacing, found.name) == ((4.0, 2.0, 2.0), "truth")
