"""A chain whose arrays are cut into slabs gives what it gives uncut."""

import numpy as np
import pytest

from napari_mitoseg import labelling
from napari_mitoseg.jobs import drain
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.postprocessing import (
    DEFAULT_CHAIN,
    ChainCache,
    FillHoles,
    MedianZ,
    RemoveSmall,
    SeedMap,
)


def lumpy_maps(shape=(12, 40, 44)):
    coarse = np.random.default_rng(4).random([n // 4 for n in shape])
    fine = coarse.repeat(4, 0).repeat(4, 1).repeat(4, 2)
    noise = np.random.default_rng(5).random(shape) * 0.2
    semantic = (255 * np.clip(fine**2 + noise, 0, 1)).astype(np.uint8)
    boundary = (255 * np.clip(1.3 * noise * 5 - 0.2, 0, 1)).astype(np.uint8)
    return ProbabilityMaps(semantic, boundary, (40.0, 20.0, 20.0))


MANY_OBJECTS = DEFAULT_CHAIN.removed(0).replaced(3, SeedMap())
CHAINS = {
    "default": MANY_OBJECTS,
    "more": MANY_OBJECTS.inserted(0, MedianZ())
    .inserted(4, RemoveSmall())
    .replaced(3, FillHoles(enclosed="in 3D"))
    .inserted(7, FillHoles(enclosed="in 3D")),
}


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("voxels", [1800, 5300])
def test_slabs_do_not_change_the_result(monkeypatch, name, voxels):
    maps, chain = lumpy_maps(), CHAINS[name]
    whole = drain(chain.run(maps))
    monkeypatch.setattr(labelling, "SLAB_VOXELS", voxels)
    cut = drain(chain.run(maps, ChainCache()))
    assert whole.labels.max() > 5
    np.testing.assert_array_equal(cut.semantic, whole.semantic)
    np.testing.assert_array_equal(cut.labels > 0, whole.labels > 0)
    pairs = labelling.unique_pairs(cut.labels.ravel(), whole.labels.ravel())
    assert len(np.unique(pairs[0])) == pairs.shape[1]
    assert cut.labels.max() == whole.labels.max()
