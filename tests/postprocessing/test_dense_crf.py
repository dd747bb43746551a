"""The fully connected CRF: against the exact sum, by hand, and as a step."""

import numpy as np
import pytest

from napari_mitoseg.errors import InvalidParameterError, ShapeError
from napari_mitoseg.jobs import drain
from napari_mitoseg.maps import ProbabilityMaps
from napari_mitoseg.postprocessing import (
    BoundaryThreshold,
    Chain,
    ChainCache,
    ConnectedComponents,
    DenseCrf,
    Threshold,
)
from napari_mitoseg.postprocessing.mean_field import (
    LEVELS,
    Appearance,
    Smoothness,
    gaussian_root,
    grey_levels,
    mean_field,
)
from napari_mitoseg.samples import SyntheticSettings, synthetic_em
from napari_mitoseg.volume import Volume

SPACING = (40.0, 10.0, 10.0)
CHAIN = Chain([DenseCrf(), Threshold(), ConnectedComponents()])


def exact_mean_field(probability, image, weights, widths, grey_width, iterations):
    """Sum over all pairs of pixels, as Eq. 1-3 are written; own grey scale."""
    shape = probability.shape
    y, x = (axis.ravel() for axis in np.indices(shape))
    image = image.astype(float)
    dark, bright = np.sort(image.ravel())[[round(s * (y.size - 1)) for s in EDGES]]
    grey = np.clip((image.ravel() - dark) / max(bright - dark, 1e-9), 0, 1)

    def squares(feature):
        return (feature[:, None] - feature) ** 2

    near, wide = (
        np.exp(-(squares(y) / wy**2 + squares(x) / wx**2) / 2) for wy, wx in widths
    )
    alike = wide * np.exp(-squares(grey) / grey_width**2 / 2)
    energy = np.zeros_like(near)
    for weight, kernel in zip(weights, (near, alike), strict=True):
        n = kernel.sum(axis=1)
        energy += weight * kernel / np.sqrt(n[:, None] * n)
    np.fill_diagonal(energy, 0)
    belief = np.stack([1 - probability.ravel(), probability.ravel()])
    unary = -np.log(belief)
    for _ in range(iterations):
        # What label l costs at i: all j that have the other label.
        q = np.exp(-unary - (energy @ belief[::-1].T).T)
        belief = q / q.sum(axis=0)
    return belief[1].reshape(shape)


EDGES = (0.005, 0.995)


def noise(shape, seed=0):
    return np.random.default_rng(seed).random(shape)


def tissue(shape):
    settings = SyntheticSettings(style="sbem")
    return synthetic_em((1, *shape), (40.0, 16.0, 16.0), 4, settings)[0].read()[0]


IMAGES = {
    "noise": noise((32, 32), 1),
    "tissue": tissue((32, 32)).astype(float),
    "ramp": np.add.outer(np.arange(32.0), np.arange(32.0)),
    "constant": np.ones((32, 32)),
    "two areas": np.repeat([[20.0] * 16 + [200.0] * 16], 32, axis=0),
}


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
@pytest.mark.parametrize(
    ("widths", "grey_width"),
    [
        (((1.5, 1.5), (6.0, 6.0)), 0.1),
        (((3.0, 3.0), (20.0, 20.0)), 0.05),
        (((0.5, 1.0), (2.0, 4.0)), 0.3),
    ],
)
def test_equal_to_the_exact_sum(image, widths, grey_width):
    probability = (0.02 + 0.96 * noise(image.shape)).astype(np.float32)
    expected = exact_mean_field(probability, image, (3, 3), widths, grey_width, 10)
    kernels = [
        (3.0, Smoothness(image.shape, widths[0])),
        (3.0, Appearance(grey_levels(image), widths[1], grey_width)),
    ]
    found = mean_field(probability, kernels, 10)
    assert np.abs(expected - probability).max() > 0.1
    assert np.abs(found - expected).max() < 1e-3


def test_the_step_is_the_exact_sum_too():
    image, semantic = tissue((32, 32)), (255 * noise((32, 32))).astype(np.uint8)
    probability = np.clip(semantic / 255, 0.5 / 255, 1 - 0.5 / 255)
    step = DenseCrf()
    widths = [
        (width / SPACING[1], width / SPACING[2])
        for width in (step.smoothness_width, step.appearance_width)
    ]
    weights = (step.smoothness, step.appearance)
    expected = exact_mean_field(
        probability, image, weights, widths, step.grey_width, step.iterations
    )
    found = step.refined(semantic, image, SPACING) / 255
    assert np.abs(found - expected).max() < 1e-3 + 0.5 / 255


@pytest.mark.parametrize("sigma", [0.3, 1, 7, 100])
def test_a_root_multiplied_with_itself_is_the_gaussian(sigma):
    at = np.arange(50)
    root = gaussian_root(50, sigma)
    expected = np.exp(-0.5 * ((at[:, None] - at) / sigma) ** 2)
    assert np.abs((root @ root.T).toarray() - expected).max() < 1.5e-4


def test_roots_stay_small():
    np.testing.assert_array_equal(gaussian_root(3, 1e-6).toarray(), np.eye(3))
    assert gaussian_root(1, 5.0).shape[0] == 1
    assert gaussian_root(10_000, 50.0).shape[1] < 10_000 / 50 * 1.5 + 8
    assert gaussian_root(10_000, 50.0).nnz <= 11 * 10_000


def test_smoothness_of_one_point_by_hand():
    point = np.zeros((1, 5), np.float32)
    point[0, 2] = 1
    sums = Smoothness(point.shape, (1.0, 1.0)).sums(point)[0]
    np.testing.assert_allclose(sums, np.exp([-2, -0.5, 0, -0.5, -2]), rtol=1e-3)


def test_one_update_of_two_pixels_by_hand():
    # k = e^-½ between them, n = 1 + k at both; each hears the other alone.
    probability = np.array([[0.9, 0.4]], np.float32)
    k = np.exp(-0.5)
    found = mean_field(probability, [(2.0, Smoothness((1, 2), (1.0, 1.0)))], 1)[0]
    votes = 2 * k / (1 + k) * np.array([2 * 0.4 - 1, 2 * 0.9 - 1])
    odds = np.log([0.9 / 0.1, 0.4 / 0.6]) + votes
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-odds)), rtol=1e-3)


def test_grey_levels_do_not_depend_on_the_type_or_scale():
    image = tissue((40, 40))
    levels = grey_levels(image)
    assert (levels.min(), levels.max()) == (0, LEVELS - 1)
    for other in (image.astype(np.uint16) * 257, image / 255 - 3):
        np.testing.assert_allclose(grey_levels(other), levels, atol=1)


def dented():
    """A dark square, and a map that smears it and misses a corner."""
    image = np.full((1, 40, 40), 200, np.uint8)
    image[:, 10:30, 10:30] = 60
    semantic = np.full((1, 40, 40), 30, np.uint8)
    semantic[:, 10:30, 10:33] = 160
    semantic[:, 10:14, 10:14] = 110
    return Volume(image, SPACING), ProbabilityMaps(semantic, None, SPACING)


def test_the_map_follows_the_image():
    image, maps = dented()
    square = np.asarray(image.data) < 100
    before = drain(CHAIN.removed(0).run(maps)).semantic
    after = drain(CHAIN.run(maps, image=image)).semantic
    assert (before != square).sum() == 16 + 60
    np.testing.assert_array_equal(after, square)


def test_without_the_image_the_chain_says_what_to_do():
    _, maps = dented()
    words = r"step dense-crf looks at .* maps alone\. Give the image .* or remove"
    with pytest.raises(InvalidParameterError, match=words):
        drain(CHAIN.run(maps, ChainCache()))


def test_an_image_of_another_shape_is_refused():
    image, maps = dented()
    other = Volume(np.asarray(image.data)[:, 1:], SPACING)
    with pytest.raises(
        ShapeError, match=r"shape \(1, 39, 40\), the maps \(1, 40, 40\)"
    ):
        drain(CHAIN.run(maps, image=other))


def test_one_report_a_slice():
    shape = (3, 8, 8)
    maps = ProbabilityMaps(np.full(shape, 99, np.uint8), None, SPACING)
    image = Volume(noise(shape), SPACING)
    reports = []
    drain(CHAIN.run(maps, image=image), reports.append)
    crf = [report for report in reports if report.message == DenseCrf.title]
    assert [report.fraction for report in crf] == [1 / 9, 2 / 9, 1 / 3, 1 / 3]
    fractions = [report.fraction for report in reports]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


class CountingImage:
    """A lazy image that counts how often it is read."""

    def __init__(self, shape):
        self.array, self.n_read = noise(shape), 0
        self.shape, self.dtype = shape, self.array.dtype

    def __getitem__(self, key):
        self.n_read += 1
        return self.array[key]


def test_cache_repeats_it_only_where_it_would_read_something_else():
    data = CountingImage((2, 8, 8))
    image = Volume(data, SPACING)
    maps = ProbabilityMaps(np.full((2, 8, 8), 99, np.uint8), None, SPACING)
    cache = ChainCache()

    def n_read(chain, maps, image):
        before = data.n_read
        drain(chain.run(maps, cache, image))
        return data.n_read - before

    assert n_read(CHAIN, maps, image) == 2
    assert n_read(CHAIN.replaced(1, Threshold(value=0.2)), maps, image) == 0
    assert n_read(CHAIN.inserted(0, BoundaryThreshold()), maps, image) == 0
    assert n_read(CHAIN.replaced(0, DenseCrf(smoothness=1)), maps, image) == 2
    assert n_read(CHAIN, maps, image) == 2
    assert n_read(CHAIN, maps, Volume(data, SPACING)) == 2
    other = ProbabilityMaps(maps.semantic + np.uint8(1), None, SPACING)
    assert n_read(CHAIN, other, image) == 2
