"""The journal of an annotation: every stroke is on disk as soon as it is painted.

A journal is one file to which records are appended (see `records`).  Killing the
program loses at most the stroke that is just being written.  Journals lie in the user's
own data folder and not beside the images: those may be on a disk that cannot be written
to, or in no file at all.  Which image a journal belongs to is known by the image's
content, so a renamed or moved file is still recognised.
"""

import contextlib
import hashlib
import math
import os
import re
import zlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_mitoseg.annotation.records import (
    MAGIC,
    NOTE,
    PAINT,
    Record,
    iter_records,
    note,
    stroke,
)
from napari_mitoseg.errors import AnnotationError, MitoSegError, ReadError, WriteError
from napari_mitoseg.file_lock import is_locked, lock
from napari_mitoseg.memory import free_memory
from napari_mitoseg.params import Params, param, shown
from napari_mitoseg.user_folders import data_folder
from napari_mitoseg.volume import Region, Shape, Volume

SUFFIX = ".journal"
FOLDER_VARIABLE = "MITOSEG_ANNOTATIONS"
BLOCK = 512
"""Edge of the part of a slice that an image is recognised by, in pixels."""

Planes = Mapping[int, NDArray[np.uint8]]


class JournalHeader(Params):
    """What a journal is of: the first note in the file."""

    image: str = param(description="Fingerprint of the image, see `fingerprint`.")
    shape: Shape = param(description="Size of the image along z, y, x.")
    name: str = param("", description="Name of the image when it was begun.")
    started: datetime = param(description="When it was begun, UTC.")


@dataclass(frozen=True, eq=False)
class JournalContent:
    """What a journal holds.

    Attributes
    ----------
    path : Path
        The file.
    header : JournalHeader
        Which image it is of.
    records : tuple of Record
        Strokes and notes, in order.
    end : int
        Where the last good record ends in the file.
    n_lost : int
        Bytes behind it that cannot be read.
    changed : datetime
        When the file was last written, UTC.
    """

    path: Path
    header: JournalHeader
    records: tuple[Record, ...]
    end: int
    n_lost: int
    changed: datetime

    @property
    def painted(self) -> tuple[int, ...]:
        """Slices that strokes have touched."""
        return tuple(sorted({r.z for r in self.records if r.kind == PAINT}))

    @property
    def notes(self) -> dict[str, Any]:
        """What was noted last under each name; ReadError if a note is damaged."""
        found: dict[str, Any] = {}
        for record in self.records:
            if record.kind == NOTE:
                found |= _noted(record, self.path)
        return found

    def labels(self) -> NDArray[np.uint8]:
        """Repeat all strokes.

        Returns
        -------
        ndarray of uint8, shape (Z, Y, X)
            The annotation.

        Raises
        ------
        ReadError
            If a stroke lies outside the image, or the image does not fit into memory.
        """
        self._check_size()
        labels = np.zeros(self.header.shape, np.uint8)
        try:
            for record in self.records:
                if record.kind == PAINT:
                    record.apply(labels[record.z])
        except (IndexError, ValueError, zlib.error) as error:
            msg = f"{self.path} does not fit its own image ({error}). Begin a new one."
            raise ReadError(msg) from error
        return labels

    def _check_size(self) -> None:
        shape = self.header.shape
        if min(shape) < 0 or math.prod(shape) > free_memory():
            msg = (
                f"{self.path} is of an image of {shown(shape)} voxels, for which there "
                "is not memory enough. Begin an annotation of a part of the image."
            )
            raise ReadError(msg)


@dataclass(eq=False)
class Journal:
    """A journal that is being written.

    Attributes
    ----------
    path : Path
        The file; no other process can write to it while this one does.
    header : JournalHeader
        Which image it is of.
    notes : dict
        What was noted last under each name.
    size : int
        Bytes in the file.
    """

    path: Path
    header: JournalHeader
    notes: dict[str, Any]
    size: int
    _handle: int
    _waiting: list[bytes] = field(default_factory=list)
    _syncing: "Future[None] | None" = None
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, "journal")
    )

    def paint(
        self, z: int, changed: NDArray[np.intp], values: NDArray[np.uint8]
    ) -> None:
        """Append a stroke.

        Parameters
        ----------
        z : int
            Slice number.
        changed : ndarray of int, shape (n,)
            Flat indices of the changed pixels in the slice, ascending.
        values : ndarray of uint8, shape (n,)
            What they are now.

        Raises
        ------
        WriteError
            If the disk refuses.  The stroke is kept in memory and written with the
            next one.
        """
        self._append(stroke(z, changed, values))

    def note(self, **content: Any) -> None:
        """Append what is no stroke: numbers, texts and lists of them.

        Parameters
        ----------
        **content
            Replaces what was noted under the same names.

        Raises
        ------
        WriteError
            If the disk refuses; see `paint`.
        """
        self.notes |= content
        self._append(note(content))

    def compact(self, planes: Planes) -> None:
        """Write the file anew, with one record a slice.

        Parameters
        ----------
        planes : mapping of int to ndarray of uint8, shape (Y, X)
            All slices that hold paint.

        Raises
        ------
        WriteError
            If the disk refuses; the journal stays as it was.
        """
        content = _compacted(self.header, self.notes, planes)
        self._release()
        try:
            _replace(self.path, content)
        finally:
            self._handle = _opened(self.path)
            self.size = self.path.stat().st_size
        self._waiting.clear()

    def close(self) -> None:
        """Let go of the file, which stays; nothing if that has been done."""
        if self._handle >= 0:
            self._release()
            self._handle = -1
            self._threads.shutdown()

    def discard(self) -> None:
        """Delete the file."""
        self.close()
        self.path.unlink(missing_ok=True)

    def _append(self, record: Record) -> None:
        self._waiting.append(record.pack())
        try:
            self._check_disk()
            while self._waiting:
                _write_all(self._handle, self._waiting[0])
                self.size += len(self._waiting.pop(0))
        except OSError as error:
            os.ftruncate(self._handle, self.size)
            raise WriteError(_refused(self.path, error)) from error
        # What was written survives the end of this process at once; that it survives a
        # power failure may take the disk a while, for which painting must not wait.
        self._syncing = self._threads.submit(os.fsync, self._handle)

    def _check_disk(self) -> None:
        """Raise what the disk has said in the background about earlier strokes."""
        earlier, self._syncing = self._syncing, None
        if earlier is not None and earlier.done():
            earlier.result()

    def _release(self) -> None:
        self._threads.submit(os.fsync, self._handle).exception()
        os.close(self._handle)


def journals_folder() -> Path:
    """Return the folder of journals.

    Returns
    -------
    Path
        ``$MITOSEG_ANNOTATIONS`` if set, else ``annotations`` in the platform's folder
        for user data.  It may not exist yet.
    """
    return data_folder(FOLDER_VARIABLE, "annotations")


def fingerprint(volume: Volume) -> str:
    """Return what an image is recognised by, wherever its file lies.

    Parameters
    ----------
    volume : Volume
        The image; the middle of three of its slices is read.

    Returns
    -------
    str
        Checksum of shape, type and these parts.
    """
    depth, height, width = volume.shape
    y, x = max(0, (height - BLOCK) // 2), max(0, (width - BLOCK) // 2)
    found = hashlib.sha256(f"{volume.shape} {volume.dtype.name}".encode())
    for z in sorted({0, depth // 2, depth - 1}):
        block = Region((z, y, x), (z + 1, y + BLOCK, x + BLOCK)).within(volume.shape)
        found.update(np.ascontiguousarray(volume.read(block)).tobytes())
    return found.hexdigest()


def create_journal(
    image: str, shape: Shape, name: str = "", folder: Path | None = None
) -> Journal:
    """Begin a journal.

    Parameters
    ----------
    image : str
        Fingerprint of the image.
    shape : tuple of int
        Its size along z, y, x.
    name : str
        Its name, for the user to recognise it by.
    folder : Path, optional
        Where the file goes; `journals_folder` when absent.

    Returns
    -------
    Journal
        An empty one.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    now = datetime.now(UTC)
    header = JournalHeader(image=image, shape=shape, name=name, started=now)
    folder = folder or journals_folder()
    stem = f"{_slug(name)}-{image[:8]}-{now:%Y%m%d-%H%M%S-%f}"
    path = folder / f"{stem}{SUFFIX}"
    content = _compacted(header, {}, {})
    _replace(path, content)
    return Journal(path, header, {}, len(content), _opened(path))


def resume_journal(
    path: Path, image: str, shape: Shape
) -> tuple[Journal, NDArray[np.uint8]]:
    """Go on with a journal.

    Parameters
    ----------
    path : Path
        The file.
    image : str
        Fingerprint of the image it should be of.
    shape : tuple of int
        Size of that image along z, y, x.

    Returns
    -------
    journal : Journal
        Without what was damaged at its end.
    labels : ndarray of uint8, shape (Z, Y, X)
        The annotation as it was.

    Raises
    ------
    AnnotationError
        If it is of another image, or in use.
    ReadError, WriteError
        If it cannot be read or written.
    """
    handle = _opened(path)
    try:
        content = read_journal(path)
        _check_image(content, image, shape)
        labels = content.labels()
        os.ftruncate(handle, content.end)
    except BaseException:
        os.close(handle)
        raise
    return Journal(path, content.header, content.notes, content.end, handle), labels


def read_journal(path: Path) -> JournalContent:
    """Read what a journal holds.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    JournalContent
        Everything up to the first damaged record.

    Raises
    ------
    ReadError
        If the file cannot be read or is no journal.
    """
    try:
        content = path.read_bytes()
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}). Begin a new annotation."
        raise ReadError(msg) from error
    found = [*iter_records(content)]
    if not found or found[0][0].kind != NOTE:
        msg = f"{path} is no journal of an annotation, or is damaged at its beginning."
        raise ReadError(msg)
    header = JournalHeader.parse(_noted(found[0][0], path))
    records = tuple(record for record, _ in found[1:])
    end = found[-1][1]
    return JournalContent(path, header, records, end, len(content) - end, changed)


def find_journals(image: str, folder: Path | None = None) -> tuple[JournalContent, ...]:
    """Find the journals of an image.

    Parameters
    ----------
    image : str
        Fingerprint of the image.
    folder : Path, optional
        Where to look; `journals_folder` when absent.

    Returns
    -------
    tuple of JournalContent
        The last one changed first.  Those in use, those without paint and those that
        cannot be read are left out.
    """
    folder = folder or journals_folder()
    found = []
    for path in folder.glob(f"*-{image[:8]}-*{SUFFIX}"):
        try:
            content = read_journal(path)
        except MitoSegError:
            continue
        if content.header.image == image and content.painted and not is_locked(path):
            found.append(content)
    return tuple(sorted(found, key=lambda one: one.changed, reverse=True))


def _noted(record: Record, path: Path) -> dict[str, Any]:
    try:
        return record.note()
    except ValueError as error:
        msg = f"{path} holds a damaged note ({error}). Begin a new annotation."
        raise ReadError(msg) from error


def _check_image(content: JournalContent, image: str, shape: Shape) -> None:
    if (content.header.image, content.header.shape) != (image, shape):
        msg = (
            f"{content.path.name} is the journal of another image "
            f"({shown(content.header.name)}, {shown(content.header.shape)}; this one "
            f"is {shape}). Open that image first."
        )
        raise AnnotationError(msg)


def _compacted(header: JournalHeader, notes: dict[str, Any], planes: Planes) -> bytes:
    """Return the content of the shortest journal that holds this."""
    records = [note(header.model_dump(mode="json"))]
    if notes:
        records.append(note(notes))
    for z, plane in sorted(planes.items()):
        flat = plane.ravel()
        painted = np.flatnonzero(flat)
        if painted.size:
            records.append(stroke(z, painted, flat[painted]))
    return MAGIC + b"".join(record.pack() for record in records)


def _replace(path: Path, content: bytes) -> None:
    """Write a file complete or not at all."""
    draft = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise WriteError(_refused(path, error)) from error


def _opened(path: Path) -> int:
    """Open a journal for appending, for this process alone."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise WriteError(_refused(path, error)) from error
    if not lock(handle):
        os.close(handle)
        msg = f"{path.name} is in use by another window. Close the annotation there."
        raise AnnotationError(msg)
    return handle


def _write_all(handle: int, content: bytes) -> None:
    """Write all bytes: a disk that is filling up may take some of them first."""
    while content:
        content = content[os.write(handle, content) :]


def _refused(path: Path, error: OSError) -> str:
    return (
        f"The journal {path} cannot be written ({error.strerror or error}). What is "
        "painted is still in the layer: save it to another disk, or make room and go "
        "on painting."
    )


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")[:60] or "image"
