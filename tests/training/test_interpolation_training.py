"""Training of the interpolation network on the stack itself."""

from contextlib import closing

import numpy as np
import pytest
import torch

from napari_mitoseg.errors import ShapeError, WeightsError
from napari_mitoseg.inference.interpolation import Interpolator
from napari_mitoseg.io import read_volume
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.interpolation import InterpolationConfig
from napari_mitoseg.models.interpolation_file import load_interpolation
from napari_mitoseg.training.interpolation import train_interpolation, turned
from napari_mitoseg.training.interpolation_settings import InterpolationSettings
from napari_mitoseg.volume import Region, Volume

CONFIG = InterpolationConfig(reach=2, widths=(8,))
SETTINGS = InterpolationSettings(
    limit="steps", steps=6, patch=16, batch=2, device="cpu"
)


def moving(n=9, size=48):
    """A texture that moves by one pixel along x from slice to slice."""
    texture = np.random.default_rng(0).integers(0, 255, (size, size + n))
    planes = [texture[:, z : z + size] for z in range(n)]
    return np.stack(planes).astype(np.uint8)


def train(stack, folder, settings=SETTINGS, **keywords):
    job = train_interpolation(
        Volume(stack, name="moving"), settings, folder=folder, config=CONFIG, **keywords
    )
    return drain(job)


def error(middle, truth):
    inner = (slice(4, -4), slice(4, -4))
    return float(np.mean((middle[inner] - truth[inner]) ** 2))


def test_a_stack_that_moves_by_a_pixel_a_slice_is_interpolated_exactly(tmp_path):
    stack = moving()
    settings = SETTINGS.model_copy(
        update={"steps": 60, "learning_rate": 0.1, "far": 0.0, "flip": False}
    )
    model = train(stack, tmp_path, settings)
    middle = Interpolator(model.network)(stack[3], stack[5])
    of_mean = (stack[3].astype(float) + stack[5]) / 2
    assert error(middle, stack[4]) < 0.1
    assert error(of_mean, stack[4]) > 5000
    assert model.card.psnr > 35
    assert model.card.psnr_of_mean < 10
    assert (model.card.data, model.card.steps) == ("moving", 60)


def test_the_same_seed_gives_the_same_network(tmp_path):
    stack = moving()
    a, b = (train(stack, tmp_path / name).network.state_dict() for name in "ab")
    assert all(torch.equal(a[name], b[name]) for name in a)
    other = train(stack, tmp_path / "c", SETTINGS.model_copy(update={"seed": 1}))
    assert not torch.equal(a["head.weight"], other.network.state_dict()["head.weight"])


def test_resumed_equals_uninterrupted(tmp_path):
    stack = moving()
    whole = train(stack, tmp_path / "whole").network.state_dict()
    job = train_interpolation(
        Volume(stack), SETTINGS, folder=tmp_path / "parts", config=CONFIG
    )
    with closing(job):
        for _ in range(4):  # reading, then three steps
            next(job)
    parts = train(stack, tmp_path / "parts", resume=True)
    assert parts.card.steps == 6
    found = parts.network.state_dict()
    for name in whole:
        torch.testing.assert_close(found[name], whole[name])


def test_resuming_a_finished_training_keeps_what_was_reached(tmp_path):
    stack = moving()
    before = train(stack, tmp_path).card
    assert before.psnr > 0
    assert train(stack, tmp_path, resume=True).card == before


def test_a_cancelled_training_leaves_the_network_that_was_there(tmp_path):
    stack = moving()
    before = train(stack, tmp_path).card
    job = train_interpolation(
        Volume(stack),
        SETTINGS.model_copy(update={"seed": 1}),
        folder=tmp_path,
        config=CONFIG,
    )
    with closing(job):
        for _ in range(3):
            next(job)
    assert load_interpolation(tmp_path).card == before


def test_stop_keeps_what_is_there(tmp_path):
    asked = []

    def stop():
        asked.append(1)
        return len(asked) > 1

    assert train(moving(), tmp_path, stop=stop).card.steps == 2


def test_skipped_and_missing_slices_teach_nothing(tmp_path):
    stack = moving()
    good = train(stack, tmp_path / "good", skipped=[1, 7]).network.state_dict()
    stack[1] = 0
    stack[7] = np.random.default_rng(1).integers(0, 255, stack[7].shape)
    model = train(stack, tmp_path / "bad", skipped=[7, 1])
    assert model.card.skipped == (1, 7)
    found = model.network.state_dict()
    assert all(torch.equal(good[name], found[name]) for name in good)
    train(stack, tmp_path / "missing", skipped=[7])  # 1 is left out by itself


def test_a_stack_without_three_good_slices_is_refused(tmp_path):
    for stack, skipped in ((moving(2), ()), (moving(5), (2,)), (moving(1), ())):
        with pytest.raises(ShapeError, match="no three in a row are good"):
            train(stack, tmp_path / "none", skipped=skipped)
    assert not (tmp_path / "none").exists()


def test_slices_smaller_than_a_patch_are_mirrored(tmp_path):
    assert train(moving(size=11), tmp_path).card.steps == 6


def test_checkpoint_of_another_network_is_refused(tmp_path):
    train(moving(), tmp_path)
    job = train_interpolation(Volume(moving()), folder=tmp_path, resume=True)
    with pytest.raises(WeightsError, match="another network"):
        drain(job)


def test_turning_keeps_the_middle_and_shows_every_side():
    patch = np.arange(12).reshape(3, 2, 2)
    chance = np.random.default_rng(0)
    seen = {turned(patch, chance).tobytes() for _ in range(200)}
    assert len(seen) == 16
    assert all(
        sorted(turned(patch, chance)[1].ravel()) == [4, 5, 6, 7] for _ in range(20)
    )


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize("name", ["sbem_brain", "sstem_vnc"])
def test_held_out_slices_are_given_better_than_by_the_mean(tmp_path, data_folder, name):
    region = Region((0, 300, 300), (14, 684, 684))
    volume = read_volume(data_folder / name / "image.tif").crop(region)
    settings = InterpolationSettings(limit="steps", steps=60, batch=2, device="cpu")
    seen = volume.crop(Region((0, 0, 0), (10, 384, 384)))
    model = drain(train_interpolation(seen, settings, folder=tmp_path))
    below, truth, above = volume.read(Region((11, 0, 0), (14, 384, 384)))
    middle = Interpolator(model.network)(below, above)
    of_mean = (below.astype(float) + above) / 2
    assert error(middle, truth) < 0.97 * error(of_mean, truth)
