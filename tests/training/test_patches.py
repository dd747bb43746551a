"""Stacks brought to the spacing of the model, and windows out of them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_mitoseg.errors import AnnotationError, ShapeError
from napari_mitoseg.training.patches import (
    TrainingStack,
    Window,
    context_slices,
    prepare_stack,
    sample_windows,
)

SPACING = (40.0, 8.0, 8.0)


@pytest.fixture
def stack() -> TrainingStack:
    """Every voxel tells where it is; one mitochondrion of a voxel at (3, 5, 7)."""
    z, y, x = torch.meshgrid(*[torch.arange(n) for n in (6, 20, 24)], indexing="ij")
    labels = torch.zeros((6, 20, 24), dtype=torch.int32)
    labels[3, 5, 7] = 1
    return TrainingStack((10000 * z + 100 * y + x).float(), labels)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_foreground_windows_are_centred_on_mitochondria(stack: TrainingStack) -> None:
    image, labels = sample_windows([stack], Window(9), 4, generator(), foreground=1.0)
    assert (image[:, 0, 4, 4] == 30507).all()
    assert (labels[:, 0, 4, 4] == 1).all()
    assert labels.sum() == 4


def test_dark_windows_are_centred_on_dark_background() -> None:
    """Not on dark mitochondria, and not on dark lines as thin as a membrane."""
    image = torch.ones(1, 64, 64)
    image[0, 8:24, 8:24] = image[0, 40:56, 40:56] = image[0, :, 32] = -3.0
    labels = torch.zeros((1, 64, 64), dtype=torch.int32)
    labels[0, 40:56, 40:56] = 1
    stack = TrainingStack(image, labels)
    drawn, truth = sample_windows([stack], Window(3), 50, generator(), 0.0, 1.0)
    assert (drawn[:, 0, 1, 1] == -3).all()
    assert (truth[:, 0, 1, 1] == 0).all()
    assert (stack.dark[:, 1:] < 28).all()


def test_context_channels_are_the_neighbours(stack: TrainingStack) -> None:
    image, _ = sample_windows([stack], Window(5, context=2), 1, generator(), 1.0)
    assert image[0, :, 2, 2].tolist() == [10507, 20507, 30507, 40507, 50507]


def test_windows_of_several_slices_are_consecutive(stack: TrainingStack) -> None:
    image, labels = sample_windows([stack], Window(5, depth=4), 1, generator(), 1.0)
    assert image[0, :, 2, 2].tolist() == [10507, 20507, 30507, 40507]
    assert labels[0, :, 2, 2].tolist() == [0, 0, 1, 0]


@given(seed=st.integers(0, 10_000), size=st.integers(1, 90))
def test_image_and_labels_stay_together(seed: int, size: int) -> None:
    """Even where windows reach beyond the stack and are reflected."""
    values = torch.randint(0, 5, (2, 11, 13), generator=generator(1))
    stack = TrainingStack(values.float(), values.int())
    image, labels = sample_windows([stack], Window(size), 2, generator(seed))
    assert image.shape == (2, 1, size, size)
    assert torch.equal(image, labels)


def test_windows_come_from_labelled_slices_only() -> None:
    labels = torch.full((5, 8, 8), -1, dtype=torch.int32)
    labels[2] = 0
    _, drawn = sample_windows(
        [TrainingStack(torch.zeros(5, 8, 8), labels)], Window(4), 20, generator()
    )
    assert (drawn == 0).all()


def test_stacks_are_chosen_by_weight(stack: TrainingStack) -> None:
    other = TrainingStack(-1 - stack.image, stack.labels, weight=3.0)
    image, _ = sample_windows([stack, other], Window(1), 2000, generator())
    assert (image < 0).float().mean().item() == pytest.approx(0.75, abs=0.04)


def test_same_seed_same_windows(stack: TrainingStack) -> None:
    first, again, other = (
        sample_windows([stack], Window(5), 8, generator(seed))[0] for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_stack_without_labels_is_refused() -> None:
    unknown = torch.full((2, 4, 4), -1, dtype=torch.int32)
    with pytest.raises(AnnotationError, match="no labelled voxel"):
        TrainingStack(torch.zeros(2, 4, 4), unknown)


@pytest.mark.parametrize(
    ("z_step", "expected"), [(1.0, [4, 5, 6]), (8.0, [0, 5, 9]), (0.4, [4, 5, 6])]
)
def test_context_follows_the_spacing_of_the_model(
    z_step: float, expected: list[int]
) -> None:
    """Neighbours are neighbours, however far apart, as when predicting."""
    stack = TrainingStack(torch.zeros(10, 4, 4), torch.zeros(10, 4, 4), z_step)
    assert context_slices(5, 1, stack.stride, depth=10) == expected


def test_prepared_stack_has_the_spacing_of_the_model() -> None:
    image = np.random.default_rng(0).integers(0, 255, (3, 40, 60), dtype=np.uint8)
    labels = np.zeros((3, 40, 60), np.int32)
    labels[:, 10:30, 20:40] = 9
    stack = prepare_stack(image, labels, (10, 4, 4), SPACING)
    assert stack.image.shape == stack.labels.shape == (3, 20, 30)
    assert stack.z_step == 4
    assert stack.labels[0].float().mean() == pytest.approx(9 * 400 / 2400)
    assert set(stack.labels.unique().tolist()) == {0, 9}


def test_large_instance_numbers_survive() -> None:
    labels = np.full((1, 8, 8), 2**24 + 1, np.int32)
    stack = prepare_stack(np.ones((1, 8, 8)), labels, SPACING, SPACING)
    assert stack.labels.unique().tolist() == [2**24 + 1]


def test_image_and_labels_of_different_shape_are_refused() -> None:
    with pytest.raises(ShapeError, match="labels have shape"):
        prepare_stack(np.ones((1, 8, 8)), np.ones((1, 8, 9), int), SPACING, SPACING)
