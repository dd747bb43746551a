"""Which labels layers can be corrected, and what to do about the others."""

from typing import Any

from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from napari_mitoseg._napari.edit_preview import PREVIEW
from napari_mitoseg._napari.image_box import MADE_BY_US
from napari_mitoseg._napari.layers import GREY_DIMENSIONS, layers_of
from napari_mitoseg.errors import MitoSegError
from napari_mitoseg.proofreading.label_array import LabelArray


def is_offered(layer: Layer) -> bool:
    """Say whether a labels layer may hold objects: previews do not."""
    return bool(layer.metadata.get(MADE_BY_US) != PREVIEW)


def why_no_labels(viewer: ViewerModel) -> str:
    """Say what to do where there is no labels layer."""
    if layers_of(viewer, Image):
        return (
            "There are no labels yet. Segment an image, open labels, or turn an image "
            "of labels into some: Convert to Labels in the menu of its layer."
        )
    return "Open labels, or segment an image first."


def why_uneditable(layer: Labels) -> str:
    """Say why a labels layer cannot be corrected.

    Parameters
    ----------
    layer : napari.layers.Labels
        Any labels.

    Returns
    -------
    str
        What is wrong and what to do; empty where nothing is.
    """
    if layer.ndim not in GREY_DIMENSIONS:
        return (
            f"{layer.name} has {layer.ndim} axes. Choose labels with z, y, x: split "
            "time points with Split Stack in the menu of the layer."
        )
    if is_corrected(layer):
        return f"{layer.name} is being corrected already. Press Finish there first."
    return why_copy(layer)


def is_corrected(layer: Labels) -> bool:
    """Say whether a labels layer is being corrected: clicks on it go there."""
    return "undo" in vars(layer)


def why_copy(layer: Labels) -> str:
    """Say why only a copy of some labels can be corrected; empty where they can."""
    if layer.multiscale:
        return "These labels are a pyramid, whose levels would no longer agree."
    if is_computed(layer.data):
        return "These labels are computed when they are shown, and stored nowhere."
    try:
        LabelArray(layer.data).check_writable()
    except MitoSegError:
        return "These labels are read-only."
    return ""


def is_computed(data: Any) -> bool:
    """Say whether an array is a recipe for values rather than values (dask)."""
    return hasattr(data, "dask")
