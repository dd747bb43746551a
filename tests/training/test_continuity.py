"""Dense training of the spatial-continuity model: N_se, its masks, N_sp on them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from napari_mitoseg.errors import DeviceMemoryError, InvalidParameterError
from napari_mitoseg.jobs import drain
from napari_mitoseg.models.architectures import SpatialContinuity, architectures
from napari_mitoseg.models.zoo import ModelCard, load_model
from napari_mitoseg.training import continuity
from napari_mitoseg.training.augmentations import CHALLENGE, AugmentationChain
from napari_mitoseg.training.continuity import (
    ContinuityBatches,
    fit_continuity,
    for_refinement,
)
from napari_mitoseg.training.fit import FitProgress, FitResult
from napari_mitoseg.training.geometry import NO_GEOMETRY
from napari_mitoseg.training.patches import TrainingStack
from napari_mitoseg.training.refinement import RefinementBatches
from napari_mitoseg.training.settings import FitSettings
from napari_mitoseg.training.validate import predict_stack

TINY = {"widths": [4, 6], "context": 0, "outputs": ["semantic"]}
CONFIG = {
    "segmentation": {"architecture": "fast", "config": TINY},
    "refinement": {"architecture": "fast", "config": TINY | {"context": 1}},
}
CARD = ModelCard(
    name="test", architecture="spatial-continuity", config={}, spacing=(40, 8, 8),
    sha256="", patch=(1, 16, 16), halo=(0, 0, 0), outputs=("semantic",),
    data=("made up",), licence="none",
)  # fmt: skip
SETTINGS = FitSettings(
    steps=3, patch=(1, 16, 16), batch=2, dark=0, averaging=0, precision="float32"
)
CPU = torch.device("cpu")


def stripes(depth: int = 4) -> TrainingStack:
    """Dark stripes that are mitochondria."""
    columns = (torch.arange(32) // 8 % 2).expand(depth, 32, 32)
    noise = torch.randn(columns.shape, generator=torch.Generator().manual_seed(0))
    return TrainingStack(0.1 * noise - 2.0 * columns, columns.int())


def build(**changes: Any) -> SpatialContinuity:
    torch.manual_seed(0)
    network = architectures["spatial-continuity"].from_config(CONFIG | changes)
    assert isinstance(network, SpatialContinuity)
    return network


def weights(network: torch.nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def fitted(folder: Path, network: SpatialContinuity, **how: Any) -> Any:
    settings = how.pop("settings", SETTINGS)
    job = fit_continuity(
        network, [stripes()], settings, card=CARD, folder=folder, **how
    )
    reports: list[Any] = []
    return drain(job, reports.append), reports


def test_binary_masks_have_no_gradient() -> None:
    """Which is why the two are trained one after the other."""
    network = build()
    network(torch.randn(1, 3, 16, 16)).sum().backward()
    assert all(p.grad is None for p in network.segmentation.parameters())
    assert all(p.grad is not None for p in network.refinement.parameters())


def test_both_networks_learn(tmp_path: Path) -> None:
    network = build()
    before = [weights(part) for part in (network.segmentation, network.refinement)]
    result, reports = fitted(tmp_path, network)
    kept = load_model(tmp_path).network
    assert isinstance(kept, SpatialContinuity)
    for part, old in zip((kept.segmentation, kept.refinement), before, strict=True):
        assert not torch.equal(weights(part), old)
    assert torch.equal(weights(kept), weights(result.network))
    assert not result.network.training
    assert len([r for r in reports if isinstance(r, FitProgress)]) == 6
    shares = [report.fraction for report in reports]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_n_se_learns_to_segment(tmp_path: Path) -> None:
    plain = {"augmentations": AugmentationChain(), "learning_rate": 0.01}
    settings = SETTINGS.model_copy(update={"steps": 30, **plain})
    result, _ = fitted(tmp_path, build(), settings=settings)
    stack = stripes()
    inside = stack.labels > 0
    probability = predict_stack(result.network.segmentation, stack)
    assert probability[inside].mean() > probability[~inside].mean() + 0.2


def test_n_sp_is_given_the_masks_of_n_se(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N_se says 0.4, 0.6, 0.6, 0.4 of the slices; N_sp is to be given 0, 1, 1, 0."""
    told = iter([0.4, 0.6, 0.6, 0.4])
    monkeypatch.setattr(
        continuity, "predict_plane", lambda *_: torch.full((32, 32), next(told))
    )
    given: list[Tensor] = []
    draw = ContinuityBatches.__call__

    def drawing(self: ContinuityBatches, *rest: Any) -> Any:
        given.append(self.parts[0].coarse)
        return draw(self, *rest)

    monkeypatch.setattr(ContinuityBatches, "__call__", drawing)
    fitted(tmp_path, build())
    assert len(given) == 3
    assert given[0][:, 5, 7].tolist() == [0, 1, 1, 0]


def constant(values: list[float]) -> RefinementBatches:
    masks = torch.tensor(values)[:, None, None].expand(-1, 32, 32)
    none = torch.zeros(len(values), dtype=torch.bool)
    return RefinementBatches(
        masks, masks, none, middle=True, uses_truth=False, truth_share=0.0
    )


def test_a_patch_is_the_masks_around_a_slice_of_its_stack() -> None:
    """Only slice 1 is labelled, in one stack as mitochondrion, in the other not."""
    labels = torch.full((3, 32, 32), -1, dtype=torch.int32)
    stacks = []
    for value in (0, 1):
        labels[1] = value
        stacks.append(TrainingStack(torch.zeros(3, 32, 32), labels.clone()))
    draw = ContinuityBatches((constant([0, 0, 1]), constant([1, 1, 0])))
    settings = for_refinement(SETTINGS).model_copy(
        update={"batch": 16, "geometry": NO_GEOMETRY}
    )
    image, target, known = draw(build().refinement, stacks, settings, 0, CPU)
    assert image.shape == (16, 3, 16, 16)
    assert known.min() == 1
    is_inside = target[:, 0, 0, 0, 0] == 1
    assert 0 < is_inside.sum() < 16
    for inside, channels in ((False, [0.0, 0.0, 1.0]), (True, [1.0, 1.0, 0.0])):
        seen = image[is_inside == inside]
        assert (seen == torch.tensor(channels)[None, :, None, None]).all()


def test_masks_keep_their_greys() -> None:
    chosen = SETTINGS.model_copy(update={"augmentations": CHALLENGE})
    settings = for_refinement(chosen)
    assert settings.augmentations is None
    assert settings.geometry.model_dump() == NO_GEOMETRY.model_dump() | {
        "piecewise": 0.03
    }


def test_n_sp_is_chosen_by_validation_only_where_it_sees_masks_alone(
    tmp_path: Path,
) -> None:
    held = [stripes(2)]
    alone, _ = fitted(tmp_path / "a", build(), validation=held)
    refinement = {"architecture": "fast", "config": TINY | {"context": 1, "extra": 1}}
    both, _ = fitted(tmp_path / "b", build(refinement=refinement), validation=held)
    assert len(alone.scores) == 1
    assert both.scores == ()


@pytest.mark.parametrize("n_reports", [2, 8])
def test_resumed_equals_uninterrupted(n_reports: int, tmp_path: Path) -> None:
    """Broken off in N_se, and in N_sp behind three steps and four coarse masks."""
    whole, _ = fitted(tmp_path / "whole", build())
    folder = tmp_path / "parts"
    job = fit_continuity(build(), [stripes()], SETTINGS, card=CARD, folder=folder)
    for _ in range(n_reports):
        next(job)
    job.close()
    resumed, _ = fitted(folder, build(), resume=True)
    assert resumed.steps == whole.steps == 3
    torch.testing.assert_close(weights(resumed.network), weights(whole.network))


def test_time_is_shared_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten minutes: five for N_se; the masks take one of the other five."""
    minutes: list[float] = []

    def fit(network: Any, _stacks: Any, settings: FitSettings, **_how: Any) -> Any:
        minutes.append(settings.minutes)
        yield from ()
        return FitResult(network, 1, (), 60 * settings.minutes)

    clock = SimpleNamespace(monotonic=iter([0.0, 60.0]).__next__)
    monkeypatch.setattr(continuity, "time", clock)
    monkeypatch.setattr(continuity, "fit", fit)
    timed = SETTINGS.model_copy(update={"minutes": 10.0})
    result, _ = fitted(tmp_path, build(), settings=timed)
    assert minutes == [5.0, 4.0]
    assert result.seconds == 540


def test_too_little_memory_for_a_slice_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(continuity, "predict_plane", refuse)
    with pytest.raises(DeviceMemoryError, match="slice of 32×32 pixels"):
        fitted(tmp_path, build())
    assert load_model(tmp_path / "N_se").card.architecture == "fast"


def test_other_networks_are_refused(tmp_path: Path) -> None:
    network = architectures["fast"].from_config(TINY)
    with pytest.raises(InvalidParameterError, match="has no N_sp"):
        drain(fit_continuity(network, [], SETTINGS, card=CARD, folder=tmp_path))
