"""What a network costs: memory and time per voxel it is given."""

import weakref
from collections.abc import Callable
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from napari_mitoseg.inference.prepare import laid_out
from napari_mitoseg.models.base import Network
from napari_mitoseg.models.foreign.onnx import OnnxNetwork

_PROBE = 128
"""In-plane side of the tile a network is probed with, in voxels."""

_PROBE_DEPTH = 16
"""Depth of that tile for 3D networks."""

_UNSEEN_BYTES = 2048
"""Taken for a voxel of networks that torch does not run and cannot look into: a U-Net
whose first level has 64 filters."""

_MARGIN = 1.3
"""Memory of a process over that of the tensors: up to 1.2 for the networks here."""

_TIMED_S = 0.3
_MOST_TIMED = 5


def measure_memory(network: Network, device: torch.device) -> float:
    """Run a small tile through a network and see how much it holds at once.

    Parameters
    ----------
    network : Network
        In evaluation mode, on `device`.
    device : torch.device
        Where it will run.

    Returns
    -------
    float
        Bytes per voxel of the tile that is read, in float32, its input and maps
        included; with a margin for what operators take for themselves.
    """
    if isinstance(network, OnnxNetwork):
        return _UNSEEN_BYTES
    with torch.inference_mode(), _Alive() as alive:
        image = laid_out(torch.zeros(probe_shape(network), device=device))
        network.probability(image)
    return _MARGIN * alive.most / _n_voxels(image)


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


# torch leaves its own two methods without annotations.
class _Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the tensors that are alive at once, while it is entered.

    Attributes
    ----------
    most : int
        The most so far, in bytes.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most = 0
        self._now = 0
        self._counted: set[int] = set()

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run an operator and follow what it returns."""
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._follow(leaf.untyped_storage())
        return result

    def _follow(self, storage: torch.UntypedStorage) -> None:
        """Count a piece of memory, which views share, until it is freed."""
        address, size = storage.data_ptr(), storage.nbytes()
        if address in self._counted:
            return
        self._counted.add(address)
        self._now += size
        self.most = max(self.most, self._now)
        weakref.finalize(storage, self._forget, address, size)

    def _forget(self, address: int, size: int) -> None:
        self._counted.discard(address)
        self._now -= size
