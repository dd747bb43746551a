"""Which arithmetic a device trains fastest in: ask it."""

from time import perf_counter
from typing import Literal

import torch

from napari_mitoseg.inference.footprint import probe_shape
from napari_mitoseg.models.base import Network

Precision = Literal["float32", "bfloat16"]


def faster_precision(network: Network, device: torch.device) -> Precision:
    """Measure whether half precision makes training faster.

    Parameters
    ----------
    network : Network
        On the device; weights and statistics stay as they are.
    device : torch.device
        Where it will be trained.

    Returns
    -------
    {"float32", "bfloat16"}
        The faster one of two short trials.  Processors without instructions for
        bfloat16 emulate it, several times slower than float32; those with them are
        nearly twice as fast.
    """
    was_training = network.training
    network.eval()
    seconds = {
        half: min(_time(network, device, half=half) for _ in range(2))
        for half in (False, True)
    }
    network.train(was_training)
    network.zero_grad(set_to_none=True)
    return "bfloat16" if seconds[True] < seconds[False] else "float32"


def _time(network: Network, device: torch.device, *, half: bool) -> float:
    image = torch.zeros(probe_shape(network), device=device)
    batch = image.expand(2, *image.shape[1:]).contiguous()
    start = perf_counter()
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        logits = network(batch)
    logits.float().mean().backward()
    return perf_counter() - start
