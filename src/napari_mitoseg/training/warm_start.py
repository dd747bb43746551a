"""Start a network from the weights of a smaller one."""

import torch

from napari_mitoseg.errors import WeightsError
from napari_mitoseg.models.base import Network
from napari_mitoseg.models.spatial_continuity import SpatialContinuity
from napari_mitoseg.models.zoo import TrainedModel


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


def first_network(start: TrainedModel) -> TrainedModel:
    """Return what N_se can start from: the first network of a model.

    Parameters
    ----------
    start : TrainedModel
        One network, or two in a row.

    Returns
    -------
    TrainedModel
        One network; the card says its architecture.

    Raises
    ------
    WeightsError
        If it is not one of two dimensions with a semantic map.
    """
    network, card = start.network, start.card
    if isinstance(network, SpatialContinuity):
        stage = network.config.segmentation
        card = card.model_copy(update={"architecture": stage.architecture})
        network = network.segmentation
    if network.dimensions != 2 or "semantic" not in network.outputs or network.extra:
        msg = (
            f"Training cannot start from {start.card.name!r}: it needs a network of "
            "two dimensions with a semantic map. Choose fast, scratch, or a model "
            "trained from a sparse annotation."
        )
        raise WeightsError(msg)
    return TrainedModel(card, network)


def only_semantic(start: TrainedModel) -> TrainedModel:
    """Return a network without its output maps other than the semantic one.

    Parameters
    ----------
    start : TrainedModel
        One network; its last layer is called ``head`` and its channels belong to the
        maps in order.

    Returns
    -------
    TrainedModel
        With the same weights otherwise.

    Notes
    -----
    A sparse annotation says nothing about where touching mitochondria meet.
    """
    network = start.network
    config = network.config.model_dump() | {"outputs": ("semantic",)}
    single = type(network).from_config(config)
    position = network.outputs.index("semantic")
    n_maps = len(network.outputs)
    single.load_state_dict(
        {
            name: value.chunk(n_maps)[position] if name.startswith("head.") else value
            for name, value in network.state_dict().items()
        }
    )
    return TrainedModel(start.card, single.eval())


def _widened(value: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    """Put zeros before the input channels of a first layer."""
    if value.shape == given.shape or value.ndim != given.ndim or value.ndim < 2:
        return given
    missing = value.shape[1] - given.shape[1]
    if missing < 0 or value.shape[0] != given.shape[0]:
        return given
    zeros = given.new_zeros(given.shape[0], missing, *given.shape[2:])
    return torch.cat([zeros, given], dim=1)
