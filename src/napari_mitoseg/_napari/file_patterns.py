"""File formats as file dialogs want them."""

from typing import Protocol, TypeVar

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


def file_patterns(formats: Registry[Format]) -> str:
    """Return the formats of a registry as a file dialog wants them.

    Parameters
    ----------
    formats : Registry
        Of formats.

    Returns
    -------
    str
        ``"CSV (*.csv);;Excel (*.xlsx)"``.
    """
    return ";;".join(
        f"{one.title} ({' '.join(f'*{ending}' for ending in one.extensions)})"
        for _, one in formats.items()
    )
