"""Deformation moves image and labels alike; appearance leaves places alone."""

import pytest
import torch
from torch import Tensor

from napari_mitoseg.training import appearance, geometry
from napari_mitoseg.training.appearance import AppearanceSettings, restyle
from napari_mitoseg.training.geometry import NO_GEOMETRY, GeometrySettings, deform

ALWAYS = AppearanceSettings(**dict.fromkeys(AppearanceSettings.model_fields, 1.0))
CHANGES = (
    appearance.add_noise,
    appearance.add_stripes,
    appearance.bend_curve,
    appearance.change_contrast,
    appearance.coarsen,
    appearance.cut_out,
    appearance.defocus,
    appearance.equalize_locally,
    appearance.reweight_detail,
    appearance.shade,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def blobs(n: int = 4, slices: int = 3, size: int = 96) -> Tensor:
    """Return smooth noise, alike in every slice."""
    coarse = torch.randn((n, 1, 12, 12), generator=generator(7))
    wide = torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic")
    return wide.repeat(1, slices, 1, 1)


def test_no_deformation_cuts_out_the_middle() -> None:
    image = blobs(size=97)
    labels = (image[:, 1:2] > 0).float()
    moved, moved_labels = deform(image, labels, 65, NO_GEOMETRY, generator())
    # Only flips and quarter turns remain: undo whichever it was.
    for one, original in zip(moved[:, 1], image[:, 1, 16:81, 16:81], strict=True):
        turns = [torch.rot90(original.flip(f), k) for f in ((), (0,)) for k in range(4)]
        assert min((one - turn).abs().max().item() for turn in turns) < 1e-3
    assert set(moved_labels.unique().tolist()) == {0.0, 1.0}


def test_labels_move_with_the_image() -> None:
    image = blobs()
    labels = (image[:, 1:2] > 0).float()
    settings = GeometrySettings(shift_chance=0, missing_chance=0)
    moved, moved_labels = deform(image, labels, 48, settings, generator())
    agreement = ((moved[:, 1:2] > 0) == (moved_labels > 0)).float().mean()
    assert agreement > 0.97


def test_middle_section_is_never_shifted_and_neighbours_are() -> None:
    image = blobs()
    settings = NO_GEOMETRY.model_copy(update={"shift_chance": 1.0, "shift": 6.0})
    still, _ = deform(image, image[:, :1], 48, NO_GEOMETRY, generator())
    moved, _ = deform(image, image[:, :1], 48, settings, generator())
    torch.testing.assert_close(moved[:, 1], still[:, 1])
    assert ((moved - still)[:, [0, 2]].abs().amax(dim=(2, 3)) > 0.05).all()


def test_missing_neighbours_are_replaced_by_the_middle() -> None:
    image = torch.arange(3.0).view(1, 3, 1, 1).expand(64, 3, 20, 20)
    settings = NO_GEOMETRY.model_copy(update={"missing_chance": 1.0})
    moved, _ = deform(image, image[:, :1], 8, settings, generator())
    kinds = {tuple(m.tolist()) for m in moved[:, :, 4, 4]}
    assert kinds == {(1, 1, 1), (1, 1, 2), (0, 1, 1)}


def test_volumes_are_deformed_alike_in_every_slice() -> None:
    image = blobs(slices=5)
    settings = GeometrySettings(shift_chance=1, missing_chance=1)
    moved, _ = deform(image, image, 48, settings, generator())
    torch.testing.assert_close(moved, moved[:, :1].expand_as(moved))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
class TestEveryChange:
    """What holds for each change of appearance."""

    def test_changes_something_but_not_shape_and_stays_in_range(
        self, change: appearance.Change
    ) -> None:
        image = blobs()
        changed = change(image.clone(), generator())
        assert changed.shape == image.shape
        assert changed.isfinite().all()
        assert not torch.allclose(changed, image)
        assert changed.abs().max() < 20

    def test_same_seed_same_result(self, change: appearance.Change) -> None:
        first, again = (change(blobs(), generator(3)) for _ in range(2))
        assert torch.equal(first, again)


def test_curve_keeps_the_order_of_grey_values() -> None:
    image = blobs(n=1, slices=1).clamp(-1.9, 1.9)
    bent = appearance.bend_curve(image, generator())
    order = image.flatten().argsort()
    assert (bent.flatten()[order].diff() > -1e-5).all()


def test_staining_changes_mitochondria_only() -> None:
    image = torch.zeros(4, 3, 32, 32)
    labels = torch.zeros(4, 1, 32, 32)
    labels[:, :, 8:20, 8:20] = 5
    settings = appearance.NO_APPEARANCE.model_copy(update={"stain": 1.0})
    stained = restyle(image, labels, settings, generator())
    assert (stained[:, :, 12, 12] != 0).all()
    assert (stained[:, :, 24:, 24:] == 0).all()


def test_darkness_lowers_the_mean_and_never_the_contrast_to_nothing() -> None:
    image = blobs(n=8)
    darker = appearance.darken_parts(image, generator())
    assert (darker.mean(dim=(1, 2, 3)) < image.mean(dim=(1, 2, 3))).all()
    assert (darker.std(dim=(1, 2, 3)) > 0.3 * image.std(dim=(1, 2, 3))).all()


def test_no_appearance_changes_nothing_and_input_is_left_alone() -> None:
    image = blobs()
    kept = image.clone()
    same = restyle(image, image, appearance.NO_APPEARANCE, generator())
    assert torch.equal(same, image)
    restyle(image, image[:, :1], ALWAYS, generator())
    assert torch.equal(image, kept)


def test_box_blur_averages_within_the_image() -> None:
    image = torch.tensor([[[[0.0, 3.0, 6.0]]]])
    assert appearance.blur_box(image, 3).flatten().tolist() == [1.5, 3.0, 4.5]


def test_margin_covers_the_diagonal_of_the_smallest_magnification() -> None:
    settings = GeometrySettings(smallest=0.5, aspect=1)
    assert settings.margin == pytest.approx(2 * 2**0.5)
    assert NO_GEOMETRY.margin == 1


def test_uniform_draws_within_its_limits() -> None:
    drawn = geometry.uniform(1000, -2, 3, generator())
    assert -2 <= drawn.min() < -1.9
    assert 2.9 < drawn.max() <= 3
