"""Descriptors of single images."""

import numpy as np
import pytest

from napari_mitoseg.jobs import drain
from napari_mitoseg.morphology import (
    ALL_FAMILIES,
    Context,
    MeasurementSettings,
    measure_labels,
)

ALL = MeasurementSettings(families=ALL_FAMILIES)
SPACINGS = [(40.0, 8.0, 8.0), (40.0, 6.0, 12.0)]


def ellipse(a, b, angle, spacing):
    """Draw an ellipse whose long axis is turned from x towards y."""
    _, dy, dx = spacing
    n, m = int(a / dy) + 3, int(a / dx) + 3
    y, x = np.meshgrid(
        (np.arange(-n, n + 1) + 0.3) * dy,
        (np.arange(-m, m + 1) - 0.2) * dx,
        indexing="ij",
    )
    u = np.cos(angle) * x + np.sin(angle) * y
    v = np.cos(angle) * y - np.sin(angle) * x
    return ((u / a) ** 2 + (v / b) ** 2 <= 1).astype(np.uint8)


def measured(labels, spacing):
    columns = drain(measure_labels(labels, spacing, ALL)).columns
    return {name: values[0] for name, values in columns.items()}


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("angle", [0, 0.5, 2.0])
def test_ellipse(spacing, angle):
    a, b = 300, 180
    row = measured(ellipse(a, b, angle, spacing), spacing)
    area = np.pi * a * b / 1e6
    h = ((a - b) / (a + b)) ** 2
    # Ramanujan's second formula: exact to six digits here.
    around = np.pi * (a + b) * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h))) / 1e3
    assert row["area_um2"] == pytest.approx(area, rel=0.01)
    assert row["perimeter_um"] == pytest.approx(around, rel=0.02)
    assert row["circularity"] == pytest.approx(4 * np.pi * area / around**2, rel=0.04)
    assert row["form_factor"] == pytest.approx(around**2 / area / 4 / np.pi, rel=0.04)
    assert row["axis_major_nm"] == pytest.approx(2 * a, rel=0.01)
    assert row["axis_minor_nm"] == pytest.approx(2 * b, rel=0.01)
    assert row["elongation"] == pytest.approx(a / b, rel=0.02)
    apart = abs(row["azimuth_deg"] - np.degrees(angle))
    assert min(apart, 180 - apart) < 1.5
    assert row["solidity"] == pytest.approx(1, abs=0.03)
    assert row["equivalent_disc_diameter_nm"] == pytest.approx(
        2 * np.sqrt(a * b), rel=0.01
    )


def test_no_volume_and_no_z_in_an_image():
    row = measured(ellipse(200, 200, 0, SPACINGS[0]), SPACINGS[0])
    assert "volume_um3" not in row
    assert not [name for name in row if name.startswith(("z_", "centroid_z"))]


def test_a_square_with_a_hole():
    labels = np.zeros((60, 60), np.uint16)
    labels[5:55, 5:55] = 3
    labels[20:40, 20:40] = 0
    row = measured(labels, (1.0, 10.0, 10.0))
    assert row["area_um2"] == pytest.approx(2100 * 1e-4)
    # Both contours count; corners are rounded off.
    assert row["perimeter_um"] == pytest.approx(4 * 0.5 + 4 * 0.2, rel=0.04)
    assert row["convex_area_um2"] == pytest.approx(2500 * 1e-4, rel=0.03)
    assert row["solidity"] == pytest.approx(2100 / 2500, rel=0.03)


def test_distances_and_grey_values_in_an_image():
    labels = np.zeros((20, 30), np.uint8)
    labels[5:10, 5:10], labels[5:10, 14:18] = 1, 2
    image = np.where(labels == 1, 7.0, 3.0)
    image[5, 5] = 32
    job = measure_labels(
        labels, (40.0, 8.0, 10.0), ALL, context=Context(image, labels / 2)
    )
    columns = drain(job).columns
    assert columns["nearest_distance_nm"].tolist() == [40, 40]
    assert columns["nearest_label"].tolist() == [2, 1]
    np.testing.assert_allclose(columns["mean_intensity"], [8, 3])
    np.testing.assert_allclose(columns["mean_probability"], [0.5, 1])


@pytest.mark.parametrize("is_image", [True, False])
def test_confidence_is_read_off_the_calibration(is_image):
    labels = np.zeros((20, 30), np.uint8)
    labels[5:10, 5:10], labels[5:10, 14:18] = 1, 2
    probability = np.where(labels == 1, 0.6, 0.95)
    if not is_image:
        labels, probability = labels[None], probability[None]
    points = ((0.5, 0.1), (0.7, 0.5), (0.9, 0.97))
    context = Context(probability=probability, calibration=points)
    columns = drain(measure_labels(labels, (40.0, 8.0, 8.0), ALL, context=context))
    np.testing.assert_allclose(columns.columns["confidence"], [0.3, 0.97])


def test_without_calibration_there_is_no_confidence():
    labels = np.ones((4, 5), np.uint8)
    context = Context(probability=labels / 2)
    table = drain(measure_labels(labels, (40.0, 8.0, 8.0), ALL, context=context))
    assert "mean_probability" in table.columns
    assert "confidence" not in table.columns
