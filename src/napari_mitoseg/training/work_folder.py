"""Where an unfinished training keeps what it needs to go on."""

import hashlib
import json
import shutil
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.documents import read_json
from napari_mitoseg.errors import (
    InvalidParameterError,
    ReadError,
    WeightsError,
    WriteError,
    one_line,
)
from napari_mitoseg.io.damage import DAMAGE
from napari_mitoseg.models.zoo import CARD_FILE
from napari_mitoseg.training.sparse_settings import SparseSettings
from napari_mitoseg.volume import Shape

WORK = ".training"
STATE = "state.json"


class WorkFolder:
    """The hidden folder of an unfinished training.

    Parameters
    ----------
    folder : Path
        The model folder it lies in.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / WORK
        self._state: dict[str, Any] = {}

    def open(self, fingerprint: dict[str, Any], *, resume: bool) -> None:
        """Go on with what is there, or begin anew.

        Parameters
        ----------
        fingerprint : dict
            What has to be the same for going on, see `fingerprint`.
        resume : bool
            False deletes what is there.

        Raises
        ------
        InvalidParameterError
            If what is there was begun with something else, or is to be resumed and
            is a finished model.
        WriteError
            If the disk refuses.
        """
        found = self._read() if resume else None
        if found is None:
            if resume:
                self._refuse_finished()
            self._begin(fingerprint)
            return
        different = [k for k, v in fingerprint.items() if found.get(k) != v]
        if different:
            msg = (
                f"The unfinished training in {self.path.parent} was started with "
                f"another {' and another '.join(different)}. Resume it with the same, "
                "or train from the beginning (without resuming)."
            )
            raise InvalidParameterError(msg)
        self._state = found

    def recall(self, name: str, default: Any) -> Any:
        """Return what was remembered; what is not there yet is remembered now.

        Parameters
        ----------
        name : str
            Of the value.
        default : object
            JSON value to remember if there is none.

        Returns
        -------
        object
            The value remembered first.
        """
        if name not in self._state:
            self.remember(name, default)
        return self._state[name]

    def remember(self, name: str, value: Any) -> None:
        """Write down a JSON value under a name, in the place of an earlier one."""
        self._state[name] = value
        self._write(STATE, json.dumps(self._state).encode())

    def read_array(self, name: str) -> NDArray[Any] | None:
        """Return an array that was written; None if it was not."""
        path = self.path / f"{name}.npy"
        if not path.is_file():
            return None
        try:
            # Mapped, a header cannot claim more than the file holds.
            return np.array(np.load(path, "r", allow_pickle=False))
        except (OSError, TokenError, *DAMAGE) as error:
            raise WeightsError(_damaged(path, one_line(error))) from error

    def write_array(self, name: str, array: NDArray[Any]) -> None:
        """Write an array, complete or not at all."""
        draft = self.path / f".{name}.npy"
        try:
            np.save(draft, array, allow_pickle=False)
            draft.replace(self.path / f"{name}.npy")
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise _refused(self.path, error) from error

    def remove(self) -> None:
        """Delete the folder: the training is finished."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _refuse_finished(self) -> None:
        """Refuse to train anew, and replace a model, where one is to be resumed."""
        folder = self.path.parent
        if (folder / CARD_FILE).is_file():
            msg = (
                f"The model in {folder} is finished; no interrupted training is left "
                "there to resume. Start another from it (start from this folder, "
                "write to a new one), or train from the beginning (without resuming)."
            )
            raise InvalidParameterError(msg)

    def _begin(self, fingerprint: dict[str, Any]) -> None:
        self.remove()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _refused(self.path, error) from error
        self._state = dict(fingerprint)
        self._write(STATE, json.dumps(self._state).encode())

    def _read(self) -> dict[str, Any] | None:
        path = self.path / STATE
        if not path.is_file():
            return None
        try:
            state = read_json(path)
        except ReadError as error:
            raise WeightsError(_damaged(path, error)) from error
        if not isinstance(state, dict):
            raise WeightsError(_damaged(path, "no JSON object"))
        return state

    def _write(self, name: str, content: bytes) -> None:
        draft = self.path / f".{name}"
        try:
            draft.write_bytes(content)
            draft.replace(self.path / name)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise _refused(self.path, error) from error


def fingerprint(
    settings: SparseSettings, labels: NDArray[np.uint8], shape: Shape
) -> dict[str, Any]:
    """Return what a training must agree in to be resumed.

    Parameters
    ----------
    settings : SparseSettings
        How it is trained; the device may change.
    labels : ndarray of uint8
        The annotation.
    shape : tuple of int
        Size of the image.

    Returns
    -------
    dict
        JSON values.
    """
    same = settings.model_dump(mode="json", exclude={"device"})
    digest = hashlib.sha256(labels.tobytes()).hexdigest()
    return {"settings": same, "annotation": digest, "image shape": list(shape)}


def _damaged(path: Path, finding: object) -> str:
    return f"{path} is damaged ({finding}). Delete it to train from the beginning."


def _refused(path: Path, error: OSError) -> WriteError:
    return WriteError(
        f"{path} cannot be written ({error}). Free some space or choose another "
        "folder; a model that is there stays."
    )
