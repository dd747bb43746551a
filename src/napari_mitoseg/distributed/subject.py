"""What a run works on, for whoever joins it later."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_mitoseg.distributed.run_folder import read_identity
from napari_mitoseg.errors import InvalidParameterError, ReadError
from napari_mitoseg.volume import Region, Shape, Spacing, as_spacing


@dataclass(frozen=True)
class Subject:
    """What a run works on.

    Attributes
    ----------
    image : Path
        File or folder.
    shape : tuple of int
        Size of the image, ZYX.
    spacing : tuple of float
        nm, ZYX.
    region : Region
        Which part of it is segmented.
    """

    image: Path
    shape: Shape
    spacing: Spacing
    region: Region


def read_subject(folder: Path) -> Subject | None:
    """Return what the unfinished run in a folder works on.

    Parameters
    ----------
    folder : Path
        Where its result goes.

    Returns
    -------
    Subject or None
        None where there is no such run, it has not looked at its image yet, or that is
        no file.
    """
    try:
        return _parsed(read_identity(folder)["input"])
    except (ReadError, InvalidParameterError, LookupError, TypeError, ValueError):
        return None


def _parsed(known: Mapping[str, Any]) -> Subject:
    z, y, x = (int(n) for n in known["shape"])
    region = Region.parse(known["region"], (z, y, x))
    spacing = as_spacing(known["spacing"])
    return Subject(Path(known["path"]), (z, y, x), spacing, region)
