"""The fit job: it learns, resumes, cancels, and refuses what cannot work."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_mitoseg.errors import InvalidParameterError, ShapeError, WeightsError
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.architectures import Network, architectures
from napari_mitoseg.models.zoo import ModelCard, load_model
from napari_mitoseg.training.appearance import NO_APPEARANCE
from napari_mitoseg.training.fit import draw_batch, fit
from napari_mitoseg.training.geometry import NO_GEOMETRY
from napari_mitoseg.training.patches import TrainingStack, prepare_stack
from napari_mitoseg.training.settings import FitSettings
from napari_mitoseg.training.validate import measure_iou, predict_stack

SPACING = (40.0, 8.0, 8.0)
CARD = ModelCard(name="test", architecture="fast", spacing=SPACING)
PLAIN = FitSettings(
    steps=6,
    patch=(1, 32, 32),
    batch=2,
    geometry=NO_GEOMETRY,
    appearance=NO_APPEARANCE,
    learning_rate=0.01,
    averaging=0.5,
    validate_every=3,
)


@pytest.fixture(scope="module")
def stack() -> TrainingStack:
    """Dark discs on bright noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:96, :96]
    labels = np.zeros((4, 96, 96), np.int32)
    for number, (cy, cx) in enumerate(rng.integers(10, 86, (8, 2)), start=1):
        labels[:, np.hypot(y - cy, x - cx) < 8] = number
    image = rng.normal(150, 15, labels.shape) - 60 * (labels > 0)
    return prepare_stack(image, labels, SPACING, SPACING)


SMALL: dict[str, dict[str, Any]] = {
    "ensemble": {
        "members": [
            {"architecture": "fast", "config": {"widths": [8, 12]}},
            {"architecture": "efficient-unet", "config": {"widths": [8, 12]}},
        ]
    },
    "unet2d": {"width": 4, "levels": 2},
    "fusion-fcn": {"width": 8, "window": 96},
    "patch-cnn": {"width": 8},
    "cascade": {
        "detector": {"widths": [8, 12]},
        "segmentation": {"widths": [8, 12], "z_halvings": 1},
    },
    "spatial-continuity": {
        "segmentation": {"architecture": "fast", "config": {"widths": [8, 12]}},
        "refinement": {
            "architecture": "fast",
            "config": {"widths": [8, 12], "context": 1, "extra": 1},
        },
        "masks": "probability",
    },
}


def small(name: str = "fast") -> Network:
    torch.manual_seed(0)
    config = SMALL.get(name, {"widths": [8, 12]})
    return architectures[name].from_config(config)


def card(name: str) -> ModelCard:
    return CARD.model_copy(update={"architecture": name})


def settings_for(name: str, **changes: object) -> FitSettings:
    depth = {"patch": (4, 32, 32)} if architectures[name].dimensions == 3 else {}
    return PLAIN.model_copy(update=depth | changes)


@pytest.mark.parametrize("name", architectures.names())
def test_every_architecture_overfits_a_tiny_stack(
    name: str, stack: TrainingStack, tmp_path: Path
) -> None:
    settings = settings_for(name, steps=60, validate_every=60, averaging=0.9)
    result = drain(
        fit(small(name), [stack], settings, card=card(name), folder=tmp_path,
            validation=[stack])
    )  # fmt: skip
    assert result.steps == 60
    assert result.scores[0] > 0.6
    assert measure_iou(result.network, [stack]) == pytest.approx(
        result.scores, abs=1e-3
    )


def test_interrupted_and_resumed_equals_uninterrupted(
    stack: TrainingStack, tmp_path: Path
) -> None:
    whole = drain(fit(small(), [stack], PLAIN, card=CARD, folder=tmp_path / "a"))
    job = fit(small(), [stack], PLAIN, card=CARD, folder=tmp_path / "b")
    for _ in range(4):
        next(job)
    job.close()
    resumed = drain(
        fit(small(), [stack], PLAIN, card=CARD, folder=tmp_path / "b", resume=True)
    )
    assert resumed.steps == whole.steps == 6
    for one, other in zip(
        whole.network.parameters(), resumed.network.parameters(), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_closing_keeps_a_usable_model(stack: TrainingStack, tmp_path: Path) -> None:
    job = fit(small(), [stack], PLAIN, card=CARD, folder=tmp_path, validation=[stack])
    next(job)
    job.close()
    assert load_model(tmp_path).card.name == "test"


def test_closing_before_the_first_step_writes_nothing(
    stack: TrainingStack, tmp_path: Path
) -> None:
    fit(small(), [stack], PLAIN, card=CARD, folder=tmp_path / "x").close()
    assert not (tmp_path / "x").exists()


def test_the_best_weights_are_kept(
    stack: TrainingStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([(0.9,), (0.2,)])
    monkeypatch.setattr(
        "napari_mitoseg.training.fit.measure_iou", lambda *_: next(scores)
    )
    result = drain(
        fit(small(), [stack], PLAIN, card=CARD, folder=tmp_path, validation=[stack])
    )
    assert result.scores == (0.9,)


@pytest.mark.parametrize(("keep", "expected"), [("best", (0.9,)), ("last", (0.2,))])
def test_the_last_weights_are_kept_if_asked_for(
    keep: str,
    expected: tuple[float, ...],
    stack: TrainingStack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scores = iter([(0.9,), (0.2,)])
    monkeypatch.setattr(
        "napari_mitoseg.training.fit.measure_iou", lambda *_: next(scores)
    )
    settings = PLAIN.model_copy(update={"keep": keep})
    job = fit(small(), [stack], settings, card=CARD, folder=tmp_path)
    assert drain(job).scores == expected


def test_time_is_a_limit(stack: TrainingStack, tmp_path: Path) -> None:
    settings = PLAIN.model_copy(
        update={"limit": "minutes", "minutes": 1e-6, "steps": 10**6}
    )
    result = drain(fit(small(), [stack], settings, card=CARD, folder=tmp_path))
    assert result.steps <= 1


def test_damaged_checkpoint_is_an_error(stack: TrainingStack, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")
    job = fit(small(), [stack], PLAIN, card=CARD, folder=tmp_path, resume=True)
    with pytest.raises(WeightsError, match="is damaged"):
        drain(job)


def test_checkpoint_of_another_network_is_an_error(
    stack: TrainingStack, tmp_path: Path
) -> None:
    drain(fit(small(), [stack], PLAIN, card=CARD, folder=tmp_path))
    other = small("unet2d")
    with pytest.raises(WeightsError, match="another network"):
        drain(fit(other, [stack], PLAIN, card=CARD, folder=tmp_path, resume=True))


@pytest.mark.parametrize("patch", [(1, 30, 30), (1, 32, 64), (2, 32, 32)])
def test_patch_that_does_not_fit_is_refused(
    patch: tuple[int, int, int], stack: TrainingStack, tmp_path: Path
) -> None:
    settings = PLAIN.model_copy(update={"patch": patch})
    with pytest.raises(ShapeError, match="multiple of"):
        drain(fit(small(), [stack], settings, card=CARD, folder=tmp_path))


def test_nothing_to_learn_from_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterError, match="No stack"):
        drain(fit(small(), [], PLAIN, card=CARD, folder=tmp_path))


def test_each_step_has_its_own_chance_and_the_same_again(stack: TrainingStack) -> None:
    settings = FitSettings(patch=(1, 32, 32), batch=2)
    network, device = small(), torch.device("cpu")
    first, again, other = (
        draw_batch(network, [stack], settings, step, device)[0] for step in (3, 3, 4)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_prediction_of_any_size_comes_back_whole(stack: TrainingStack) -> None:
    ragged = TrainingStack(stack.image[:, :50, :37], stack.labels[:, :50, :37])
    assert predict_stack(small(), ragged).shape == (4, 50, 37)


def test_iou_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Truth two voxels, found two, one in common, one found where unlabelled."""
    labels = torch.tensor([[[1, 1, 0, -1]]], dtype=torch.int32)
    stack = TrainingStack(torch.zeros(1, 1, 4), labels)
    monkeypatch.setattr(
        "napari_mitoseg.training.validate.predict_stack",
        lambda *_: torch.tensor([[[0.1, 0.9, 0.8, 0.9]]]),
    )
    assert measure_iou(small(), [stack]) == (pytest.approx(1 / 3),)
