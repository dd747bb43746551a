"""A network that is part of another."""

from typing import Any

from napari_mitoseg.models.base import Network, architectures
from napari_mitoseg.params import Params, param


class Stage(Params):
    """Which network, and its settings."""

    architecture: str = param("unet2d", description="A network of two dimensions.")
    config: dict[str, Any] = param(
        default_factory=dict, description="Settings of the architecture."
    )

    def build(self) -> Network:
        """Return the network with fresh weights."""
        return architectures[self.architecture].from_config(self.config)
