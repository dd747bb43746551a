"""Blocks for the patch CNN: balanced, rotated about their centre, on a grid."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_mitoseg.jobs import drain
from napari_mitoseg.models.architectures import Network, PatchCNN
from napari_mitoseg.models.zoo import ModelCard
from napari_mitoseg.training.augmentations import AugmentationChain, Rescale
from napari_mitoseg.training.blocks import draw_blocks, for_blocks
from napari_mitoseg.training.fit import fit
from napari_mitoseg.training.patches import TrainingStack, prepare_stack
from napari_mitoseg.training.published import patch_cnn_stages
from napari_mitoseg.training.settings import FitSettings
from napari_mitoseg.training.trainers import trainer_for

DEPTH, HEIGHT, WIDTH = 4, 80, 100
CPU = torch.device("cpu")
PLAIN = patch_cnn_stages()[0].model_copy(update={"batch": 64})


def network(**config: object) -> Network:
    torch.manual_seed(0)
    return PatchCNN.from_config({"width": 4, **config})


def numbered() -> Tensor:
    """Every voxel says where it is: z · 10⁶ + y · 10³ + x, exact in float32."""
    z, y, x = np.indices((DEPTH, HEIGHT, WIDTH))
    return torch.from_numpy((z * 10**6 + y * 10**3 + x).astype(np.float32))


def places(values: Tensor) -> Tensor:
    """Read z, y, x from voxels of `numbered`."""
    n = values.round().long()
    return torch.stack([n // 10**6, n // 1000 % 1000, n % 1000], dim=-1)


@pytest.fixture
def labels() -> Tensor:
    """A mitochondrion that no grid misses; the last slice is unlabelled."""
    made = torch.zeros((DEPTH, HEIGHT, WIDTH), dtype=torch.int32)
    made[:, 30:65, 20:55] = 3
    made[3] = -1
    return made


@pytest.fixture
def stack(labels: Tensor) -> TrainingStack:
    return TrainingStack(numbered(), labels)


def draw(stack: TrainingStack, step: int = 0, **changes: object) -> tuple[Tensor, ...]:
    settings = PLAIN.model_copy(update=changes)
    return draw_blocks(network(), [stack], settings, step, CPU)


def test_shapes(stack: TrainingStack) -> None:
    image, target, known = draw(stack)
    assert image.shape == (64, 3, 32, 32)
    assert target.shape == known.shape == (64, 1, 1, 1, 1)
    assert image.dtype == torch.float32


def test_the_target_is_the_label_of_pixel_16(
    stack: TrainingStack, labels: Tensor
) -> None:
    image, target, known = draw(stack)
    z, y, x = places(image[:, 1, 16, 16]).T
    assert torch.equal(target.flatten(), (labels[z, y, x] > 0).float())
    assert known.all()


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_the_classes_are_balanced_as_told(stack: TrainingStack, share: float) -> None:
    _, target, _ = draw(stack, foreground=share)
    assert target.mean().item() == pytest.approx(share, abs=1 / 64)


def test_centres_of_a_step_lie_on_a_grid_that_moves(stack: TrainingStack) -> None:
    seen = set()
    for step in range(5):
        centres = places(draw(stack, step)[0][:, 1, 16, 16])
        remainders = {tuple(c) for c in (centres[:, 1:] % 32).tolist()}
        assert len(remainders) == 1
        seen |= remainders
    assert len(seen) > 1


def test_mitochondria_are_turned_about_their_centre_and_nothing_else_is(
    stack: TrainingStack,
) -> None:
    """The pixel to the right of the centre lies right of, above, left of, below it."""
    image, target, _ = draw(stack)
    is_inside = (places(image[:, 1, 16, 16])[:, 1:] > 0).all(dim=1)
    is_inside &= (places(image[:, 1, 16, 16])[:, 1:] < 79).all(dim=1)
    step = places(image[:, 1, 16, 17]) - places(image[:, 1, 16, 16])
    is_mitochondrion = target.flatten() > 0
    turned = {tuple(s) for s in step[is_mitochondrion & is_inside].tolist()}
    assert turned == {(0, 0, 1), (0, 1, 0), (0, 0, -1), (0, -1, 0)}
    plain = {tuple(s) for s in step[~is_mitochondrion & is_inside].tolist()}
    assert plain == {(0, 0, 1)}


def test_a_block_is_its_neighbourhood_reflected_at_the_edge(
    stack: TrainingStack,
) -> None:
    image, target, _ = draw(stack, foreground=0.0)
    padded = np.pad(numbered().numpy(), ((0, 0), (16, 16), (16, 16)), mode="reflect")
    for block, (z, y, x) in zip(image, places(image[:, 1, 16, 16]), strict=True):
        expected = padded[z, y : y + 32, x : x + 32]
        np.testing.assert_array_equal(block[1].numpy(), expected)
    assert not target.any()


def test_context_is_that_of_the_model(labels: Tensor) -> None:
    stack = TrainingStack(numbered(), labels, z_step=2.0)
    slices = places(draw(stack)[0][:, :, 16, 16])[..., 0]
    for below, middle, above in slices.tolist():
        assert (below, above) == (max(middle - 2, 0), min(middle + 2, DEPTH - 1))


def test_unlabelled_pixels_are_never_centres(stack: TrainingStack) -> None:
    z = places(draw(stack)[0][:, 1, 16, 16])[:, 0]
    assert set(z.tolist()) <= {0, 1, 2}


def test_a_single_mitochondrion_off_the_grid_is_found() -> None:
    labels = torch.zeros((DEPTH, HEIGHT, WIDTH), dtype=torch.int32)
    labels[2, 41, 7] = 1
    for step in range(3):
        _, target, _ = draw(TrainingStack(numbered(), labels), step)
        assert target.sum() >= 31


def test_the_only_labelled_pixel_is_found() -> None:
    labels = torch.full((DEPTH, HEIGHT, WIDTH), -1, dtype=torch.int32)
    labels[1, 70, 90] = 0
    image, target, known = draw(TrainingStack(numbered(), labels))
    assert {tuple(p) for p in places(image[:, 1, 16, 16]).tolist()} == {(1, 70, 90)}
    assert known.all()
    assert not target.any()


@pytest.mark.parametrize("value", [0, 1])
def test_a_stack_of_one_class_gives_that_class(value: int) -> None:
    labels = torch.full((1, 20, 40), value, dtype=torch.int32)
    stack = TrainingStack(torch.zeros(1, 20, 40), labels)
    assert (draw(stack)[1] == value).all()


def test_the_boundary_of_the_centre_pixel(stack: TrainingStack, labels: Tensor) -> None:
    both = network(outputs=["semantic", "boundary"])
    image, target, _ = draw_blocks(both, [stack], PLAIN, 0, CPU)
    assert target.shape == (64, 2, 1, 1, 1)
    for (z, y, x), wanted in zip(
        places(image[:, 1, 16, 16]).tolist(), target[:, 1].flatten(), strict=True
    ):
        window = labels[z, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        assert wanted == (window.min() != window.max())


def test_chance_is_that_of_the_step(stack: TrainingStack) -> None:
    first, again, other = (draw(stack, step)[0] for step in (7, 7, 8))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_stacks_are_drawn_from_by_weight(labels: Tensor) -> None:
    often = TrainingStack(numbered(), labels, weight=3.0)
    never = TrainingStack(-numbered(), labels, weight=0.0)
    image, _, _ = draw_blocks(network(), [never, often], PLAIN, 0, CPU)
    assert len(image) == 64
    assert image.min() >= 0


def test_augmented_blocks_have_the_class_of_their_centre(labels: Tensor) -> None:
    """The image is the mask, so the two must agree wherever pixels come from."""
    stack = TrainingStack((labels > 0).float(), labels)
    chain = AugmentationChain([Rescale(probability=1.0, smallest=0.5, largest=2.0)])
    image, target, known = draw(stack, augmentations=chain)
    assert image.shape == (64, 3, 32, 32)
    assert known.all()
    centre = image[:, 1, 16, 16]
    sure = (centre < 0.01) | (centre > 0.99)
    assert sure.float().mean() > 0.7
    assert torch.equal(target.flatten()[sure], centre[sure].round())


def test_training_finds_the_blocks() -> None:
    trainer = trainer_for("patch-cnn")
    assert (trainer.draw, trainer.adapt) == (draw_blocks, for_blocks)
    assert trainer_for("fusion-fcn").draw is not draw_blocks


def test_settings_of_patches_become_those_of_blocks() -> None:
    """8 · 192² pixels are 294 912; 256 blocks are worth 10 240: 28.8 times fewer."""
    given = FitSettings(limit="minutes", batch=8, validate_every=10, seed=3)
    blocks = for_blocks(given)
    assert (blocks.patch, blocks.batch, blocks.foreground) == ((1, 32, 32), 256, 0.5)
    assert (blocks.validate_every, blocks.seed) == (288, 3)
    few = for_blocks(given.model_copy(update={"limit": "steps", "steps": 400}))
    assert few.validate_every == 20
    assert for_blocks(given.model_copy(update={"batch": 100})).batch == 512


def test_it_learns_from_blocks(tmp_path: Path) -> None:
    """Dark discs on bright noise, from single blocks; scored on the whole image."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:96, :96]
    labels = np.zeros((3, 96, 96), np.int32)
    for number, (cy, cx) in enumerate(rng.integers(10, 86, (8, 2)), start=1):
        labels[:, np.hypot(y - cy, x - cx) < 8] = number
    image = rng.normal(150, 15, labels.shape) - 60 * (labels > 0)
    spacing = (40.0, 8.0, 8.0)
    stack = prepare_stack(image, labels, spacing, spacing)
    settings = FitSettings(
        steps=60, patch=(1, 32, 32), batch=64, learning_rate=0.005, averaging=0.9,
        augmentations=AugmentationChain(), validate_every=60,
    )  # fmt: skip
    card = ModelCard(name="test", architecture="patch-cnn", spacing=spacing)
    result = drain(
        fit(
            network(width=8), [stack], settings, card=card, folder=tmp_path,
            validation=[stack], draw=draw_blocks,
        )
    )  # fmt: skip
    assert result.scores[0] > 0.6
