"""Training in stages, each from what the one before it kept."""

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.models.base import Network
from napari_mitoseg.models.zoo import ModelCard, load_model
from napari_mitoseg.training.augmentations import AugmentationChain
from napari_mitoseg.training.patches import TrainingStack, prepare_stack
from napari_mitoseg.training.settings import FitSettings
from napari_mitoseg.training.stages import fit_stages

SPACING = (40.0, 8.0, 8.0)
CARD = ModelCard(name="test", architecture="fast", spacing=SPACING)
PLAIN = FitSettings(
    steps=6,
    patch=(1, 32, 32),
    batch=2,
    augmentations=AugmentationChain(),
    learning_rate=0.01,
    validate_every=3,
)


@pytest.fixture(scope="module")
def stack() -> TrainingStack:
    """A dark square on bright noise."""
    labels = np.zeros((3, 48, 48), np.int32)
    labels[:, 10:30, 12:40] = 1
    image = np.random.default_rng(0).normal(150, 15, labels.shape) - 60 * labels
    return prepare_stack(image, labels, SPACING, SPACING)


def small() -> Network:
    torch.manual_seed(0)
    return architectures["fast"].from_config({"widths": [8, 12]})


def test_stages_follow_on_each_other(stack: TrainingStack, tmp_path: Path) -> None:
    """The second stage makes no progress of its own: it returns what the first kept."""
    still = PLAIN.model_copy(
        update={"steps": 1, "learning_rate": 1e-12, "weight_decay": 0, "averaging": 0}
    )
    stages = [PLAIN, still]
    result = drain(fit_stages(small(), [stack], stages, card=CARD, folder=tmp_path))
    first = load_model(tmp_path / "stage-1").network
    for one, other in zip(first.parameters(), result.network.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)
    assert load_model(tmp_path).card.name == "test"


def test_finished_stages_are_not_repeated(stack: TrainingStack, tmp_path: Path) -> None:
    stages = [PLAIN, PLAIN]
    drain(fit_stages(small(), [stack], stages, card=CARD, folder=tmp_path))
    again = fit_stages(
        small(), [stack], stages, card=CARD, folder=tmp_path, resume=True
    )
    assert list(again) == []


def test_no_stage_is_refused(stack: TrainingStack, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterError, match="No training stage"):
        drain(fit_stages(small(), [stack], [], card=CARD, folder=tmp_path))


def test_progress_is_that_of_all_stages(stack: TrainingStack, tmp_path: Path) -> None:
    stages = [PLAIN, PLAIN.model_copy(update={"steps": 2})]
    job = fit_stages(small(), [stack], stages, card=CARD, folder=tmp_path)
    shares = [progress.fraction for progress in job]
    assert shares == pytest.approx([*np.arange(1, 7) / 12, 0.75, 1.0])


def test_stop_ends_every_stage(stack: TrainingStack, tmp_path: Path) -> None:
    """Each makes the one step without which there would be no model."""
    job = fit_stages(
        small(), [stack], [PLAIN] * 2, card=CARD, folder=tmp_path, stop=lambda: True
    )
    assert len(list(job)) == 2
    assert load_model(tmp_path).card.name == "test"
