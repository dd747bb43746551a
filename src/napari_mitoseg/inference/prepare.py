"""A network made ready to predict."""

import copy

import torch
from torch import Tensor

from napari_mitoseg.models.base import Network
from napari_mitoseg.models.blocks import fuse_batch_norm

PLANAR = 2
"""Dimensions of a network that predicts one slice from its neighbourhood."""


def prepared(network: Network, device: torch.device) -> Network:
    """Return a copy of a network that predicts as fast as it can.

    Parameters
    ----------
    network : Network
        Left as it is.
    device : torch.device
        Where the copy lies.

    Returns
    -------
    Network
        In evaluation mode, batch normalization folded into the convolutions; planar
        ones store channels last, which convolutions on CPUs and tensor cores want.
    """
    ready = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
    fuse_batch_norm(ready)
    if ready.dimensions == PLANAR:
        # torch's own annotations leave out this way to call `to`.
        ready.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return ready.to(device)


def laid_out(image: Tensor) -> Tensor:
    """Return the input of a prepared network as it lies in memory best.

    Parameters
    ----------
    image : Tensor, shape (B, C, Y, X) or (1, C, Z, Y, X)
        Network input.

    Returns
    -------
    Tensor
        The same values, channels last for planes.
    """
    if image.ndim == PLANAR + 2:
        return image.contiguous(memory_format=torch.channels_last)
    return image
