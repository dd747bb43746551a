"""How the papers train: their numbers, and that such a training runs."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.zoo import load_model
from napari_mitoseg.training.dense import train_dense
from napari_mitoseg.training.dense_data import LabelledVolume
from napari_mitoseg.training.dense_settings import DenseSettings
from napari_mitoseg.training.geometry import NO_GEOMETRY
from napari_mitoseg.training.published import (
    fusion_fcn_stages,
    patch_cnn_stages,
    resunet_stages,
    segmentation_stages,
)
from napari_mitoseg.training.trainers import trainers
from napari_mitoseg.volume import Volume

SPACING = (40.0, 8.0, 8.0)
PUBLISHED = [name for name, trainer in trainers.items() if trainer.published]
SMALL: dict[str, dict[str, Any]] = {
    "fusion-fcn": {"width": 8, "window": 96},
    "patch-cnn": {"width": 4},
    "cascade": {
        "detector": {"widths": [8, 12]},
        "segmentation": {"widths": [8, 12], "z_halvings": 1},
    },
}


def labelled() -> LabelledVolume:
    """A dark square on bright noise."""
    truth = np.zeros((6, 64, 64), np.uint8)
    truth[:, 10:40, 12:50] = 1
    image = np.random.default_rng(0).normal(150, 12, truth.shape) - 70 * truth
    grey = Volume(image.clip(0, 255).astype(np.uint8), SPACING, "square")
    return LabelledVolume(grey, Volume(truth, SPACING, "truth"))


def settings(name: str, **more: object) -> DenseSettings:
    return DenseSettings.parse(
        {
            "architecture": name,
            "config": SMALL.get(name, {"widths": [8, 12]}),
            "preset": "paper",
            "device": "cpu",
            **more,
        }
    )


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_training_runs(name: str, tmp_path: Path) -> None:
    is_planar = name in {"fusion-fcn", "patch-cnn"}
    patch = (1 if is_planar else 4, 32, 32)
    chosen = settings(name, steps=2, batch=2, patch=patch)
    result = drain(train_dense([labelled()], chosen, folder=tmp_path))
    assert result.steps == 2
    card = load_model(tmp_path).card
    assert "as published" in card.description
    assert "--preset paper --steps 2" in card.command
    assert "--minutes" not in card.command
    assert "--augmentation" not in card.command


def test_what_is_given_takes_the_place_of_what_is_published(tmp_path: Path) -> None:
    """Two stages of two steps on patches of another size."""
    flip = ({"step": "flip"},)
    given = settings(
        "resunet-r", steps=2, patch=(4, 32, 32), augmentations=flip, validation=0
    )
    told = list(train_dense([labelled()], given, folder=tmp_path))
    assert sum("loss" in progress.message for progress in told) == 4
    assert load_model(tmp_path).card.patch == (4, 32, 32)


def test_a_network_without_published_training_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    with pytest.raises(InvalidParameterError, match="No published training of 'fast'"):
        drain(train_dense([labelled()], settings("fast"), folder=folder))
    assert not folder.exists()


def test_training_of_res_unet_r_and_h() -> None:
    first, second = resunet_stages()
    assert (first.patch, first.steps) == ((32, 256, 256), 20_000)
    assert (second.patch, second.steps) == ((36, 320, 320), 10_000)
    for stage in (first, second):
        assert (stage.optimizer, stage.learning_rate, stage.batch) == ("adam", 1e-4, 2)
        assert (stage.schedule, stage.loss) == ("constant", "weighted-bce")
        assert len(stage.chain.steps) == 11


def test_training_of_the_fusion_fcn() -> None:
    (settings,) = fusion_fcn_stages()
    assert (settings.patch, settings.steps) == ((1, 512, 512), 20_000)
    assert [step.name for step in settings.chain.steps] == ["flip"]
    assert (settings.foreground, settings.dark) == (0, 0)


def test_training_of_the_patch_cnn() -> None:
    (settings,) = patch_cnn_stages()
    assert (settings.patch, settings.foreground) == ((1, 32, 32), 0.5)
    assert not settings.chain.steps


def test_training_of_the_3d_res_unet() -> None:
    """(165 − 32) / 8, (768 − 256) / 64 and (1024 − 256) / 128 steps, and 1 each."""
    (settings,) = segmentation_stages()
    assert (settings.patch, settings.batch) == ((32, 256, 256), 4)
    assert (settings.learning_rate, settings.loss) == (0.01, "bce")
    assert settings.steps == 100 * 284 == 100 * math.ceil(18 * 9 * 7 / 4)
    assert settings.schedule == "constant"
    assert (settings.foreground, settings.dark) == (0, 0)
    assert (settings.geometry, settings.averaging) == (NO_GEOMETRY, 0)
