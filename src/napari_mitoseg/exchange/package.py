"""Files of a package, read one by one into memory: nothing is ever unpacked.

An archive is looked through before anything of it is read: names that lead out of a
folder, links, names that differ in case only, sizes and ratios of bombs are refused.
"""

import lzma
import re
import stat
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from napari_mitoseg.errors import ReadError, one_line

MOST_FILES = 1000
MOST_BYTES = 2 * 2**30
"""Of one file, unpacked; larger networks could not be loaded either."""

MOST_TOTAL = 8 * 2**30
MOST_RATIO = 200
"""Weights are packed to a half at best, empty test images to less than this."""

SMALL = 2**20
"""Bytes below which a ratio does not matter."""

UNREADABLE = (
    OSError,
    ValueError,
    RuntimeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
"""What reading a damaged archive raises."""

_BAD = re.compile(r"[\x00-\x1f\x7f:*?\"<>|\\]")


class Package(Protocol):
    """Files by name."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the files, with slashes between folders."""

    def read(self, name: str, most: int = MOST_BYTES) -> bytes:
        """Return the content of a file; ReadError if absent or larger than `most`."""


class Archive:
    """The files of a zip archive.

    Parameters
    ----------
    path : Path
        The archive.

    Raises
    ------
    ReadError
        If it is no zip archive, or one that does harm when it is unpacked.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with zipfile.ZipFile(path) as opened:
                entries = opened.infolist()
        except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
            msg = (
                f"{path} is no readable zip archive ({one_line(error)}). Get it again."
            )
            raise ReadError(msg) from error
        problem = find_harm(entries)
        if problem:
            msg = f"{path} is refused: {problem}. Get it from its source again."
            raise ReadError(msg)
        self._sizes = {e.filename: e.file_size for e in entries if not e.is_dir()}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the files."""
        return tuple(self._sizes)

    def read(self, name: str, most: int = MOST_BYTES) -> bytes:
        """Return the content of a file.

        Parameters
        ----------
        name : str
            One of `names`.
        most : int
            Bytes that it may have.

        Returns
        -------
        bytes
            All of it.

        Raises
        ------
        ReadError
            If it is absent, larger, or damaged.
        """
        size = self._sizes.get(name)
        _check_size(name, size, most)
        try:
            with zipfile.ZipFile(self._path) as opened, opened.open(name) as file:
                content = file.read((size or 0) + 1)
        except UNREADABLE as error:
            raise ReadError(_damaged(self._path, name, one_line(error))) from error
        if len(content) != size:
            raise ReadError(_damaged(self._path, name, "it has another size"))
        return content


class Folder:
    """The files of a folder, without those in folders of it.

    Parameters
    ----------
    path : Path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the files; links are left out."""
        files = (p for p in self._path.iterdir() if p.is_file() and not p.is_symlink())
        return tuple(sorted(p.name for p in files))

    def read(self, name: str, most: int = MOST_BYTES) -> bytes:
        """Return the content of a file.

        Parameters
        ----------
        name : str
            One of `names`.
        most : int
            Bytes that it may have.

        Returns
        -------
        bytes
            All of it.

        Raises
        ------
        ReadError
            If it is absent, larger, or cannot be read.
        """
        there = name in self.names
        try:
            size = (self._path / name).stat().st_size if there else None
            _check_size(name, size, most)
            return (self._path / name).read_bytes()
        except OSError as error:
            if isinstance(error, ReadError):
                raise
            raise ReadError(_damaged(self._path, name, one_line(error))) from error


def find_harm(entries: Sequence[zipfile.ZipInfo]) -> str:
    """Say what would be dangerous about unpacking an archive.

    Parameters
    ----------
    entries : sequence of ZipInfo
        What the archive says it holds.

    Returns
    -------
    str
        What is wrong, in words; empty where nothing is.
    """
    if len(entries) > MOST_FILES:
        return f"it holds {len(entries)} files, more than {MOST_FILES}"
    folded = [entry.filename.casefold().rstrip("/") for entry in entries]
    if len({*folded}) < len(folded):
        return "two of its files have the same name, but for upper and lower case"
    total = sum(entry.file_size for entry in entries)
    if total > MOST_TOTAL:
        return f"unpacked it would take {total} bytes, more than {MOST_TOTAL}"
    return next((harm for entry in entries if (harm := _harm_of(entry))), "")


def _harm_of(entry: zipfile.ZipInfo) -> str:
    """Say what is wrong with one entry; empty where nothing is."""
    shown = repr(entry.filename[:80])
    if _leads_out(entry.filename):
        return f"the name {shown} does not stay within a folder"
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        return f"{shown} is a link or a device, not a file"
    if entry.flag_bits & 1:
        return f"{shown} is encrypted"
    if entry.file_size > MOST_BYTES:
        return f"{shown} would take {entry.file_size} bytes, more than {MOST_BYTES}"
    ratio = entry.file_size / max(entry.compress_size, 1)
    if entry.file_size > SMALL and ratio > MOST_RATIO:
        return f"{shown} would grow {ratio:.0f} times when it is unpacked"
    return ""


def _leads_out(name: str) -> bool:
    path = PurePosixPath(name)
    return (
        not name
        or path.is_absolute()
        or ".." in path.parts
        or bool(_BAD.search(name))
        or any(part != part.rstrip(". ") for part in path.parts)
    )


def _check_size(name: str, size: int | None, most: int) -> None:
    if size is None:
        msg = f"The package holds no file {name!r}, which its description names."
        raise ReadError(msg)
    if size > most:
        msg = f"{name} has {size} bytes, more than the {most} that are allowed."
        raise ReadError(msg)


def _damaged(path: Path, name: str, reason: str) -> str:
    return f"{name} of {path} cannot be read ({reason}). Get it again."
