"""What every post-processing step must hold to, whichever is registered."""

import json

import numpy as np
import pytest

from napari_mitoseg.jobs import drain
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.params import unit_of
from napari_mitoseg.postprocessing import (
    DEFAULT_CHAIN,
    Chain,
    ChainCache,
    ConnectedComponents,
    Kind,
    SeededWatershed,
    SeedMap,
    Threshold,
    steps,
)
from napari_mitoseg.volume import Volume

BASES = [
    Chain([Threshold(), ConnectedComponents()]),
    Chain([Threshold(), SeedMap(), ConnectedComponents()]),
    Chain([Threshold(), SeedMap(), ConnectedComponents(), SeededWatershed()]),
]


def chains_with(name):
    """Every way to put a step into one of the basic chains; itself if it is there."""
    return [chain for chain in BASES if name in {s.name for s in chain.steps}] + [
        chain.inserted(position, steps[name]())
        for chain in BASES
        for position in range(len(chain) + 1)
        if name in chain.legal_next(position)
    ]


def blobs(shape):
    rng = np.random.default_rng(1)
    z, y, x = np.ogrid[tuple(slice(0, n) for n in shape)]
    semantic = np.zeros(shape)
    for _ in range(6):
        c = rng.uniform(0, shape)
        far = ((z - c[0]) / 2) ** 2 + ((y - c[1]) / 6) ** 2 + ((x - c[2]) / 6) ** 2
        semantic = np.maximum(semantic, 1.4 - far)
    return (255 * np.clip(semantic, 0, 1)).astype(np.uint8)


def one_object(shape):
    semantic = np.zeros(shape, np.uint8)
    semantic[:, 5:15, 5:15] = 255
    return semantic


SHAPE = (6, 24, 28)
SEMANTIC = {
    "empty": np.zeros(SHAPE, np.uint8),
    "full": np.full(SHAPE, 255, np.uint8),
    "one object": one_object(SHAPE),
    "blobs": blobs(SHAPE),
    "one slice": blobs((1, 24, 28)),
    "one voxel": np.full((1, 1, 1), 255, np.uint8),
}


@pytest.fixture(params=SEMANTIC)
def semantic(request):
    array = SEMANTIC[request.param].copy()
    array.setflags(write=False)
    return array


@pytest.fixture(params=[True, False], ids=["boundary", "no boundary"])
def maps(request, semantic):
    boundary = None
    if request.param:
        boundary = np.where(semantic > 20, 255 - semantic, 0).astype(np.uint8)
        boundary.setflags(write=False)
    return ProbabilityMaps(semantic, boundary, (400.0, 60.0, 60.0))


def image_of(maps):
    """An image of the shape of some maps, for the steps that look at one."""
    grey = np.random.default_rng(2).integers(0, 256, maps.shape).astype(np.uint8)
    grey.setflags(write=False)
    return Volume(grey, maps.spacing)


@pytest.mark.parametrize("name", steps)
def test_results_hold_together(name, maps):
    for chain in chains_with(name):
        result = drain(chain.run(maps, image=image_of(maps)))
        labels, shape = result.labels, maps.shape
        assert labels.shape == result.semantic.shape == result.boundary.shape == shape
        assert (labels.dtype, result.semantic.dtype) == (np.uint32, np.uint8)
        assert set(np.unique(result.semantic)) <= {0, 1}
        assert set(np.unique(result.boundary)) <= {0, 1}
        assert not (labels > 0)[result.semantic == 0].any()
        found = np.unique(labels[labels > 0])
        assert found.tolist() == list(range(1, found.size + 1))


@pytest.mark.parametrize("name", steps)
def test_same_again_with_and_without_cache(name, maps):
    image = image_of(maps)
    for chain in chains_with(name):
        results = [
            drain(chain.run(maps, image=image)),
            drain(chain.run(maps, image=image)),
            drain(chain.run(maps, ChainCache(), image)),
        ]
        for again in results[1:]:
            np.testing.assert_array_equal(again.labels, results[0].labels)
            np.testing.assert_array_equal(again.semantic, results[0].semantic)
            np.testing.assert_array_equal(again.boundary, results[0].boundary)


@pytest.mark.parametrize("name", steps)
def test_maps_are_left_as_they_are(name):
    semantic = blobs(SHAPE)
    maps = ProbabilityMaps(semantic, 255 - semantic, (400.0, 60.0, 60.0))
    for chain in chains_with(name):
        drain(chain.run(maps, ChainCache(), image_of(maps)))
        np.testing.assert_array_equal(maps.semantic, blobs(SHAPE))
        np.testing.assert_array_equal(maps.boundary, 255 - blobs(SHAPE))


@pytest.mark.parametrize("name", steps)
def test_json_round_trip(name):
    step = steps[name]()
    written = json.loads(step.model_dump_json())
    assert written["step"] == name == step.name
    assert type(step).parse(written) == step
    assert step.title
    assert step.accepts <= set(Kind)


@pytest.mark.parametrize("name", steps)
def test_fields_explain_themselves(name):
    for field in steps[name].model_fields.values():
        assert field.description
        assert not field.is_required()
        unit_of(field)


@pytest.mark.parametrize("name", steps)
def test_every_step_can_be_used(name):
    assert chains_with(name)


def test_default_chain_holds_on_all_maps(maps):
    labels = drain(DEFAULT_CHAIN.run(maps, image=image_of(maps))).labels
    if maps.semantic.min() == 255 and maps.boundary is None and labels.size > 1:
        assert labels.min() == labels.max() == 1
    if not maps.semantic.any():
        assert not labels.any()
