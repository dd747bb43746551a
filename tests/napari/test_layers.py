"""Volumes from layers and layers for results."""

from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Shapes

from napari_mitoseg._napari.layers import (
    bounding_region,
    calibrate,
    displayed_slice,
    placement,
    set_spacing,
    spacing_of,
    volume_of,
    why_unusable,
)
from napari_mitoseg.volume import Region


def stack(**keywords: Any) -> Image:
    return Image(np.arange(24, dtype=np.uint8).reshape(2, 3, 4), **keywords)


@pytest.mark.parametrize(
    ("scale", "unit", "expected"),
    [
        ((40, 8, 8), "nm", (40.0, 8.0, 8.0)),
        ((0.04, 0.008, 0.008), "um", (40.0, 8.0, 8.0)),
        ((400, 80, 80), "angstrom", (40.0, 8.0, 8.0)),
    ],
)
def test_spacing_comes_from_scale_and_units(
    scale: tuple[float, ...], unit: str, expected: tuple[float, ...]
) -> None:
    assert spacing_of(stack(scale=scale, units=(unit,) * 3)) == pytest.approx(expected)


@pytest.mark.parametrize("scale", [(1, 1, 1), (40, 8, 8)])
def test_spacing_in_pixels_is_not_guessed(scale: tuple[int, ...]) -> None:
    assert spacing_of(stack(scale=scale)) is None


@pytest.mark.parametrize("n_before", [0, 1])
def test_a_layer_that_is_calibrated_stays_in_its_slice(n_before: int) -> None:
    viewer = ViewerModel()
    shape = (2,) * n_before + (20, 8, 9)
    viewer.add_layer(Image(np.zeros(shape), name="film"))
    layer = viewer.add_layer(Image(np.zeros((20, 8, 9)), translate=(1, 0, 0)))
    viewer.dims.set_point(n_before, 14)
    assert displayed_slice(viewer, layer) == 13
    calibrate(viewer, layer, (40.0, 8.0, 8.0))
    assert spacing_of(layer) == (40.0, 8.0, 8.0)
    assert displayed_slice(viewer, layer) == 13


def test_set_spacing_keeps_the_place_in_voxels() -> None:
    layer = stack(translate=(1, 2, 3))
    set_spacing(layer, (40.0, 8.0, 8.0))
    assert spacing_of(layer) == (40.0, 8.0, 8.0)
    assert layer.translate.tolist() == [40, 16, 24]
    assert layer.axis_labels == ("z", "y", "x")


def test_plane_is_a_stack_of_one_slice() -> None:
    plane = np.arange(12).reshape(3, 4)
    volume = volume_of(Image(plane, scale=(8, 8), units=("nm", "nm")))
    assert volume.shape == (1, 3, 4)
    assert volume.spacing == (8.0, 8.0, 8.0)
    np.testing.assert_array_equal(volume.read_slice(0), plane)
    part = volume.read(Region((0, 1, 2), (1, 3, 4)))
    np.testing.assert_array_equal(part[0], plane[1:3, 2:4])


def test_volume_reads_only_what_is_asked_for() -> None:
    read: list[Any] = []

    def block(block_info: Any = None) -> Any:
        read.append(block_info[None]["chunk-location"][0])
        return np.zeros((1, 3, 4), np.uint8)

    lazy = da.map_blocks(
        block, chunks=((1, 1, 1), (3,), (4,)), dtype=np.uint8, meta=np.zeros((0, 0, 0))
    )
    layer = Image(lazy, contrast_limits=(0, 255))
    volume = volume_of(layer)
    read.clear()
    volume.read_slice(2)
    assert set(read) == {2}


def test_pyramid_gives_its_finest_level() -> None:
    levels = [np.ones((2, 8, 8), np.uint8), np.zeros((2, 4, 4), np.uint8)]
    volume = volume_of(Image(levels, multiscale=True))
    assert volume.shape == (2, 8, 8)
    assert volume.read_slice(0).all()


@pytest.mark.parametrize(
    ("data", "word"),
    [(np.zeros((5, 6, 3), np.uint8), "colour"), (np.zeros((2, 2, 5, 6)), "4 axes")],
)
def test_colour_and_time_are_refused_in_words(data: Any, word: str) -> None:
    layer = Image(data, rgb=data.shape[-1] == 3)
    assert word in why_unusable(layer)
    assert not why_unusable(stack())


@pytest.mark.parametrize("rotate", [0.0, 30.0])
def test_result_lies_on_the_part_of_the_image_it_covers(rotate: float) -> None:
    image = stack(scale=(40, 8, 8), units=("nm",) * 3, translate=(5, 6, 7))
    image.rotate = rotate
    region = Region((1, 1, 2), (2, 3, 4))
    part = Image(image.data[region.slices], **placement(image, region))
    np.testing.assert_allclose(
        part.data_to_world((0, 0, 0)), image.data_to_world(region.start)
    )
    np.testing.assert_allclose(
        part.data_to_world((0, 1, 1)), image.data_to_world((1, 2, 3))
    )


@pytest.mark.parametrize("unit", ["nm", "um"])
def test_displayed_slice_counts_voxels(viewer: ViewerModel, unit: str) -> None:
    layer = Image(np.zeros((9, 3, 4)), scale=(40, 8, 8), units=(unit,) * 3)
    viewer.add_layer(layer)
    viewer.dims.set_current_step(0, 7)
    assert displayed_slice(viewer, layer) == 7


def test_rectangle_becomes_a_box_of_whole_pixels() -> None:
    image = Image(np.zeros((2, 30, 40)), scale=(40, 8, 8), units=("nm",) * 3)
    corners = np.array([[0, 5, 10], [0, 5, 20], [0, 15, 20], [0, 15, 10]]) - [
        0,
        0.5,
        0.5,
    ]
    shapes = Shapes([corners], scale=(40, 8, 8), units=("nm",) * 3)
    assert bounding_region(shapes, image) == Region((0, 5, 10), (2, 15, 20))
    in_world = Shapes([corners * [40, 8, 8]], units=("nm",) * 3)
    assert bounding_region(in_world, image) == Region((0, 5, 10), (2, 15, 20))


def test_empty_shapes_are_no_region() -> None:
    assert bounding_region(Shapes(ndim=3), stack()) is None
