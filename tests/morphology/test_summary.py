"""What a volume adds up to, and grey values, by hand."""

import numpy as np
import pytest

from napari_mitoseg import labelling
from napari_mitoseg.errors import ShapeError
from napari_mitoseg.jobs import drain
from napari_mitoseg.morphology import (
    Context,
    MeasurementSettings,
    measure_labels,
    summarize,
)

SPACING = (100.0, 100.0, 100.0)
INTENSITY = MeasurementSettings(families=("intensity",))


def labels_of(sizes):
    labels = np.zeros((10, 10, 10), np.uint16)
    for k, size in enumerate(sizes):
        labels[k, :size, 0] = k + 1
    return labels


def summary_of(labels, tissue=None, spacing=SPACING):
    table = drain(measure_labels(labels, spacing))
    return summarize(table, labels.shape, spacing, tissue)


def test_figures_by_hand():
    summary = summary_of(labels_of([1, 2, 3, 4]))
    assert summary["count"] == 4
    assert summary["volume_fraction"] == pytest.approx(10 / 1000)
    assert summary["reference_volume_um3"] == pytest.approx(1)
    assert summary["density_per_um3"] == pytest.approx(4)
    assert summary["volume_mean_um3"] == pytest.approx(0.0025)
    assert summary["volume_sd_um3"] == pytest.approx(np.sqrt(5 / 3) * 1e-3)
    assert summary["volume_50_percent_um3"] == pytest.approx(0.0025)
    assert summary["volume_25_percent_um3"] == pytest.approx(0.00175)


def test_only_what_lies_in_tissue_counts():
    labels = labels_of([4, 6])
    tissue = np.zeros(labels.shape, np.uint8)
    tissue[:, :5] = 255
    summary = summary_of(labels, tissue)
    assert summary["reference_volume_um3"] == pytest.approx(0.5)
    assert summary["density_per_um3"] == pytest.approx(4)
    assert summary["volume_fraction"] == pytest.approx(10 / 500)


def test_nothing_there():
    summary = summary_of(np.zeros((3, 4, 5), np.uint8))
    assert summary["count"] == 0
    assert summary["volume_fraction"] == 0
    assert np.isnan(summary["volume_mean_um3"])


def test_no_tissue_at_all():
    labels = labels_of([2])
    summary = summary_of(labels, np.zeros(labels.shape, bool))
    assert np.isnan(summary["volume_fraction"])
    assert np.isnan(summary["density_per_um3"])


def test_without_spacing_only_counts():
    summary = summary_of(labels_of([1, 2]), spacing=None)
    assert set(summary) == {"count", "volume_fraction"}


def test_single_images_have_areas():
    labels = np.zeros((10, 10), np.uint8)
    labels[:2, :5], labels[5, :] = 1, 2
    summary = summary_of(labels)
    assert summary["reference_area_um2"] == pytest.approx(1)
    assert summary["density_per_um2"] == pytest.approx(2)
    assert summary["area_fraction"] == pytest.approx(0.2)
    assert summary["area_50_percent_um2"] == pytest.approx(0.1)


def test_tissue_of_another_shape():
    with pytest.raises(ShapeError, match=r"tissue mask has shape \(2, 2\)"):
        summary_of(labels_of([1]), np.ones((2, 2)))


def test_grey_values_by_hand(monkeypatch):
    labels = labels_of([3, 2])
    image = np.zeros(labels.shape, np.uint16)
    image[0, :3, 0], image[1, :2, 0] = [1, 2, 6], 60_000
    chances = np.where(labels == 1, 51, 255).astype(np.uint8)
    context = Context(image, chances)
    whole = drain(measure_labels(labels, None, INTENSITY, context=context)).columns
    np.testing.assert_allclose(whole["mean_intensity"], [3, 60_000])
    np.testing.assert_allclose(whole["sd_intensity"], [np.sqrt(14 / 3), 0], atol=1e-6)
    np.testing.assert_allclose(whole["mean_probability"], [0.2, 1])
    monkeypatch.setattr(labelling, "SLAB_VOXELS", 100)
    cut = drain(measure_labels(labels, None, INTENSITY, context=context)).columns
    for name, values in whole.items():
        np.testing.assert_allclose(cut[name], values, atol=1e-9)
