"""Soft labels: truth where there is truth, sure masks elsewhere."""

import numpy as np

from napari_mitoseg.training.soft_labels import make_soft_labels

# One pixel wide column through five slices; slice 2 is truth.
IS_TRUTH = np.array([0, 0, 1, 0, 0], bool)


def column(*values: int, dtype: type = np.uint8) -> np.ndarray:
    return np.array(values, dtype)[:, None, None]


def test_without_post_processing_truth_is_put_in() -> None:
    soft = make_soft_labels(
        column(255, 0, 255, 255, 0),
        column(0, 0, 0, 0, 0, dtype=bool),
        IS_TRUTH,
        erosions=1,
        postprocess=False,
    )
    assert soft.mask.ravel().tolist() == [True, False, False, True, False]
    assert soft.labels.ravel().tolist() == [1, 0, 0, 1, 0]


def test_post_processing_mends_single_slices() -> None:
    soft = make_soft_labels(
        column(255, 0, 0, 255, 0),
        column(0, 0, 1, 0, 0, dtype=bool),
        IS_TRUTH,
        erosions=1,
    )
    # A single pixel does not erode away at the edge of the image, so Eq. 1 carries
    # it to every slice.
    assert soft.mask.ravel().tolist() == [True] * 5


def test_unsure_pixels_are_left_open_but_not_in_truth_nor_where_mended() -> None:
    coarse = np.zeros((3, 1, 4), np.uint8)
    coarse[:] = [0, 100, 200, 255]
    truth = np.zeros((3, 1, 4), bool)
    soft = make_soft_labels(
        coarse, truth, np.array([False, True, False]), erosions=9, sure=0.2,
        postprocess=False,
    )  # fmt: skip
    assert soft.labels[0].ravel().tolist() == [0, -1, -1, 1]
    assert soft.labels[1].ravel().tolist() == [0, 0, 0, 0]
