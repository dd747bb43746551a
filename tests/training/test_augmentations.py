"""Each augmentation does what it says: by hand, where its chance is taken away."""

import math

import pytest
import torch
from torch import Tensor

from napari_mitoseg.training import augmentations as augment
from napari_mitoseg.training.augmentations import greys, sections, warps
from napari_mitoseg.training.augmentations.base import choose_sections
from napari_mitoseg.training.dense_plan import AUGMENTATIONS
from napari_mitoseg.training.fit import draw_batch
from napari_mitoseg.training.patches import TrainingStack
from napari_mitoseg.training.settings import FitSettings


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def numbered(n_sections: int, size: int = 5, count: int = 1) -> Tensor:
    """Return patches in which every voxel has its own number."""
    n = n_sections * size * size
    plain = torch.arange(float(n)).view(1, n_sections, size, size)
    return plain.expand(count, -1, -1, -1).clone()


@pytest.fixture
def fixed(monkeypatch):
    """Let every number that warps draw be one share of the highest it may be."""

    def fix(share=0.9999):
        def constant(count, _low, high, _generator):
            return torch.full((count,), share * high)

        monkeypatch.setattr(warps, "uniform", constant)

    return fix


# ------------------------------------------------------------ warps


def test_rotation_by_a_right_angle_moves_every_pixel(fixed):
    fixed(1 / 2)
    image = numbered(2)
    turned, moved = augment.Rotation(probability=1)(image, image, 5, generator())
    torch.testing.assert_close(turned, image.rot90(1, (2, 3)), atol=1e-4, rtol=0)
    assert torch.equal(moved, image.rot90(1, (2, 3)))


def test_corners_that_a_turn_brings_in_are_unlabelled(fixed):
    fixed(1 / 4)
    labels = torch.ones(1, 1, 9, 9)
    _, moved = augment.Rotation(probability=1)(labels, labels, 9, generator())
    assert (moved[0, 0, [0, 0, 8, 8], [0, 8, 0, 8]] == -1).all()
    assert (moved[0, 0, 2:7, 2:7] == 1).all()


def test_windows_hold_the_turned_patch(fixed):
    fixed(1 / 4)
    step = augment.Rotation(probability=1)
    labels = torch.ones(1, 1, step.window(9), step.window(9))
    _, moved = step(labels, labels, 9, generator())
    assert (moved == 1).all()
    assert step.window(100) == 142
    assert augment.Rotation(largest=0).window(100) == 100


def test_rescaling_by_two_shows_every_pixel_twice(fixed):
    fixed()
    step = augment.Rescale(probability=1, largest=2)
    labels = numbered(1, 4)
    _, moved = step(labels, labels, 4, generator())
    assert moved[0, 0, 0].tolist() == [5, 5, 6, 6]
    assert step.window(80) == 100


def test_rescaling_alike_keeps_the_aspect():
    places = torch.ones(64, 1, 1, 1, 2)
    for keep in (True, False):
        step = augment.Rescale(keep_aspect=keep)
        x, y = step.displace(places, 1, generator()).unbind(-1)
        assert torch.equal(x, y) == keep
        assert 0.8 <= x.min() < 0.9
        assert 1.1 < x.max() <= 1.25


def test_elastic_field_is_smooth_and_as_strong_as_asked_for():
    step = augment.Elastic(amplitude=3)
    moved = step.displace(torch.zeros(64, 1, 48, 48, 2), 1, generator())
    assert 0.5 < moved.std() < 3
    assert moved.diff(dim=2).abs().max() < 4
    assert step.window(40) == 58


def test_one_section_slips_or_all_beyond_it_jump():
    moving = augment.Misalignment._moving(400, 5, generator())
    kinds = {tuple(row) for row in moving.int().tolist()}
    slips = {(1, 0, 0, 0, 0), (0, 1, 0, 0, 0), (0, 0, 0, 1, 0), (0, 0, 0, 0, 1)}
    jumps = {(1, 1, 0, 0, 0), (0, 0, 0, 1, 1)}
    assert kinds == slips | jumps


def test_misaligned_sections_take_their_labels_along_in_3d(fixed):
    fixed()
    step = augment.Misalignment(probability=1, displacement=2, turned=0)
    image = numbered(3, 9)
    shifted, moved = step(image, image, 5, generator())
    # Section 2 moves by two pixels along both axes.
    assert torch.equal(moved[0, :2], image[0, :2, 2:7, 2:7])
    assert torch.equal(moved[0, 2], image[0, 2, 4:9, 4:9])
    torch.testing.assert_close(shifted, moved, atol=0.01, rtol=0)


def test_misalignment_in_2d_leaves_the_labelled_section(fixed):
    fixed()
    step = augment.Misalignment(probability=1, displacement=2, turned=0)
    image = numbered(3, 9)
    shifted, moved = step(image, image[:, 1:2], 5, generator())
    assert torch.equal(moved[0, 0], image[0, 1, 2:7, 2:7])
    assert shifted[0, 2, 0, 0] == pytest.approx(image[0, 2, 4, 4].item(), abs=0.01)


def test_turned_sections_move_their_corners_as_far(fixed):
    fixed()
    step = augment.Misalignment(probability=1, displacement=3, turned=1)
    size = 65
    places = warps.pixel_grid(size, torch.device("cpu"))[None, None]
    moved = step.displace(places, 3, generator())
    far = (moved[0, 2] - places[0, 0]).norm(dim=-1)
    assert far[0, 0] == pytest.approx(3, abs=0.1)
    assert far[32, 32] == 0
    assert torch.equal(moved[0, 0], places[0, 0])


def test_warps_in_a_row_sample_once(monkeypatch):
    calls = []
    real = warps.sample_slices

    def counting(*given):
        calls.append(given[-1])
        return real(*given)

    monkeypatch.setattr(warps, "sample_slices", counting)
    steps = [augment.Rotation(probability=1), augment.Elastic(probability=1)]
    chain = augment.AugmentationChain([augment.Flip(), *steps, augment.CutNoise()])
    side = chain.window(16)
    chain(numbered(3, side), numbered(1, side), 16, generator())
    assert calls == ["bilinear", "nearest"]


def test_warps_are_applied_in_order(fixed):
    """Turned by 90°, then shrunk along x only: what was along y is shrunk."""
    fixed(1 / 2)
    image = numbered(1, 9)
    turn, zoom = augment.Rotation(probability=1), _Squeeze(probability=1)
    _, moved = augment.AugmentationChain([turn])(image, image, 9, generator())
    expected = moved[:, :, :, ::2]
    _, both = warps.warp(image, image, 5, [turn, zoom], generator())
    assert torch.equal(both, expected[:, :, 2:7])


class _Squeeze(augment.Rescale):
    """Halve the width."""

    def displace(self, places, *_):
        return places * torch.tensor([2.0, 1.0])


# ------------------------------------------------------------ sections


def test_flips_reach_all_orientations():
    image = numbered(2, 2, count=400)
    flipped, moved = augment.Flip()(image, image, 2, generator())
    assert torch.equal(flipped, moved)
    kinds = {tuple(one.flatten().tolist()) for one in flipped}
    assert len(kinds) == 16
    flipped, _ = augment.Flip(sections=False)(image, image, 2, generator())
    assert len({tuple(one.flatten().tolist()) for one in flipped}) == 8


def test_sections_beyond_a_missing_one_move_up(monkeypatch):
    step = augment.MissingSection(probability=1, sections=1)
    lost = torch.tensor([[False, False, False, True, False]])
    monkeypatch.setattr(step.__class__, "_draw", lambda *_: lost)
    image = torch.arange(5.0).view(1, 5, 1, 1)
    closed, moved = step(image, image, 1, generator())
    assert closed.flatten().tolist() == [0, 1, 2, 4, 4]
    assert moved.flatten().tolist() == [0, 1, 2, 4, -1]
    closed, moved = step(image, image[:, 2:3], 1, generator())
    assert closed.flatten().tolist() == [0, 1, 2, 4, 4]
    assert moved.flatten().tolist() == [2]


def test_the_middle_section_is_never_missing():
    step = augment.MissingSection(sections=2)
    lost = step._draw(200, 5, generator())
    assert not lost[:, 2].any()
    assert (lost.sum(dim=1) == 2).all()
    assert (lost.any(dim=0).tolist()) == [True, True, False, True, True]
    assert step._draw(3, 2, generator()).tolist() == [[True, False]] * 3


def test_a_tear_has_one_grey_value_in_one_section():
    image = torch.full((8, 4, 64, 64), 9.0)
    step = augment.MissingParts(probability=1)
    torn, _ = step(image, image, 64, generator())
    differs = torn != image
    assert (differs.flatten(2).any(dim=2).sum(dim=1) == 1).all()
    for patch, where in zip(torn, differs, strict=True):
        (grey,) = patch[where].unique().tolist()
        assert -2.5 <= grey <= 2.5
        # At most 15 % as wide as the patch, √2 times as long, half as uneven again.
        assert 0 < where.float().mean() * 4 < 0.15 * math.sqrt(2) * 1.5


def test_motion_turns_a_point_into_a_line():
    image = torch.zeros(4, 3, 31, 31)
    image[:, :, 15, 15] = 1
    step = augment.MotionBlur(probability=1, sections=2)
    blurred, _ = step(image, image, 31, generator())
    torch.testing.assert_close(blurred.sum(dim=(2, 3)), torch.ones(4, 3))
    still = (blurred == image).flatten(2).all(dim=2)
    assert (still.sum(dim=1) == 1).all()
    moved = blurred[0, int((~still[0]).int().argmax())]
    assert moved.max() < 0.2
    assert 9 <= (moved > 0.02).sum() <= 24


def test_kernels_lie_along_their_angle():
    kernels = sections.line_kernels(torch.tensor([0.0, math.pi / 2]), 5)
    assert kernels[0, 2].tolist() == pytest.approx([0.2] * 5)
    assert kernels[1, :, 2].tolist() == pytest.approx([0.2] * 5)


def test_as_many_sections_are_chosen_as_there_are():
    assert choose_sections(50, 6, 2, generator()).sum(dim=1).unique().tolist() == [2]
    assert choose_sections(5, 2, 9, generator()).all()


# ------------------------------------------------------------ greys


def test_grey_values_keep_their_order():
    image = torch.linspace(-3.9, 3.9, 64).view(1, 1, 8, 8).repeat(16, 3, 1, 1)
    changed, _ = augment.Grayscale(probability=1)(image, image, 8, generator())
    assert (changed.flatten(2).diff(dim=2) >= 0).all()
    alike = (changed == changed[:, :1]).flatten(1).all(dim=1)
    assert 2 <= alike.sum() <= 14


def test_gamma_bends_between_the_limits():
    image = torch.tensor([-4.0, 0.0, 4.0]).view(1, 1, 1, 3)
    bent = greys._bend(image, torch.full((1, 1, 1, 1), 2.0))
    assert bent.flatten().tolist() == [-4.0, -2.0, 4.0]


def test_boxes_have_their_size():
    image = torch.zeros(6000, 5, 20, 10)
    inside = greys.random_boxes(image, 0.4, generator())
    assert (inside.flatten(1).sum(dim=1) == 2 * 8 * 4).all()
    assert inside.any(dim=0).all()


def test_cut_blur_keeps_what_is_even_and_all_outside_the_box():
    even = torch.full((2, 3, 20, 20), 1.5)
    blurred, _ = augment.CutBlur(probability=1)(even, even, 20, generator())
    torch.testing.assert_close(blurred, even)
    noise = torch.randn((1, 5, 20, 20), generator=generator())
    blurred, _ = augment.CutBlur(probability=1)(noise, noise, 20, generator())
    assert (blurred != noise).sum() == 2 * 8 * 8


def test_cut_noise_adds_no_more_than_its_strength():
    image = torch.zeros(4, 5, 20, 20)
    noisy, _ = augment.CutNoise(probability=1)(image, image, 20, generator())
    assert ((noisy != 0).flatten(1).sum(dim=1) == 2 * 8 * 8).all()
    assert 1.4 < noisy.abs().max() <= 1.5


# ------------------------------------------------------------ in a training


class _Plain:
    """A network of which only the shape of its input is asked."""

    dimensions, context, outputs = 3, 0, ("semantic",)


def test_a_training_draws_with_the_augmentations_it_is_given():
    stack = TrainingStack(numbered(4, 32)[0], torch.ones(4, 32, 32, dtype=torch.int32))
    settings = FitSettings(patch=(4, 32, 32), batch=2, foreground=0)
    device = torch.device("cpu")
    plain = settings.model_copy(update={"augmentations": augment.AugmentationChain()})
    image, _, known = draw_batch(_Plain(), [stack], plain, 0, device)  # type: ignore[arg-type]
    assert set(image.flatten().tolist()) <= set(range(4 * 32 * 32))
    assert known.all()
    torn = settings.model_copy(update={"augmentations": augment.CHALLENGE})
    image, _, known = draw_batch(_Plain(), [stack], torn, 0, device)  # type: ignore[arg-type]
    assert image.shape == (2, 1, 4, 32, 32)


def test_by_default_geometry_and_appearance_are_the_augmentations():
    names = [step.name for step in FitSettings().chain.steps]
    assert names == ["deformation", "appearance"]
    assert AUGMENTATIONS["strong"] == FitSettings().chain


@pytest.mark.parametrize("name", ["deformation", "appearance"])
def test_some_patches_are_left_as_they_are(name):
    step = augment.augmentations[name](probability=0.4)
    image = torch.randn(20, 3, step.window(32), step.window(32), generator=generator())
    labels = (image[:, 1:2] > 1).float()
    given = image.clone(), labels.clone()
    changed, moved = step(image, labels, 32, generator())
    assert changed.shape == (20, 3, 32, 32)
    still = augment.base.crop(image, 32)
    is_still = (changed == still).flatten(1).all(dim=1)
    assert 5 < is_still.sum() < 19
    assert torch.equal(moved[is_still], augment.base.crop(labels, 32)[is_still])
    assert torch.equal(image, given[0])
    assert torch.equal(labels, given[1])
    none = augment.augmentations[name](probability=0)
    assert torch.equal(none(image, labels, 32, generator())[0], still)
