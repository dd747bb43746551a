"""File formats as file dialogs want them."""

from napari_mitoseg.io.endings import Format
from napari_mitoseg.registry import Registry


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
