"""Operations around foreign networks, by hand; windows, paddings, groups."""

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.models.foreign.config import ForeignConfig, Grouping
from napari_mitoseg.models.foreign.network import ForeignNetwork
from napari_mitoseg.models.foreign.operations import Preparation
from napari_mitoseg.models.foreign.panoptic import draw_borders, group_by_centres
from napari_mitoseg.volume import Volume

GREY = np.array([[[0, 2], [4, 6]], [[10, 10], [10, 14]]], np.uint8)


def prepared(operations: list[dict[str, object]], z: int) -> list[list[float]]:
    config = ForeignConfig.parse({"preprocessing": operations})
    return Preparation(config.preprocessing, Volume(GREY, None, "v"))(GREY[z]).tolist()


def test_linear_and_clip() -> None:
    steps = [{"kind": "linear", "gain": 0.5, "offset": 1}, {"kind": "clip", "high": 3}]
    assert prepared(steps, 0) == [[1, 2], [3, 3]]


def test_standardize_a_slice() -> None:
    found = prepared([{"kind": "standardize"}], 0)
    deviation = np.sqrt(5)
    expected = [[-3 / deviation, -1 / deviation], [1 / deviation, 3 / deviation]]
    assert np.array(found) == pytest.approx(np.array(expected), abs=1e-5)


def test_standardize_the_stack() -> None:
    """Mean 7, variance (49+25+9+1+9+9+9+49)/8 = 20."""
    found = prepared([{"kind": "standardize", "scope": "stack"}], 1)
    expected = np.array([[3, 3], [3, 7]]) / np.sqrt(20)
    assert np.array(found) == pytest.approx(expected, abs=1e-5)


def test_the_statistics_of_the_stack_are_of_what_came_before() -> None:
    steps = [
        {"kind": "clip", "low": 0, "high": 10},
        {"kind": "scale-range", "scope": "stack"},
    ]
    assert np.array(prepared(steps, 1)) == pytest.approx(1, abs=1e-5)


def test_scale_range_between_percentiles() -> None:
    found = prepared([{"kind": "scale-range", "low": 0, "high": 50}], 0)
    assert np.array(found) == pytest.approx(np.array([[0, 2], [4, 6]]) / 3, abs=1e-5)


class Local(ForeignNetwork):
    """Maps that depend on a neighbourhood of one pixel; counts how it is run."""

    def start(self, _content: bytes) -> None:
        self.sizes: list[tuple[int, ...]] = []

    def run(self, image: Tensor) -> Tensor:
        self.sizes.append(tuple(image.shape))
        pooled = torch.nn.functional.avg_pool2d(image, 3, 1, 1)
        return torch.cat([pooled, 1 - pooled], dim=1)


def test_windows_of_a_fixed_size_are_put_together() -> None:
    config = {"smallest": (1, 8, 8), "fixed": (True, True, True), "halo": (0, 1, 1)}
    network = Local(ForeignConfig.parse(config), b"")
    image = torch.rand((2, 1, 20, 9), generator=torch.Generator().manual_seed(0))
    found = network.probability(image)
    expected = torch.nn.functional.avg_pool2d(image, 3, 1, 1)
    torch.testing.assert_close(found, expected)
    assert {size[2:] for size in network.sizes} == {(8, 8)}


def test_images_are_padded_to_a_legal_size() -> None:
    config = {"smallest": (1, 6, 6), "step": (1, 4, 4), "batched": False}
    network = Local(ForeignConfig.parse(config), b"")
    assert network.probability(torch.rand(3, 1, 7, 3)).shape == (3, 1, 7, 3)
    assert network.sizes == [(1, 1, 10, 6)] * 3
    assert network.divisor == (1, 4, 4)


def test_a_background_is_turned_over() -> None:
    maps = [{"name": "semantic", "inverted": True}]
    network = Local(ForeignConfig.parse({"maps": maps}), b"")
    image = torch.full((1, 1, 4, 4), 0.25)
    assert network.probability(image)[0, 0, 1, 1] == 0.75


def test_other_orders_of_axes() -> None:
    class Flat(Local):
        def run(self, image: Tensor) -> Tensor:
            assert image.shape == (5, 4)  # x, y
            return image * 2

    config = {"axes": "xy", "returned": [{"axes": "xy"}]}
    image = torch.rand(2, 1, 4, 5)
    network = Flat(ForeignConfig.parse(config), b"")
    torch.testing.assert_close(network.probability(image), image * 2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"maps": [{"name": "boundary"}]}, "one map 'semantic'"),
        ({"maps": [{"name": "semantic"}, {"name": "centre"}]}, "Grouping needs"),
        ({"maps": [{"name": "semantic", "tensor": 3}]}, "tensor 3"),
        ({"smallest": (1, 0, 1)}, "Sizes"),
        ({"halo": (0, -1, 0)}, "halo"),
        ({"axes": "bcyxx"}, "Axes"),
        ({"axes": "bczyx"}, "Axes"),
    ],
)
def test_configs_that_make_no_sense(values: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        ForeignConfig.parse(values)


def test_pixels_go_to_the_centre_they_point_to() -> None:
    """The pixel between both centres points right, though the left one is nearer."""
    semantic = np.array([[1, 1, 1, 1, 0, 1]], np.float32)
    centre = np.array([[0.9, 0, 0, 0.5, 0, 0.05]], np.float32)
    along_x = np.array([[0, 2, 1, 0, 0, -2]], np.float32)
    offsets = np.stack([np.zeros_like(along_x), along_x])
    labels = group_by_centres(semantic, centre, offsets, Grouping(window=3))
    assert labels.tolist() == [[1, 2, 2, 2, 0, 2]]
    assert draw_borders(labels).tolist() == [[1, 1, 0, 0, 0, 0]]


def test_without_a_centre_all_is_one() -> None:
    semantic = np.array([[1, 0, 1]], np.float32)
    none = np.zeros((1, 3), np.float32)
    labels = group_by_centres(
        semantic, none, np.zeros((2, 1, 3), np.float32), Grouping()
    )
    assert labels.tolist() == [[1, 0, 1]]
