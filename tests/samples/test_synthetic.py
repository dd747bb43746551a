"""Synthetic stacks: exact truth, physical sizes, EM-like grey levels."""

from pathlib import Path

import cc3d
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from napari_mitoseg.errors import InvalidParameterError, ShapeError
from napari_mitoseg.samples import SyntheticSettings, synthetic_em
from napari_mitoseg.volume import Volume, cubic_micrometres

Sample = tuple[Volume, NDArray[np.uint32]]
SMALL = (4, 64, 64)
SPACING = (40.0, 16.0, 16.0)


def test_same_seed_same_stack() -> None:
    first, first_labels = synthetic_em(SMALL, SPACING, seed=5)
    again, again_labels = synthetic_em(SMALL, SPACING, seed=5)
    np.testing.assert_array_equal(first.data, again.data)
    np.testing.assert_array_equal(first_labels, again_labels)


def test_other_seed_other_stack() -> None:
    first, _ = synthetic_em(SMALL, SPACING, seed=5)
    other, _ = synthetic_em(SMALL, SPACING, seed=6)
    assert not np.array_equal(first.data, other.data)


def test_image_and_truth_fit(any_em: Sample) -> None:
    image, labels = any_em
    assert image.shape == labels.shape
    assert image.dtype == np.uint8
    assert labels.dtype == np.uint32


def test_labels_are_consecutive(any_em: Sample) -> None:
    _, labels = any_em
    assert labels.max() > 0
    np.testing.assert_array_equal(np.unique(labels), np.arange(labels.max() + 1))


def test_each_label_is_one_piece_and_touches_no_other(any_em: Sample) -> None:
    _, labels = any_em
    _, n_pieces = cc3d.connected_components(labels, connectivity=26, return_N=True)
    _, n_touching = cc3d.connected_components(
        labels > 0, connectivity=26, return_N=True
    )
    assert n_pieces == n_touching == labels.max()


def test_volumes_are_those_of_mitochondria(any_em: Sample) -> None:
    image, labels = any_em
    assert image.spacing is not None
    for count in np.bincount(labels.ravel())[1:]:
        assert 0.0005 < cubic_micrometres(count, image.spacing) < 1.0


def test_fills_the_wanted_part() -> None:
    settings = SyntheticSettings(mitochondria=0.05)
    _, labels = synthetic_em((12, 160, 160), (40.0, 16.0, 16.0), 4, settings)
    assert 0.05 <= (labels > 0).mean() < 0.1


def test_no_mitochondria_when_none_are_wanted() -> None:
    settings = SyntheticSettings(mitochondria=0.0)
    _, labels = synthetic_em(SMALL, SPACING, 0, settings)
    assert not labels.any()


def test_mitochondria_are_darker_than_their_surroundings(any_em: Sample) -> None:
    image, labels = any_em
    grey = image.read().astype(float)
    assert grey[labels > 0].mean() < grey[labels == 0].mean() - 20


@pytest.mark.parametrize("style", ["sbem", "sstem", "fib"])
def test_the_edge_is_darker_than_the_cytoplasm_around(style: str) -> None:
    settings = SyntheticSettings.parse({"style": style, "misalignment": 0})
    image, labels = synthetic_em((4, 256, 256), (40.0, 8.0, 8.0), 7, settings)
    depth = np.stack([ndimage.distance_transform_edt(s) for s in labels > 0])
    away = np.stack([ndimage.distance_transform_edt(s) for s in labels == 0])
    grey = image.read().astype(float)
    edge = grey[(depth > 0) & (depth < 2.5)]
    assert edge.mean() < grey[(away > 2) & (away < 6)].mean() - 10


def test_grey_levels_spread_as_in_em(any_em: Sample) -> None:
    grey = any_em[0].read()
    assert 80 < grey.mean() < 180
    assert 25 < grey.std() < 75
    assert np.isin(grey, (0, 255)).mean() < 0.1


@pytest.mark.parametrize("style", ["sbem", "sstem", "fib", "random"])
def test_every_style_shows_texture(style: str) -> None:
    settings = SyntheticSettings.parse({"style": style})
    image, _ = synthetic_em(SMALL, SPACING, 0, settings)
    assert image.read().std() > 20


def test_spacing_is_kept(tiny_em: Sample) -> None:
    assert tiny_em[0].spacing == (40.0, 16.0, 16.0)


@pytest.mark.parametrize("spacing", [(0.0, 8.0, 8.0), (40.0, -8.0, 8.0)])
def test_refuses_an_impossible_spacing(spacing: tuple[float, float, float]) -> None:
    with pytest.raises(InvalidParameterError, match="above zero"):
        synthetic_em(SMALL, spacing)


@pytest.mark.parametrize("shape", [(0, 64, 64), (64, 64), (4, -1, 64)])
def test_refuses_an_impossible_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="z, y, x"):
        synthetic_em(shape)  # type: ignore[arg-type]


def test_refuses_an_unknown_style() -> None:
    with pytest.raises(InvalidParameterError, match="style"):
        SyntheticSettings.parse({"style": "confocal"})


@pytest.mark.realdata
def test_contrast_is_that_of_real_sbem(data_folder: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    folder = data_folder / "sbem_brain"
    real = tifffile.imread(folder / "image.tif", key=range(2)).astype(float)
    mask = tifffile.imread(folder / "mitochondria.tif", key=range(2)) > 0
    settings = SyntheticSettings(style="sbem")
    image, labels = synthetic_em((6, 320, 320), (40.0, 11.8, 11.8), 3, settings)
    made = image.read().astype(float)
    assert made.mean() == pytest.approx(real.mean(), abs=30)
    assert made.std() == pytest.approx(real.std(), abs=15)
    contrast = made[labels > 0].mean() / made[labels == 0].mean()
    wanted = real[mask].mean() / real[~mask].mean()
    assert contrast == pytest.approx(wanted, abs=0.2)
