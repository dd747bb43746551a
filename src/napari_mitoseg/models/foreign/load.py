"""From the card of a model and its file to a foreign network."""

from pathlib import Path
from typing import TYPE_CHECKING

from napari_mitoseg.errors import InvalidParameterError, WeightsError
from napari_mitoseg.models.foreign import onnx, torchscript  # noqa: F401 - registered
from napari_mitoseg.models.foreign.config import ForeignConfig
from napari_mitoseg.models.foreign.network import ForeignNetwork, runtimes

if TYPE_CHECKING:
    from napari_mitoseg.models.zoo import ModelCard


def open_foreign(card: "ModelCard", content: bytes, path: Path) -> ForeignNetwork:
    """Make a foreign network ready to run.

    Parameters
    ----------
    card : ModelCard
        Says format and configuration.
    content : bytes
        The network's file.
    path : Path
        Where it came from, for messages.

    Returns
    -------
    ForeignNetwork
        In evaluation mode, on the CPU.

    Raises
    ------
    WeightsError
        If the card or the file is damaged, or the file is not safe to run.
    """
    try:
        config = ForeignConfig.parse(card.config)
    except InvalidParameterError as error:
        msg = f"The card of {path} does not describe a network: {error}"
        raise WeightsError(msg) from error
    network = runtimes[card.architecture](config, content)
    return network.eval()
