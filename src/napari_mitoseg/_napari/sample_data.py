"""Stacks under File ▸ Open Sample."""

from dataclasses import replace
from typing import Any

import numpy as np

from napari_mitoseg._napari.reader import LayerData, image_data, labels_data
from napari_mitoseg.samples import epfl_ca1, synthetic_em
from napari_mitoseg.volume import Volume


def synthetic() -> list[LayerData]:
    """Return a synthetic EM stack and its truth.

    Returns
    -------
    list of LayerData
        Image, and hidden labels of every mitochondrion.
    """
    image, truth = synthetic_em()
    named = replace(image, name="synthetic EM")
    return [image_data(named), _truth(truth, named)]


def epfl() -> list[LayerData]:
    """Return the public EPFL CA1 stack and its truth, downloaded once.

    Returns
    -------
    list of LayerData
        Image, and the hidden mask of mitochondria.
    """
    image, truth = epfl_ca1()
    named = replace(image, name="EPFL CA1")
    return [image_data(named), _truth(truth, named)]


def _truth(labels: np.ndarray[Any, Any], image: Volume) -> LayerData:
    volume = replace(image, data=labels, name=f"{image.name} truth")
    data, keywords, kind = labels_data(volume)
    return data, {**keywords, "visible": False}, kind
