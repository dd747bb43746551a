"""What the second stage is shown: image and cues turned alike, cues with errors."""

import pytest
import torch

from napari_mitoseg.models.architectures import Cascade
from napari_mitoseg.training.appearance import NO_APPEARANCE
from napari_mitoseg.training.cue_batches import CueBatches, CueNoise, spoil_cues
from napari_mitoseg.training.dense_plan import AUGMENTATIONS
from napari_mitoseg.training.dense_settings import AugmentationName
from napari_mitoseg.training.geometry import NO_GEOMETRY
from napari_mitoseg.training.patches import TrainingStack
from napari_mitoseg.training.settings import FitSettings

SHAPE = (6, 24, 20)
SETTINGS = FitSettings(
    patch=(4, 16, 16), batch=6, geometry=NO_GEOMETRY, appearance=NO_APPEARANCE
)
EXACT = CueNoise(missed=0, spurious=0)
NETWORK = Cascade.from_config(
    {"detector": {"widths": [2, 3]}, "segmentation": {"widths": [2, 3]}}
)


@pytest.fixture
def stack() -> TrainingStack:
    """Numbers in the image that tell every voxel; a mitochondrion off the middle."""
    image = torch.arange(6 * 24 * 20.0).view(SHAPE)
    labels = torch.zeros(SHAPE, dtype=torch.int32)
    labels[1:4, 3:9, 5:15] = 1
    return TrainingStack(image, labels)


def draw(
    stack: TrainingStack,
    cues: torch.Tensor,
    noise: CueNoise,
    step: int = 0,
    settings: FitSettings = SETTINGS,
):
    batches = CueBatches((cues,), noise)
    return batches(NETWORK, [stack], settings, step, torch.device("cpu"))


def test_image_cues_and_truth_are_cut_and_turned_alike(stack: TrainingStack) -> None:
    cues = torch.stack([stack.labels, (stack.image % 256).int()]).clamp(max=255)
    cues[0] *= 255
    seen, target, known = draw(stack, cues.to(torch.uint8), EXACT)
    assert seen.shape == (6, 3, 4, 16, 16)
    torch.testing.assert_close(seen[:, 1], target[:, 0])
    torch.testing.assert_close((seen[:, 0].round() % 256) / 255, seen[:, 2])
    assert known.all()
    upright = stack.image[2, 3, 6] - stack.image[2, 3, 5]
    steps = seen[:, 0, 0, 0, 1] - seen[:, 0, 0, 0, 0]
    assert len(set(steps.round().tolist())) > 1  # not all are upright
    assert upright in steps.abs().round()


@pytest.mark.parametrize("name", ["strong", "challenge", "none"])
def test_augmentations_by_name_move_cues_as_they_move_labels(
    stack: TrainingStack, name: AugmentationName
) -> None:
    settings = SETTINGS.model_copy(update={"augmentations": AUGMENTATIONS[name]})
    cue = (stack.labels * 255).to(torch.uint8)
    half = torch.where(cue > 0, 100, 0).to(torch.uint8)
    plain = draw(stack, torch.stack([cue, half]), EXACT)[1]
    found = 0.0
    for step in range(4):
        seen, target, _ = draw(stack, torch.stack([cue, half]), EXACT, step, settings)
        assert seen.shape == (6, 3, 4, 16, 16)
        torch.testing.assert_close(seen[:, 1], target[:, 0])
        torch.testing.assert_close(seen[:, 2], target[:, 0] * 100 / 255)
        found += target.sum().item()
    assert found > 0
    if name != "none":
        assert not torch.equal(draw(stack, cue[None], EXACT, 0, settings)[1], plain)


def test_the_same_step_is_the_same_batch(stack: TrainingStack) -> None:
    cues = torch.full((1, *SHAPE), 255, dtype=torch.uint8)
    once, again, other = (draw(stack, cues, CueNoise(), k)[0] for k in (3, 3, 4))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


def test_missed_mitochondria_lose_their_cue_in_a_run_of_slices() -> None:
    labels = torch.zeros(1, 8, 16, 16)
    labels[0, 1:7, 4:8, 4:8] = 7
    cues = torch.ones(1, 2, 8, 16, 16)
    noise = CueNoise(missed=1, spurious=0)
    spoilt = spoil_cues(cues, labels, noise, torch.Generator().manual_seed(0))
    lost = (spoilt == 0)[0]
    assert torch.equal(lost[0], lost[1])
    slices = lost[0].any(dim=2).any(dim=1).nonzero().flatten()
    assert 1 <= slices.min() <= slices.max() <= 6
    assert (slices.diff() == 1).all()
    expected = torch.zeros_like(lost[0])
    expected[slices.min() : slices.max() + 1, 4:8, 4:8] = True
    assert torch.equal(lost[0], expected)


def test_spurious_cues_are_boxes() -> None:
    cues = torch.zeros(40, 1, 4, 8, 8)
    noise = CueNoise(missed=0, spurious=1)
    generator = torch.Generator().manual_seed(0)
    spoilt = spoil_cues(cues, torch.zeros(40, 4, 8, 8), noise, generator)
    share = spoilt.flatten(1).any(dim=1).float().mean().item()
    assert share == pytest.approx(1 - 0.37, abs=0.2)  # Poisson: none in 1/e
    assert spoilt.unique().tolist() == [0, 1]
    assert not cues.any()
