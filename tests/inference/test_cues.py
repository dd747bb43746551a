"""The cascade at work: all slices through the detector first, then image and cues."""

import numpy as np
import pytest
import torch

from napari_mitoseg.inference.layout import plan_passes, plan_prediction
from napari_mitoseg.inference.passes import open_run
from napari_mitoseg.inference.predict import predict_maps
from napari_mitoseg.inference.settings import InferenceSettings
from napari_mitoseg.inference.tiling import cube_spans
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.architectures import Cascade, architectures
from napari_mitoseg.models.normalize import normalize_slice
from napari_mitoseg.models.zoo import ModelCard, TrainedModel
from napari_mitoseg.volume import Region, Volume

SPACING = (40.0, 8.0, 8.0)
UNTILED = InferenceSettings(device="cpu", automatic_tiles=False, tile=1024, overlap=0)
CPU = torch.device("cpu")


@pytest.fixture
def noise() -> Volume:
    grey = np.random.default_rng(2).integers(0, 256, (6, 48, 64), dtype=np.uint8)
    return Volume(grey, SPACING)


def cascade(strategy: str = "multi-slice-fusion", **changes: object) -> TrainedModel:
    """A cascade with random weights that finds some boxes, but not everywhere."""
    torch.manual_seed(0)
    config = {
        "strategy": strategy,
        "detector": {"widths": [4, 6]},
        "segmentation": {"widths": [3, 4], "z_halvings": 1},
        "detection": {"confidence": 0.0101},
    }
    network = architectures["cascade"].from_config(config | changes).eval()
    card = ModelCard(name="m", architecture="cascade", spacing=SPACING)
    return TrainedModel(card, network)


@pytest.mark.parametrize(
    "strategy", ["multi-slice-fusion", "median-filter", "multi-cue"]
)
def test_a_prediction_is_what_the_network_says_of_the_whole(
    noise: Volume, strategy: str
) -> None:
    model = cascade(strategy)
    assert isinstance(model.network, Cascade)
    grey = [normalize_slice(plane) for plane in noise.read()]
    image = torch.from_numpy(np.stack(grey))[None, None]
    with torch.inference_mode():
        cues = model.network.find_cues(image)
        expected = model.network(image)[0, 0].sigmoid().mul(255).numpy()
    assert 0.05 < cues[:, 0].mean() < 0.99
    maps = drain(predict_maps(noise, model, UNTILED))
    assert maps.semantic == pytest.approx(expected, abs=0.6)
    assert maps.boundary is None


def test_every_slice_is_looked_at_before_the_second_stage_begins(
    noise: Volume,
) -> None:
    model = cascade()
    first, last = plan_passes(noise, model, UNTILED, None, CPU)
    run = open_run(noise, model, UNTILED)
    final = [sorted(planes) for planes in run.planes()]
    assert first.layout.n_tiles == 6
    assert final == [[]] * 6 + [list(range(6))]
    assert run.n_tiles == plan_prediction(noise, model, UNTILED).n_tiles == 7
    assert last.layout.n_tiles == 1


def test_multi_cue_runs_three_networks(noise: Volume) -> None:
    passes = plan_passes(noise, cascade("multi-cue"), UNTILED, None, CPU)
    channels = [one.model.network.in_channels for one in passes]
    assert channels == [1, 1, 3]
    assert [one.model.network.dimensions for one in passes] == [2, 3, 3]


def test_slices_around_a_region_are_looked_at_for_missing_boxes(
    volume: Volume,
) -> None:
    region = Region((6, 0, 0), (8, 40, 40))
    settings = UNTILED.model_copy(update={"tile": 64})
    model = cascade(fusion={"reach": 3})
    first, last = plan_passes(volume, model, settings, region, CPU)
    window = last.layout.windows[0]
    starts = [w.keep_start for w in first.layout.windows]
    assert starts[0] == max(window.read_start - 3, 0)
    assert first.layout.windows[-1].keep_stop == min(window.read_stop + 3, 12)
    assert max(t.y.keep_stop for t in first.layout.tiles) > 40


def test_turned_views_are_of_the_second_stage_only(noise: Volume) -> None:
    """Turned, a detector would take the top of a box for its side."""
    settings = UNTILED.model_copy(update={"augmentation": 4})
    passes = plan_passes(noise, cascade("multi-cue"), settings, None, CPU)
    assert [one.views for one in passes] == [1, 4, 4]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((0, 30, 30), [(0, 32)]),
        ((0, 48, 48), [(0, 32), (8, 40), (16, 48)]),
        ((0, 41, 41), [(0, 32), (8, 40), (16, 48)]),
        ((13, 60, 90), [(8, 40), (16, 48), (24, 56), (32, 64)]),
    ],
)
def test_cubes_overlap_by_three_quarters(
    bounds: tuple[int, int, int], expected: list[tuple[int, int]]
) -> None:
    spans = cube_spans(32, 8, 16, bounds)
    assert [(s.read_start, s.read_stop) for s in spans] == expected
    assert spans[0].keep_start == bounds[0]
    assert spans[-1].keep_stop == bounds[1]


def test_cubes_of_the_paper() -> None:
    """165×768×1024 voxels: 18, 9 and 7 cubes of 32×256×256."""
    volume = Volume(np.zeros((165, 768, 1024), np.uint8), SPACING)
    settings = InferenceSettings(device="cpu", tiling="cubes")
    layout = plan_passes(volume, cascade(), settings, None, CPU)[-1].layout
    assert len(layout.windows) == 18
    assert len(layout.tiles) == 9 * 7
    assert {w.read_size for w in layout.windows} == {32}
    assert {(t.y.read_size, t.x.read_size) for t in layout.tiles} == {(256, 256)}


def test_small_volumes_are_one_cube_and_predicted_as_such(noise: Volume) -> None:
    model = cascade()
    cubes = UNTILED.model_copy(update={"tiling": "cubes"})
    one, other = (drain(predict_maps(noise, model, s)) for s in (cubes, UNTILED))
    assert np.array_equal(one.semantic, other.semantic)


def test_a_detector_alone_gives_its_mask(noise: Volume) -> None:
    torch.manual_seed(0)
    network = architectures["detector"].from_config({"widths": [4, 6]}).eval()
    card = ModelCard(name="d", architecture="detector", spacing=SPACING)
    maps = drain(predict_maps(noise, TrainedModel(card, network), UNTILED))
    plane = torch.from_numpy(normalize_slice(noise.read_slice(2)))
    with torch.inference_mode():
        expected = network(plane[None, None])[0, 0].sigmoid().mul(255).numpy()
    assert maps.semantic[2] == pytest.approx(expected, abs=0.6)
    assert maps.boundary is None
