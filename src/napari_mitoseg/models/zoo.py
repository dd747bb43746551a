"""Trained models: what is known about each, and how to load and save one.

A model is a folder with ``model.json``, its `ModelCard`, and
``weights.safetensors``, or the file of a network that was made elsewhere.  Small ones
are part of the package; the user's own lie in `models_folder`.  Only
`load_model` and `save_model` import torch.
"""

import difflib
import hashlib
import os
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError, field_validator

from napari_mitoseg.documents import read_text
from napari_mitoseg.errors import ReadError, UnknownNameError, WeightsError
from napari_mitoseg.maps import Calibration
from napari_mitoseg.models.foreign.trust import check_trusted
from napari_mitoseg.params import Params, describe, param, shown
from napari_mitoseg.user_folders import data_folder
from napari_mitoseg.volume import Shape, Spacing, as_spacing

if TYPE_CHECKING:
    from napari_mitoseg.models.base import Network

CARD_FILE = "model.json"
WEIGHTS_FILE = "weights.safetensors"
FOREIGN_FILES = {"onnx": "weights.onnx", "torchscript": "weights.torchscript"}
"""Files of networks that were made elsewhere, by their architecture."""
EMBEDDED = Path(__file__).parent / "weights"
OWN_DATA = "That of the labels and the images."
"""Licence of a model that was trained on the user's data alone."""

FOLDER_VARIABLE = "MITOSEG_MODELS"


class Score(Params):
    """One measured score of a model."""

    data: str = param(description="What was segmented, and which slices of it.")
    measure: str = param("IoU", description="Which score.")
    value: float = param(description="The score.")
    seen: Literal["same stack", "same data set", "never"] = param(
        description="Whether training saw this stack, its data set, or neither."
    )
    how: str = param("", description="How it was measured.")

    def __str__(self) -> str:
        """Say what was reached on what, and whether training saw it."""
        seen = f"seen in training: {self.seen}"
        return f"{self.measure} {self.value:.3f} on {self.data} ({seen})"


class ModelCard(Params):
    """What is known about a trained model."""

    name: str = param(min_length=1, max_length=200, description="Name to choose it by.")
    architecture: str = param(description="Name in the registry of architectures.")
    config: dict[str, Any] = param(
        default_factory=dict, description="Settings of the architecture."
    )
    spacing: Spacing = param(
        description="Spacing of the training images, ZYX.", unit="nm"
    )
    outputs: tuple[str, ...] = param(
        ("semantic", "boundary"), description="What the output maps are, in order."
    )
    patch: Shape = param((1, 256, 256), description="Patch of training, ZYX voxels.")
    halo: Shape = param(
        (0, 0, 0), description="Radius of the receptive field, ZYX voxels."
    )
    sha256: str = param("", description="Checksum of the weights file.")
    description: str = param("", description="What it is and what it is for.")
    data: tuple[str, ...] = param((), description="What it was trained on.")
    authors: tuple[str, ...] = param((), description="Who made it.")
    licence: str = param("", description="Terms of the weights.")
    citation: tuple[str, ...] = param((), description="What to cite.")
    doi: str = param("", description="Persistent identifier.")
    scores: tuple[Score, ...] = param((), description="Measured scores.")
    doubt: float | None = param(
        None,
        ge=0,
        le=1,
        description="Share of what it finds on stacks like those it was trained on "
        "that it is unsure of.",
    )
    calibration: Calibration = param(
        (),
        description="Mean probability of an object, rising, and the share of objects "
        "with it that were mitochondria, on slices held out.",
    )
    limits: tuple[str, ...] = param((), description="Known failures.")
    command: str = param("", description="Command that trained it.")
    parent: str = param("", description="Model that training started from.")

    @field_validator("spacing")
    @classmethod
    def _check_spacing(cls, value: Spacing) -> Spacing:
        return as_spacing(value)

    @field_validator("calibration")
    @classmethod
    def _check_calibration(cls, value: Calibration) -> Calibration:
        means = [mean for mean, _ in value]
        if means != sorted(set(means)) or any(not 0 <= n <= 1 for n in chain(*value)):
            msg = "pairs of a rising mean and a share, all 0 to 1, are expected"
            raise ValueError(msg)
        return value


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A network with its weights, and what is known about it.

    Attributes
    ----------
    card : ModelCard
        What is known.
    network : Network
        In evaluation mode, on the CPU, float32.
    """

    card: ModelCard
    network: "Network"


def models_folder() -> Path:
    """Return the folder of the user's own models.

    Returns
    -------
    Path
        ``$MITOSEG_MODELS`` if set, else the platform's folder for user data.  It
        may not exist yet.
    """
    return data_folder(FOLDER_VARIABLE)


def list_models() -> tuple[ModelCard, ...]:
    """Return the cards of the embedded models, then of the user's own.

    Returns
    -------
    tuple of ModelCard
        By name within each group.  A user's folder with a damaged card is left out:
        `load_model` says what is wrong with it.
    """
    cards = [read_card(folder) for folder in _model_folders(EMBEDDED)]
    for folder in _model_folders(models_folder()):
        try:
            cards.append(read_card(folder))
        except WeightsError:
            continue
    return tuple(cards)


def model_names() -> tuple[str, ...]:
    """Return the names that `load_model` knows."""
    return tuple(card.name for card in list_models())


def find_model(name_or_folder: str | os.PathLike[str]) -> Path:
    """Find the folder of a model.

    Parameters
    ----------
    name_or_folder : str or path
        Name of a model, or a folder with ``model.json``.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UnknownNameError
        If there is neither; lists the choices.
    WeightsError
        If it is a folder that holds no model.
    """
    name = os.fspath(name_or_folder)
    for parent in (EMBEDDED, models_folder()):
        for folder in _model_folders(parent):
            if name in {folder.name, _name_in(folder)}:
                return folder
    if Path(name).is_dir():
        return _checked_folder(Path(name))
    raise UnknownNameError(_unknown(name))


def read_card(folder: Path) -> ModelCard:
    """Read the card of a model folder.

    Parameters
    ----------
    folder : Path
        Folder with ``model.json``.

    Returns
    -------
    ModelCard
        What is known about the model.

    Raises
    ------
    WeightsError
        If ``model.json`` cannot be read or is no card.
    """
    path = folder / CARD_FILE
    try:
        return ModelCard.model_validate_json(read_text(path))
    except ReadError as error:
        msg = f"{error} A model is a folder with {CARD_FILE} and {WEIGHTS_FILE}."
        raise WeightsError(msg) from error
    except ValidationError as error:
        msg = (
            f"{path} is no model card: {describe(error)} Restore the file or train "
            "the model again."
        )
        raise WeightsError(msg) from error


def load_model(name_or_folder: str | os.PathLike[str]) -> TrainedModel:
    """Load a trained model.

    Parameters
    ----------
    name_or_folder : str or path
        Name of a model (see `model_names`), or a model folder.

    Returns
    -------
    TrainedModel
        Network in evaluation mode on the CPU, float32, and its card.

    Raises
    ------
    UnknownNameError
        If nothing has this name; lists the choices.
    WeightsError
        If the card or the weights are missing, damaged or do not fit the
        architecture.
    """
    folder = find_model(name_or_folder)
    card = read_card(folder)
    path = folder / FOREIGN_FILES.get(card.architecture, WEIGHTS_FILE)
    check_trusted(models_folder(), card.architecture, card.sha256, path)
    content = read_weights(path, card.sha256)
    from napari_mitoseg.models import weights_file  # noqa: PLC0415

    return TrainedModel(card, weights_file.build_network(card, content, path))


def load_trainable(name_or_folder: str | os.PathLike[str]) -> TrainedModel:
    """Load a model that training may start from.

    Parameters
    ----------
    name_or_folder : str or path
        As for `load_model`.

    Returns
    -------
    TrainedModel
        As from `load_model`.

    Raises
    ------
    UnknownNameError, WeightsError
        As from `load_model`, or if the network was made elsewhere.
    """
    card = read_card(find_model(name_or_folder))
    if card.architecture in FOREIGN_FILES:
        msg = (
            f"{card.name} came as {card.architecture}: it can be applied, but not "
            "trained further. Start from another model, or from scratch."
        )
        raise WeightsError(msg)
    return load_model(name_or_folder)


def save_model(
    network: "Network", card: ModelCard, folder: Path, *, compact: bool = False
) -> ModelCard:
    """Write a model folder.

    Parameters
    ----------
    network : Network
        With its weights.
    card : ModelCard
        What is known; checksum, configuration, outputs and halo are filled in from
        the network.
    folder : Path
        Made if absent; files of an earlier model in it are replaced.
    compact : bool
        Round convolution weights to 16 bits, for half the size.

    Returns
    -------
    ModelCard
        The card as written.

    Raises
    ------
    WriteError
        If a file cannot be written; an earlier model stays usable.
    """
    from napari_mitoseg.models import weights_file  # noqa: PLC0415

    known = {
        "config": network.config.model_dump(mode="json"),
        "outputs": network.outputs,
        "halo": network.halo,
    }
    filled = card.model_copy(update=known)
    return weights_file.write_folder(
        folder, network, filled, CARD_FILE, compact=compact
    )


def _model_folders(parent: Path) -> list[Path]:
    """Return the folders in `parent` that hold a card, by name."""
    return sorted(path.parent for path in parent.glob(f"*/{CARD_FILE}"))


def _name_in(folder: Path) -> str:
    """Return the name on a folder's card; the folder's own if it is damaged."""
    try:
        return read_card(folder).name
    except WeightsError:
        return folder.name


def _checked_folder(folder: Path) -> Path:
    if not (folder / CARD_FILE).is_file():
        msg = (
            f"{folder} holds no {CARD_FILE}. Give the folder that a training wrote, or "
            f"one of: {', '.join(model_names())}."
        )
        raise WeightsError(msg)
    return folder


def _unknown(name: str) -> str:
    """Say what can be chosen, and whether the name is an untrained architecture."""
    from napari_mitoseg.models.architectures import architectures  # noqa: PLC0415
    from napari_mitoseg.models.public import public_names  # noqa: PLC0415

    names = model_names()
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    if name in architectures:
        hint = f" {name!r} is an architecture without embedded weights; train it first."
    if name in public_names():
        hint = (
            f" {name!r} is a public model: download it once with napari-mitoseg "
            f"install-model {name}, or under Models… in the Segment widget."
        )
    return (
        f"There is no model called {name!r}.{hint} Choose one of: "
        f"{', '.join(names)}; or give the folder of a model."
    )


def read_weights(path: Path, checksum: str) -> bytes:
    """Read a weights file and compare its checksum with the card's.

    Parameters
    ----------
    path : Path
        The file.
    checksum : str
        Its sha256, as the card says.

    Returns
    -------
    bytes
        The file's content.

    Raises
    ------
    WeightsError
        If it cannot be read, or is another file than the card's.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        msg = f"{path} cannot be read ({error}). Restore it or train the model again."
        raise WeightsError(msg) from error
    found = hashlib.sha256(content).hexdigest()
    if found != checksum:
        msg = (
            f"{path} is damaged or belongs to another model: its sha256 is {found}, "
            f"its card says {shown(checksum) if checksum else 'nothing'}. Restore it "
            "or train the model again."
        )
        raise WeightsError(msg)
    return content
