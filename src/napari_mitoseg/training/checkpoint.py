"""The state of a training run on disk, to go on from after an interruption."""

import pickle
from pathlib import Path
from typing import Any, Protocol

import torch

from napari_mitoseg.errors import WeightsError, WriteError, one_line
from napari_mitoseg.io.damage import DAMAGE

CHECKPOINT_FILE = "checkpoint.pt"


class Stateful(Protocol):
    """A network or an optimizer."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Take over a state."""


def write_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write the state of a run, complete or not at all.

    Parameters
    ----------
    folder : Path
        Made if absent.
    state : dict
        Tensors, numbers, strings and containers of them.

    Raises
    ------
    WriteError
        If the disk is full or not writable; an earlier checkpoint stays.
    """
    draft = folder / f".{CHECKPOINT_FILE}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(state, draft)
        draft.replace(folder / CHECKPOINT_FILE)
    except (OSError, RuntimeError) as error:
        draft.unlink(missing_ok=True)
        msg = f"The checkpoint cannot be written to {folder} ({error})."
        raise WriteError(msg) from error


def read_checkpoint(folder: Path, device: torch.device) -> dict[str, Any] | None:
    """Read the state of a run.

    Parameters
    ----------
    folder : Path
        Where the run writes.
    device : torch.device
        Where tensors go.

    Returns
    -------
    dict or None
        The state; None if there is no checkpoint.

    Raises
    ------
    WeightsError
        If the checkpoint is damaged.
    """
    path = folder / CHECKPOINT_FILE
    if not path.is_file():
        return None
    try:
        state: Any = torch.load(path, map_location=device, weights_only=True)
    except (OSError, pickle.UnpicklingError, *DAMAGE) as error:
        msg = (
            f"{path} is damaged ({one_line(error)}). Delete it to train from the start."
        )
        raise WeightsError(msg) from error
    if not isinstance(state, dict):
        msg = f"{path} holds no state of a training. Delete it to train from the start."
        raise WeightsError(msg)
    return state


def load_states(state: dict[str, Any], folder: Path, **owners: Stateful) -> None:
    """Give the parts of a checkpoint to whom they belong.

    Parameters
    ----------
    state : dict
        As read.
    folder : Path
        Where it was, for the message.
    **owners : Module or Optimizer
        By the name of their part.

    Raises
    ------
    WeightsError
        If a part is that of another network.
    """
    try:
        for name, owner in owners.items():
            owner.load_state_dict(state[name])
    except DAMAGE as error:
        msg = (
            f"The checkpoint in {folder} is of another network. Choose "
            "another folder, or train from the start."
        )
        raise WeightsError(msg) from error
