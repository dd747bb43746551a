"""Annotations from files."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_mitoseg.errors import AnnotationError
from napari_mitoseg.io import read_annotation


def test_an_annotation_is_read(tmp_path: Path) -> None:
    labels = np.array([[[0, 1], [2, 2]], [[1, 1], [1, 2]]], np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", labels)
    annotation = read_annotation(tmp_path / "a.tif", (2, 2, 2))
    assert annotation.labels.dtype == np.uint8
    assert annotation.labels.tolist() == labels.tolist()
    assert annotation.complete == (1,)


@pytest.mark.parametrize(
    ("value", "shape", "message"),
    [(1, (3, 8, 9), r"shape \(2, 8, 9\), the image \(3, 8, 9\)"), (9, (2, 8, 9), "9")],
)
def test_unfit_annotations_are_refused(
    tmp_path: Path, value: int, shape: tuple[int, int, int], message: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((2, 8, 9), value, np.uint8))
    with pytest.raises(AnnotationError, match=message):
        read_annotation(tmp_path / "a.tif", shape)
