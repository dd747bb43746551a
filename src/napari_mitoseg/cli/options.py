"""Options that several commands have, and how their values are read."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from cyclopts import Parameter

from napari_mitoseg import documents
from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.volume import Spacing, Volume, as_spacing

if TYPE_CHECKING:
    from napari_mitoseg.distributed.sources import FileSource


class Chosen(TypedDict):
    """What the options say of a file, as functions that open files take it."""

    spacing: Spacing | None
    channel: int | None
    time: int | None


@Parameter(name="*")
@dataclass(frozen=True)
class Opening:
    """How image files are opened.

    Attributes
    ----------
    spacing : str, optional
        Distance between voxels in nm as Z,Y,X (40,5.9,5.9); overrides the file's.
    channel : int, optional
        Which channel to take, where the file has several.
    time : int, optional
        Which time point to take, where the file has several.
    """

    spacing: str | None = None
    channel: int | None = None
    time: int | None = None

    def read(self, path: Path) -> Volume:
        """Open an image; see `read_volume`."""
        from napari_mitoseg.io.read import read_volume

        return read_volume(path, **self._chosen())

    def source(self, path: Path) -> "FileSource":
        """Return an image that several processes open, each for itself."""
        from napari_mitoseg.distributed.sources import FileSource

        return FileSource(path, **self._chosen())

    def read_labels(self, path: Path) -> Volume:
        """Open labels; see the function of this name."""
        from napari_mitoseg.io.read import read_labels

        return read_labels(path, **self._chosen())

    def _chosen(self) -> Chosen:
        return {
            "spacing": parse_spacing(self.spacing),
            "channel": self.channel,
            "time": self.time,
        }


AS_STORED = Opening()


def parse_spacing(text: str | None, option: str = "--spacing") -> Spacing | None:
    """Read ``Z,Y,X`` as given on the command line.

    Parameters
    ----------
    text : str or None
        Three numbers with commas between them.
    option : str
        Where it was given, for the message.

    Returns
    -------
    tuple of float or None
        Spacing in nm; None for None.

    Raises
    ------
    InvalidParameterError
        Unless there are three numbers above zero.

    Examples
    --------
    >>> parse_spacing("40,5.9,5.9")
    (40.0, 5.9, 5.9)
    """
    if text is None:
        return None
    try:
        return as_spacing([float(part) for part in text.split(",")])
    except ValueError as error:
        msg = (
            f"{option} was given as {text!r}. Give three numbers above zero, "
            "nanometres in z, y and x, for example 40,5.9,5.9."
        )
        raise InvalidParameterError(msg) from error


def parse_json(text: str, option: str, example: str) -> object:
    """Read JSON as given on the command line.

    Parameters
    ----------
    text : str
        JSON.
    option, example : str
        Where it was given, and what would be right there, for the message.

    Returns
    -------
    object
        Its values.

    Raises
    ------
    InvalidParameterError
        If it is no JSON.
    """
    try:
        return documents.parse_json(text)
    except ValueError as error:
        msg = (
            f"{option} was given as {text!r}, which is not JSON ({error}). Give for "
            f"example '{example}'."
        )
        raise InvalidParameterError(msg) from error
