"""Small text files that may come from anywhere: recipes, reviews, model cards."""

import json
from pathlib import Path
from typing import Any

from napari_mitoseg.errors import ReadError

LARGEST = 2**24
"""Bytes; no recipe or card has a thousandth of it."""


def read_text(path: Path, largest: int = LARGEST) -> str:
    """Read a text that is not absurdly long.

    Parameters
    ----------
    path : Path
        UTF-8, with or without a byte-order mark.
    largest : int
        Bytes it may have.

    Returns
    -------
    str
        The text.

    Raises
    ------
    ReadError
        If it cannot be read, is longer, or no UTF-8.
    """
    try:
        _check_kind(path)
        if path.stat().st_size <= largest:
            return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror or error}. Check the path."
        raise ReadError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{path} cannot be read: it is no text ({error.reason}). Restore it."
        raise ReadError(msg) from error
    msg = (
        f"{path} is longer than {largest:,} bytes: it is no such file. Choose another."
    )
    raise ReadError(msg)


def _check_kind(path: Path) -> None:
    """Refuse pipes, from which nothing may ever come, and devices, which never end."""
    if path.exists() and not path.is_file():
        raise OSError(0, "it is no file")


def read_json(path: Path, largest: int = LARGEST) -> Any:
    """Read a JSON file that is not absurdly long.

    Parameters
    ----------
    path : Path
        The file.
    largest : int
        Bytes it may have.

    Returns
    -------
    object
        Its values.

    Raises
    ------
    ReadError
        If it cannot be read, is longer, or no JSON.
    """
    text = read_text(path, largest)
    try:
        return parse_json(text)
    except ValueError as error:
        msg = f"{path} is no JSON ({error}). Choose one that was saved here."
        raise ReadError(msg) from error


def parse_json(text: str | bytes) -> Any:
    """Parse JSON.

    Parameters
    ----------
    text : str or bytes
        The text.

    Returns
    -------
    object
        Its values.

    Raises
    ------
    ValueError
        If it is no JSON, or nested deeper than Python follows.
    """
    try:
        return json.loads(text)
    except RecursionError:
        msg = "it is nested too deeply"
        raise ValueError(msg) from None
