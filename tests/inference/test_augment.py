"""Test-time augmentation visits every symmetry once and turns back."""

import pytest
import torch
from torch import Tensor

from napari_mitoseg.inference.augment import average_over_views, views


@pytest.mark.parametrize("count", [1, 4, 8])
def test_views_are_turned_back(count: int) -> None:
    image = torch.arange(12.0).reshape(1, 1, 3, 4)
    seen: list[Tensor] = []

    def predict(view: Tensor) -> Tensor:
        seen.append(view)
        return 2 * view

    answer = average_over_views(predict, image, count)
    assert torch.allclose(answer, 2 * image)
    distinct = {(tuple(v.shape), tuple(v.flatten().tolist())) for v in seen}
    assert len(distinct) == count


def test_four_views_keep_the_shape_of_the_tile() -> None:
    shapes: list[tuple[int, ...]] = []

    def predict(view: Tensor) -> Tensor:
        shapes.append(tuple(view.shape))
        return view

    average_over_views(predict, torch.zeros(1, 1, 3, 4), 4)
    assert set(shapes) == {(1, 1, 3, 4)}


def test_answers_that_depend_on_the_view_are_averaged() -> None:
    image = torch.zeros(1, 1, 2, 2)
    corner = torch.zeros(1, 1, 2, 2)
    corner[..., 0, 0] = 1
    assert torch.allclose(
        average_over_views(lambda _view: corner, image, 8), torch.full_like(image, 0.25)
    )


def test_eight_views_are_all_symmetries_of_the_square() -> None:
    assert len(set(views(8))) == 8
