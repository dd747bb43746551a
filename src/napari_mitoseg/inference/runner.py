"""Run a network on one tile, in smaller pieces where memory runs out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_mitoseg.errors import DeviceMemoryError
from napari_mitoseg.inference.augment import average_over_views
from napari_mitoseg.inference.device import is_out_of_memory
from napari_mitoseg.inference.prepare import laid_out
from napari_mitoseg.models.base import Network


class Runner:
    """A network on a device, with test-time augmentation.

    Parameters
    ----------
    network : Network
        On the device and in evaluation mode, see `prepared`.
    device : torch.device
        Where it runs: bfloat16 on CUDA, float32 elsewhere, channels last for planes.
    augmentation : {1, 4, 8}
        Views averaged.
    """

    def __init__(
        self, network: Network, device: torch.device, augmentation: Literal[1, 4, 8]
    ) -> None:
        self._device = device
        self._network = network
        self._augmentation = augmentation
        self._most: int | None = None
        self.notice = ""

    def predict(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability maps of a tile.

        Parameters
        ----------
        block : ndarray of float32, shape (B, C, Y, X) or (1, C, Z, Y, X)
            Network input; Y and X multiples of the network's divisor.

        Returns
        -------
        ndarray of float32, shape (B, n_outputs, Y, X) or (1, n_outputs, Z, Y, X)
            Probabilities.

        Raises
        ------
        DeviceMemoryError
            If not even the smallest piece fits into the device's memory.

        Notes
        -----
        When memory runs out, the batch is halved, then the tile; smaller pieces are
        read with the network's halo, so the answer stays the same.  The size that fits
        is remembered for the tiles that follow, and said in `notice`.
        """
        answer: NDArray[np.float32] = self._pieces(torch.from_numpy(block)).numpy()
        return answer

    def _pieces(self, image: Tensor) -> Tensor:
        """Predict, halving the input until it fits."""
        if self._most is None or image.numel() <= self._most:
            try:
                return self._run(image)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._remember(image)
        if image.shape[0] > 1:
            return torch.cat([self._pieces(half) for half in image.chunk(2)])
        return self._halves(image)

    def _run(self, image: Tensor) -> Tensor:
        with torch.inference_mode(), _precision(self._device):
            moved = laid_out(image.to(self._device))
            predict = self._network.probability
            mean = average_over_views(predict, moved, self._augmentation)
            return mean.float().cpu()

    def _remember(self, image: Tensor) -> None:
        self._most = image.numel() // 2
        shape = "×".join(map(str, image.shape))
        self.notice = f"{self._device} ran out of memory at {shape}; using half of it"
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _halves(self, image: Tensor) -> Tensor:
        """Predict the two halves of a tile, each with a halo from the other."""
        axis = -2 if image.shape[-2] >= image.shape[-1] else -1
        size, divisor = image.shape[axis], self._network.divisor[axis]
        middle = size // (2 * divisor) * divisor
        halo = min(-(-self._network.halo[axis] // divisor), size // (4 * divisor))
        if middle == 0 or halo == 0:
            msg = (
                f"{self._device} has too little memory even for a tile of "
                f"{image.shape[-2]}×{image.shape[-1]} pixels. Close other programs, or "
                "choose another device or a smaller model."
            )
            raise DeviceMemoryError(msg)
        margin = halo * divisor
        before = self._pieces(image.narrow(axis, 0, middle + margin))
        start = middle - margin
        after = self._pieces(image.narrow(axis, start, size - start))
        kept = after.narrow(axis, margin, size - middle)
        return torch.cat([before.narrow(axis, 0, middle), kept], dim=axis)


@contextmanager
def _precision(device: torch.device) -> Iterator[None]:
    if device.type != "cuda":
        yield
        return
    with torch.autocast("cuda", dtype=torch.bfloat16):
        yield
