"""Weights as safetensors: nothing is unpickled, nothing is executed."""

import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from napari_mitoseg.errors import (
    InvalidParameterError,
    WeightsError,
    WriteError,
    one_line,
)
from napari_mitoseg.models.architectures import architectures
from napari_mitoseg.models.base import Network
from napari_mitoseg.models.foreign.load import open_foreign
from napari_mitoseg.models.zoo import FOREIGN_FILES, WEIGHTS_FILE, ModelCard
from napari_mitoseg.params import LONGEST_NAME, Params, shown

SHOWN = 3

UNREADABLE = (ValueError, LookupError, TypeError, RuntimeError)
"""What safetensors raises beside its own error over unusual headers."""

Module = TypeVar("Module", bound=nn.Module)
Card = TypeVar("Card", bound=Params)


def build_network(card: ModelCard, content: bytes, path: Path) -> Network:
    """Build a network and fill in its weights.

    Parameters
    ----------
    card : ModelCard
        Says architecture and configuration.
    content : bytes
        A safetensors file, or that of a network made elsewhere.
    path : Path
        Where it came from, for messages.

    Returns
    -------
    Network
        In evaluation mode, float32.

    Raises
    ------
    WeightsError
        If the architecture is unknown, or the weights are damaged or do not fit.
    """
    if card.architecture in FOREIGN_FILES:
        return open_foreign(card, content, path)
    return build_and_fill(
        lambda: _untrained(card, path), content, path, card.architecture
    )


def build_and_fill(
    build: Callable[[], Module], content: bytes, path: Path, architecture: str
) -> Module:
    """Build a network and fill in its weights, if they are of this network.

    Parameters
    ----------
    build : callable
        Returns the network with fresh weights.
    content : bytes
        A safetensors file.
    path : Path
        Where it came from, for messages.
    architecture : str
        What the network is, for messages.

    Returns
    -------
    Module
        In evaluation mode.

    Raises
    ------
    WeightsError
        If the weights are damaged or do not fit.

    Notes
    -----
    A card may describe a network of any size.  It is built without memory first, and
    takes memory once the weights in the file are known to be as large.
    """
    tensors = _tensors(content, path)
    with torch.device("meta"):
        _check_fit(build(), tensors, path, architecture)
    network = build()
    network.load_state_dict(tensors)
    return network.eval()


def fill_in(network: nn.Module, content: bytes, path: Path, architecture: str) -> None:
    """Fill weights into a network, and put it into evaluation mode.

    Parameters
    ----------
    network : Module
        Changed in place.
    content : bytes
        A safetensors file.
    path : Path
        Where it came from, for messages.
    architecture : str
        What the network is, for messages.

    Raises
    ------
    WeightsError
        If the weights are damaged or do not fit.
    """
    tensors = _tensors(content, path)
    _check_fit(network, tensors, path, architecture)
    network.load_state_dict(tensors)
    network.eval()


def serialize(network: nn.Module, *, compact: bool = False) -> bytes:
    """Return the weights of a network as the bytes of a safetensors file.

    Parameters
    ----------
    network : Module
        With its weights.
    compact : bool
        Round convolution weights to 16 bits: half the size, and outputs that differ
        by less than an 8-bit map can show.

    Returns
    -------
    bytes
        The file.
    """
    state = {k: v.detach().cpu() for k, v in network.state_dict().items()}
    if compact:
        state = {k: v.half() if v.ndim > 1 else v for k, v in state.items()}
    return save({k: v.contiguous() for k, v in state.items()})


def write_folder(
    folder: Path,
    network: nn.Module,
    card: Card,
    card_file: str,
    *,
    compact: bool = False,
) -> Card:
    """Write the weights of a network and its card beside them.

    Parameters
    ----------
    folder : Path
        Made if absent; files of an earlier network in it are replaced.
    network : Module
        With its weights.
    card : Params
        What is known; its `sha256` is filled in.
    card_file : str
        Name of the card's file.
    compact : bool
        See `serialize`.

    Returns
    -------
    Params
        The card as written.

    Raises
    ------
    WriteError
        If a file cannot be written; an earlier network stays usable.
    """
    content = serialize(network, compact=compact)
    checksum = hashlib.sha256(content).hexdigest()
    written = type(card).parse({**card.model_dump(), "sha256": checksum})
    text = json.dumps(written.model_dump(mode="json"), indent=2, ensure_ascii=False)
    write_files(folder, {WEIGHTS_FILE: content, card_file: f"{text}\n".encode()})
    return written


def write_files(folder: Path, contents: dict[str, bytes]) -> None:
    """Write files into a folder, each complete or not at all.

    Parameters
    ----------
    folder : Path
        Made if absent.
    contents : dict of bytes
        By file name, replaced in this order.

    Raises
    ------
    WriteError
        If the disk is full or not writable; what was there before stays.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as draft:
            for name, content in contents.items():
                (Path(draft) / name).write_bytes(content)
            for name in contents:
                (Path(draft) / name).replace(folder / name)
    except OSError as error:
        msg = f"The model cannot be written to {folder} ({error}). Choose another."
        raise WriteError(msg) from error


def _tensors(content: bytes, path: Path) -> dict[str, Tensor]:
    try:
        return load(content)
    except (SafetensorError, *UNREADABLE) as error:
        msg = (
            f"{path} is no safetensors file ({one_line(error)}). Train the model again."
        )
        raise WeightsError(msg) from error


def _check_fit(
    network: nn.Module, tensors: dict[str, Tensor], path: Path, architecture: str
) -> None:
    """Refuse weights of another network."""
    misfits = _misfits(network.state_dict(), tensors)
    if misfits:
        msg = (
            f"{path} does not fit the architecture {architecture!r} with the "
            f"configuration on its card: {'; '.join(misfits[:SHOWN])}"
            f"{' ...' if len(misfits) > SHOWN else ''}. Train the model again."
        )
        raise WeightsError(msg)


def _untrained(card: ModelCard, path: Path) -> Network:
    """Build the network that a card describes."""
    if card.architecture not in architectures:
        msg = (
            f"The model of {path} needs the architecture {shown(card.architecture)}, "
            f"which is not known here. Known are: {', '.join(architectures)}."
        )
        raise WeightsError(msg)
    try:
        return architectures[card.architecture].from_config(card.config)
    except InvalidParameterError as error:
        msg = f"The card of {path} does not fit its architecture: {error}"
        raise WeightsError(msg) from error


def _misfits(expected: dict[str, Tensor], given: dict[str, Tensor]) -> list[str]:
    """List tensors that are missing, not expected, or of another shape."""
    missing = [f"{name} is missing" for name in expected if name not in given]
    strange = [
        f"{n[:LONGEST_NAME]} is not expected" for n in given if n not in expected
    ]
    shaped = [
        f"{name} has shape {tuple(given[name].shape)}, expected {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in given and given[name].shape != tensor.shape
    ]
    return missing + strange + shaped
