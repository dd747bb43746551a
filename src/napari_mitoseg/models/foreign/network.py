"""A network made elsewhere, behind the contract of `Network`."""

from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate, pad

from napari_mitoseg.errors import WeightsError
from napari_mitoseg.models.base import Network, Normalize
from napari_mitoseg.models.foreign.config import PANOPTIC, ForeignConfig
from napari_mitoseg.models.foreign.operations import Preparation
from napari_mitoseg.models.foreign.panoptic import draw_borders, group_by_centres
from napari_mitoseg.registry import Registry
from napari_mitoseg.volume import Volume

EPS = 1e-7
"""Closest to 0 and 1 that a probability is taken for, as a logit."""

SURROUNDINGS = 256
"""Pixels around a region in which centres are looked for: more than most objects."""


class ForeignNetwork(Network):
    """Base of networks that come as a file: weights and computation in one.

    Parameters
    ----------
    config : ForeignConfig
        What goes in, and what comes out.
    content : bytes
        The file.

    Notes
    -----
    They cannot be trained.  What they return is brought to probabilities by the
    operations in their config; centres and offsets become a boundary map, slice by
    slice, once a slice is complete.
    """

    Config = ForeignConfig
    config: ForeignConfig

    def __init__(self, config: ForeignConfig, content: bytes) -> None:
        super().__init__(config)
        self.dimensions = config.dimensions
        self.context = config.context
        self.outputs = config.outputs
        self.turns = not config.is_panoptic
        self.surroundings = SURROUNDINGS if config.is_panoptic else 0
        self.halo = config.halo
        self.divisor = _divisor(config)
        self.start(content)

    def start(self, content: bytes) -> None:
        """Make ready to run.

        Parameters
        ----------
        content : bytes
            The file.

        Raises
        ------
        WeightsError
            If it is damaged, or not safe to run.
        """
        raise NotImplementedError

    def run(self, image: Tensor) -> Any:
        """Return what the network returns: a tensor, several, or a dictionary."""
        raise NotImplementedError

    @property
    def n_maps(self) -> int:
        """Number of maps that `probability` gives."""
        return len(self.config.maps)

    def normalizer(self, volume: Volume) -> Normalize:
        """Return what the config says has to be done to a slice."""
        return Preparation(self.config.preprocessing, volume)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits of the outputs, or of what they are made of."""
        return torch.logit(self.probability(image), eps=EPS)

    def probability(self, image: Tensor) -> Tensor:
        """Return the maps of the config for an image of any size."""
        size = image.shape[2:]
        smallest, step = (
            self._sized(self.config.smallest),
            self._sized(self.config.step),
        )
        legal = [
            low if fixed else low + -(-max(n - low, 0) // by) * by
            for n, low, by, fixed in zip(
                size, smallest, step, self._sized(self.config.fixed), strict=True
            )
        ]
        padded = _padded(image, [max(a, b) for a, b in zip(legal, size, strict=True)])
        maps = self._in_windows(padded, legal)
        return _cut(maps, [slice(n) for n in size])

    def read_maps(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return semantic and boundary map; the latter from centres, if there are."""
        named = dict(zip((one.name for one in self.config.maps), maps, strict=True))
        if self.config.is_panoptic:
            centre, *offsets = (named[name] for name in PANOPTIC)
            labels = group_by_centres(
                named["semantic"], centre, np.stack(offsets), self.config.grouping
            )
            named["boundary"] = draw_borders(labels)
        both = (name for name in ("semantic", "boundary") if name in self.outputs)
        return np.clip(np.stack([named[name] for name in both]), 0, 1)

    @property
    def _usual(self) -> str:
        """Order of axes here."""
        return "bc" + "zyx"[3 - self.dimensions :]

    @property
    def _takes_batches(self) -> bool:
        return self.config.batched and "b" in (self.config.axes or "b")

    def _sized(self, sizes: tuple[Any, Any, Any]) -> tuple[Any, ...]:
        return sizes[3 - self.dimensions :]

    def _in_windows(self, image: Tensor, window: list[int]) -> Tensor:
        """Run over windows of one size; each is kept but for its halo."""
        size = image.shape[2:]
        if list(size) == window:
            return self._maps(image)
        rims = [
            min(h, (w - 1) // 2)
            for h, w in zip(self._sized(self.config.halo), window, strict=True)
        ]
        starts = [
            _starts(n, w, rim) for n, w, rim in zip(size, window, rims, strict=True)
        ]
        whole = image.new_zeros((image.shape[0], self.n_maps, *size)).float()
        for corner in product(*starts):
            part = [slice(a, a + w) for a, w in zip(corner, window, strict=True)]
            maps = self._maps(_cut(image, part).contiguous())
            # A window overwrites the rim of those before it, but not with its own.
            first = [rim if a else 0 for a, rim in zip(corner, rims, strict=True)]
            kept = [
                slice(p.start + f, p.stop) for p, f in zip(part, first, strict=True)
            ]
            _cut(whole, kept).copy_(_cut(maps, [slice(f, None) for f in first]))
        return whole

    def _maps(self, image: Tensor) -> Tensor:
        """Run once, and pick the maps out of what is returned."""
        if len(image) > 1 and not self._takes_batches:
            return torch.cat([self._maps(one[None]) for one in image])
        with torch.autocast(image.device.type, enabled=False):
            given = image.to(getattr(torch, self.config.dtype))
            answer = self.run(_arranged(given, self.config.axes or self._usual))
            returned = self._returned(answer, given)
        maps = [
            self._pick(returned, one.tensor, one.channel) for one in self.config.maps
        ]
        turned = [
            1 - one if source.inverted else one
            for one, source in zip(maps, self.config.maps, strict=True)
        ]
        return torch.stack(turned, dim=1)

    def _returned(self, answer: Any, image: Tensor) -> list[Tensor]:
        """Return the declared tensors at the size of the image, operations applied."""
        found = []
        for place, declared in enumerate(self.config.returned):
            tensor = _find(answer, declared.key, place)
            order = declared.axes or self._usual
            if tensor is None or tensor.ndim != len(order):
                msg = (
                    "The network does not return what its description says "
                    f"({_describe(answer)}). Install it again with another description."
                )
                raise WeightsError(msg)
            maps = _restored(tensor.to(image.device).float(), order, self._usual)
            if maps.shape[2:] != image.shape[2:]:
                mode = "bilinear" if image.ndim == 4 else "trilinear"
                maps = interpolate(
                    maps, size=image.shape[2:], mode=mode, align_corners=False
                )
            for operation in declared.operations:
                maps = operation.apply_to_tensor(maps)
            found.append(maps)
        return found

    def _pick(self, returned: list[Tensor], tensor: int, channel: int) -> Tensor:
        maps = returned[tensor]
        if channel >= maps.shape[1]:
            msg = (
                f"The network returns {maps.shape[1]} channels, but channel {channel} "
                "is to be used. Install it again and say which channels are what."
            )
            raise WeightsError(msg)
        return maps[:, channel]


runtimes: Registry[type[ForeignNetwork]] = Registry("format of foreign networks")


def _divisor(config: ForeignConfig) -> tuple[int, int, int]:
    """Return what tiles are multiples of: free axes take steps, fixed ones windows."""
    z, y, x = (
        1 if fixed else step
        for step, fixed in zip(config.step, config.fixed, strict=True)
    )
    return z, y, x


def _cut(image: Tensor, part: list[slice]) -> Tensor:
    """Return a part of an image or of maps."""
    index: tuple[Any, ...] = (..., *part)
    return image[index]


def _arranged(image: Tensor, order: str) -> Tensor:
    """Bring the axes of an image into an order; ones that are missing have size 1."""
    usual = "bczyx" if image.ndim == 5 else "bcyx"
    missing = [n for n, name in enumerate(usual) if name not in order]
    for n in reversed(missing):
        image = image.select(n, 0)
    left = [name for name in usual if name in order]
    return image.permute([left.index(name) for name in order])


def _restored(tensor: Tensor, order: str, usual: str) -> Tensor:
    """Bring the axes of a tensor back into the usual order."""
    left = [name for name in usual if name in order]
    tensor = tensor.permute([order.index(name) for name in left])
    for n, name in enumerate(usual):
        if name not in order:
            tensor = tensor.unsqueeze(n)
    return tensor


def _padded(image: Tensor, size: list[int]) -> Tensor:
    """Continue an image at its far ends by its last voxels."""
    missing = [b - a for a, b in zip(image.shape[2:], size, strict=True)]
    if not any(missing):
        return image
    amounts = [amount for n in reversed(missing) for amount in (0, n)]
    return pad(image, amounts, mode="replicate")


def _starts(size: int, window: int, rim: int) -> list[int]:
    """Return where windows begin, so that the kept parts cover an axis."""
    by = max(window - 2 * rim, 1)
    last = size - window
    return [*range(0, last, by), last]


def _find(answer: Any, key: str, place: int) -> Tensor | None:
    if isinstance(answer, Tensor):
        return answer if place == 0 else None
    if isinstance(answer, dict):
        found = answer.get(key) if key else None
    else:
        found = answer[place] if place < len(answer) else None
    return found if isinstance(found, Tensor) else None


def _describe(answer: Any) -> str:
    """Say what a network returned."""
    if isinstance(answer, Tensor):
        return f"one tensor of shape {tuple(answer.shape)}"
    if isinstance(answer, dict):
        return f"tensors named {', '.join(map(str, answer))}"
    return f"{len(answer)} tensors" if isinstance(answer, list | tuple) else "nothing"
