"""Tiles that are decided on beforehand are those that would have been chosen."""

import numpy as np
import pytest
import torch

from napari_mitoseg.inference import layout
from napari_mitoseg.inference.layout import plan_passes, settled
from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.models.zoo import TrainedModel, load_model
from napari_mitoseg.volume import Region, Volume

SPACING = (16.0, 16.0, 16.0)


def model_of(name: str) -> TrainedModel:
    torch.manual_seed(0)
    network = architectures[name].from_config().eval()
    update = {"name": name, "architecture": name, "spacing": SPACING}
    return TrainedModel(load_model("fast").card.model_copy(update=update), network)


@pytest.mark.parametrize("name", ["fast", "unet2d", "resunet3d"])
def test_the_same_tiles(name) -> None:
    model, settings = model_of(name), InferenceSettings(device="cpu")
    device = torch.device("cpu")
    for shape in ((12, 40, 70), (12, 300, 900), (12, 2500, 1800)):
        volume = Volume(np.zeros(shape, np.uint8), SPACING)
        fixed = settled(volume, model, settings)
        assert not fixed.automatic_tiles
        assert settled(volume, model, fixed) is fixed
        chosen, again = (
            plan_passes(volume, model, given, None, device)[-1].layout
            for given in (settings, fixed)
        )
        assert chosen.tiles == again.tiles
        assert chosen.windows == again.windows


def test_tiles_fit_the_memory_and_overlap_little(monkeypatch) -> None:
    monkeypatch.setattr(layout, "measure_memory", lambda *_: 1000.0)
    monkeypatch.setattr(layout, "free_memory", lambda _: 2**33)
    model, device = model_of("fast"), torch.device("cpu")
    read = {}
    for side in (1000, 1300, 2000, 3000):
        volume = Volume(np.zeros((1, side, side), np.uint8), SPACING)
        (one,) = plan_passes(volume, model, InferenceSettings(), None, device)
        assert one.memory_bytes <= 2**30
        read[side] = one.layout.n_read / side**2
    assert read[1000] == pytest.approx(1, rel=0.05)
    assert max(read.values()) < 5.5
    largest = np.sqrt(2**30 / 1000) // 16 * 16
    fixed = InferenceSettings(automatic_tiles=False, tile=int(largest))
    (plain,) = plan_passes(volume, model, fixed, None, device)
    assert one.layout.n_read < plain.layout.n_read
    assert one.layout.tiles[5].y.crop.start == plain.layout.tiles[5].y.crop.start


@pytest.mark.parametrize("name", ["fast", "unet2d"])
def test_blocks_of_slices_are_predicted_as_within_the_whole(name) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (7, 96, 80)).astype(np.uint8)
    volume, model = Volume(grey, SPACING), model_of(name)
    settings = settled(volume, model, InferenceSettings(device="cpu"))
    whole = drain(predict_maps(volume, model, settings))
    for start, stop in ((0, 3), (3, 6), (6, 7)):
        region = Region((start, 0, 0), (stop, 96, 80))
        part = drain(predict_maps(volume, model, settings, region))
        np.testing.assert_array_equal(part.semantic, whole.semantic[start:stop])
