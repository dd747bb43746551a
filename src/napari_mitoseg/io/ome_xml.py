"""Look through the XML of an OME-TIFF before anything follows what it says."""

import re
from pathlib import PurePosixPath, PureWindowsPath
from xml.etree import ElementTree

import tifffile

from napari_mitoseg.errors import ReadError

DECLARATION = re.compile(r"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
"""OME-XML has none; a few lines of them can stand for gigabytes of text."""

START = 2**16
"""Characters within which a description says that it is XML."""


def check_description(file: tifffile.TiffFile) -> None:
    """Refuse XML that grows when it is parsed, or leads to files elsewhere.

    Parameters
    ----------
    file : tifffile.TiffFile
        Open file, with at least one page.

    Raises
    ------
    ReadError
        If the description declares entities, or names files in other folders.

    Notes
    -----
    An OME-TIFF may name other files that hold some of its slices; these are opened as
    soon as tifffile parses the description.
    """
    text = file.pages.first.description
    if "<" not in text[:START]:
        return
    if DECLARATION.search(text):
        msg = (
            f"{file.filename} has a description that declares entities, which is not "
            "parsed. Save it again, for example with Fiji."
        )
        raise ReadError(msg)
    if file.is_ome:
        _check_files(text, file.filename)


def _check_files(xml: str, name: str) -> None:
    """Refuse names of files that are more than a name."""
    for element in ElementTree.fromstring(xml).iter():
        other = element.get("FileName", "")
        plain = {PurePosixPath(other).name, PureWindowsPath(other).name}
        if other and plain != {other}:
            msg = (
                f"{name} takes slices from {other!r}; only files beside it are opened. "
                "Copy all files of the image into one folder, and save it again."
            )
            raise ReadError(msg)
