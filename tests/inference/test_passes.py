"""Two networks in a row: each slice once through the first, ends repeated."""

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_mitoseg.inference.layout import plan_passes
from napari_mitoseg.inference.passes import open_run
from napari_mitoseg.inference.predict import predict_maps, predict_planes
from napari_mitoseg.inference.runner import Runner
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.models.normalize import normalize_slice
from napari_mitoseg.models.spatial_continuity import SpatialContinuity
from napari_mitoseg.models.zoo import ModelCard, TrainedModel, load_model, save_model
from napari_mitoseg.volume import Region, Volume

SPACING = (40.0, 8.0, 8.0)
UNTILED = InferenceSettings(device="cpu", automatic_tiles=False, tile=1024, overlap=0)


@pytest.fixture
def noise() -> Volume:
    grey = np.random.default_rng(2).integers(0, 256, (7, 32, 32), dtype=np.uint8)
    return Volume(grey, SPACING)


def by_hand(volume: Volume, network: SpatialContinuity) -> np.ndarray:
    """N_se on every slice with its own neighbours, then N_sp on all their masks."""
    last = volume.shape[0] - 1

    def around(z, reach):
        return np.clip(np.arange(z - reach, z + reach + 1), 0, last)

    image = torch.from_numpy(np.stack([normalize_slice(p) for p in volume.read()]))
    with torch.inference_mode():
        coarse = [
            network.segmentation(image[around(z, 1)][None])[0, 0].sigmoid()
            for z in range(last + 1)
        ]
        masks = torch.stack(coarse).mul(255).round() / 255
        final = [
            network.refine(masks[around(z, 2)][None], image[z][None, None])[0].sigmoid()
            for z in range(last + 1)
        ]
    return torch.stack(final, dim=1).mul(255).numpy()


def test_prediction_by_hand_also_at_the_ends(
    noise: Volume, staged_model: TrainedModel
) -> None:
    maps = drain(predict_maps(noise, staged_model, UNTILED))
    semantic, boundary = by_hand(noise, staged_model.network)
    assert maps.semantic == pytest.approx(semantic, abs=0.6)
    assert maps.boundary == pytest.approx(boundary, abs=0.6)


def test_the_first_network_sees_each_slice_once(
    noise: Volume, staged_model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {}
    predict = Runner.predict

    def count(runner, block):
        seen[block.shape[1]] = seen.get(block.shape[1], 0) + len(block)
        return predict(runner, block)

    monkeypatch.setattr(Runner, "predict", count)
    drain(predict_maps(noise, staged_model, UNTILED))
    assert seen == {3: 7, 6: 7}  # channels of N_se, and of N_sp: five masks, an image


def test_coarse_masks_are_forgotten_when_they_are_passed(
    noise: Volume, staged_model: TrainedModel
) -> None:
    run = open_run(noise, staged_model, UNTILED)
    most = max(len(run._source._masks) for _ in run.planes())
    assert most <= 2 * 2 + 1 + 1


def test_only_the_slices_a_region_needs_are_looked_at(
    volume: Volume, staged_model: TrainedModel
) -> None:
    region = Region((6, 0, 0), (7, 40, 40))
    device = torch.device("cpu")
    first, last = plan_passes(volume, staged_model, UNTILED, region, device)
    assert (first.layout.windows[0].keep_start, last.layout.windows[0].keep_start) == (
        4,
        6,
    )
    assert (first.layout.windows[-1].keep_stop, last.layout.windows[-1].keep_stop) == (
        9,
        7,
    )
    assert first.layout.tiles[0].y.read_stop < volume.shape[1]


def test_views_of_the_model_are_the_least_that_is_averaged(volume: Volume) -> None:
    config = {
        "segmentation": {"config": {"width": 2, "levels": 1}},
        "refinement": {"config": {"width": 2, "levels": 1, "context": 1}},
        "views": 4,
    }
    network = architectures["spatial-continuity"].from_config(config).eval()
    card = ModelCard(name="m", architecture="spatial-continuity", spacing=SPACING)
    model, device = TrainedModel(card, network), torch.device("cpu")
    for asked, expected in ((1, (4, 4)), (8, (4, 8))):
        settings = UNTILED.model_copy(update={"augmentation": asked})
        passes = plan_passes(volume, model, settings, None, device)
        assert tuple(one.views for one in passes) == expected


def test_planes_are_on_the_grid_of_the_model(
    volume: Volume, staged_model: TrainedModel
) -> None:
    fine = volume.with_spacing((40.0, 4.0, 4.0))
    planes = drain(predict_planes(fine, staged_model, UNTILED))
    assert planes.shape == (12, 100, 84)
    assert planes.dtype == np.uint8
    same = drain(predict_planes(volume, staged_model, UNTILED))
    maps = drain(predict_maps(volume, staged_model, UNTILED))
    assert np.array_equal(same, maps.semantic)


def test_a_folder_holds_the_whole_model(
    noise: Volume, staged_model: TrainedModel, tmp_path: Path
) -> None:
    save_model(staged_model.network, staged_model.card, tmp_path)
    loaded = load_model(tmp_path)
    one = drain(predict_maps(noise, loaded, UNTILED))
    other = drain(predict_maps(noise, staged_model, UNTILED))
    assert np.array_equal(one.semantic, other.semantic)


def test_image_neighbours_and_truth_instead_of_coarse_masks(noise: Volume) -> None:
    config = {
        "segmentation": {"config": {"width": 4, "levels": 1}},
        "refinement": {"config": {"width": 4, "levels": 1, "context": 1, "extra": 3}},
        "masks": "probability",
        "middle": False,
        "views": 1,
    }
    torch.manual_seed(0)
    network = architectures["spatial-continuity"].from_config(config).eval()
    card = ModelCard(name="m", architecture="spatial-continuity", spacing=SPACING)
    truth = np.random.default_rng(3).integers(0, 2, (32, 32)).astype(np.uint8) * 255
    found = drain(
        predict_maps(noise, TrainedModel(card, network), UNTILED, known={3: truth})
    )
    image = torch.from_numpy(np.stack([normalize_slice(p) for p in noise.read()]))
    with torch.inference_mode():
        masks = network.segmentation(image[:, None])[:, 0].sigmoid().mul(255).round()
        masks = masks / 255
        masks[3] = torch.from_numpy(truth) / 255
        expected = [
            network.refine(masks[z][None], image[z][None])[0, 0].sigmoid().mul(255)
            for z in ([0, 0, 1], [1, 2, 3], [2, 3, 4], [5, 6, 6])
        ]
    for z, plane in zip((0, 2, 3, 6), expected, strict=True):
        assert found.semantic[z] == pytest.approx(plane.numpy(), abs=0.6)
