"""Which format the ending of a file's name says."""

from pathlib import Path
from typing import Protocol, TypeVar

from napari_mitoseg.errors import InvalidParameterError
from napari_mitoseg.registry import Registry


class FileFormat(Protocol):
    """A way to keep something in a file."""

    @property
    def title(self) -> str:
        """Name on screen."""

    @property
    def extensions(self) -> tuple[str, ...]:
        """Endings of file names, the usual one first."""


Format = TypeVar("Format", bound=FileFormat)


def endings_of(formats: Registry[Format]) -> dict[str, str]:
    """Return all endings of the formats of a registry, and the name of the format.

    Parameters
    ----------
    formats : Registry
        Of formats.

    Returns
    -------
    dict of str to str
        Names in the registry by ending, in lower case.
    """
    return {end: name for name, one in formats.items() for end in one.extensions}


def find_format(formats: Registry[Format], path: str | Path) -> str | None:
    """Return the name of the format that the ending of a path says.

    Parameters
    ----------
    formats : Registry
        Of formats.
    path : str or Path
        Where something is to be written; capitals do not count.

    Returns
    -------
    str or None
        Name in the registry, that of the longest ending; None where there is none.
    """
    endings, name = endings_of(formats), Path(path).name.lower()
    found = max((end for end in endings if name.endswith(end)), key=len, default=None)
    return None if found is None else endings[found]


def format_of(formats: Registry[Format], path: str | Path, what: str) -> str:
    """Return the name of the format that the ending of a path says, or refuse.

    Parameters
    ----------
    formats : Registry
        Of formats.
    path : str or Path
        Where something is to be written.
    what : str
        What is written, for the message.

    Returns
    -------
    str
        Name in the registry.

    Raises
    ------
    InvalidParameterError
        If no format has the ending; the message lists them.
    """
    found = find_format(formats, path)
    if found is None:
        msg = (
            f"{Path(path).name} has no ending that says how to write {what}. Give one "
            f"of {', '.join(sorted(endings_of(formats)))}."
        )
        raise InvalidParameterError(msg)
    return found
