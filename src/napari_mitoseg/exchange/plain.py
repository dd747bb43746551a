"""What has to be known about a bare graph: the JSON file beside it."""

from typing import Any

from napari_mitoseg import __version__
from napari_mitoseg.models.foreign.config import ForeignConfig
from napari_mitoseg.models.zoo import ModelCard, TrainedModel

NORMALIZATION = (
    "Each slice by itself: values clipped to their 0.5th and 99.5th percentile give "
    "mean and standard deviation; the unclipped slice is brought to mean 0 and "
    "deviation 1 by them, then clipped to -4 and 4. Patches of one value that contain "
    "a corner and cover more than 2 % take no part, and become 0."
)


def describe_plain(model: TrainedModel, kind: str, sha256: str) -> dict[str, Any]:
    """Return what the JSON file beside a bare graph says.

    Parameters
    ----------
    model : TrainedModel
        The model.
    kind : {"torchscript", "onnx"}
        Format of the graph.
    sha256 : str
        Of its file.

    Returns
    -------
    dict
        In words for people, and as a `ModelCard` that this program installs.
    """
    card = foreign_card(model, kind, sha256)
    network = model.network
    axes = "bczyx" if network.dimensions == 3 else "bcyx"
    channels = "one" if network.dimensions == 3 else "slices, the middle one predicted"
    return {
        "software": f"napari-mitoseg {__version__}",
        "input": f"float32, {axes}; channels: {channels}",
        "output": f"float32, {axes}, probabilities; channels: the outputs, in order",
        "outputs": [*network.outputs],
        "spacing_nm_zyx": [*card.spacing],
        "sizes_multiple_of_zyx": [*network.divisor],
        "normalization": NORMALIZATION,
        "card": card.model_dump(mode="json"),
    }


def foreign_card(model: TrainedModel, kind: str, sha256: str) -> ModelCard:
    """Return the card of a model of ours as a foreign network.

    Parameters
    ----------
    model : TrainedModel
        The model.
    kind : {"torchscript", "onnx"}
        Format of the graph.
    sha256 : str
        Of its file.

    Returns
    -------
    ModelCard
        With a `ForeignConfig`: slices are normalised before the graph.
    """
    network = model.network
    shown = ("semantic", "boundary")
    config = ForeignConfig.parse(
        {
            "dimensions": network.dimensions,
            "context": network.context,
            "smallest": network.divisor,
            "step": network.divisor,
            "halo": network.halo,
            "preprocessing": [{"kind": "normalize-slice"}],
            "maps": [
                {"name": name, "channel": channel}
                for channel, name in enumerate(network.outputs)
                if name in shown
            ],
        }
    )
    update = {
        "architecture": kind,
        "config": config.model_dump(mode="json"),
        "outputs": config.outputs,
        "sha256": sha256,
        "parent": model.card.name,
    }
    return model.card.model_copy(update=update)
