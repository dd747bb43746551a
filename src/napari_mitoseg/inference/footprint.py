"""What a network costs: memory and time per voxel it is given."""

from time import perf_counter

import torch
from torch import Tensor, nn

from napari_mitoseg.models.base import Network

_PROBE = 128
"""In-plane side of the tile a network is probed with, in voxels."""

_PROBE_DEPTH = 16
"""Depth of that tile for 3D networks."""

_FLOAT_BYTES = 4

_UNSEEN_BYTES = 2048
"""Taken for a voxel of networks whose layers cannot be looked at: a U-Net whose first
level has 64 filters."""

_TIMED_S = 0.3
_MOST_TIMED = 5


def measure_memory(network: Network, device: torch.device) -> float:
    """Run a small tile through a network and see what its layers hold.

    Parameters
    ----------
    network : Network
        In evaluation mode, on `device`.
    device : torch.device
        Where it will run.

    Returns
    -------
    float
        Bytes per voxel of the tile that is read, in float32: the outputs of all layers,
        an upper bound on what is alive at once.
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
    if not sizes:
        return _UNSEEN_BYTES
    return sum(sizes) * _FLOAT_BYTES / _n_voxels(image)


def measure_time(network: Network, device: torch.device) -> float:
    """Time a network on a small tile.

    Parameters
    ----------
    network : Network
        In evaluation mode, on `device`.
    device : torch.device
        Where it will run.

    Returns
    -------
    float
        Seconds per voxel of the tile that is read, by the fastest of a few runs: other
        work can only make one longer.
    """
    image = torch.zeros(probe_shape(network), device=device)
    times: list[float] = []
    with torch.inference_mode():
        network(image)
        _synchronize(device)
        while sum(times) < _TIMED_S and len(times) < _MOST_TIMED:
            start = perf_counter()
            network(image)
            _synchronize(device)
            times.append(perf_counter() - start)
    return min(times) / _n_voxels(image)


def probe_shape(network: Network) -> tuple[int, ...]:
    """Return the shape of a small legal input, (1, C, Y, X) or (1, C, Z, Y, X)."""
    z, y, x = network.divisor
    plane = (_multiple(_PROBE, y), _multiple(_PROBE, x))
    if network.dimensions == 2:
        return (1, network.in_channels, *plane)
    return (1, network.in_channels, _multiple(_PROBE_DEPTH, z), *plane)


def _n_voxels(image: Tensor) -> float:
    return image.numel() / image.shape[1]


def _multiple(size: int, divisor: int) -> int:
    return max(size // divisor, 1) * divisor


def _synchronize(device: torch.device) -> None:
    """Wait for the device, so that clocks tell the truth."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
