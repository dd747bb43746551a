"""Which foreign programs the user has agreed to run, by their checksum."""

import json
from pathlib import Path

from napari_mitoseg.documents import read_json
from napari_mitoseg.errors import ReadError, TrustError

TRUST_FILE = "trusted.json"
PROGRAMS = ("torchscript",)
"""Formats that are programs; the others are lists of operations."""


def is_trusted(folder: Path, checksum: str) -> bool:
    """Say whether the user has agreed to run a file.

    Parameters
    ----------
    folder : Path
        Folder of the user's models.
    checksum : str
        Sha256 of the file.

    Returns
    -------
    bool
        False also where the list cannot be read.
    """
    return checksum in _read(folder)


def trust(folder: Path, checksum: str) -> None:
    """Write down that the user agrees to run a file.

    Parameters
    ----------
    folder : Path
        Folder of the user's models; made if absent.
    checksum : str
        Sha256 of the file.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    from napari_mitoseg.models.weights_file import write_files  # noqa: PLC0415

    known = sorted({*_read(folder), checksum})
    text = json.dumps({"torchscript": known}, indent=2)
    write_files(folder, {TRUST_FILE: f"{text}\n".encode()})


def check_trusted(folder: Path, architecture: str, checksum: str, path: Path) -> None:
    """Refuse to run a program that the user has not agreed to.

    Parameters
    ----------
    folder : Path
        Folder of the user's models.
    architecture : str
        Format of the network.
    checksum : str
        Sha256 of its file.
    path : Path
        The file, for the message.

    Raises
    ------
    TrustError
        If it is a program and not on the list.
    """
    if architecture in PROGRAMS and not is_trusted(folder, checksum):
        msg = (
            f"{path} is TorchScript: a program, written by the author of the model. If "
            "you trust its source, install it: napari-mitoseg install-model "
            f"{path.parent} --trust."
        )
        raise TrustError(msg)


def _read(folder: Path) -> list[str]:
    try:
        content = read_json(folder / TRUST_FILE)
    except ReadError:
        return []
    known = content.get("torchscript", []) if isinstance(content, dict) else []
    return [one for one in known if isinstance(one, str)]
