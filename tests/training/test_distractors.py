"""Structures that are painted into patches as background."""

import pytest
import torch
from torch import Tensor

from napari_mitoseg.training import distractors
from napari_mitoseg.training.distractors import PAINTERS, paint_distractors


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def patches(n: int, slices: int = 3, size: int = 96) -> tuple[Tensor, Tensor]:
    return torch.zeros(n, slices, size, size), torch.ones(n, 1, size, size)


def test_what_is_covered_is_background_and_the_unlabelled_stays_so() -> None:
    image, labels = patches(24)
    labels[:, :, :8] = -1
    painted, bare = paint_distractors(image, labels, 1.0, generator())
    assert (bare[:, :, :8] == -1).all()
    gone = bare[:, :, 8:] == 0
    assert 0.05 < gone.float().mean() < 0.8
    assert (painted[:, 1:2, 8:][gone] != 0).all()
    untouched = painted[:, 1:2, 8:] == 0
    assert (bare[:, :, 8:][untouched] == 1).all()


def test_they_are_as_rare_as_asked_for() -> None:
    image, labels = patches(300, slices=1, size=32)
    painted, _ = paint_distractors(image, labels, 0.25, generator())
    share = (painted != 0).flatten(1).any(dim=1).float().mean().item()
    # Some of those asked for lie beyond the small patch.
    assert 0.12 < share < 0.33


def test_none_are_painted_where_none_are_asked_for() -> None:
    image, labels = patches(4)
    painted, bare = paint_distractors(image, labels, 0.0, generator())
    assert painted is image
    assert bare is labels


def test_input_is_left_alone() -> None:
    image, labels = patches(8)
    paint_distractors(image, labels, 1.0, generator())
    assert (image == 0).all()
    assert (labels == 1).all()


def test_in_3d_each_slice_of_labels_is_cleared_where_it_is_covered() -> None:
    image = torch.zeros(16, 5, 64, 64)
    labels = torch.ones(16, 5, 64, 64)
    painted, bare = paint_distractors(image, labels, 1.0, generator())
    assert (painted[bare == 0] != 0).all()
    assert (bare[:, 0] != bare[:, 4]).any()


@pytest.mark.parametrize("painter", PAINTERS, ids=lambda p: p.__name__)
def test_each_kind_covers_part_of_most_patches_and_is_finite(
    painter: distractors.Painter,
) -> None:
    chance = generator()
    paints = [painter(torch.zeros(3, 128, 128), chance) for _ in range(20)]
    covers = torch.stack([paint.cover for paint in paints])
    greys = torch.stack([paint.grey for paint in paints])
    assert covers.shape == greys.shape == (20, 3, 128, 128)
    assert covers.min() >= 0
    assert covers.max() <= 1
    assert torch.isfinite(greys).all()
    assert (covers.flatten(1).amax(dim=1) > 0).float().mean() > 0.6
    assert covers.mean() < 0.7


def test_the_same_seed_paints_the_same() -> None:
    image, labels = patches(6)
    first = paint_distractors(image, labels, 1.0, generator(3))
    again = paint_distractors(image, labels, 1.0, generator(3))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])


def test_myelin_leaves_what_it_wraps() -> None:
    chance = generator(1)
    inside_is_free = [
        bool((paint.cover[1] == 0).any() and (paint.cover[1] > 0).any())
        for paint in (
            distractors.myelin(torch.zeros(3, 192, 192), chance) for _ in range(20)
        )
    ]
    assert sum(inside_is_free) > 12
