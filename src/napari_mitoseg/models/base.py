"""What every network is: the contract that inference and training rely on."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from napari_mitoseg.models.normalize import normalize_slice
from napari_mitoseg.models.receptive_field import Reach
from napari_mitoseg.params import Params
from napari_mitoseg.registry import Registry
from napari_mitoseg.volume import Shape, Volume

Planes = NDArray[np.float32]
Normalize = Callable[[NDArray[Any]], Planes]

Widths = tuple[Annotated[int, Field(ge=1, le=4096)], ...]
"""Channels at each level of a network."""


class Network(nn.Module):
    """Base of all networks: fully convolutional, logits out.

    Input is a normalised image, see `normalize.normalize_slice`.  A network of two
    dimensions takes ``(B, 2 * context + 1, Y, X)``, the slice to segment in the
    middle of its neighbours, and returns ``(B, len(outputs), Y, X)``; if it has
    `extra` channels, they follow the slices.  One of three
    dimensions takes ``(B, 1 + extra, Z, Y, X)`` and returns
    ``(B, len(outputs), Z, Y, X)``.
    Statistics must not depend on the size of the input (batch normalisation is
    fine, instance normalisation is not), so that tiled equals untiled.

    Parameters
    ----------
    config : Params
        What `Config` of the class declares.

    Attributes
    ----------
    Config : type of Params
        Declares the settings of the architecture; all have defaults.
    dimensions : int
        2 or 3.
    citation : tuple of str
        What to cite for the architecture; goes into the cards of models trained here.
    outputs : tuple of str
        What the output maps are, in order.
    context : int
        Neighbour slices on each side that go in as channels; 0 in 3D.
    extra : int
        Channels that go in beside the slices; 0 but for a second network in a row,
        see `spatial_continuity.SpatialContinuity` and `cascade.Cascade`.
    divisor : tuple of int
        Input sizes along z, y, x must be multiples of these.
    halo : tuple of int
        Radius of the receptive field along z, y, x in voxels; exact.
    turns : bool
        Whether a turned image gives turned maps, so that views can be averaged.
    surroundings : int
        Pixels of maps around a region that `read_maps` looks at.
    """

    Config: ClassVar[type[Params]]
    dimensions: int
    citation: ClassVar[tuple[str, ...]] = ()
    outputs: tuple[str, ...]
    context: int
    extra: int = 0
    turns: bool = True
    surroundings: int = 0
    divisor: Shape
    halo: Shape

    def __init__(self, config: Params) -> None:
        super().__init__()
        self.config = config

    @classmethod
    def from_config(cls, values: dict[str, Any] | None = None) -> "Network":
        """Build the network from plain settings.

        Parameters
        ----------
        values : dict, optional
            Settings as JSON holds them; defaults where absent.

        Returns
        -------
        Network
            With fresh weights.

        Raises
        ------
        InvalidParameterError
            If a setting is unknown or out of bounds.
        """
        return cls(cls.Config.parse(values or {}))

    @property
    def in_channels(self) -> int:
        """Number of channels of the input."""
        return 2 * self.context + 1 + self.extra

    def needs(self, reach: Reach) -> Reach:
        """Return what an interval of the output depends on, along y or x.

        Parameters
        ----------
        reach : Reach
            Pixels of the output.

        Returns
        -------
        Reach
            Pixels of the input; only planar networks say so.
        """
        raise NotImplementedError

    @property
    def n_maps(self) -> int:
        """Number of maps that `probability` gives, see `read_maps`."""
        return len(self.outputs)

    def normalizer(self, volume: Volume) -> Normalize:  # noqa: ARG002 - a hook
        """Return what brings a slice of a volume to the grey scale of training.

        Parameters
        ----------
        volume : Volume
            The stack; networks made elsewhere may look at its statistics.

        Returns
        -------
        callable
            From a slice to its normalised form, float32; `normalize_slice` here.
        """
        return normalize_slice

    def probability(self, image: Tensor) -> Tensor:
        """Return maps of a normalised image, as tiles are blended.

        Parameters
        ----------
        image : Tensor
            As for `forward`.

        Returns
        -------
        Tensor
            `n_maps` maps: probabilities, but for what `read_maps` makes sense of.
        """
        probability: Tensor = torch.sigmoid(self(image).float())
        return probability

    def read_maps(self, maps: Planes) -> Planes:
        """Return the output maps of a complete slice.

        Parameters
        ----------
        maps : ndarray of float32, shape (n_maps, Y, X)
            What `probability` gave, put together from tiles.

        Returns
        -------
        ndarray of float32, shape (len(outputs), Y, X)
            Probabilities.
        """
        return maps

    def count_parameters(self) -> int:
        """Return the number of values that training sets."""
        return sum(p.numel() for p in self.parameters())

    def forward(self, image: Tensor) -> Tensor:
        """Return logits for a normalised image; see the class for shapes."""
        raise NotImplementedError

    def forward_middle(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Return logits of the middle of patches, as training asks for them.

        Parameters
        ----------
        image : Tensor
            As for `forward`.
        size : tuple of int
            Pixels wanted along y and x; pixel ``n // 2`` of the patch is the middle.

        Returns
        -------
        Tensor
            As from `forward`, but for its size along y and x.
        """
        logits: Tensor = self(image)
        for axis, wanted in zip((-2, -1), size, strict=True):
            start = logits.shape[axis] // 2 - wanted // 2
            logits = logits.narrow(axis, start, wanted)
        return logits


architectures: Registry[type[Network]] = Registry("architecture")
