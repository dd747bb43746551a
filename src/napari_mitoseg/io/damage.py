"""Turn what libraries raise over bad files into one line for the user."""

import struct
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from xml.etree.ElementTree import ParseError

from napari_mitoseg.errors import MitoSegError, ReadError, one_line

# tifffile, imagecodecs, Pillow and zarr document no common base; these are what they
# raise over files cut short or overwritten at random places.
DAMAGE = (
    ValueError,
    RuntimeError,
    LookupError,
    TypeError,
    AttributeError,
    SyntaxError,
    OverflowError,
    ZeroDivisionError,
    MemoryError,
    EOFError,
    AssertionError,
    struct.error,
    zlib.error,
    ParseError,
)


@contextmanager
def reading(
    path: Path, part: str = "", also: tuple[type[Exception], ...] = ()
) -> Generator[None]:
    """Raise ReadError for whatever a library finds wrong with a file.

    Parameters
    ----------
    path : Path
        The file that is read.
    part : str
        Which part of it, for the message (``"slice 7 of "``).
    also : tuple of type
        What the library raises beside Python's own exceptions.

    Yields
    ------
    None
        Control, for the time of reading.

    Raises
    ------
    ReadError
        If the file cannot be opened, parsed or decoded.
    """
    try:
        yield
    except MitoSegError:
        raise
    except OSError as error:
        reason = error.strerror or one_line(error)
        msg = f"Cannot read {part}{path}: {reason}. Check the file and its permissions."
        raise ReadError(msg) from error
    except DAMAGE + also as error:
        msg = (
            f"Cannot decode {part}{path} ({one_line(error)}): the file is damaged or "
            "of an unknown variety. Copy or export it again."
        )
        raise ReadError(msg) from error
