"""What is left of a run may be damaged: then it is refused, in one line."""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from napari_mitoseg.errors import MitoSegError, ReadError, one_line

UNFIT = (ValueError, LookupError, TypeError, ArithmeticError)
"""What numbers raise that do not fit one another."""

UNREADABLE = (
    *UNFIT,
    AttributeError,
    EOFError,
    RuntimeError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
"""What reading a damaged file raises, beside what the operating system says."""


class DamageError(ReadError):
    """What a run has left cannot be gone on with."""


@contextmanager
def intact(
    path: Path, errors: tuple[type[Exception], ...] = UNREADABLE
) -> Generator[None]:
    """Say that a file of a run is damaged, for what reading it raises.

    Parameters
    ----------
    path : Path
        File or folder.
    errors : tuple of type
        What counts as damage.

    Yields
    ------
    None
        Control, for the time of reading.

    Raises
    ------
    ReadError
        If it is damaged.
    """
    try:
        yield
    except MitoSegError:
        raise
    except errors as error:
        raise damaged(path, one_line(error)) from error


def damaged(path: Path, reason: str) -> DamageError:
    """Return the error about a damaged file of a run.

    Parameters
    ----------
    path : Path
        File or folder.
    reason : str
        What is wrong with it.

    Returns
    -------
    DamageError
        With what to do.
    """
    msg = (
        f"{path} is damaged ({reason}), so the run cannot be gone on with. Begin it "
        "anew with --restart."
    )
    return DamageError(msg)
