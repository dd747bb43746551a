"""Run an interpolation network on whole slices, tile by tile."""

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_mitoseg.inference.device import choose_device
from napari_mitoseg.inference.settings import DeviceName
from napari_mitoseg.inference.tiling import (
    Cut,
    PlaneTile,
    iter_plane_tiles,
    reflected,
)
from napari_mitoseg.models.interpolation import InterpolationNetwork
from napari_mitoseg.models.interpolation_file import (
    find_interpolation,
    load_interpolation,
    read_interpolation_card,
)
from napari_mitoseg.volume import Array, PlaneBox

TILE = 1024


class Interpolator:
    """Gives the slice between two others.

    Parameters
    ----------
    network : InterpolationNetwork
        Trained; moved to the device.
    device : torch.device
        Where it runs.
    tile : int
        Side of the tiles it is given, in pixels; at least what its halo asks for.
    """

    def __init__(
        self,
        network: InterpolationNetwork,
        device: torch.device | str = "cpu",
        tile: int = TILE,
    ) -> None:
        self.device = torch.device(device)
        self.network = network.eval().to(self.device)
        _, divisor, _ = network.divisor
        _, halo, _ = network.halo
        margin = -(-halo // divisor) * divisor
        # A quarter of a tile at most is read around what is kept: see `Cut`.
        self._cut = Cut(max(tile, 4 * margin), 0, halo, divisor)

    def __call__(
        self, below: Array, above: Array, box: PlaneBox | None = None
    ) -> NDArray[np.float32]:
        """Interpolate.

        Parameters
        ----------
        below, above : ndarray, shape (Y, X)
            The slices on both sides, grey values of any type.
        box : tuple of int, optional
            First and past-the-end pixel of the part that is wanted: y0, x0, y1, x1;
            everything when absent.

        Returns
        -------
        ndarray of float32, shape (Y, X) or that of the box
            The slice in the middle, on the grey scale of the two.

        Notes
        -----
        The two are brought to mean 0 and standard deviation 1 together, as whole
        slices, so that a box is answered like the same part of the whole.
        """
        pair = np.stack([below, above]).astype(np.float32)
        mean, deviation = float(pair.mean()), float(pair.std()) or 1.0
        pair = (pair - np.float32(mean)) / np.float32(deviation)
        _, height, width = pair.shape
        y0, x0, y1, x1 = box or (0, 0, height, width)
        answer = np.empty((y1 - y0, x1 - x0), np.float32)
        ys, xs = self._cut.spans(y0, y1, height), self._cut.spans(x0, x1, width)
        for tile in iter_plane_tiles(ys, xs):
            rows = slice(tile.y.keep_start - y0, tile.y.keep_stop - y0)
            columns = slice(tile.x.keep_start - x0, tile.x.keep_stop - x0)
            answer[rows, columns] = self._predict(pair, tile)
        return answer * np.float32(deviation) + np.float32(mean)

    def _predict(
        self, pair: NDArray[np.float32], tile: PlaneTile
    ) -> NDArray[np.float32]:
        """Return the kept part of a tile."""
        _, height, width = pair.shape
        rows = reflected(tile.y.read_start, tile.y.read_stop, height)
        columns = reflected(tile.x.read_start, tile.x.read_stop, width)
        block = torch.from_numpy(pair[:, rows[:, None], columns][None])
        with torch.inference_mode():
            middle = self.network(block.to(self.device))[0].float().cpu().numpy()
        kept: NDArray[np.float32] = middle[tile.y.crop, tile.x.crop]
        return kept


def load_interpolator(
    folder: str | os.PathLike[str], device: DeviceName = "auto"
) -> Interpolator:
    """Load an interpolation network, ready to run.

    Parameters
    ----------
    folder : str or path
        See `load_interpolation`.
    device : {"auto", "cpu", "cuda", "mps"}
        Where it runs.

    Returns
    -------
    Interpolator
        The network on the device.

    Raises
    ------
    WeightsError
        If there is none, or it is damaged.
    InvalidParameterError
        If the device is missing.
    """
    found = find_interpolation(folder)
    return _loaded(found, read_interpolation_card(found).sha256, device)


@lru_cache(maxsize=2)
def _loaded(folder: Path, _sha256: str, device: DeviceName) -> Interpolator:
    """Load a network; the same weights give the same object, so steps stay equal."""
    return Interpolator(load_interpolation(folder).network, choose_device(device))
