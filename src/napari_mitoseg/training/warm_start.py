"""Start a network from the weights of a smaller one."""

import torch

from napari_mitoseg.errors import WeightsError
from napari_mitoseg.models.base import Network


def warm_start(network: Network, parent: Network) -> None:
    """Copy the weights of a network into one that has more input channels.

    Parameters
    ----------
    network : Network
        Of the same architecture; its last input channels are those of the parent, and
        what comes before them has no influence to begin with.  Changed in place.
    parent : Network
        Where the weights come from.

    Raises
    ------
    WeightsError
        If anything but the number of input channels differs.
    """
    given = parent.state_dict()
    state = {
        name: _widened(value, given[name]) if name in given else value
        for name, value in network.state_dict().items()
    }
    if given.keys() != state.keys() or any(
        state[name].shape != value.shape for name, value in network.state_dict().items()
    ):
        msg = "The two networks differ in more than the number of input channels."
        raise WeightsError(msg)
    network.load_state_dict(state)


def _widened(value: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    """Put zeros before the input channels of a first layer."""
    if value.shape == given.shape or value.ndim != given.ndim or value.ndim < 2:
        return given
    missing = value.shape[1] - given.shape[1]
    if missing < 0 or value.shape[0] != given.shape[0]:
        return given
    zeros = given.new_zeros(given.shape[0], missing, *given.shape[2:])
    return torch.cat([zeros, given], dim=1)
