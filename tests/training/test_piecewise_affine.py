"""Random piecewise affine deformation: exact on triangles, smooth across them."""

import pytest
import torch

from napari_mitoseg.training.geometry import NO_GEOMETRY, deform
from napari_mitoseg.training.piecewise_affine import (
    piecewise_affine,
    random_piecewise_affine,
)


def shifts(points: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((1, points, points, 2), generator=generator)


def test_control_points_move_as_told() -> None:
    moved = shifts(4)
    field = piecewise_affine(moved, 31)
    torch.testing.assert_close(field[:, ::10, ::10], moved)


def test_a_plane_stays_a_plane() -> None:
    y, x = torch.meshgrid(torch.arange(3.0), torch.arange(3.0), indexing="ij")
    plane = torch.stack([2 * y - x, 3 * x + 1], dim=-1)[None]
    field = piecewise_affine(plane, 9)
    fine_y, fine_x = torch.meshgrid(
        torch.linspace(0, 2, 9), torch.linspace(0, 2, 9), indexing="ij"
    )
    expected = torch.stack([2 * fine_y - fine_x, 3 * fine_x + 1], dim=-1)[None]
    torch.testing.assert_close(field, expected)


def test_affine_within_each_triangle_and_continuous() -> None:
    field = piecewise_affine(shifts(2), 21)[0, :, :, 0]
    row = field[0]
    assert (row[2:] - 2 * row[1:-1] + row[:-2]).abs().max() < 1e-5
    steps = (field[:, 1:] - field[:, :-1]).abs().max()
    assert steps < 0.05 * 4 * shifts(2).abs().max()


def test_strength_and_seed() -> None:
    def drawn(strength: float, seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return random_piecewise_affine(3, 16, strength, 4, generator)

    torch.testing.assert_close(drawn(0.1, 1), drawn(0.1, 1))
    torch.testing.assert_close(drawn(0.2, 1), 2 * drawn(0.1, 1))
    assert not torch.equal(drawn(0.1, 1), drawn(0.1, 2))


def test_image_and_labels_are_deformed_alike() -> None:
    settings = NO_GEOMETRY.model_copy(update={"piecewise": 0.1})
    y, x = torch.meshgrid(torch.arange(66.0), torch.arange(66.0), indexing="ij")
    disc = (torch.hypot(y - 33, x - 33) < 15).float()[None, None]
    image, labels = deform(disc, disc, 64, settings, torch.Generator().manual_seed(3))
    assert ((image > 0.5) == (labels > 0)).float().mean() > 0.97
    assert not torch.equal(labels, disc[:, :, 1:-1, 1:-1])


@pytest.mark.parametrize("size", [1, 2, 17])
def test_any_size(size: int) -> None:
    assert piecewise_affine(shifts(3), size).shape == (1, size, size, 2)
