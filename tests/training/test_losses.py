"""Losses against hand-computed values."""

import math

import pytest
import torch
from torch import Tensor

from napari_mitoseg.training.losses import (
    balance,
    centre_loss,
    losses,
    side_loss,
    soft_dice,
    weighted_bce,
)


def volume(values: list[float]) -> Tensor:
    """Shape values as one block, one map, along x."""
    return torch.tensor(values, dtype=torch.float32).view(1, 1, 1, 1, -1)


@pytest.mark.parametrize(
    ("truth", "weights"),
    [
        # W_f = 1/4: foreground weighs (1 − 1/4) / (1/4) = 3.
        ([1, 0, 0, 0], [3, 1, 1, 1]),
        # W_f = 3/4: background weighs (3/4) / (1 − 3/4) = 3.
        ([1, 1, 1, 0], [1, 1, 1, 3]),
        ([1, 1, 0, 0], [1, 1, 1, 1]),
        # W_f = 0 is clipped to 0.05, W_f = 1 to 0.99.
        ([0, 0], [1, 1]),
        ([1, 1], [1, 1]),
    ],
)
def test_balance_is_equation_2(truth: list[float], weights: list[float]) -> None:
    target = volume(truth)
    torch.testing.assert_close(
        balance(target, torch.ones_like(target)), volume(weights)
    )


def test_ratio_is_clipped() -> None:
    """1 of 100 is foreground: W_f = 0.05 and the weight 19, not 99."""
    target = volume([1.0] + [0.0] * 99)
    assert balance(target, torch.ones_like(target)).max() == pytest.approx(19)


def test_ratio_counts_labelled_voxels_only() -> None:
    target, known = volume([1, 0, 0, 0, 0]), volume([1, 1, 1, 1, 0])
    assert balance(target, known)[..., 0].item() == pytest.approx(3)


def test_weighted_bce_is_equations_1_and_3() -> None:
    """Two maps, logit 0 everywhere: entropy ln 2 each.

    Map one: 1 of 4 foreground, weights 3, 1, 1, 1, mean 6/4.  Map two: half, mean 1.
    """
    target = torch.cat([volume([1, 0, 0, 0]), volume([1, 1, 0, 0])], dim=1)
    loss = weighted_bce(torch.zeros_like(target), target, torch.ones_like(target))
    assert loss.item() == pytest.approx((6 / 4 + 1) * math.log(2))


def test_dice_by_hand() -> None:
    """Probability 1/2 on one of one: 1 − (2 · 1/2 + 1) / (1/2 + 1 + 1) = 1/5."""
    target = volume([1.0])
    loss = soft_dice(torch.zeros_like(target), target, torch.ones_like(target))
    assert loss.item() == pytest.approx(0.2)


def test_bce_dice_is_the_sum() -> None:
    target = volume([1.0])
    loss = losses["bce-dice"](torch.zeros_like(target), target, torch.ones_like(target))
    assert loss.item() == pytest.approx(math.log(2) + 0.2)


@pytest.mark.parametrize("name", losses.names())
class TestEveryLoss:
    """What holds for each entry of the registry."""

    def test_unlabelled_voxels_have_no_gradient(self, name: str) -> None:
        generator = torch.Generator().manual_seed(0)
        logits = torch.randn((2, 2, 3, 8, 8), generator=generator, requires_grad=True)
        target = (torch.rand(logits.shape, generator=generator) < 0.3).float()
        known = (torch.rand(logits.shape, generator=generator) < 0.5).float()
        losses[name](logits, target, known).backward()
        assert logits.grad is not None
        assert (logits.grad[known == 0] == 0).all()
        assert (logits.grad[known == 1] != 0).any()

    def test_labels_of_unlabelled_voxels_do_not_matter(self, name: str) -> None:
        logits, known = torch.randn(1, 1, 1, 4, 4), torch.eye(4).view(1, 1, 1, 4, 4)
        zeros, other = torch.zeros_like(logits), 1 - known
        torch.testing.assert_close(
            losses[name](logits, zeros, known), losses[name](logits, other, known)
        )

    def test_right_beats_wrong(self, name: str) -> None:
        target = volume([1, 0, 1, 0])
        known = torch.ones_like(target)
        right, wrong = (
            losses[name](s * (2 * target - 1), target, known) for s in (5, -5)
        )
        assert right < 0.1 * wrong

    def test_nothing_labelled_is_finite(self, name: str) -> None:
        logits = torch.randn(1, 2, 1, 4, 4, requires_grad=True)
        nothing = torch.zeros(1, 2, 1, 4, 4)
        loss = losses[name](logits, nothing, nothing)
        loss.backward()
        assert loss.isfinite()
        assert logits.grad is not None
        assert (logits.grad == 0).all()


def test_bce_by_hand() -> None:
    """Logit 0: ln 2 for each labelled voxel of each of two maps."""
    target = torch.cat([volume([1, 0, 1]), volume([0, 0, 0])], dim=1)
    known = torch.cat([volume([1, 1, 0]), volume([1, 0, 0])], dim=1)
    loss = losses["bce"](torch.zeros_like(target), target, known)
    assert loss.item() == pytest.approx(2 * math.log(2))


def points(*values: float) -> Tensor:
    """Shape values as one point with as many maps."""
    return torch.tensor(values, dtype=torch.float32).view(1, -1, 1)


def test_side_loss_is_one_minus_iou() -> None:
    """Found 0.5 to all sides, area 1; true 0.5, 0.5, 0.5, 0.25: area 0.75, inside."""
    target, known = points(0.5, 0.5, 0.5, 0.25), points(1, 1, 1, 1)
    assert side_loss(points(0, 0, 0, 0), target, known).item() == pytest.approx(0.25)
    exact = side_loss(target.logit(), target, known)
    assert exact.item() == pytest.approx(0, abs=1e-6)


def test_side_loss_weighs_points() -> None:
    """IoU 1 with weight 1, IoU 3/4 with weight 3: (0 + 3/4) / 4."""
    target = torch.cat([points(*[0.5] * 4), points(0.5, 0.5, 0.5, 0.25)], dim=2)
    known = torch.tensor([1.0, 3.0]).expand(1, 4, 2)
    loss = side_loss(torch.zeros_like(target), target, known)
    assert loss.item() == pytest.approx(0.75 / 4)


def test_centre_loss_by_hand() -> None:
    """Probability 1/2: ln 2 · 1/4 on a centre and on background, over one centre."""
    target = torch.tensor([1.0, 0.0])
    loss = centre_loss(torch.zeros(2), target, torch.ones(2))
    assert loss.item() == pytest.approx(2 * math.log(2) / 4)
    assert centre_loss(torch.zeros(2), target, torch.zeros(2)).item() == 0


def test_detection_is_mask_centres_and_sides_at_anchors() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((1, 6, 1, 8, 8), generator=generator)
    target = torch.rand(logits.shape, generator=generator)
    known = torch.ones_like(logits)
    anchors = (..., slice(2, None, 4), slice(2, None, 4))
    cells = [maps[anchors] for maps in (logits, target, known)]
    expected = (
        losses["bce-dice"](logits[:, :1], target[:, :1], known[:, :1])
        + centre_loss(*(maps[:, 1] for maps in cells))
        + side_loss(*(maps[:, 2:] for maps in cells))
    )
    torch.testing.assert_close(losses["detection"](logits, target, known), expected)
