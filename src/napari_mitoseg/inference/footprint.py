"""What a network costs: memory and time per voxel it is given."""

from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor, nn

from napari_mitoseg.models.base import Network

_PROBE = 128
"""In-plane side of the tile a network is probed with, in voxels."""

_PROBE_DEPTH = 16
"""Depth of that tile for 3D networks."""

_FLOAT_BYTES = 4

_TIMED_S = 0.3
_MOST_TIMED = 5


@dataclass(frozen=True)
class Footprint:
    """Cost of a prediction per voxel of the tile that is read.

    Attributes
    ----------
    memory_bytes : float
        Peak of what the layers hold at once, in float32.
    seconds : float
        Time, measured on the device.
    """

    memory_bytes: float
    seconds: float


def measure_footprint(network: Network, device: torch.device) -> Footprint:
    """Run a small tile through a network and see what it costs.

    Parameters
    ----------
    network : Network
        In evaluation mode, on `device`.
    device : torch.device
        Where it will run.

    Returns
    -------
    Footprint
        Memory is counted as the outputs of all layers of the finest resolution plus
        those of the coarser ones, an upper bound on what is alive at once.
    """
    image = torch.zeros(probe_shape(network), device=device)
    sizes: list[int] = []
    hooks = [
        layer.register_forward_hook(lambda _m, _i, out: sizes.append(out.numel()))
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d | nn.Conv3d)
    ]
    with torch.inference_mode():
        network(image)
        for hook in hooks:
            hook.remove()
        _synchronize(device)
        seconds = _shortest_time(network, image, device)
    n_voxels = image.numel() / image.shape[1]
    alive = sum(sizes) * _FLOAT_BYTES / n_voxels
    return Footprint(alive, seconds / n_voxels)


def _shortest_time(network: Network, image: Tensor, device: torch.device) -> float:
    """Time a few runs: other work can only make one longer."""
    times: list[float] = []
    while sum(times) < _TIMED_S and len(times) < _MOST_TIMED:
        start = perf_counter()
        network(image)
        _synchronize(device)
        times.append(perf_counter() - start)
    return min(times)


def probe_shape(network: Network) -> tuple[int, ...]:
    """Return the shape of a small legal input, (1, C, Y, X) or (1, 1, Z, Y, X)."""
    z, y, x = network.divisor
    plane = (_multiple(_PROBE, y), _multiple(_PROBE, x))
    if network.dimensions == 2:
        return (1, network.in_channels, *plane)
    return (1, 1, _multiple(_PROBE_DEPTH, z), *plane)


def _multiple(size: int, divisor: int) -> int:
    return max(size // divisor, 1) * divisor


def _synchronize(device: torch.device) -> None:
    """Wait for the device, so that clocks tell the truth."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
