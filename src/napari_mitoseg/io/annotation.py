"""Read a sparse annotation from a file."""

from collections.abc import Sequence
from pathlib import Path

from napari_mitoseg.annotation.encoding import Annotation, as_annotation
from napari_mitoseg.errors import AnnotationError
from napari_mitoseg.io.read import read_labels


def read_annotation(path: str | Path, image_shape: Sequence[int]) -> Annotation:
    """Read an annotation of an image.

    Parameters
    ----------
    path : str or Path
        TIFF stack, folder of numbered images, or OME-Zarr label image: 0 unlabelled,
        1 background, 2 mitochondrion.
    image_shape : sequence of int
        Size of the image along z, y, x.

    Returns
    -------
    Annotation
        Of the same shape.

    Raises
    ------
    ReadError
        If the path is missing, damaged, or holds no whole numbers.
    AnnotationError
        If the shape is another one, or other values occur.
    """
    labels = read_labels(path)
    if labels.shape != tuple(image_shape):
        msg = (
            f"{path} has shape {labels.shape}, the image {tuple(image_shape)}. Give an "
            "annotation made on this image, with all its slices."
        )
        raise AnnotationError(msg)
    return as_annotation(labels.read())
