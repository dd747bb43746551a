"""Each preprocessing step by hand, and what all must hold to."""

import json

import numpy as np
import pytest

from napari_mitoseg.errors import InvalidParameterError, UnknownNameError
from napari_mitoseg.jobs import drain
from napari_mitoseg.preprocessing import (
    Clahe,
    Equalize,
    Gaussian,
    Invert,
    Pipeline,
    steps,
)
from napari_mitoseg.volume import Region, Volume

SPACING = (40.0, 10.0, 5.0)


class Counting:
    """A lazy array that counts what is read of it."""

    def __init__(self, array):
        self.array, self.n_read = array, 0
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, key):
        part = self.array[key]
        self.n_read += part.size
        return part


def texture(shape, dtype=np.uint8):
    array = np.random.default_rng(0).integers(20, 200, shape).astype(dtype)
    array.setflags(write=False)
    return array


STACKS = {
    "stack": texture((3, 40, 50)),
    "one slice": texture((1, 40, 50)),
    "tiny": texture((2, 3, 2)),
    "uint16": texture((2, 40, 50), np.uint16),
    "int16": texture((2, 40, 50), np.int16),
    "float": texture((2, 40, 50), np.float32),
    "big-endian": texture((2, 40, 50), np.dtype(">u2")),
    "constant": np.full((2, 20, 20), 7, np.uint8),
    "black": np.zeros((2, 20, 20), np.uint8),
}


@pytest.fixture(params=STACKS)
def volume(request):
    return Volume(STACKS[request.param], SPACING)


@pytest.mark.parametrize("name", steps)
def test_every_step_keeps_shape_and_gives_finite_floats(name, volume):
    before = np.array(volume.data)
    result = steps[name]()(volume)
    values = result.read()
    assert (values.shape, values.dtype) == (volume.shape, np.float32)
    assert np.isfinite(values).all()
    assert result.spacing == SPACING
    np.testing.assert_array_equal(volume.data, before)
    np.testing.assert_array_equal(values, steps[name]()(volume).read())


@pytest.mark.parametrize("name", steps)
def test_every_step_is_lazy_and_slice_by_slice(name):
    data, step = Counting(texture((5, 40, 50))), steps[name]()
    volume = step(Volume(data, SPACING))
    before = data.n_read
    assert (before == 0) == step.is_local
    plane = volume.read_slice(3)
    assert data.n_read == before + 40 * 50
    np.testing.assert_array_equal(plane, volume.read()[3])
    part = volume.read(Region((3, 5, 6), (4, 20, 30)))
    np.testing.assert_array_equal(part[0], plane[5:20, 6:30])


@pytest.mark.parametrize("name", steps)
def test_every_step_is_prepared_as_a_job_and_leads_back(name, volume):
    reports = []
    prepared = drain(steps[name]().prepare(volume), reports.append)
    assert bool(reports) == (not steps[name].is_local)
    values = prepared.volume.read()
    np.testing.assert_array_equal(values, steps[name]()(volume).read())
    labels = np.arange(values.size, dtype=np.uint32).reshape(values.shape)
    labels.setflags(write=False)
    restored = prepared.restored(labels, Region.whole(labels.shape))
    assert (restored.shape, restored.dtype) == (labels.shape, np.uint32)
    assert set(np.unique(restored)) <= set(range(labels.size))
    if steps[name].is_local:
        np.testing.assert_array_equal(restored, labels)


@pytest.mark.parametrize("name", steps)
def test_json_round_trip(name):
    step = steps[name]()
    written = json.loads(step.model_dump_json())
    assert written["step"] == name == step.name
    assert type(step).parse(written) == step
    assert step.title
    for field in type(step).model_fields.values():
        assert field.description


def test_invert_by_hand():
    def inverted(values, dtype):
        plane = np.array(values, dtype).reshape(1, 1, -1)
        return Invert()(Volume(plane)).read().ravel().tolist()

    assert inverted([0, 1, 255], np.uint8) == [255, 254, 0]
    assert inverted([-32768, 0, 32767], np.int16) == [32767, -1, -32768]
    assert inverted([-1.5, 2], np.float32) == [1.5, -2]


def test_equalize_by_hand():
    plane = np.array([[[10, 10, 20, 30]]], np.uint8)
    even = Equalize()(Volume(plane)).read().ravel()
    np.testing.assert_allclose(even, [0.5, 0.5, 0.75, 1])


def test_equalize_makes_a_skewed_slice_even():
    skewed = (255 * np.random.default_rng(0).random((1, 100, 100)) ** 3).astype(
        np.uint8
    )
    even = Equalize()(Volume(skewed)).read()
    assert abs(np.median(skewed) / 255 - 0.5) > 0.3
    assert abs(np.median(even) - 0.5) < 0.02


def test_clahe_raises_local_contrast_and_a_higher_limit_more():
    faint = np.random.default_rng(0).normal(100, 4, (1, 128, 128))
    faint += np.linspace(0, 100, 128)
    volume = Volume(faint.astype(np.uint8))

    def spread(limit):
        even = Clahe(clip_limit=limit, tile=32)(volume).read()[0]
        assert 0 <= even.min() <= even.max() <= 1
        return even[:, 60:68].std()

    before = (faint[0, :, 60:68] / 200).std()
    assert before < spread(0.01) < spread(0.1)


def test_gaussian_is_physical():
    point = np.zeros((3, 61, 61), np.float32)
    point[1, 30, 30] = 1
    smooth = Gaussian(sigma=20)(Volume(point, SPACING)).read()
    assert not smooth[0].any()
    y, x = np.mgrid[-30:31, -30:31]
    width_y = np.sqrt((smooth[1] * y**2).sum()) * SPACING[1]
    width_x = np.sqrt((smooth[1] * x**2).sum()) * SPACING[2]
    assert width_y == pytest.approx(20, rel=0.02)
    assert width_x == pytest.approx(20, rel=0.02)


def test_gaussian_asks_for_the_spacing():
    with pytest.raises(InvalidParameterError, match=r"no spacing.*Give the spacing"):
        Gaussian()(Volume(texture((1, 8, 8))))


def test_pipeline_runs_in_order():
    volume = Volume(texture((2, 40, 50)), SPACING)
    pipeline = Pipeline([Invert(), Equalize()])
    by_hand = Equalize()(Invert()(volume)).read()
    np.testing.assert_array_equal(pipeline(volume).read(), by_hand)
    np.testing.assert_array_equal(Pipeline()(volume).read(), volume.read())
    assert Pipeline.parse(json.loads(pipeline.model_dump_json())) == pipeline


def test_pipeline_refuses_what_it_does_not_know():
    with pytest.raises(UnknownNameError, match="mean 'equalize'"):
        Pipeline.parse([{"step": "equalise"}])
    with pytest.raises(InvalidParameterError, match="sigma"):
        Pipeline.parse([{"step": "gaussian", "sigma": 0}])


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.uint32, np.float32, ">u2"])
def test_equalize_does_not_depend_on_the_type(dtype):
    plane = texture((1, 20, 30))
    even = Equalize()(Volume(plane)).read()
    np.testing.assert_array_equal(Equalize()(Volume(plane.astype(dtype))).read(), even)
