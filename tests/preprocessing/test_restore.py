"""The step that replaces marked slices and regions, with the mean as its network."""

import json

import numpy as np
import pytest

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.preprocessing import Pipeline, Restore
from napari_mitoseg.volume import Region, Volume

SHAPE = (8, 6, 5)
SPACING = (40.0, 8.0, 8.0)


def mean(below, above, box=None):
    y0, x0, y1, x1 = box or (0, 0, *below.shape)
    both = (below.astype(np.float32) + above) / 2
    return both[y0:y1, x0:x1]


def ramp():
    """Slice z has the grey value 10 z² everywhere."""
    z = np.arange(SHAPE[0])[:, None, None]
    return Volume(np.broadcast_to(10 * z**2, SHAPE).astype(np.uint16), SPACING, "ramp")


def restored(**marks):
    return Restore(model="m", **marks).bound(mean)(ramp())


def test_one_slice_by_hand():
    volume = restored(slices=(3,))
    values = volume.read()
    expected = [0, 10, 40, (40 + 160) / 2, 160, 250, 360, 490]
    np.testing.assert_allclose(values[:, 0, 0], expected)
    assert (values.dtype, volume.dtype) == (np.float32, np.float32)
    assert (volume.spacing, volume.name, volume.shape) == (SPACING, "ramp", SHAPE)


def test_two_in_a_row_come_from_the_nearest_quarters():
    """Good are 2 (40) and 5 (250); their middle is 145."""
    values = restored(slices=(3, 4)).read()[:, 0, 0]
    assert values[3] == pytest.approx((40 + 145) / 2)
    assert values[4] == pytest.approx((145 + 250) / 2)


def test_three_in_a_row_come_from_the_quarters():
    """Good are 2 (40) and 6 (360); their middle is 200."""
    values = restored(slices=(3, 4, 5)).read()[:, 0, 0]
    np.testing.assert_allclose(values[3:6], [120, 200, 280])


def test_longer_runs_are_refused():
    with pytest.raises(InvalidParameterError, match=r"Slices 2 to 5.*4 in a row.*3"):
        restored(slices=(2, 3, 4, 5))


@pytest.mark.parametrize(
    ("slices", "words"),
    [
        ((0,), "Slice 0 has no good slice below it.*first"),
        ((6, 7), "Slice 6 has no good slice above it.*last"),
    ],
)
def test_ends_cannot_be_restored(slices, words):
    with pytest.raises(InvalidParameterError, match=words):
        restored(slices=slices)


def test_a_box_is_replaced_and_nothing_else():
    before, after = ramp().read(), restored(boxes=((3, 1, 2, 4, 5),)).read()
    inside = np.zeros(SHAPE, bool)
    inside[3, 1:4, 2:5] = True
    np.testing.assert_array_equal(after[~inside], before[~inside])
    np.testing.assert_array_equal(after[inside], 100)


def test_boxes_side_by_side_do_not_disturb_each_other():
    """Those at another place in the next slice count as good here."""
    values = restored(boxes=((3, 0, 0, 3, 5), (4, 3, 0, 6, 5))).read()
    assert values[3, 0, 0] == (40 + 160) / 2
    assert values[4, 5, 0] == (90 + 250) / 2


def test_boxes_above_each_other_are_a_run():
    values = restored(boxes=((3, 0, 0, 3, 5), (4, 2, 0, 6, 5))).read()
    assert values[3, 0, 0] == pytest.approx((40 + 145) / 2)
    assert values[4, 5, 0] == pytest.approx((145 + 250) / 2)


def test_boxes_are_clipped_to_the_slice():
    values = restored(boxes=((3, -4, 3, 2, 99),)).read()[3]
    assert (values[:2, 3:] == 100).all()
    assert (values[2:] == 90).all()


@pytest.mark.parametrize(
    "marks",
    [{"slices": (8,)}, {"slices": (-1,)}, {"boxes": ((3, 6, 0, 9, 5),)}],
)
def test_marks_outside_are_refused(marks):
    with pytest.raises(InvalidParameterError, match="lies outside the volume of 8"):
        restored(**marks)


def test_parts_are_read_like_the_whole():
    volume = restored(slices=(3,), boxes=((5, 1, 1, 3, 3),))
    whole = volume.read()
    np.testing.assert_array_equal(volume.read_slice(3), whole[3])
    part = Region((2, 1, 2), (6, 4, 5))
    np.testing.assert_array_equal(volume.read(part), whole[part.slices])
    np.testing.assert_array_equal(volume.data[-3], whole[-3])


def test_nothing_is_interpolated_before_it_is_read():
    calls = []

    def counting(below, above, box=None):
        calls.append(box)
        return mean(below, above, box)

    volume = Restore(model="m", slices=(3,)).bound(counting)(ramp())
    volume.read_slice(2)
    assert calls == []
    volume.read_slice(3)
    assert calls == [(0, 0, 6, 5)]


def test_marked_step_asks_for_its_network():
    with pytest.raises(InvalidParameterError, match="not been given its network"):
        Restore(slices=(3,))(ramp())
    with pytest.raises(InvalidParameterError, match="not been given its network"):
        Pipeline([Restore(slices=(3,))])(ramp())


def test_a_pipeline_keeps_the_network_and_its_json_does_not():
    step = Restore(model="m", slices=(3,)).bound(mean)
    pipeline = Pipeline([step])
    assert pipeline(ramp()).read()[3, 0, 0] == 100
    again = Pipeline.parse(pipeline.model_dump())
    with pytest.raises(InvalidParameterError, match="not been given its network"):
        again(ramp())


def test_json_keeps_the_marks():
    step = Restore(model="m", slices=(3, 5), boxes=((4, 0, 1, 2, 3),))
    text = Pipeline([step]).model_dump_json()
    assert json.loads(text) == [
        {"step": "restore", "model": "m", "slices": [3, 5], "boxes": [[4, 0, 1, 2, 3]]}
    ]
    assert Pipeline.parse(json.loads(text)).steps == (step,)
    with pytest.raises(InvalidParameterError, match="boxes"):
        Restore.parse({"boxes": [[1, 2, 3]]})
