"""Prediction: tiled equals untiled, regions equal the whole, memory running out."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from napari_mitoseg.errors import (
    DeviceMemoryError,
    InvalidParameterError,
    ShapeError,
)
from napari_mitoseg.inference.device import choose_device
from napari_mitoseg.inference.layout import plan_prediction
from napari_mitoseg.inference.predict import empty_maps, predict_maps
from napari_mitoseg.inference.runner import Runner
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.jobs import drain
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.models.zoo import TrainedModel
from napari_mitoseg.volume import Region, Volume

UNTILED = InferenceSettings(device="cpu", automatic_tiles=False, tile=1024, overlap=0)


def assert_equal(one: ProbabilityMaps, other: ProbabilityMaps) -> None:
    """Probabilities within 1e-4 are at most one step apart once they have 8 bits."""
    for a, b in [(one.semantic, other.semantic), (one.boundary, other.boundary)]:
        assert a is not None
        assert b is not None
        difference = np.abs(a.astype(int) - b)
        assert difference.max() <= 1
        assert np.count_nonzero(difference) < 1e-3 * difference.size


def test_maps_are_what_the_network_says(plain_model: TrainedModel) -> None:
    grey = np.random.default_rng(0).random((3, 32, 32), dtype=np.float32)
    maps = drain(predict_maps(Volume(grey, (40, 8, 8)), plain_model, UNTILED))
    from napari_mitoseg.models.normalize import normalize_slice

    image = np.stack([normalize_slice(plane) for plane in grey])
    with torch.inference_mode():
        logits = plain_model.network(torch.from_numpy(image)[None])
    expected = torch.sigmoid(logits)[0].numpy() * 255
    assert maps.semantic[1] == pytest.approx(expected[0], abs=0.51)
    assert maps.boundary is not None
    assert maps.boundary[1] == pytest.approx(expected[1], abs=0.51)


@pytest.mark.parametrize("overlap", [0, 16])
def test_tiled_equals_untiled(
    volume: Volume, planar_model: TrainedModel, overlap: int
) -> None:
    assert max(planar_model.network.halo) <= 32
    tiled = InferenceSettings(
        device="cpu", automatic_tiles=False, tile=128, batch=3, overlap=overlap
    )
    assert_equal(
        drain(predict_maps(volume, planar_model, tiled)),
        drain(predict_maps(volume, planar_model, UNTILED)),
    )


def test_halves_of_a_tile_equal_the_tile(plain_model: TrainedModel) -> None:
    block = np.random.default_rng(0).normal(size=(2, 3, 256, 192)).astype(np.float32)
    runner = Runner(plain_model.network, torch.device("cpu"), 1)
    whole = runner.predict(block)
    runner._most = block[:1].size // 2
    assert runner.predict(block) == pytest.approx(whole, abs=1e-4)


@pytest.mark.parametrize(
    "region",
    [
        Region((4, 0, 0), (5, 200, 168)),
        Region((0, 31, 50), (12, 150, 131)),
        Region((9, 0, 0), (12, 200, 168)),
    ],
)
def test_a_region_is_predicted_as_within_the_whole(
    volume: Volume, planar_model: TrainedModel, region: Region
) -> None:
    fine = volume.with_spacing((40.0, 6.0, 6.0))
    whole = drain(predict_maps(fine, planar_model, UNTILED))
    part = drain(predict_maps(fine, planar_model, UNTILED, region))
    assert whole.boundary is not None
    inside = ProbabilityMaps(
        whole.semantic[region.slices], whole.boundary[region.slices], whole.spacing
    )
    assert_equal(part, inside)


def test_a_region_is_predicted_as_within_the_whole_of_coarse_voxels(
    volume: Volume, plain_model: TrainedModel
) -> None:
    coarse = volume.crop(Region((4, 0, 0), (6, 120, 120))).with_spacing((40, 13, 13))
    region = Region((0, 31, 50), (2, 99, 91))
    whole = drain(predict_maps(coarse, plain_model, UNTILED))
    part = drain(predict_maps(coarse, plain_model, UNTILED, region))
    difference = part.semantic.astype(int) - whole.semantic[region.slices]
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("spacing", [(40, 8, 8), (20, 4, 4), (80, 16, 16), (33, 9, 7)])
def test_every_voxel_is_predicted_at_any_spacing(
    model: TrainedModel, volume: Volume, spacing: tuple[float, float, float]
) -> None:
    maps = drain(predict_maps(volume.with_spacing(spacing), model, UNTILED))
    assert maps.shape == volume.shape
    assert maps.spacing == spacing
    assert all(plane.any() for plane in maps.semantic)


def test_regions_become_final_once_and_in_order(
    model: TrainedModel, volume: Volume
) -> None:
    settings = InferenceSettings(device="cpu", automatic_tiles=False, tile=128)
    reports = list(predict_maps(volume, model, settings))
    assert [r.done for r in reports] == list(range(1, reports[0].total + 1))
    regions = [r.region for r in reports if r.region is not None]
    assert regions[0].start[0] == 0
    assert regions[-1].stop[0] == volume.shape[0]
    assert all(a.stop[0] == b.start[0] for a, b in pairwise(regions))


def test_finished_regions_are_in_the_maps_already(
    planar_model: TrainedModel, volume: Volume
) -> None:
    maps = empty_maps(volume.shape, (40.0, 8.0, 8.0), planar_model.network.outputs)
    job = predict_maps(volume, planar_model, UNTILED, maps=maps)
    first = next(report for report in job if report.region is not None)
    job.close()
    assert first.region == Region((0, 0, 0), (1, 200, 168))
    assert maps.semantic[0].any()
    assert not maps.semantic[1:].any()


def test_context_is_taken_at_the_distance_the_network_knows(
    plain_model: TrainedModel, volume: Volume
) -> None:
    fine = volume.with_spacing((10.0, 8.0, 8.0))
    every_fourth = Volume(volume.data[1::4], (40.0, 8.0, 8.0))
    whole = drain(predict_maps(fine, plain_model, UNTILED)).semantic[5]
    sampled = drain(predict_maps(every_fourth, plain_model, UNTILED)).semantic[1]
    assert np.array_equal(whole, sampled)


def test_volume_without_spacing_needs_resampling_off(
    planar_model: TrainedModel, volume: Volume
) -> None:
    bare = Volume(volume.data)
    with pytest.raises(InvalidParameterError, match="states no spacing"):
        drain(predict_maps(bare, planar_model, UNTILED))
    native = UNTILED.model_copy(update={"resample": False})
    assert drain(predict_maps(bare, planar_model, native)).shape == volume.shape


@pytest.mark.parametrize("zoom", [0.5, 1.5])
def test_zoom_is_what_another_spacing_would_be(
    planar_model: TrainedModel, volume: Volume, zoom: float
) -> None:
    assert volume.spacing is not None
    z, y, x = volume.spacing
    coarser = Volume(volume.data, (z, y * zoom, x * zoom))
    zoomed = UNTILED.model_copy(update={"zoom": zoom})
    found = drain(predict_maps(volume, planar_model, zoomed))
    assert found.spacing == volume.spacing
    expected = drain(predict_maps(coarser, planar_model, UNTILED))
    np.testing.assert_array_equal(found.semantic, expected.semantic)
    plain = drain(predict_maps(volume, planar_model, UNTILED))
    assert (found.semantic != plain.semantic).any()


def test_maps_of_another_shape_are_refused(
    planar_model: TrainedModel, volume: Volume
) -> None:
    maps = empty_maps((1, 2, 3), (40.0, 8.0, 8.0), ("semantic",))
    with pytest.raises(ShapeError, match=r"\(1, 2, 3\)"):
        drain(predict_maps(volume, planar_model, UNTILED, maps=maps))


def test_region_outside_the_volume_is_refused(
    planar_model: TrainedModel, volume: Volume
) -> None:
    with pytest.raises(InvalidParameterError, match="holds no voxel"):
        drain(
            predict_maps(
                volume, planar_model, UNTILED, Region((50, 0, 0), (60, 10, 10))
            )
        )


class _SmallMemory(torch.nn.Module):
    """A network on a device that holds at most `most` input values."""

    def __init__(self, network: torch.nn.Module, most: int) -> None:
        super().__init__()
        self.network, self.most = network, most
        self.halo, self.divisor = network.halo, network.divisor

    def probability(self, image: torch.Tensor) -> torch.Tensor:
        if image.numel() > self.most:
            msg = "[enforce fail] DefaultCPUAllocator: can't allocate memory"
            raise RuntimeError(msg)
        return self.network.probability(image)


def test_running_out_of_memory_halves_what_is_run(plain_model: TrainedModel) -> None:
    block = np.random.default_rng(0).normal(size=(2, 3, 256, 256)).astype(np.float32)
    small = _SmallMemory(plain_model.network, 3 * 256 * 200)
    runner = Runner(small, torch.device("cpu"), 1)
    expected = Runner(plain_model.network, torch.device("cpu"), 1).predict(block)
    assert runner.predict(block) == pytest.approx(expected, abs=1e-4)
    assert "ran out of memory" in runner.notice


def test_no_memory_at_all_is_said(planar_model: TrainedModel) -> None:
    runner = Runner(_SmallMemory(planar_model.network, 0), torch.device("cpu"), 1)
    with pytest.raises(DeviceMemoryError, match="too little memory"):
        runner.predict(np.zeros((1, 3, 64, 64), np.float32))


def test_other_errors_are_not_taken_for_lack_of_memory(
    plain_model: TrainedModel,
) -> None:
    runner = Runner(plain_model.network, torch.device("cpu"), 1)
    with pytest.raises(RuntimeError, match="channels"):
        runner.predict(np.zeros((1, 7, 64, 64), np.float32))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_missing_cuda_is_an_error() -> None:
    with pytest.raises(InvalidParameterError, match="'cuda' was asked for"):
        choose_device("cuda")


def test_plan_counts_tiles_and_memory(
    planar_model: TrainedModel, volume: Volume
) -> None:
    settings = UNTILED.model_copy(update={"batch": 5})
    plan = plan_prediction(volume, planar_model, settings)
    reports = list(predict_maps(volume, planar_model, settings))
    n_networks = 2 if planar_model.card.architecture == "spatial-continuity" else 1
    assert plan.n_tiles == len(reports) == 3 * n_networks
    assert plan.memory_bytes > volume.data.size
    assert plan.seconds > 0
    assert plan.device == "cpu"


def test_augmentation_changes_little_but_something(
    planar_model: TrainedModel, volume: Volume
) -> None:
    plain = drain(predict_maps(volume, planar_model, UNTILED)).semantic.astype(int)
    more = UNTILED.model_copy(update={"augmentation": 8})
    averaged = drain(predict_maps(volume, planar_model, more)).semantic.astype(int)
    assert 0 < np.abs(plain - averaged).mean() < 64


def test_prediction_is_repeatable(planar_model: TrainedModel, volume: Volume) -> None:
    first = drain(predict_maps(volume, planar_model, InferenceSettings()))
    second = drain(predict_maps(volume, planar_model, InferenceSettings()))
    assert np.array_equal(first.semantic, second.semantic)
