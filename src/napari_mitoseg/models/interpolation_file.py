"""Trained interpolation networks: what is known about each, and their folders.

A folder holds ``interpolation.json``, its `InterpolationCard`, and
``weights.safetensors``; it is no model that segments, and is not in the list of those.
Only loading and saving import torch.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from napari_mitoseg.documents import read_text
from napari_mitoseg.errors import ReadError, WeightsError
from napari_mitoseg.models.zoo import WEIGHTS_FILE, models_folder, read_weights
from napari_mitoseg.params import Params, describe, param

if TYPE_CHECKING:
    from napari_mitoseg.models.interpolation import InterpolationNetwork

CARD_FILE = "interpolation.json"
FOLDER = "interpolation"


class InterpolationCard(Params):
    """What is known about a trained interpolation network."""

    data: str = param(description="The stack it was trained on.")
    config: dict[str, Any] = param(
        default_factory=dict, description="Settings of the network."
    )
    skipped: tuple[int, ...] = param((), description="Slices kept out of training.")
    steps: int = param(0, ge=0, description="Steps of training.")
    seed: int = param(0, description="Seed of all chance.")
    psnr: float = param(0.0, description="On the patches of the last steps.", unit="dB")
    psnr_of_mean: float = param(
        0.0, description="Of the mean of the neighbours, on the same.", unit="dB"
    )
    sha256: str = param("", description="Checksum of the weights file.")


@dataclass(frozen=True, eq=False)
class TrainedInterpolation:
    """An interpolation network with its weights, and what is known about it.

    Attributes
    ----------
    card : InterpolationCard
        What is known.
    network : InterpolationNetwork
        In evaluation mode, on the CPU.
    """

    card: InterpolationCard
    network: "InterpolationNetwork"


def interpolation_folder(name: str) -> Path:
    """Return where the interpolation network of a stack is kept unless told."""
    return models_folder() / FOLDER / name


def save_interpolation(
    network: "InterpolationNetwork", card: InterpolationCard, folder: Path
) -> InterpolationCard:
    """Write the folder of an interpolation network.

    Parameters
    ----------
    network : InterpolationNetwork
        With its weights.
    card : InterpolationCard
        What is known; configuration and checksum are filled in.
    folder : Path
        Made if absent; an earlier network in it is replaced.

    Returns
    -------
    InterpolationCard
        As written.

    Raises
    ------
    WriteError
        If a file cannot be written; an earlier network stays usable.
    """
    from napari_mitoseg.models import weights_file  # noqa: PLC0415

    known = {"config": network.config.model_dump(mode="json")}
    filled = card.model_copy(update=known)
    return weights_file.write_folder(folder, network, filled, CARD_FILE)


def load_interpolation(folder: str | os.PathLike[str]) -> TrainedInterpolation:
    """Load a trained interpolation network.

    Parameters
    ----------
    folder : str or path
        Folder that a training wrote, or the name of one among the user's own.

    Returns
    -------
    TrainedInterpolation
        Network and card.

    Raises
    ------
    WeightsError
        If there is none, or it is damaged.
    """
    from napari_mitoseg.models import weights_file  # noqa: PLC0415
    from napari_mitoseg.models.interpolation import (  # noqa: PLC0415
        InterpolationNetwork,
    )

    found = find_interpolation(folder)
    card = read_interpolation_card(found)
    path = found / WEIGHTS_FILE
    content = read_weights(path, card.sha256)
    network = weights_file.build_and_fill(
        lambda: InterpolationNetwork.from_config(card.config), content, path, FOLDER
    )
    return TrainedInterpolation(card, network)


def read_interpolation_card(folder: Path) -> InterpolationCard:
    """Read the card of an interpolation network.

    Parameters
    ----------
    folder : Path
        Folder with ``interpolation.json``.

    Returns
    -------
    InterpolationCard
        What is known about it.

    Raises
    ------
    WeightsError
        If it cannot be read or is no card.
    """
    path = folder / CARD_FILE
    try:
        return InterpolationCard.model_validate_json(read_text(path))
    except ReadError as error:
        msg = f"{error} Or train the network again."
        raise WeightsError(msg) from error
    except ValidationError as error:
        msg = f"{path} is damaged: {describe(error)} Train the network again."
        raise WeightsError(msg) from error


def find_interpolation(name_or_folder: str | os.PathLike[str]) -> Path:
    """Find the folder of an interpolation network.

    Parameters
    ----------
    name_or_folder : str or path
        The folder that a training wrote, or the name of one among the user's own.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    WeightsError
        If it holds none.
    """
    given = Path(name_or_folder)
    own = interpolation_folder(given.name)
    if given.name == str(given) and (own / CARD_FILE).is_file():
        return own
    if (given / CARD_FILE).is_file():
        return given
    msg = (
        f"{os.fspath(name_or_folder)!r} holds no {CARD_FILE}. Train an interpolation "
        "network on the stack (train-interpolation), and give the folder it wrote."
    )
    raise WeightsError(msg)
